"""Runs examples-hosts/dask_job.py: two workers, a task that dies with its worker, the job made again. And
examples-hosts/dask_changes.py on the same workers: what each of several runs finds new in each partition.

    dask_job.py ROOT

Exit status 1 if a record is missing, or there twice.
"""

import os
import sys

import lode
from dask.distributed import Client, LocalCluster

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "examples-hosts"))
import dask_changes  # noqa: E402
import dask_job  # noqa: E402

COUNT = 1000


def dies_once(root, snapshot_id, share, shares):
    """The first try of one task stages its part, and then its worker dies before it can tell of it."""
    line = SQUARE(root, snapshot_id, share, shares)
    mark = os.path.join(root, "died")
    if share == 3 and not os.path.exists(mark):
        open(mark, "w", encoding="ascii").close()
        os._exit(1)
    return line


SQUARE = dask_job.square


def read_changes(client, store, root):
    """Each run of the job finds the snapshots that came since the last, by partition; each record is found
    once."""
    state, compressors = os.path.join(root, "state"), ["zstd", "gzip", "none", "zstd"]
    for compressor in compressors:
        visits = store.dataset("visits", layout="hive", partition_keys=["day"], compressor=compressor)
        for first in (0, 10):
            visits.write_records([{"day": f"2024-01-0{n % 3 + 1}", "ms": n} for n in range(first, first + 10)])
        expected = {f"day=2024-01-0{day + 1}": [n for n in range(20) if n % 3 == day] for day in range(3)}
        found = dask_changes.run(client, root, "visits", state)
        assert found == {day: {"count": len(ms), "ms": sum(ms)} for day, ms in expected.items()}, (compressor, found)
        assert dask_changes.run(client, root, "visits", state) == {}, "nothing is new"
    with open(state, "w", encoding="ascii") as file:
        file.write("1700000000000000000")
    try:
        dask_changes.run(client, root, "visits", state)
    except SystemExit as failure:
        assert "no snapshot 1700000000000000000" in str(failure)
    else:
        raise AssertionError("a state of another dataset is refused")
    print(f"{len(compressors)} runs of the job, each record in one of them, by partition")


def main():
    root = sys.argv[1]
    os.makedirs(root)
    store = lode.Store(root)
    numbers, squares = store.dataset("numbers"), store.dataset("squares", compressor="zstd")
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        for round_number in range(2):
            numbers.stream_write_records({"n": n + COUNT * round_number} for n in range(COUNT))
            dask_job.square = dies_once
            snapshot = dask_job.run(client, root, 8)
            again = dask_job.run(client, root, 8)
            found = sorted(record["n"] for record in squares.read(snapshot))
            assert found == [n + COUNT * round_number for n in range(COUNT)], found[:20]
            assert all(record["square"] == record["n"] ** 2 for record in squares.read(snapshot))
            assert again.id == snapshot.id, (again, snapshot)
        read_changes(client, store, root)
    assert os.path.exists(os.path.join(root, "died")), "no worker died"
    assert len(list(squares.snapshots())) == 2
    print(f"two snapshots of {COUNT} squares, by two workers, one of which died")


if __name__ == "__main__":
    main()
