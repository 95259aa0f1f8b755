"""Peak memory of writing and reading Parquet, which does not depend on how much there is.

    python3 parquet_memory.py TOOL DIRECTORY
"""

import json
import os
import random
import struct
import subprocess
import sys

LIMIT = 64 << 20
# glibc's threshold for giving memory back grows with what was freed, up to 64 MiB, unless it is set: this is its default.
# What a program has freed and malloc keeps is then little.
ENVIRONMENT = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "131072"}
# What the crate `parquet` keeps of a column, beside its values.
COLUMN = 5 << 10


def peak_of(command, **streams):
    """Runs a command; gives the most memory that it had, in bytes."""
    process = subprocess.Popen(command, env=ENVIRONMENT, **streams)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    return usage.ru_maxrss * 1024


def numbers(count):
    """Records that compress badly, so that several row groups are full."""
    source = random.Random(7)
    for number in range(count):
        yield {"id": number, "x": source.random(), "text": f"{source.getrandbits(512):0128x}", "kind": number % 5}


def huge(count, text=lambda source: source.randbytes(5_200_000).hex()):
    """Records of almost 10 MiB."""
    source = random.Random(7)
    for number in range(count):
        yield {"id": number, "x": 0.5, "text": text(source), "kind": 0}


def escaped(source):
    """A text that has to be decoded, all of it."""
    return source.randbytes(2_500_000).hex() + "\n" * 2_600_000


def mixed():
    """Row groups that are nearly full when a huge record comes."""
    for record, following in zip(huge(3), (range(0, 70_000), range(70_000, 140_000), range(140_000, 150_000))):
        for number, small in zip(following, numbers(len(following))):
            yield {**small, "id": number}
        yield record


WIDE = 10_000


def wide(count):
    """Records of as many columns as there may be."""
    source = random.Random(7)
    names = [f"column{number}" for number in range(WIDE)]
    for _ in range(count):
        yield dict(zip(names, struct.unpack(f"{WIDE}i", source.randbytes(4 * WIDE))))


def main(tool, directory):
    os.makedirs(directory)
    narrow = [("id", "int64"), ("x", "float64"), ("text", "string"), ("kind", "int32")]
    for name, fields, records, more in (
        ("200,000 records", narrow, numbers(200_000), 0),
        ("600,000 records", narrow, numbers(600_000), 0),
        ("12 records of 10 MiB", narrow, huge(12), 0),
        ("6 records of 10 MiB with escapes", narrow, huge(6, escaped), 0),
        ("150,000 records and 3 of 10 MiB among them", narrow, mixed(), 0),
        ("600 records of 10,000 columns", [(f"column{number}", "int64") for number in range(WIDE)], wide(600), WIDE * COLUMN),
    ):
        schema, source = os.path.join(directory, "schema.json"), os.path.join(directory, "input.jsonl")
        with open(schema, "w", encoding="ascii") as out:
            json.dump({"fields": [{"name": name, "type": kind} for name, kind in fields]}, out)
        with open(source, "w", encoding="ascii") as out:
            for record in records:
                out.write(json.dumps(record, separators=(",", ":")) + "\n")
        store = os.path.join(directory, "store")
        ingest = [tool, "ingest", "--quiet", "--codec", "parquet", "--schema", schema, store, "a", source]
        wrote = peak_of(ingest, stdout=subprocess.DEVNULL)
        read = peak_of([tool, "cat", store, "a"], stdout=subprocess.DEVNULL)
        limit = LIMIT + more
        print(f"memory: {name}: {wrote >> 20} MiB to write, {read >> 20} MiB to read, of {limit >> 20}")
        assert wrote <= limit and read <= limit, f"{name}: over the limit"


if __name__ == "__main__":
    main(*sys.argv[1:])
