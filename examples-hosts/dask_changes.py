#!/usr/bin/env python3
"""A Dask job that reads what is new in a partitioned dataset, one task a partition, without the library.

    dask_changes.py ROOT DATASET STATE [--workers 2]

STATE is a file with the id of the snapshot that the last run came to; without it the job reads from the first
one. The job follows the manifests from the newest snapshot back to that id, groups their data files by
partition, and counts and sums in each partition, on workers of their own. The state is written after the
results, so that a job that died repeats its changes, and a snapshot that is committed meanwhile is the next
run's.

Needs dask[distributed], and zstandard for what is compressed by zstd. The workers are processes, here of one
machine; on several machines ROOT is a directory that all of them see.
"""

import argparse
import gzip
import io
import json
import os
import pathlib
from collections import defaultdict

from dask.distributed import Client, LocalCluster


def manifest_of(root: str, dataset: str, snapshot: str) -> dict:
    """A snapshot's manifest, in the hive layout."""
    path = pathlib.Path(root, "datasets", dataset, "segments", snapshot, "manifest.json")
    return json.loads(path.read_text(encoding="utf-8"))


def changes(root: str, dataset: str, since: str) -> "list[dict]":
    """The manifests of the snapshots after `since`, the oldest first; the empty id: of all."""
    newest = pathlib.Path(root, "datasets", dataset, "latest").read_text(encoding="ascii")
    found = []
    while newest and newest != since:
        found.append(manifest_of(root, dataset, newest))
        newest = found[-1].get("parent_snapshot_id", "")
    if newest != since:
        raise SystemExit(f"{dataset} has no snapshot {since}: the state is another dataset's")
    return found[::-1]


def partition_of(dataset: str, path: str) -> str:
    """The partition in a data file's path, such as day=2024-01-01."""
    below = path[len(f"datasets/{dataset}/partitions/") :]
    return below.split("/segments/", 1)[0]


def lines_of(path: str, compressor: str) -> "io.TextIOBase":
    if compressor == "gzip":
        return gzip.open(path, "rt", encoding="utf-8")
    if compressor == "zstd":
        import zstandard

        return zstandard.open(path, "rt", encoding="utf-8", dctx=zstandard.ZstdDecompressor())
    return open(path, encoding="utf-8")


def read_partition(files: "list[tuple[str, str]]") -> "dict[str, int]":
    """One task: the new files of a partition, in the order in which they were committed."""
    count = total = 0
    for path, compressor in files:
        with lines_of(path, compressor) as lines:
            for line in lines:
                count, total = count + 1, total + json.loads(line)["ms"]
    return {"count": count, "ms": total}


def run(client: Client, root: str, dataset: str, state: str) -> "dict[str, dict[str, int]]":
    """The job: what is new in each partition that has something new."""
    since = pathlib.Path(state).read_text(encoding="ascii") if os.path.exists(state) else ""
    found = changes(root, dataset, since)
    files = defaultdict(list)
    for manifest in found:
        for file in manifest["files"]:
            place = os.path.join(root, file["path"])
            files[partition_of(dataset, file["path"])].append((place, manifest["compressor"]))
    futures = {partition: client.submit(read_partition, each, pure=False) for partition, each in files.items()}
    results = {partition: future.result() for partition, future in sorted(futures.items())}
    if found:
        pathlib.Path(f"{state}.new").write_text(found[-1]["snapshot_id"], encoding="ascii")
        os.replace(f"{state}.new", state)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("root")
    parser.add_argument("dataset")
    parser.add_argument("state")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with LocalCluster(n_workers=arguments.workers, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        for partition, found in run(client, arguments.root, arguments.dataset, arguments.state).items():
            print(f"{partition}: {found['count']} new records, {found['ms']} ms")


if __name__ == "__main__":
    main()
