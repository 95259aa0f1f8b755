#!/usr/bin/env python3
"""Writers killed at random, and readers beside them, on one dataset; afterwards nothing may be missing.

    soak.py SOAK

SOAK is the program of soak.c. For SOAK_SECONDS (300), SOAK_WRITERS (4) processes commit to one dataset; each
is killed (SIGKILL) at a random moment and replaced, or now and then stopped for a while and left to go on
late. SOAK_READERS (2) read the latest snapshot all the while and must never see an error, nor an older one
than before. Then one writer commits once more, the auditor (tests/c/audit.py) walks the history, and the
records are counted: every acknowledged commit is on the path under the id that was acknowledged, whole, once;
every other commit there is whole and there once.

SOAK_SEED decides all that is random here; it is printed. Ends with a line of figures; exit status 1 if
anything is wrong, and then the store is kept. Standard library only.
"""

import collections
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

AUDIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "c", "audit.py")
DATASET = "soak"
# How long a writer lives, and how often it is stopped first, and for how long.
LIFE, STOPPED, STOP = (0.01, 0.6), 0.15, (0.0, 0.5)


def number(name, otherwise):
    return int(os.environ.get(name) or otherwise)


class Writer:
    """One writer's place: a process, and when which signal is due."""

    def __init__(self, place, run):
        self.place, self.run, self.lives = place, run, 0
        self.begin()

    def begin(self):
        self.lives += 1
        run, name = self.run, f"{self.place}-{self.lives}"
        self.process = run.start("write", DATASET, run.acknowledged, name, str(run.random.getrandbits(63)), "0")
        due = time.monotonic() + run.random.uniform(*LIFE)
        self.due = [(due, signal.SIGKILL)]
        if run.random.random() < STOPPED:
            later = due + run.random.uniform(*STOP)
            self.due = [(due, signal.SIGSTOP), (later, signal.SIGCONT), (later + run.random.uniform(*LIFE), signal.SIGKILL)]

    def tick(self, now):
        if self.process.poll() is not None:
            self.run.wrong(f"writer {self.place}-{self.lives} ended by itself: {self.process.stderr.read().strip()}")
            self.begin()
        elif now >= self.due[0][0]:
            _, what = self.due.pop(0)
            self.process.send_signal(what)
            if what == signal.SIGKILL:
                self.end()
                self.begin()

    def end(self):
        self.process.kill()
        self.run.kills += 1
        said = self.process.communicate()[1].strip()
        if said:
            self.run.wrong(f"writer {self.place}-{self.lives} said {said}")


class Run:
    def __init__(self, program, seed):
        self.program, self.random = program, random.Random(seed)
        self.root = tempfile.mkdtemp(prefix="lode-soak-")
        self.store = os.path.join(self.root, "store")
        os.mkdir(self.store)
        self.acknowledged = os.path.join(self.root, "acknowledged")
        self.kills, self.reads, self.problems = 0, 0, []

    def wrong(self, text):
        self.problems.append(text)
        print(f"soak: {text}", flush=True)

    def start(self, mode, *arguments, stdout=subprocess.DEVNULL):
        return subprocess.Popen([self.program, mode, self.store, *arguments], stdin=subprocess.PIPE, stdout=stdout,
                                stderr=subprocess.PIPE, text=True)

    def crowd(self, seconds, writers, readers):
        outputs = [tempfile.TemporaryFile("w+") for _ in range(readers)]
        readers = [(self.start("read", DATASET, stdout=output), output) for output in outputs]
        writers = [Writer(place, self) for place in range(1, writers + 1)]
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end and len(self.problems) < 10:
            for writer in writers:
                writer.tick(now)
            due = min(writer.due[0][0] for writer in writers)
            time.sleep(max(0.0, min(due, end, now + 0.1) - time.monotonic()))
        for writer in writers:
            writer.end()
        return readers

    def end_readers(self, readers):
        """Gives what they saw: ids, and how many records each had."""
        for reader, output in readers:
            said = reader.communicate()[1].strip()
            if reader.returncode != 0:
                self.wrong(f"a reader ended with {reader.returncode}: {said}")
            output.seek(0)
            for line in output:
                self.reads += 1
                yield line.split()
            output.close()

    def last_commit(self):
        """All writers are killed: the next one completes what they left."""
        last = self.start("write", DATASET, self.acknowledged, "last", "1", "1")
        said = last.communicate()[1].strip()
        if last.returncode != 0:
            self.wrong(f"the writer after all others failed: {said}")

    def snapshots(self):
        """The records of each snapshot that is there, by id."""
        base = os.path.join(self.store, "datasets", DATASET, "snapshots")
        for id in os.listdir(base):
            path = os.path.join(base, id, "manifest.json")
            if not os.path.exists(path):
                continue
            with open(path, "rb") as file:
                manifest = json.load(file)
            records = []
            for file in manifest["files"]:
                opener = gzip.open if manifest["compressor"] == "gzip" else open
                with opener(os.path.join(self.store, file["path"]), "rb") as lines:
                    records += [json.loads(line) for line in lines]
            yield id, records

    def count(self, seen):
        """Checks that no record is lost or there twice; gives the numbers of commits and of acknowledged
        ones."""
        with open(self.acknowledged, encoding="ascii") as file:
            told = [line.split() for line in file]
        counts, ids = {}, collections.defaultdict(list)
        for id, records in self.snapshots():
            counts[id] = len(records)
            names = {record["commit"] for record in records}
            if len(names) > 1:
                self.wrong(f"{id} holds records of {sorted(names)}")
            for name in names:
                ids[name].append(id)
            if [record["record"] for record in records] != list(range(len(records))):
                self.wrong(f"{id} ({names}) lacks records, or has one twice, or out of order")
        for name, where in ids.items():
            if len(where) > 1:
                self.wrong(f"the commit {name} is there {len(where)} times: {where}")
        for id, name in told:
            if id not in counts:
                self.wrong(f"{id} ({name}) was acknowledged and is not there")
            elif counts[id] and ids[name] != [id]:
                self.wrong(f"{name} was acknowledged as {id} and is in {ids[name]}")
        for id, count in seen:
            if counts.get(id) != int(count):
                self.wrong(f"a reader saw {count} records in {id}, which has {counts.get(id)}")
        ids_only = self.acknowledged + ".ids"
        with open(ids_only, "w", encoding="ascii") as file:
            file.writelines(f"{id}\n" for id, _ in told)
        audit = subprocess.run([sys.executable, AUDIT, self.store, DATASET, "--acknowledged", ids_only,
                                "--length", str(len(counts))], capture_output=True, text=True)
        print(audit.stdout, end="")
        if audit.returncode != 0:
            self.wrong(f"the auditor found problems {audit.stderr.strip()}")
        return len(counts), len(told)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    seed = number("SOAK_SEED", random.SystemRandom().getrandbits(32))
    seconds, writers, readers = number("SOAK_SECONDS", 300), number("SOAK_WRITERS", 4), number("SOAK_READERS", 2)
    print(f"soak: seed {seed} (SOAK_SEED), {seconds} s, {writers} writers, {readers} readers", flush=True)
    run = Run(os.path.abspath(sys.argv[1]), seed)
    readers = run.crowd(seconds, writers, readers)
    run.last_commit()
    seen = list(run.end_readers(readers))
    commits, acknowledged = run.count(seen)
    if commits == 0 or run.kills == 0 or not seen:
        run.wrong("nothing was committed, killed or read: this run shows nothing")
    print(f"soak: {run.kills} kills, {commits} commits, {acknowledged} acknowledged, {run.reads} snapshots read, "
          f"{len(run.problems)} problems")
    if run.problems:
        print(f"soak: the store is kept in {run.root}")
        return 1
    shutil.rmtree(run.root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
