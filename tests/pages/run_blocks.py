"""Runs the code of pages: the blocks of a page one after the other, in a directory of their own.

    run_blocks.py PAGE...

| block | what is done |
|---|---|
| sh | run by bash, in one shell for the whole page, in which a command that fails ends it |
| sh background | run beside the blocks behind it; SIGTERM after the last one must end it with status 0 |
| sh norun: REASON | parsed by bash |
| python | run by PYTHON, a block a program |
| c | all of a page are one program, or functions that are compiled; a page compiles it by `cc NAME.c` |
| json | parsed; a word in angle brackets stands for a value |

A comment that begins with `<!-- sh` is a block that a reader does not see: what the page takes for granted.

The environment: PATH with the tool, PYTHON, CC, and PREFIX, where the library is installed. In the directory,
which is HOME too, are events.jsonl, visits.jsonl, old.jsonl.gz, photo.jpg and lode, which is PREFIX;
/srv/lode and /var/log stand for folders there.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# What other checks compile and run, or what is no code.
ELSEWHERE = {"cpp", "go", "zig", "text"}
STANDS_FOR = {"/srv/lode": "srv/lode", "/var/log": "var/log"}


class Block:
    def __init__(self, page: Path, line: int, info: str, text: str):
        self.where = f"{page}:{line}"
        self.language, _, self.how = info.partition(" ")
        self.text = text

    def fail(self, why: str) -> None:
        sys.exit(f"{self.where}: {why}")


def blocks_of(page: Path) -> "list[Block]":
    found, info, begin, lines = [], None, 0, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if info is None and (line.startswith("```") or line == "<!-- sh"):
            info, begin, lines = line.lstrip("`<!- "), number, []
        elif info is not None and line in ("```", "-->"):
            found.append(Block(page, begin, info, "\n".join(lines) + "\n"))
            info = None
        elif info is not None:
            lines.append(line)
    if info is not None:
        sys.exit(f"{page}:{begin}: the block has no end")
    return found


def inputs(root: Path) -> None:
    """What a page may read."""
    events = [{"id": n, "user": ["alice", "bob", "carol"][n % 3], "amount": n * 5} for n in range(1, 13)]
    visits = [{"day": f"2024-01-0{n % 3 + 1}", "region": ["eu", "us"][n % 2], "ms": n * 7} for n in range(30)]
    for name, records in [("events", events), ("visits", visits)]:
        (root / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (root / "old.jsonl.gz").write_bytes(gzip.compress((root / "events.jsonl").read_bytes()))
    (root / "photo.jpg").write_bytes(bytes(range(256)) * 40)
    (root / "lode").symlink_to(os.environ["PREFIX"])
    for folder in STANDS_FOR.values():
        (root / folder).mkdir(parents=True)


def check_json(block: Block) -> None:
    # Within a text the words are part of it.
    value = re.sub(r'("(?:[^"\\]|\\.)*")|<[a-z0-9 ]+>', lambda found: found[1] or "0", block.text)
    try:
        json.loads(value)
    except ValueError as error:
        block.fail(f"no JSON: {error}")


def compile_c(page: Path, blocks: "list[Block]", root: Path, shell: str) -> str:
    """The page's program as a file, for the shell that compiles it; functions alone are compiled here."""
    text = "".join(block.text for block in blocks)
    flags = ["-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", os.environ["PREFIX"] + "/include"]
    name = re.search(r"\bcc (\S+\.c)\b", shell)
    source = root / (name[1] if name else "blocks.c")
    if "int main(" not in text:
        text = "#include <lode.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n" + text
    source.write_text(text)
    if subprocess.run([os.environ["CC"], *flags, "-c", str(source), "-o", os.devnull]).returncode != 0:
        blocks[0].fail("the C code of the page does not compile")


def script_of(page: Path, blocks: "list[Block]", root: Path) -> str:
    """The page as one program for bash."""
    script = ["set -Eeuo pipefail", "background=()", "trap 'echo \"$where: status $?\" >&2' ERR"]
    for number, block in enumerate(blocks):
        text = block.text
        for path, folder in STANDS_FOR.items():
            text = text.replace(path, str(root / folder))
        script.append(f"where={block.where}")
        if block.language == "python":
            program = root / f".block-{number}.py"
            program.write_text(text)
            script.append(f'"$PYTHON" {program}')
        elif block.language == "sh" and not block.how:
            if re.search(r"\b(s3|gs|az|https?)://", text):
                block.fail("it would reach a network: norun, with what runs it on a server of the tests")
            script.append(text)
        elif block.language == "sh" and block.how == "background":
            script.append(f"exec_{number}() {{ exec {text.strip()}; }}\nexec_{number} & background+=($!)")
        elif block.language == "sh" and re.fullmatch(r"norun: \S.*", block.how):
            subprocess.run(["bash", "-n"], input=text, text=True, check=True)
        elif block.language not in ELSEWHERE | {"c", "json"}:
            block.fail(f"no check runs a block of {block.language!r} {block.how!r}")
    script.append('for one in ${background[@]+"${background[@]}"}; do kill "$one"; wait "$one"; done')
    return "\n".join(script)


def run(page: Path) -> None:
    blocks = blocks_of(page)
    with tempfile.TemporaryDirectory(prefix="page-") as directory:
        root = Path(directory)
        inputs(root)
        for block in blocks:
            if block.language == "json":
                check_json(block)
        shell = "".join(block.text for block in blocks if block.language == "sh")
        program = [block for block in blocks if block.language == "c"]
        if program:
            compile_c(page, program, root, shell)
        script = script_of(page, blocks, root)
        (root / ".page.sh").write_text(script)
        # Its output is what a reader would see; it is shown when something fails.
        libraries = os.environ["PREFIX"] + "/lib"
        environment = os.environ | {
            "HOME": directory, "NO_COLOR": "1",
            "PKG_CONFIG_PATH": f"{libraries}/pkgconfig", "LD_LIBRARY_PATH": libraries,
        }
        ended = subprocess.run(["bash", ".page.sh"], cwd=root, env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if ended.returncode != 0:
            sys.exit(f"{ended.stdout}{page}: its code fails")
    kinds = {}
    for block in blocks:
        kinds[block.language] = kinds.get(block.language, 0) + 1
    print(f"{page}: " + (", ".join(f"{count} of {kind}" for kind, count in sorted(kinds.items())) or "no code"))


if __name__ == "__main__":
    for each in sys.argv[1:]:
        run(Path(each))
