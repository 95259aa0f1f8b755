"""The same work by the Python package, for comparison with C:

    python_bench.py extend|pull INPUT ROOT
    python_bench.py read ROOT

All lines of INPUT, as bytes, into one snapshot, by RecordWriter.extend or Dataset.stream_write_records,
without checksum and without fsync; or the records of the newest snapshot, as bytes, by Dataset.read. Prints
one JSON object on a line. The time, in nanoseconds, leaves out reading INPUT.
"""

import sys
import time

import lode


def main() -> None:
    form, *paths = sys.argv[1:]
    records = []
    if form != "read":
        with open(paths[0], "rb") as file:
            records = file.read().splitlines()
    begun = time.perf_counter_ns()
    dataset = lode.Store(paths[-1]).dataset("bench", checksum=None, durability="process")
    if form == "pull":
        count = dataset.stream_write_records(records).row_count
    elif form == "extend":
        with dataset.writer() as writer:
            writer.extend(records)
        count = writer.snapshot.row_count
    else:
        count = sum(1 for _ in dataset.read(decode=None))
    took = time.perf_counter_ns() - begun
    if records and count != len(records):
        sys.exit(f"the snapshot has {count} records, expected {len(records)}")
    print(f'{{"ns":{took},"records":{count},"bytes":{sum(map(len, records)) + len(records)}}}')


if __name__ == "__main__":
    main()
