"""The section on Parquet of `make bench`: beside DuckDB, and beside the crate's own writer and reader."""

import json
import os
import platform
import subprocess
import sys

from measure import Pair, Skipped, alternate, fresh_directory, run, spread, table

ENGINES = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "lode", "engines")

# One run of DuckDB on one core: `read` also writes the Parquet file first, which is not counted.
DUCKDB = """
import duckdb, json, os, resource, sys, time
mode, source, target = sys.argv[1:]
connection = duckdb.connect(config={"threads": 1})
parquet = os.path.join(target, "data.parquet")
write = f"COPY (SELECT * FROM read_json('{source}', format = 'newline_delimited')) TO '{parquet}' (FORMAT parquet)"
begun = time.perf_counter_ns()
connection.sql(write)
if mode == "read":
    begun = time.perf_counter_ns()
    connection.sql(f"COPY (SELECT * FROM read_parquet('{parquet}')) TO '{target}/data.json' (FORMAT json)")
ns = time.perf_counter_ns() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"ns": ns, "bytes": os.path.getsize(source), "peak": peak}))
"""


# The programs of these modes do the same several times, and hold all batches each time. Whether glibc gives that memory
# back in between, to take it again page by page, depends on where small allocations happen to lie: both sides keep it.
HEAP = f"MALLOC_TOP_PAD_={64 << 20}"


def build(bench):
    """The program of this section, and DuckDB in an environment of its own."""
    command = ["cargo", "bench", "--no-run", "--package", "lode-core", "--features", "parquet", "--bench", "parquet"]
    command.append("--message-format=json-render-diagnostics")
    repository = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    done = subprocess.run(command, cwd=repository, stdout=subprocess.PIPE, text=True, check=True)
    program = None
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "parquet" and message.get("executable"):
            program = message["executable"]
    python = os.path.join(ENGINES, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", ENGINES], check=True)
    if subprocess.run([python, "-c", "import duckdb"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "duckdb"]
        if subprocess.run(install, check=False).returncode != 0:
            raise Skipped("DuckDB cannot be installed from PyPI")
    return program, python


def beside_reference(bench, into_fresh, pinned, pairs):
    """The first two pairs beside the codec of the Go library: one round, which takes it half a minute."""
    schema = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flights_schema.json")

    def sized(once):
        """It does not say how many bytes it moved: the input's."""
        return lambda: {**once(), "bytes": os.path.getsize(bench.input)}

    with fresh_directory(bench.data) as root:
        write = [bench.reference, "write-parquet", schema, bench.input]
        run([*write, root])
        runs = [into_fresh(write), lambda: run([*pinned, bench.reference, "read-parquet", schema, root])]
        beside = [Pair(f"{pair.name}, beside Go", pair.subject, sized(once)) for pair, once in zip(pairs, runs)]
        for pair in beside:
            pair.round(0)
    return beside


def parquet(bench):
    """JSON to Parquet and back beside DuckDB, Arrow to Parquet and back beside the crate alone."""
    if bench.options.quick and not bench.options.input:
        return bench.skip("skipped: its columns are those of the flights, which a quick run does not have")
    try:
        program, python = build(bench)
    except Skipped as why:
        return bench.skip(f"skipped: {why}")
    if platform.system() == "Linux":
        # One core for both sides.
        pinned = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    else:
        pinned = []

    with fresh_directory(bench.data) as kept, fresh_directory(bench.data) as wide:
        run([program, "write-records", bench.input, kept])
        run([program, "wide-write", bench.input, wide])

        def ours(mode, directory=kept):
            return lambda: run([*pinned, program, mode, bench.input, directory])

        def in_one_heap(mode):
            return lambda: run(["env", HEAP, *pinned, program, mode, bench.input, kept])

        def into_fresh(command):
            def once():
                with fresh_directory(bench.data) as directory:
                    return run([*pinned, *command, directory])

            return once

        def duckdb(mode):
            return into_fresh([python, "-c", DUCKDB, mode, bench.input])

        pairs = [
            Pair("JSON records to durable Parquet", into_fresh([program, "write-records", bench.input]), duckdb("write"), ">= 1.2"),
            Pair("Parquet to JSON records", ours("read-records"), duckdb("read"), ">= 1.2"),
            Pair("Arrow stream to Parquet", in_one_heap("write-arrow"), in_one_heap("arrow-writer"), ">= 0.9"),
            Pair("Parquet to Arrow stream", in_one_heap("read-arrow"), in_one_heap("arrow-reader"), ">= 0.9"),
            Pair("10,000 columns to Parquet", into_fresh([program, "wide-write", bench.input]), into_fresh([program, "wide-writer", bench.input]), ""),
            Pair("10,000 columns to Arrow", ours("wide-read", wide), ours("wide-reader", wide), ""),
        ]
        alternate(pairs, bench.rounds)
        if bench.reference:
            pairs += beside_reference(bench, into_fresh, pinned, pairs)
    bench.results["parquet"] = {
        pair.name: {"subject": pair.subject_runs, "baseline": pair.baseline_runs, "ratios": pair.ratios()} for pair in pairs
    }
    seconds = lambda runs: spread([one["ns"] / 1e9 for one in runs], 3)
    peaks = lambda runs: f"{max(one['peak'] for one in runs) / (1 << 20):.0f}"
    rows = [
        [pair.name, seconds(pair.subject_runs), peaks(pair.subject_runs), seconds(pair.baseline_runs),
         peaks(pair.baseline_runs), spread(pair.ratios(), 2), pair.goal]
        for pair in pairs
    ]
    beside = (
        "beside DuckDB, which does not sync its file; the crate's ArrowWriter into memory and its reader, where both sides "
        "hold all batches,\n  and keep freed memory, but for those of 10,000 columns; with --reference the codec of the Go library. All with Snappy"
    )
    heading = ["", "lode s", "peak MiB", "beside s", "peak MiB", "ratio", "goal"]
    return table(heading, rows) + f"\n  {beside}"
