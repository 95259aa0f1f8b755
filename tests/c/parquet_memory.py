"""Peak memory of writing and reading Parquet, which does not depend on how much there is.

    python3 parquet_memory.py TOOL DIRECTORY
"""

import json
import os
import random
import subprocess
import sys

LIMIT = 64 << 20


def peak_of(command, **streams):
    """Runs a command; gives the most memory that it had, in bytes."""
    process = subprocess.Popen(command, **streams)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    return usage.ru_maxrss * 1024


def numbers(count):
    """Records that compress badly, so that several row groups are full."""
    source = random.Random(7)
    for number in range(count):
        yield {"id": number, "x": source.random(), "text": f"{source.getrandbits(512):0128x}", "kind": number % 5}


def huge(count):
    """Records of almost 10 MiB."""
    source = random.Random(7)
    for number in range(count):
        yield {"id": number, "x": 0.5, "text": source.randbytes(5_200_000).hex(), "kind": 0}


def main(tool, directory):
    os.makedirs(directory)
    schema = os.path.join(directory, "schema.json")
    fields = [("id", "int64"), ("x", "float64"), ("text", "string"), ("kind", "int32")]
    with open(schema, "w", encoding="ascii") as out:
        json.dump({"fields": [{"name": name, "type": kind} for name, kind in fields]}, out)
    for name, records in (("200,000 records", numbers(200_000)), ("600,000 records", numbers(600_000)), ("12 records of 10 MiB", huge(12))):
        source = os.path.join(directory, "input.jsonl")
        with open(source, "w", encoding="ascii") as out:
            for record in records:
                out.write(json.dumps(record, separators=(",", ":")) + "\n")
        store = os.path.join(directory, "store")
        ingest = [tool, "ingest", "--quiet", "--codec", "parquet", "--schema", schema, store, "a", source]
        wrote = peak_of(ingest, stdout=subprocess.DEVNULL)
        read = peak_of([tool, "cat", store, "a"], stdout=subprocess.DEVNULL)
        print(f"memory: {name}: {wrote >> 20} MiB to write, {read >> 20} MiB to read, of {LIMIT >> 20}")
        # A record of 10 MiB is there several times: as it came, unescaped, in its page, and compressed.
        limit = LIMIT if "10 MiB" not in name else 3 * LIMIT
        assert wrote <= limit and read <= limit, f"{name}: over the limit"


if __name__ == "__main__":
    main(*sys.argv[1:])
