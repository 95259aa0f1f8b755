"""The section on object stores of `make bench`: a MinIO server on this machine, the crate `object_store`
alone beside the library, and the memory that 10 GB take."""

import contextlib
import json
import os
import subprocess
import sys

from measure import Pair, alternate, percentile, run, spread, table

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(REPOSITORY, "tests", "soak"))

import minio  # noqa: E402

# Two parts of 8 MiB, what is held between the service and the library, and the process itself.
MEMORY = 40 << 20


def build():
    """The program of this section, with the flags of a release."""
    command = ["sh", "packaging/release_build.sh", "cargo", "bench", "--no-run", "--package", "lode-core"]
    command += ["--features", "object-store", "--bench", "object_store", "--message-format=json-render-diagnostics"]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "object_store" and message.get("executable"):
            program = message["executable"]
    return program


@contextlib.contextmanager
def discarding(program):
    """A service that keeps no part of large objects; gives its URL."""
    with subprocess.Popen([program, "discard"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()
            server.wait()


def reference(bench, url):
    """How the Go library's S3 adapter is run; `None` if it is not asked for."""
    if not bench.reference:
        return None
    os.environ.update({"S3_ENDPOINT": url, "ACCESS_KEY_ID": minio.USER, "SECRET_ACCESS_KEY": minio.SECRET})

    def once(*arguments):
        return {**run([bench.reference, *arguments]), "bytes": os.path.getsize(bench.input)}

    return once


def throughput(bench, program, url):
    settings, number = minio.settings(url), iter(range(1_000_000))

    def fresh():
        return f"s3://{minio.BUCKET}/bench-{next(number)}"

    kept = fresh()
    run([program, "write", kept, settings, bench.input])
    theirs = reference(bench, url)
    pairs = [
        Pair(
            "stream write, beside multipart alone",
            lambda: run([program, "write", fresh(), settings, bench.input]),
            lambda: run([program, "bare-write", fresh(), settings, bench.input]),
            ">= 0.90",
        ),
        Pair(
            "read, beside ranges alone",
            lambda: run([program, "read", kept, settings, bench.input]),
            lambda: run([program, "bare-read", kept, settings, bench.input]),
            ">= 0.90",
        ),
    ]
    if theirs:
        go = fresh()
        theirs("write", "raw", bench.input, go)
        pairs += [
            Pair("the Go library's write, beside ours", lambda: theirs("write", "raw", bench.input, fresh()), lambda: run([program, "write", fresh(), settings, bench.input])),
            Pair("the Go library's read, beside ours", lambda: theirs("read", go), lambda: run([program, "read", kept, settings, bench.input])),
        ]
    alternate(pairs, bench.rounds)
    speed = lambda runs: spread([one["bytes"] * 1000 / one["ns"] for one in runs])
    rows = [[pair.name, speed(pair.subject_runs), speed(pair.baseline_runs), spread(pair.ratios(), 2), pair.goal] for pair in pairs]
    bench.results["object_store"] = {
        pair.name: {"subject": pair.subject_runs, "baseline": pair.baseline_runs, "ratios": pair.ratios()} for pair in pairs
    }
    return table(["", "MB/s", "beside MB/s", "ratio", "goal"], rows)


def commits(bench, program, url):
    settings, count, number = minio.settings(url), str(bench.commits_a_round), iter(range(1_000_000))
    sides = {"lode": [], "five requests alone": []}
    theirs = reference(bench, url)
    if theirs:
        sides["the Go library"] = []
    for _ in range(bench.rounds):
        place = f"s3://{minio.BUCKET}/commits-{next(number)}"
        sides["five requests alone"].append(run([program, "bare-commits", place, settings, count])["commits"])
        sides["lode"].append(run([program, "commits", place, settings, count])["commits"])
        if theirs:
            sides["the Go library"].append(theirs("commits", count, place + "-go", "5")["commits"])
    bench.results["object_store commits"] = sides
    floor = [percentile(times, 50) for times in sides["five requests alone"]]
    rows = []
    for name, rounds in sides.items():
        medians = [percentile(times, 50) for times in rounds]
        ratios = [one / other for one, other in zip(medians, floor)]
        goal = "<= 1.20" if name == "lode" else ""
        rows.append([name, spread([ns / 1e6 for ns in medians], 2), spread([percentile(times, 95) / 1e6 for times in rounds], 2), spread(ratios, 2), goal])
    return table(["a small commit", "median ms", "95 % ms", "ratio", "goal"], rows)


def memory(bench, program):
    sizes = [1_000_000, 100_000_000] if bench.options.quick else [1_000_000, 10_000_000_000]
    rows, peaks = [], {}
    with discarding(program) as url:
        for where, more in (("parts in memory", {}), ("spool directory", {"spool_directory": bench.data})):
            if where == "spool directory":
                # It takes the disk's space for as long as the commit lasts.
                room = os.statvfs(bench.data)
                last = min(sizes[1], room.f_bavail * room.f_frsize // 2)
            else:
                last = sizes[1]
            for size in (sizes[0], last):
                store = f"s3://{minio.BUCKET}/{where.replace(' ', '-')}-{size}"
                one = run([program, "memory", store, minio.settings(url, **more), str(size)])
                peaks[f"{where}, {size}"] = one
                goal = f"<= {MEMORY >> 20}" if size > sizes[0] else ""
                rows.append([f"{where}, {size / 1e9:g} GB", f"{one['peak'] / (1 << 20):.1f}", f"{one['bytes'] * 1000 / one['ns']:.0f}", goal])
    bench.results["object_store memory"] = peaks
    return table(["", "peak MiB", "MB/s", "goal MiB"], rows) + "\n  to a service that keeps nothing of what it is sent"


def object_store(bench):
    """Stream write, read, small commits and memory on an object store."""
    try:
        minio.program()
    except (OSError, subprocess.CalledProcessError):
        return bench.skip("skipped: a MinIO server cannot be built (it needs go)")
    program = build()
    with minio.minio(bench.data) as url:
        parts = [throughput(bench, program, url), commits(bench, program, url)]
    return "\n\n".join([*parts, memory(bench, program)])


SECTIONS = {"object_store": (object_store, "On an object store: MinIO on this machine, parts of 8 MiB")}
