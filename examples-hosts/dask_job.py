#!/usr/bin/env python3
"""A Dask job that reads one dataset and writes another as parts, committed once.

    dask_job.py ROOT [--workers 2] [--tasks 8]

Each task reads the newest snapshot of the dataset "numbers", takes its share of the records, and stages what
it makes of them as a part of the dataset "squares", where it runs. What comes back is one line of JSON a
task. Then one commit names all parts: a reader sees the squares of a whole snapshot, or none of them. The
commit's key is the snapshot that was read, so that a job that is run again, or that died after its commit,
commits nothing twice.

Needs the packages lode and dask[distributed]. The workers are processes, here of one machine; on several
machines ROOT is a directory that all of them see.
"""

import argparse

import lode
from dask.distributed import Client, LocalCluster, as_completed

JOB = "squares of numbers"


def square(root: str, snapshot_id: str, share: int, shares: int) -> str:
    """One task: stages its share of the records as a part, and gives the part's line."""
    store = lode.Store(root)
    numbers = store.dataset("numbers")
    with store.dataset("squares", compressor="zstd").writer() as writer:
        for number, record in enumerate(numbers.read(numbers.snapshot(snapshot_id))):
            if number % shares == share:
                writer.append({"n": record["n"], "square": record["n"] ** 2})
        return writer.stage().json


def run(client: Client, root: str, tasks: int) -> lode.Snapshot:
    """The job: all tasks, then one commit."""
    store = lode.Store(root)
    source = store.dataset("numbers").latest()
    squares = store.dataset("squares", compressor="zstd")
    done = squares.find_producer(JOB)
    state = done.producer(JOB) if done else None
    if done and state and state[1] == source.id:
        return done
    shares = range(tasks)
    futures = client.map(square, [root] * tasks, [source.id] * tasks, shares, [tasks] * tasks, pure=False)
    # Dask runs a task again whose worker died; what the dead one staged is in no line, and in no snapshot.
    lines = [line for _, line in as_completed(futures, with_results=True)]
    sequence = state[0] + 1 if state else 1
    return squares.commit_parts(lines, {"source": source.id}, producer=JOB, sequence=sequence, position=source.id)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("root")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tasks", type=int, default=8)
    arguments = parser.parse_args()
    with LocalCluster(n_workers=arguments.workers, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        snapshot = run(client, arguments.root, arguments.tasks)
    print(f"{snapshot.id}: {snapshot.row_count} records in {len(snapshot.files)} files")


if __name__ == "__main__":
    main()
