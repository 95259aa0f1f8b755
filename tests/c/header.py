#!/usr/bin/env python3
"""Checks the public header and prints what is wrong with it.

    header.py HEADER LIBRARY USERS...

Every function: has a comment right before it that speaks of each parameter, what is returned, the statuses
(all of them in the status table), the threads and the version; is called by one of the files USERS (examples
and C tests), and is exported by the shared library LIBRARY, which exports nothing else. Every status
constant: has a comment or its line in the status table, and is asked for by a test, unless NOT_IN_THIS_BUILD
says why it cannot arise. Exit status 1 if not.
"""

import re
import subprocess
import sys

# Statuses that no C test can bring about in this build.
NOT_IN_THIS_BUILD = {
    "LODE_ERR_CODEC_NOT_STREAMABLE": "needs a codec that cannot stream",
    "LODE_ERR_UNKNOWN": "a status of a later version",
}


def comment_faults(comment, declared, header):
    """What a function's comment lacks: a parameter, what is returned, its statuses, threads, the version."""
    declared = re.sub(r"\(\*(\w+)\)\s*\([^()]*\)", r"\1", declared)  # of a parameter that is a function, its name
    parameters = re.findall(r"(\w+)\s*(?:,|\)$)", re.sub(r"\s+", " ", declared[declared.index("("):]))
    for parameter in parameters:
        if parameter != "void" and not re.search(rf"@param {parameter}\b", comment):
            yield f"the comment does not speak of {parameter}"
    returns = declared.split("lode_", 1)[0] if not declared.startswith("lode_status") else "lode_status"
    if "void" not in returns and "@return" not in comment:
        yield "the comment does not say what is returned"
    if declared.startswith("lode_status") and not re.search(r"@return.*\bLODE_(OK|ITEM)\b", comment, flags=re.S):
        yield "the comment does not list the statuses"
    if not declared.startswith("lode_status") and "Cannot fail" not in comment:
        yield "the comment does not say whether it can fail"
    for status in set(re.findall(r"\bLODE_ERR_\w+", comment)):
        if not re.search(rf"^#define {status}\b", header, flags=re.M):
            yield f"{status} is not in the status table"
    if not re.search(r"\bthread\b", comment, flags=re.I) or "Since " not in comment:
        yield "the comment lacks its threads or its version"


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        header = file.read()
    users = {}
    for path in sys.argv[3:]:
        with open(path, encoding="utf-8") as file:
            users[path] = file.read()
    used = "\n".join(users.values())
    problems = []

    # A declaration is what stands between a comment's end, a semicolon or a brace, and the next semicolon.
    without_comments = re.sub(r"/\*.*?\*/|//[^\n]*", "", header, flags=re.S)
    without_structs = re.sub(r"\{[^{}]*\}", "", without_comments.replace('extern "C" {', ""))
    functions = re.findall(r"^[\w\s\*]*?\b(lode_\w+)\s*\([^;{]*\)\s*;", without_structs, flags=re.M)
    functions = sorted(set(functions))
    if not functions:
        problems.append("the header declares no function")
    for name in functions:
        place = re.search(rf"^(?!\s*\*)[\w \*]*\b{name}\s*\(", header, flags=re.M)
        before = header[: place.start()].rstrip().removesuffix("LODE_MUST_CHECK").rstrip() if place else ""
        if not before.endswith("*/") and not re.search(r"//[^\n]*$", before):
            problems.append(f"{name} has no comment")
        else:
            comment = before[before.rfind("/*"):]
            if len(comment.split()) < 8:
                problems.append(f"{name}: the comment says too little: {comment}")
            declared = header[place.start(): header.index(";", place.start())]
            problems += [f"{name}: {text}" for text in comment_faults(comment, declared, header)]
        if not re.search(rf"\b{name}\s*\(", used):
            problems.append(f"{name} is called by no example and no C test")

    statuses = re.findall(r"^#define (LODE_(?:ERR_\w+|OK|ITEM|ALREADY_COMMITTED|COMMITTED_\w+|NONE|NOT_COMMITTED))\b", header, flags=re.M)
    if "LODE_ERR_CONFLICT" not in statuses:
        problems.append("the header has no status table")
    for name in statuses:
        line = re.search(rf"^#define {name}\b([^\n]*)", header, flags=re.M)
        before = header[: line.start()].rstrip()
        if "/*" not in line.group(1) and not before.endswith("*/") and not re.search(r"//[^\n]*$", before):
            problems.append(f"{name} has no line of explanation")
        tested = re.search(rf"\b{name}\b", used)
        if not tested and name not in NOT_IN_THIS_BUILD:
            problems.append(f"{name} is asked for by no C test")
    for name in NOT_IN_THIS_BUILD:
        if name not in statuses:
            problems.append(f"{name} is excused from a test, and is not in the header")

    listed = subprocess.run(["nm", "-D", "--defined-only", sys.argv[2]], capture_output=True, text=True, check=True)
    exported = {line.split()[-1].split("@")[0] for line in listed.stdout.splitlines() if line.split()[-2] != "A"}
    for name in sorted(set(functions) - exported):
        problems.append(f"{name} is declared and not exported")
    for name in sorted(exported - set(functions)):
        problems.append(f"{name} is exported and not declared")

    for text in problems:
        print(f"header: {text}")
    print(f"header: {len(functions)} functions, {len(statuses)} statuses, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
