#!/usr/bin/env python3
"""The soak of soak.py with its dataset in a bucket on MinIO.

    bucket_soak.py SOAK

SOAK is the program of soak.c, linked with a library that has the feature object-store. First SOAK_CROWD (8)
processes commit SOAK_COMMITS (100) times each to one dataset at once: one chain with every commit on it.
Then, for SOAK_SECONDS (300), writers are killed at random beside readers, as in soak.py. Each time the bucket
is read with a client of its own, and what it holds is audited and counted. Exit status 1 if anything is
wrong. Standard library only.
"""

import os
import shutil
import sys
import time

import soak
from minio import BUCKET, minio, mirror, settings

# A new process tries the service first, which a directory does not need.
soak.LIFE = (0.05, 2.0)


class BucketRun(soak.Run):
    """A run whose store is a prefix of the bucket; its directory gets a copy of that in the end."""

    def __init__(self, program, seed, url):
        super().__init__(program, seed)
        self.url = url
        self.prefix = os.path.basename(self.root)
        os.environ["LODE_TEST_STORE_URL"] = f"s3://{BUCKET}/{self.prefix}"
        os.environ["LODE_TEST_STORE_SETTINGS"] = settings(url)

    def count(self, seen):
        objects = mirror(self.url, f"{self.prefix}/store/", self.store)
        print(f"bucket soak: {objects} objects read from the bucket", flush=True)
        return super().count(seen)

    def end(self):
        if self.problems:
            print(f"bucket soak: a copy of the store is kept in {self.root}")
            return 1
        shutil.rmtree(self.root)
        return 0


def many_processes(run, processes, commits):
    """All at once, none killed."""
    begun = time.monotonic()
    arguments = [(f"p{n}", str(run.random.getrandbits(63)), str(commits)) for n in range(processes)]
    writers = [run.start("write", soak.DATASET, run.acknowledged, *each) for each in arguments]
    for writer in writers:
        said = writer.communicate()[1].strip()
        if writer.returncode != 0:
            run.wrong(f"a writer ended with {writer.returncode}: {said}")
    seconds = time.monotonic() - begun
    count, acknowledged = run.count([])
    if (count, acknowledged) != (processes * commits, processes * commits):
        run.wrong(f"{count} snapshots, {acknowledged} acknowledged, expected {processes * commits} of both")
    print(f"bucket soak: {processes} processes, {commits} commits each: one chain of {count}, {seconds:.0f} s, "
          f"{len(run.problems)} problems", flush=True)
    return run.end()


def killed(run, seconds, writers, readers):
    readers = run.crowd(seconds, writers, readers)
    run.last_commit()
    seen = list(run.end_readers(readers))
    commits, acknowledged = run.count(seen)
    if commits == 0 or run.kills == 0 or not seen:
        run.wrong("nothing was committed, killed or read: this run shows nothing")
    print(f"bucket soak: {run.kills} kills, {commits} commits, {acknowledged} acknowledged, {run.reads} snapshots read, "
          f"{len(run.problems)} problems", flush=True)
    return run.end()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    seed = soak.number("SOAK_SEED", soak.random.SystemRandom().getrandbits(32))
    seconds, writers, readers = (soak.number(*each) for each in (("SOAK_SECONDS", 300), ("SOAK_WRITERS", 4), ("SOAK_READERS", 2)))
    print(f"bucket soak: seed {seed} (SOAK_SEED), {seconds} s, {writers} writers, {readers} readers", flush=True)
    with minio() as url:
        status = many_processes(BucketRun(program, seed, url), soak.number("SOAK_CROWD", 8), soak.number("SOAK_COMMITS", 100))
        return killed(BucketRun(program, seed + 1, url), seconds, writers, readers) | status


if __name__ == "__main__":
    sys.exit(main())
