"""Compares a frozen header with today's, as far as that takes no debug data.

    abi.py constants FROZEN TODAY    each constant of the frozen header has the same number today
    abi.py stubs HEADER FROZEN       C source that defines each function of a header, whose types abidiff reads
"""

import re
import subprocess
import sys
from pathlib import Path

CHANGE_WITH_THE_VERSION = {"LODE_VERSION_MAJOR", "LODE_VERSION_MINOR", "LODE_VERSION_PATCH", "LODE_VERSION_NUMBER"}


def constants(path: str) -> dict[str, str]:
    text = Path(path).read_text(encoding="utf-8")
    return dict(re.findall(r"^#define (LODE_\w+) \(?(-?\d+|INT64_MIN)\)?$", text, re.MULTILINE))


# A struct that the caller fills, which may grow at its end.
GROWABLE = re.compile(r"(typedef struct (lode_\w+) {\s*size_t struct_size;)(.*?)(\n} \2;)", re.DOTALL)


def preprocessed(path: str) -> str:
    return subprocess.run(["cc", "-E", "-P", "-DLODE_MUST_CHECK=", path], check=True, capture_output=True, text=True).stdout


def stubs(path: str, frozen: str) -> str:
    """C source of a library with a header's types and functions, its structs as far as the frozen header
    knows them."""
    known = {name: members.count(";") for _, name, members, _ in GROWABLE.findall(preprocessed(frozen))}
    assert known, f"{frozen} has no struct that grows"

    def cut(struct: re.Match[str]) -> str:
        begin, name, members, end = struct.groups()
        kept = members.split(";")[: known.get(name, members.count(";"))]
        return begin + "".join(f"{member};" for member in kept) + end

    text = GROWABLE.sub(cut, preprocessed(path))
    functions = re.findall(r"^[\w *]*?\blode_\w+\([^;{}]*\);", text, re.MULTILINE)
    bodies = [re.sub(r"\s+", " ", function[:-1]) + " { __builtin_trap(); }" for function in functions if "typedef" not in function]
    return "\n".join([text, *bodies, ""])


def main() -> None:
    if sys.argv[1] == "stubs":
        print(stubs(sys.argv[2], sys.argv[3]))
        return
    frozen, today = constants(sys.argv[2]), constants(sys.argv[3])
    assert len(frozen) > 50, f"{sys.argv[2]} has {len(frozen)} constants"
    changed = [
        f"{name} was {number} and is {today.get(name, 'gone')}"
        for name, number in frozen.items()
        if today.get(name) != number and name not in CHANGE_WITH_THE_VERSION
    ]
    sys.exit("\n".join(changed) or 0)


if __name__ == "__main__":
    main()
