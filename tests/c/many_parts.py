#!/usr/bin/env python3
"""Processes that stage parts and are killed, a coordinator that is killed and started again, one snapshot.

    many_parts.py PARTS READER [--processes 8] [--threads 4] [--parts 1000] [--kills 5]

PARTS and READER are the programs of examples-c/parts.c and examples-c/cat.c. --processes processes of
--threads threads stage --parts parts in all; every second process is killed (SIGKILL) once it has told of a
random number of parts. The coordinator commits what was told of, as one job; it is started --kills times with
the same lines and killed at a random moment, then left alone; then once more, which must find the job done.
Every record of every part that was told of must be in the dataset exactly once, and nothing else; the auditor
(audit.py) finds the history whole.

MANY_PARTS_SEED decides what is random; it is printed. Exit status 1 if anything is wrong. Standard library
only.
"""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

AUDIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "audit.py")
DATASET, JOB, RECORDS = "events", "the job", 10


def stage(command, parts_to_come, last, told):
    """Runs a process that stages; after `last` lines (None: never) it is killed. Adds its whole lines to
    `told`."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        count = 0
        for line in process.stdout:
            # A line that is torn by the kill tells of nothing.
            if line.endswith("\n"):
                told.append(line)
                count += 1
            if count == last:
                process.kill()
    if last is None and (process.returncode != 0 or count != parts_to_come):
        raise SystemExit(f"many_parts.py: a process that was left alone ended with {process.returncode} after {count} parts")


def coordinate(command, lines, kills, draw):
    """Starts the coordinator again and again, and kills it at a random moment; then lets it end by itself.
    Gives the snapshot that each of those that ended has told of, what the last one said, and how many were
    killed."""
    killed, snapshots = 0, set()
    for attempt in range(kills + 1):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            timer = None
            if attempt < kills:
                timer = threading.Timer(draw.uniform(0, 0.02 * (attempt + 1)), process.send_signal, [signal.SIGKILL])
                timer.start()
            try:
                out, err = process.communicate("".join(lines))
            except BrokenPipeError:
                out, err = "", ""
            if timer:
                timer.cancel()
        if process.returncode == 0:
            snapshots.add(out.strip())
        elif process.returncode == -signal.SIGKILL:
            killed += 1
        else:
            raise SystemExit(f"many_parts.py: the coordinator ended with {process.returncode}: {err}")
    return snapshots, err, killed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("parts")
    parser.add_argument("reader")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--parts", type=int, default=1000, dest="count")
    parser.add_argument("--kills", type=int, default=5)
    arguments = parser.parse_args()
    seed = int(os.environ.get("MANY_PARTS_SEED") or random.SystemRandom().getrandbits(32))
    print(f"MANY_PARTS_SEED={seed}")
    draw = random.Random(seed)
    root = tempfile.mkdtemp(prefix="lode-parts-")
    each = arguments.count // arguments.processes

    told = []
    stagers = []
    for number in range(arguments.processes):
        last = draw.randrange(1, each) if number % 2 else None
        command = [arguments.parts, "stage", root, DATASET, f"w{number}", str(arguments.threads), str(each)]
        stagers.append(threading.Thread(target=stage, args=(command, each, last, told)))
    for stager in stagers:
        stager.start()
    for stager in stagers:
        stager.join()
    draw.shuffle(told)
    staged = sum(name.startswith("data") for _, _, names in os.walk(root) for name in names)

    command = [arguments.parts, "commit", root, DATASET, JOB]
    snapshots, _, killed = coordinate(command, told, arguments.kills, draw)
    again, said, _ = coordinate(command, told, 0, draw)
    problems = []
    if again != snapshots or len(again) != 1 or "committed before" not in said:
        problems.append(f"the coordinator started again gives {again} ({said.strip()!r}), expected {snapshots}")
    snapshot = min(again)

    read = subprocess.run([arguments.reader, root, DATASET], capture_output=True, text=True, check=True).stdout.splitlines()
    found = collections.Counter((record["by"], record["part"], record["record"]) for record in map(json.loads, read))
    if sum(found.values()) != RECORDS * len(told) or max(found.values(), default=1) != 1:
        problems.append(f"{sum(found.values())} records, {len(found)} different, expected {RECORDS * len(told)}")
    whole = collections.Counter((by, part) for by, part, _ in found)
    if any(count != RECORDS for count in whole.values()) or len(whole) != len(told):
        problems.append(f"{len(whole)} parts are in the snapshot, expected {len(told)}, each whole")
    acknowledged = os.path.join(root, "acknowledged")
    with open(acknowledged, "w", encoding="ascii") as file:
        file.write(snapshot + "\n")
    audit = subprocess.run([sys.executable, AUDIT, root, DATASET, "--acknowledged", acknowledged, "--length", "1"],
                           capture_output=True, text=True, check=False)
    if audit.returncode != 0:
        problems.append(audit.stdout.strip())
    print(f"{len(told)} parts told of, {staged} files staged, coordinator killed {killed} times, {len(problems)} problems")
    for problem in problems:
        print(problem)
    if problems:
        print(f"the store is kept: {root}")
        return 1
    shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
