#!/usr/bin/env python3
"""Breaks one commit off at every system call it makes, with strace.

    break_off.py kill|errno COMMIT_ONCE [records|blob|hive|parts|stream|adopt|dangling|choose|once]

kill: a child is killed before each system call of a commit, one after another.
errno: each system call of a commit fails with each error it can give, one after another.

The commit is the first of a dataset and the one after it; with `adopt` the first one after three snapshots of the Go
library; with `dangling` the same with a pointer that it left dangling two minutes ago; with `choose` not a commit but the
choice between two heads of that library; with `once` a producer's commit, which is made again afterwards and must then
be there once. Afterwards, each time: a commit that said "committed" is there; the next writer commits; the auditor finds
the history whole; and no commit that returned has left a temporary file. COMMIT_ONCE is the program of commit_once.c.
Prints a summary; exit status 1 if anything is wrong.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
AUDIT = os.path.join(HERE, "audit.py")
# What the Go library wrote: three snapshots, each the next one's parent.
FIXTURE = os.path.join(HERE, "..", "fixtures", "jsonl-noop-md5", "datasets", "events")
ERRNOS = {
    "openat": ["EMFILE", "ENOSPC", "EIO", "EROFS"],
    "openat2": ["EMFILE", "EIO"],
    "mkdirat": ["ENOSPC", "EDQUOT", "EROFS"],
    "mkdir": ["ENOSPC", "EDQUOT", "EROFS"],
    "write": ["ENOSPC", "EDQUOT", "EIO", "EINTR"],
    "pwrite64": ["ENOSPC", "EIO"],
    "writev": ["ENOSPC", "EIO"],
    "fsync": ["EIO", "ENOSPC", "EDQUOT"],
    "fdatasync": ["EIO", "ENOSPC"],
    "sync_file_range": ["EIO"],
    "close": ["EIO", "ENOSPC"],
    "linkat": ["EIO", "ENOSPC", "EDQUOT", "EMLINK"],
    "link": ["EIO", "ENOSPC", "EDQUOT", "EMLINK"],
    "renameat": ["EIO", "ENOSPC"],
    "renameat2": ["EIO", "ENOSPC"],
    "rename": ["EIO", "ENOSPC"],
    "unlinkat": ["EIO", "EROFS"],
    "unlink": ["EIO", "EROFS"],
    "flock": ["EINTR", "ENOLCK"],
    "fcntl": ["EMFILE"],
    "read": ["EIO", "EINTR"],
    "pread64": ["EIO", "EINTR"],
    "fstat": ["EIO"],
    "newfstatat": ["EIO"],
    "statx": ["EIO"],
    "getdents64": ["EIO"],
    "getrandom": ["EINTR"],
}
# Ends the process or has no way to be broken off.
NOT_BROKEN = {"exit_group", "getppid"}


def fresh_root(template):
    root = tempfile.mkdtemp(prefix="lode-break-")
    shutil.copytree(template, root, dirs_exist_ok=True)
    return root


def commit(program, root, inject=None):
    """Runs a commit under strace with one injection, or plainly; gives (exit status, what it said)."""
    command = [program[0], root, "broken", *program[1:3]]
    if inject:
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=" + inject, *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, (done.stdout + done.stderr).strip()


def calls_of_a_commit(program, template):
    """For each system call's name: how many are made before the work begins, and how many until it ends."""
    root = fresh_root(template)
    trace = os.path.join(root, "trace")
    subprocess.run(["strace", "-f", "-qq", "-o", trace, program[0], root, "broken", *program[1:3]], check=True, capture_output=True)
    before, until, marks = collections.Counter(), collections.Counter(), 0
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            match = re.match(r"\d+\s+(\w+)\(", line)
            if not match:
                continue
            name = match.group(1)
            marks += name == "getppid"
            if marks == 0:
                before[name] += 1
            if marks < 2:
                until[name] += 1
    shutil.rmtree(root)
    if marks != 2:
        sys.exit("break_off.py: the trace does not have the two marks")
    return {name: (before[name], until[name]) for name in until if until[name] > before[name] and name not in NOT_BROKEN}


def go_history(root, forked):
    """Puts what the Go library wrote below `root`; with a fork after the first snapshot. Gives the ids."""
    dataset = os.path.join(root, "datasets", "broken")
    shutil.copytree(FIXTURE, dataset)
    ids = sorted(os.listdir(os.path.join(dataset, "snapshots")))
    for id in ids:
        path = os.path.join(dataset, "snapshots", id, "manifest.json")
        with open(path, encoding="utf-8") as file:
            text = file.read().replace("datasets/events/", "datasets/broken/").replace('"events"', '"broken"')
        if forked and id == ids[2]:
            parent = '"parent_snapshot_id": "%s"'
            if parent % ids[1] not in text:
                sys.exit("break_off.py: the fixture is another")
            text = text.replace(parent % ids[1], parent % ids[0])
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return ids


def judge(program, root, what, inject, killed, said, acknowledged):
    """What is wrong after a broken commit, as a list of texts."""
    wrong = []
    said_ids = list(acknowledged)
    if killed and "signal" not in inject:
        wrong.append(f"ended by a signal; it said {said!r}")
    if said.startswith(("committed ", "unpublished ")):
        said_ids.append(said.split()[1])
    elif not killed and not said.startswith(("failed LODE_ERR_", "unknown ")):
        wrong.append(f"said {said!r}")
    if said.startswith("failed") and re.search(r"INTERNAL|LODE_ERR_UNKNOWN", said):
        wrong.append(f"said {said!r}")

    # A commit that returned has cleaned up, unless cleaning up is what failed.
    if not killed and not re.match(r"unlink", inject):
        for directory, _, files in os.walk(root):
            left = [name for name in files if name.startswith(".lode-")]
            if left:
                wrong.append(f"left {left} in {directory}; it said {said!r}")

    beside = []
    if program[1:2] == ["choose"]:
        # The choice may be repeated, and is then built on.
        status, next_said = commit(program, root)
        if status != 0 or next_said != f"committed {program[2]}":
            wrong.append(f"the choice made again said {next_said!r}; the broken one {said!r}")
        said_ids = sorted({*said_ids, program[2]})
        beside = ["--beside", program[3]]
        program = program[:1]
    length = []
    if program[1:2] == ["once"]:
        # The producer's next process does not know how the commit ended.
        status, next_said = commit(program, root)
        if status != 0 or next_said.split()[0] not in ("committed", "already"):
            wrong.append(f"the same commit made again said {next_said!r}; the broken one {said!r}")
        elif said.startswith(("committed ", "unpublished ")) and next_said != f"already {said.split()[1]}":
            wrong.append(f"the same commit made again said {next_said!r}; the broken one {said!r}")
        elif next_said.split()[1] not in said_ids:
            said_ids.append(next_said.split()[1])
        number = int(program[2])
        program = [*program[:2], str(number + 1)]
        length = ["--length", str(number + 1)]
    status, next_said = commit(program, root)
    if status != 0 or not next_said.startswith("committed "):
        wrong.append(f"the next commit said {next_said!r}; the broken one {said!r}")
    else:
        said_ids.append(next_said.split()[1])
    ids = os.path.join(root, "acknowledged")
    with open(ids, "w", encoding="ascii") as file:
        file.write("\n".join(said_ids) + "\n")
    layout = ["--layout", "hive" if program[1:] in (["hive"], ["stream"]) else "default"]
    audit = subprocess.run([sys.executable, AUDIT, root, "broken", "--acknowledged", ids, *layout, *beside, *length], capture_output=True, text=True)
    if audit.returncode != 0:
        wrong.append(f"{audit.stdout.strip()}{audit.stderr.strip()}; the broken commit said {said!r}")
    return [f"{what}: {text}" for text in wrong]


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in ("kill", "errno"):
        sys.exit(__doc__)
    mode, program = sys.argv[1], [os.path.abspath(sys.argv[2]), *sys.argv[3:]]
    template = tempfile.mkdtemp(prefix="lode-break-")
    cases = []
    first = []
    if program[1:] in (["adopt"], ["dangling"]):
        first = go_history(template, False)
        if program[1] == "dangling":
            pointer = os.path.join(template, "datasets", "broken", "latest")
            with open(pointer, "w", encoding="ascii") as file:
                file.write(str(int(first[-1]) + 1))
            then = os.stat(pointer).st_mtime - 120
            os.utime(pointer, (then, then))
        program = program[:1]
    elif program[1:] == ["choose"]:
        ids = go_history(template, True)
        program += ids[1:]
        # Two heads are there, and a commit reports them: the reason for the choice.
        said = commit(program[:1], template)[1]
        if not said.startswith("failed LODE_ERR_NEEDS_REPAIR"):
            sys.exit(f"break_off.py: a commit on a fork said {said!r}")
    elif program[1:] == ["once"]:
        program.append("1")
    add_cases(cases, mode, "first commit", program, template, first)
    with_one = fresh_root(template)
    status, said = commit(program, with_one)
    if status != 0:
        sys.exit(f"break_off.py: the first commit said {said!r}")
    if program[1:2] == ["once"]:
        program = [*program[:2], "2"]
    add_cases(cases, mode, "next commit", program, with_one, [*first, said.split()[1]])
    problems, outcomes = run_cases(cases)
    shutil.rmtree(template)
    shutil.rmtree(with_one)

    for text in problems:
        print(text)
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"{mode}: {len(cases)} cases ({told}), {len(problems)} problems")
    if not cases:
        sys.exit("break_off.py: no case was made")
    return 1 if problems else 0


def add_cases(cases, mode, which, program, template, acknowledged):
    """A case for each way to break off a commit on a copy of `template`, whose `acknowledged` must stay."""
    for name, (before, until) in sorted(calls_of_a_commit(program, template).items()):
        for number in range(before + 1, until + 1):
            if mode == "kill":
                ways = [(f"killed before {name} {number - before}", f"{name}:signal=KILL:when={number}")]
            else:
                ways = [(f"{name} {number - before} fails with {errno}", f"{name}:error={errno}:when={number}")
                        for errno in ERRNOS.get(name, [])]
            cases += [(f"{which}, {what}", inject, program, template, acknowledged) for what, inject in ways]


def run_cases(cases):
    """Breaks each case off; gives all that was wrong, and how often a commit ended how."""
    outcomes = collections.Counter()

    def one(case):
        what, inject, program, template, acknowledged = case
        root = fresh_root(template)
        try:
            returncode, said = commit(program, root, inject)
            killed = returncode < 0 or returncode > 128
            outcomes["killed" if killed else said.split()[0] if said else "silent"] += 1
            return judge(program, root, what, inject, killed, said, acknowledged)
        except subprocess.TimeoutExpired:
            return [f"{what}: hangs"]
        finally:
            shutil.rmtree(root)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [text for texts in pool.map(one, cases) for text in texts], outcomes


if __name__ == "__main__":
    sys.exit(main())
