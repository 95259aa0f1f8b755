#!/usr/bin/env python3
"""Breaks one commit off at every system call it makes, with strace.

    break_off.py COMMIT_ONCE MODE[,SCENE]...

MODE kill: a child is killed before each system call of a commit, one after another.
MODE errno: each system call of a commit fails with each error it can give, one after another.

The commit is the first of a dataset and the one after it; SCENE says of what, and is one of records (the
default), blob, hive, parts, stream, or:
    adopt, dangling  the first commit after three snapshots of the Go library; `dangling`: and a pointer that
                     it left dangling two minutes ago
    choose           not a commit but the choice between two heads of that library
    once             a producer's commit, which is made again afterwards and must then be there once
    columns          the same as Parquet; COMMIT_ONCE has the feature
    volume           a commit of two blocks, staged in the same process, which is made again afterwards, too
    collect          not a commit but the clean-up of a dataset and a volume, in which a process died eight
                     days ago

Afterwards, each time: a commit that said "committed" is there; the next writer commits; the auditor
(audit.py) finds the history whole; and no commit that returned has left a temporary file. Of a clean-up:
another one removes what is left of the garbage, and nothing else. COMMIT_ONCE is the program of
commit_once.c. Prints a summary of each mode and scene; exit status 1 if anything is wrong.
"""

import collections
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor

sys.dont_write_bytecode = True  # no caches in the repository

from audit import audit

HERE = os.path.dirname(os.path.abspath(__file__))
# What the Go library wrote: three snapshots, each the next one's parent.
FIXTURE = os.path.join(HERE, "..", "fixtures", "jsonl-noop-md5", "datasets", "events")
NAME = "broken"
SCENES = ["records", "blob", "hive", "parts", "stream", "adopt", "dangling", "choose", "once", "columns", "volume", "collect"]
# Scenes whose commit has a number, and is made again by the next process.
NUMBERED = ["once", "columns", "volume"]
LAYOUTS = {"hive": "hive", "stream": "hive", "volume": "volume"}
EIGHT_DAYS = 8 * 24 * 60 * 60
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



# One way to break a commit off: its words, what strace injects, the arguments of the commit after ROOT and
# NAME, the store that it finds, the snapshots in it, and further snapshots that are off the path.
Case = collections.namedtuple("Case", "scene what inject arguments template acknowledged beside")


def fresh_root(template):
    root = tempfile.mkdtemp(prefix="lode-break-")
    shutil.copytree(template, root, dirs_exist_ok=True)
    return root


def commit(program, root, arguments, inject=None):
    """Runs a commit under strace with one injection, or plainly; gives (exit status, what it said)."""
    command = [program, root, NAME, *arguments]
    if inject:
        call = inject.partition(":")[0]
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={inject}", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, (done.stdout + done.stderr).strip()


def calls_of_a_commit(program, arguments, template):
    """For each system call's name: how many are made before the work begins, and how many until it ends."""
    root = fresh_root(template)
    trace = os.path.join(root, "trace")
    subprocess.run(["strace", "-f", "-qq", "-o", trace, program, root, NAME, *arguments], check=True, capture_output=True)
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
    dataset = os.path.join(root, "datasets", NAME)
    shutil.copytree(FIXTURE, dataset)
    ids = sorted(os.listdir(os.path.join(dataset, "snapshots")))
    for id in ids:
        path = os.path.join(dataset, "snapshots", id, "manifest.json")
        with open(path, encoding="utf-8") as file:
            text = file.read().replace("datasets/events/", f"datasets/{NAME}/").replace('"events"', f'"{NAME}"')
        if forked and id == ids[2]:
            parent = '"parent_snapshot_id": "%s"'
            if parent % ids[1] not in text:
                sys.exit("break_off.py: the fixture is another")
            text = text.replace(parent % ids[1], parent % ids[0])
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return ids


def age(root):
    """Makes every file eight days old."""
    then = time.time() - EIGHT_DAYS
    for directory, _, files in os.walk(root):
        for name in files:
            os.utime(os.path.join(directory, name), (then, then))


class Judge:
    """What is wrong after a broken commit."""

    def __init__(self, program, root, case):
        self.program, self.root, self.case = program, root, case
        self.acknowledged = list(case.acknowledged)
        self.wrong = []

    def commit(self, arguments, what):
        """Makes a commit that must succeed; gives what it said, as words."""
        status, said = commit(self.program, self.root, arguments)
        words = said.split()
        if status != 0 or not words or words[0] not in ("committed", "already"):
            self.wrong.append(f"{what} said {said!r}")
            return ["nothing", ""]
        self.acknowledge(*words)
        return words

    def acknowledge(self, how, id):
        """A commit said that this snapshot is there: a new one, but where it was told of before, or was to be
        chosen."""
        if id not in self.acknowledged:
            self.acknowledged.append(id)
        elif how != "already" and self.case.scene != "choose":
            self.wrong.append(f"{id} was committed twice")

    def audit(self, layout, acknowledged, **more):
        try:
            found = audit(self.root, NAME, layout, acknowledged, **more)
            self.wrong += [f"audit: {problem}" for problem in found.problems]
        except Exception:  # what the auditor cannot read is damage
            self.wrong.append(f"audit: {traceback.format_exc()}")

    def judge(self, said, killed):
        """Gives all that is wrong, as texts; `said` is what the broken commit did."""
        scene, inject = self.case.scene, self.case.inject
        done = ("collected ",) if scene == "collect" else ("committed ", "unpublished ", "already ")
        if killed != ("signal" in inject):
            self.wrong.append("it ended by a signal" if killed else "it was not killed")
        if not killed and not said.startswith((*done, "failed LODE_ERR_", "unknown ")):
            self.wrong.append("it said neither")
        if said.startswith("failed") and re.search(r"INTERNAL|LODE_ERR_UNKNOWN", said):
            self.wrong.append("the failure is none that may be")
        # A commit that returned has cleaned up, unless cleaning up is what failed.
        if not killed and not re.match(r"unlink", inject) and scene != "collect":
            self.audit_temporaries()
        if scene == "collect":
            self.judge_clean_up()
        else:
            self.judge_commit(said)
        return [f"{scene}, {self.case.what}: {text}; the broken one said {said!r}" for text in self.wrong]

    def audit_temporaries(self):
        for directory, _, files in os.walk(self.root):
            left = [name for name in files if name.startswith(".lode-")]
            if left:
                self.wrong.append(f"left {left} in {directory}")

    def judge_commit(self, said):
        scene, arguments = self.case.scene, self.case.arguments
        layout = LAYOUTS.get(scene, "default")
        if said.startswith(("committed ", "unpublished ")):
            self.acknowledge(*said.split())
        length = None
        if scene == "choose":
            # The choice may be repeated, and is then built on.
            words = self.commit(arguments, "the choice made again")
            if words != ["committed", arguments[1]]:
                self.wrong.append(f"the choice made again said {words}")
            arguments = []
        elif scene in NUMBERED:
            # The next process does not know how the commit ended.
            words = self.commit(arguments, "the same commit made again")
            if said.startswith(("committed ", "unpublished ")) and words != ["already", said.split()[1]]:
                self.wrong.append(f"the same commit made again said {words}")
            length = int(arguments[1]) + 1
            arguments = [scene, str(length)]
        words = self.commit(arguments, "the next commit")
        if words[0] != "committed":
            self.wrong.append(f"the next commit said {words}")
        self.audit(layout, self.acknowledged, beside=self.case.beside, length=length)

    def judge_clean_up(self):
        """Another clean-up ends what was broken off, and what is visible stays."""
        known = {"default": self.case.acknowledged[:-1], "volume": self.case.acknowledged[-1:]}
        for layout, ids in known.items():
            self.audit(layout, ids, length=len(ids))
        # What the broken one has left is to be as old as the rest.
        age(self.root)
        status, said = commit(self.program, self.root, self.case.arguments)
        if status != 0 or not said.startswith("collected "):
            self.wrong.append(f"the next clean-up said {said!r}")
        for layout, arguments in (("default", ["records"]), ("volume", ["volume", "2"])):
            self.audit(layout, known[layout], length=len(known[layout]), no_leftovers=True)
            ids = [*known[layout], self.commit(arguments, "the next commit")[1]]
            self.audit(layout, ids, length=len(ids), no_leftovers=True)


def break_off(program, case):
    """Breaks one case off; gives how it ended, and all that is wrong afterwards."""
    root = fresh_root(case.template)
    try:
        returncode, said = commit(program, root, case.arguments, case.inject)
        killed = returncode < 0 or returncode > 128
        outcome = "killed" if killed else said.split()[0] if said else "silent"
        return outcome, Judge(program, root, case).judge(said, killed)
    except subprocess.TimeoutExpired:
        return "hanging", [f"{case.scene}, {case.what}: hangs"]
    finally:
        shutil.rmtree(root)


def prepare(program, scene, template):
    """Makes the store that the first commit of a scene finds; gives the commit's arguments, the ids in the
    store and those that are off its path."""
    if scene in ("adopt", "dangling"):
        ids = go_history(template, False)
        if scene == "dangling":
            pointer = os.path.join(template, "datasets", NAME, "latest")
            with open(pointer, "w", encoding="ascii") as file:
                file.write(str(int(ids[-1]) + 1))
            then = os.stat(pointer).st_mtime - 120
            os.utime(pointer, (then, then))
        return ["records"], ids, []
    if scene == "choose":
        ids = go_history(template, True)
        # Two heads are there, and a commit reports them: the reason for the choice.
        said = commit(program, template, [])[1]
        if not said.startswith("failed LODE_ERR_NEEDS_REPAIR"):
            sys.exit(f"break_off.py: a commit on a fork said {said!r}")
        return ["choose", ids[1]], [ids[1]], [ids[2]]
    if scene == "collect":
        ids = [committed(program, template, arguments) for arguments in (["records"], ["records"], ["volume", "1"])]
        subprocess.run([program, template, NAME, "leave"], check=True)
        for place in (f"datasets/{NAME}", f"datasets/{NAME}/_commits", f"volumes/{NAME}/data"):
            with open(os.path.join(template, place, ".lode-%032x.tmp" % 7), "w", encoding="ascii") as file:
                file.write("half")
        with open(os.path.join(template, f"datasets/{NAME}/_commits/{ids[1]}-{'ab' * 16}.payload"), "w", encoding="ascii") as file:
            file.write("{}")
        age(template)  # a copy is as old
        return ["collect"], ids, []
    return [scene, "1"] if scene in NUMBERED else [scene], [], []


def committed(program, root, arguments):
    status, said = commit(program, root, arguments)
    if status != 0 or not said.startswith("committed "):
        sys.exit(f"break_off.py: {' '.join(arguments)} said {said!r}")
    return said.split()[1]


def cases_of(program, mode, scene, templates):
    """All ways to break off what a scene is about; the stores are made below `templates`."""
    first = tempfile.mkdtemp(dir=templates)
    arguments, ids, beside = prepare(program, scene, first)
    cases = ways(program, Case(scene, "first", mode, arguments, first, ids, beside))
    if scene != "collect":
        second = tempfile.mkdtemp(dir=templates)
        shutil.copytree(first, second, dirs_exist_ok=True)
        made = committed(program, second, arguments)
        if scene in NUMBERED:
            arguments = [scene, "2"]
        known = ids if made in ids else [*ids, made]
        cases += ways(program, Case(scene, "next", mode, arguments, second, known, beside))
    return cases


def ways(program, case):
    """A case for each way to break this one off, which has the mode in the place of what is injected."""
    cases = []
    for name, (before, until) in sorted(calls_of_a_commit(program, case.arguments, case.template).items()):
        for number in range(before + 1, until + 1):
            if case.inject == "kill":
                injections = [(f"killed before {name} {number - before}", f"{name}:signal=KILL:when={number}")]
            else:
                injections = [(f"{name} {number - before} fails with {errno}", f"{name}:error={errno}:when={number}")
                              for errno in ERRNOS.get(name, [])]
            cases += [case._replace(what=f"{case.what} commit, {what}", inject=inject) for what, inject in injections]
    if not cases:
        sys.exit("break_off.py: no case was made")
    return cases


@contextlib.contextmanager
def temporary_directory():
    """A directory in memory, if there is one: what is broken off are the calls, not the disk."""
    shared = "/dev/shm"
    with tempfile.TemporaryDirectory(prefix="lode-break-", dir=shared if os.access(shared, os.W_OK) else None) as path:
        tempfile.tempdir = path
        yield path


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program, wanted = os.path.abspath(sys.argv[1]), [(*word.split(","), "records")[:2] for word in sys.argv[2:]]
    if any(mode not in ("kill", "errno") or scene not in SCENES for mode, scene in wanted):
        sys.exit(__doc__)
    failed = False
    with temporary_directory() as directory, ProcessPoolExecutor(os.cpu_count()) as pool:
        for mode, scene in wanted:
            cases = cases_of(program, mode, scene, directory)
            outcomes, problems = collections.Counter(), []
            for outcome, wrong in pool.map(break_off, [program] * len(cases), cases, chunksize=4):
                outcomes[outcome] += 1
                problems += wrong
            print("\n".join(problems + [""]), end="")
            told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
            print(f"{mode}, {scene}: {len(cases)} cases ({told}), {len(problems)} problems", flush=True)
            failed = failed or bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
