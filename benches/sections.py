"""What `make bench` measures. Each section takes the bench (see run.py), gives its text, and keeps its raw
figures in `bench.results`."""

import os
import statistics

from bindings import bindings
from measure import (
    Pair,
    Skipped,
    alternate,
    fresh_directory,
    megabytes_per_second,
    percentile,
    remove_tree,
    run,
    spread,
    strace_counts,
    table,
)

from parquet_section import parquet

FORMS = ["pull", "pull-batch", "append", "append-batch", "append-lines"]
LEVELS = {"gzip": 6, "zstd": 3}

# What a call that pulls does by itself, and a writer if it is told to: data start for the disk before the
# commit.
EARLY = "early=1"


def pushes(form):
    return form.startswith("append")


def into_fresh(bench, command, where=None):
    """A function that runs `command` with the word DIRECTORY replaced by a fresh directory."""

    def once():
        with fresh_directory(where or bench.data) as directory:
            return run([directory if part == "DIRECTORY" else part for part in command])

    return once


def throughput_table(pairs, baseline, subject="lode"):
    """One row a pair: both throughputs and the ratio of each round."""
    rows = [
        [
            pair.name,
            spread(megabytes_per_second(pair.subject_runs)),
            spread(megabytes_per_second(pair.baseline_runs)),
            spread(pair.ratios(), 2),
            pair.goal,
        ]
        for pair in pairs
    ]
    return table(["", f"{subject} MB/s", f"{baseline} MB/s", "ratio", "goal"], rows)


def keep(bench, section, pairs):
    bench.results[section] = {
        pair.name: {"subject_ns": pair.subject_ns(), "baseline_ns": pair.baseline_ns(), "ratios": pair.ratios()}
        for pair in pairs
    }


def write(bench):
    """Stream write, validated, checksummed, durable."""
    by_hand = into_fresh(bench, [bench.baseline, "write", bench.input, "DIRECTORY"])

    def ours(name, form, *settings):
        command = [bench.lode, "write", form, bench.input, "DIRECTORY", *settings]
        return Pair(name, into_fresh(bench, command), by_hand, ">= 0.40")

    pairs = [ours(form, form, *([EARLY] if pushes(form) else [])) for form in FORMS]
    pairs += [ours(f"{form}, no early write-back", form) for form in FORMS if pushes(form)]
    alternate(pairs, bench.rounds)
    keep(bench, "write", pairs)
    text = throughput_table(pairs, "by hand")
    if bench.reference:
        pairs = [
            Pair(name, sized(bench, into_fresh(bench, [bench.reference, "write", form, bench.input, "DIRECTORY"])), by_hand)
            for form, name in (("raw", "from JSON"), ("maps", "from maps"))
        ]
        alternate(pairs, bench.rounds)
        keep(bench, "write by the reference", pairs)
        text += "\n" + throughput_table(pairs, "by hand", "reference")
    return text


def sized(bench, once):
    """The reference's runs do not say how many bytes they moved: the input's."""
    return lambda: {**once(), "bytes": os.path.getsize(bench.input)}


def read(bench):
    """Read back, verified, against getline over the same data file; both from the page cache."""
    with fresh_directory(bench.data) as root:
        run([bench.lode, "write", "pull", bench.input, root])
        data = os.path.join(root, run([bench.lode, "files", root])["files"][0]["path"])
        pairs = [
            Pair(
                form,
                lambda form=form: run([bench.lode, "read", form, root]),
                lambda: run([bench.baseline, "getline", data]),
                ">= 1.00",
            )
            for form in ("next", "next-batch")
        ]
        alternate(pairs, bench.rounds)
    keep(bench, "read", pairs)
    text = throughput_table(pairs, "getline")
    if bench.reference:
        with fresh_directory(bench.data) as root:
            run([bench.reference, "write", "raw", bench.input, root])
            by_reference = sized(bench, lambda: run([bench.reference, "read", root]))
            pair = Pair("Read", by_reference, lambda: run([bench.baseline, "getline", bench.input]))
            alternate([pair], bench.rounds)
        keep(bench, "read by the reference", [pair])
        text += "\n" + throughput_table([pair], "getline", "reference")
    return text


def compress(bench):
    """Compressed stream write against the compressor library alone: the same level, bytes, disk and fsync."""
    pairs, sizes = [], []
    for compressor, level in LEVELS.items():
        settings = [f"compress={compressor}", f"level={level}"]
        alone = [bench.compressors, compressor, level, bench.input, "DIRECTORY"]
        for form in ("pull", "append-lines"):
            early = [EARLY] if pushes(form) else []
            ours = [bench.lode, "write", form, bench.input, "DIRECTORY", *settings, *early]
            name = f"{compressor} level {level}, {form}"
            goal = ">= 0.95" if compressor == "zstd" and pushes(form) else ">= 0.90"
            pairs.append(Pair(name, into_fresh(bench, ours), into_fresh(bench, alone), goal))
        with fresh_directory(bench.data) as root:
            run([bench.lode, "write", "pull", bench.input, root, *settings])
            stored = sum(file["bytes"] for file in run([bench.lode, "files", root])["files"])
        sizes.append((compressor, stored))
    alternate(pairs, bench.rounds)
    keep(bench, "compress", pairs)
    notes = []
    for compressor, stored in sizes:
        alone = next(p for p in pairs if p.name.startswith(compressor)).baseline_runs[0]["stored"]
        notes.append(f"  {compressor}: {stored:,} bytes stored, {alone:,} by the library alone")
    return throughput_table(pairs, "alone") + "\n" + "\n".join(notes)


def surface(bench):
    """Partitions against the plain file by hand, beside what their promise costs by hand; a blob against cp
    and fsync."""
    by_hand = into_fresh(bench, [bench.baseline, "write", bench.input, "DIRECTORY"])
    copied = into_fresh(bench, [bench.baseline, "copy", bench.input, "DIRECTORY"])
    partitioned = Pair(
        "hive by origin, carrier; against by hand, unpartitioned",
        into_fresh(bench, [bench.lode, "partition", bench.input, "DIRECTORY"]),
        by_hand,
        ">= 0.50",
    )
    floor = Pair(
        "hive by hand, the same promise (floor.c); against by hand, unpartitioned",
        into_fresh(bench, [bench.floor, "partitions", bench.input, "DIRECTORY"]),
        by_hand,
    )
    blob = Pair(
        "blob; against cp and fsync",
        into_fresh(bench, [bench.lode, "blob", bench.input, "DIRECTORY"]),
        copied,
        ">= 0.80",
    )
    pairs = [partitioned, floor, blob]
    alternate(pairs, bench.rounds)
    keep(bench, "surface", pairs)
    files = partitioned.subject_runs[0]["files"]
    return throughput_table(pairs, "against") + f"\n  {files} partitions, each with its file and its copy of the manifest"


def entry(bench):
    """What a form of entry costs, without the writing.

    A run without checksum and without fsync, less a run that puts the same bytes into the same memory-backed
    filesystem by write(2) in pieces of 256 KiB and renames the file; divided by the number of records. What
    stays is the caller's iterator or loop, the crossing into the library, the check of the JSON, the copy
    into the library's buffer, and the commit (one for all records). With records of two bytes (`{}`) there is
    next to nothing to check and copy: that column is the crossing. The difference of a round is taken within
    the round; the median of the differences is shown.
    """
    where = bench.memory_directory
    inputs = {"flights": bench.input, "{}": bench.empty_records()}
    pairs = {}
    for label, path in inputs.items():
        alone = into_fresh(bench, [bench.baseline, "chunks", path, "DIRECTORY"], where)
        for form in FORMS:
            ours = [bench.lode, "write", form, path, "DIRECTORY", "durability=process", "checksum=none"]
            pairs[label, form] = Pair(f"{form}, {label}", into_fresh(bench, ours, where), alone)
    summed = [bench.lode, "write", "pull", bench.input, "DIRECTORY", "durability=process", "checksum=xxh3"]
    pairs["flights", "xxh3"] = Pair(
        "pull, flights, xxh3", into_fresh(bench, summed, where), pairs["flights", "pull"].subject
    )
    alternate(list(pairs.values()), bench.rounds)
    keep(bench, "entry", list(pairs.values()))

    def per_record(pair):
        return [
            (s["ns"] - b["ns"]) / s["records"] for s, b in zip(pair.subject_runs, pair.baseline_runs)
        ]

    rows = [[form, *(spread(per_record(pairs[label, form]), 1) for label in inputs)] for form in FORMS]
    records = pairs["flights", "pull"].subject_runs[0]["records"]
    length = os.path.getsize(bench.input) / records
    text = table(["ns a record", f"records of {length:.0f} bytes", "records of 3 bytes"], rows)
    checksum = statistics.median(per_record(pairs["flights", "xxh3"]))
    entry_cost = statistics.median(per_record(pairs["flights", "pull"]))
    crossing = statistics.median(per_record(pairs["{}", "pull"]))
    text += f"\n  sizes with the line feed; without fsync, on {where}"
    written = bench.results.get("write", {}).get("pull")
    if written:
        total = statistics.median(written["subject_ns"]) / records
        by_hand = statistics.median(written["baseline_ns"]) / records
        parts = [
            ("crossing into the library", crossing),
            ("check and copy", entry_cost - crossing),
            ("checksum (xxh3)", checksum),
            ("writing, fsync, commit (the rest)", total - entry_cost - checksum),
        ]
        rows = [[name, f"{cost:.0f}", f"{100 * cost / total:.0f} %"] for name, cost in parts]
        rows += [["durable stream write, pull", f"{total:.0f}", "100 %"], ["by hand", f"{by_hand:.0f}", ""]]
        text += "\n\n" + table(["where the time goes", "ns a record", "share"], rows)
    return text


def memory(bench):
    """Peak resident memory of a process that does one thing, less that of a C program that does nothing."""
    empty = run([bench.baseline, "peak", bench.baseline, "empty"])["peak_bytes"]
    mib = 1024 * 1024
    counts = bench.memory_records
    peaks = {}
    for compressor in ("none", "gzip", "zstd"):
        for count in counts:
            with fresh_directory(bench.data) as root:
                command = [bench.lode, "generate", count, root, f"compress={compressor}"]
                peaks[f"write, {compressor}, pull", count] = run([bench.baseline, "peak", *command])["peak_bytes"]
                for form in ("next", "next-batch"):
                    command = [bench.lode, "read", form, root]
                    peaks[f"read, {compressor}, {form}", count] = run([bench.baseline, "peak", *command])["peak_bytes"]
    blobs = bench.memory_blobs
    for size in blobs:
        with fresh_directory(bench.data) as root:
            source = os.path.join(root, "source")
            with open(source, "wb") as file:
                file.truncate(size)  # a file with a hole: its size is all that matters
            command = [bench.lode, "blob", source, os.path.join(root, "store")]
            os.mkdir(command[-1])
            peaks["write, blob", size] = run([bench.baseline, "peak", *command])["peak_bytes"]
    bench.results["memory"] = {"empty": empty, **{f"{name}, {count}": peak for (name, count), peak in peaks.items()}}
    names = list(dict.fromkeys(name for name, _ in peaks if name != "write, blob"))
    rows = [[name, *(f"{(peaks[name, count] - empty) / mib:.1f}" for count in counts), "<= 16"] for name in names]
    heading = ["MiB over an empty program", *(f"{count:,} records" for count in counts), "goal"]
    by_size = [f"{size / 1e6:,.0f} MB: {(peaks['write, blob', size] - empty) / mib:.1f}" for size in blobs]
    text = table(heading, rows) + f"\n  the empty program: {empty / mib:.1f} MiB"
    return text + f"\n  a blob's stream write, MiB over an empty program: {'; '.join(by_size)} (goal: <= 16)"


def commit(bench):
    """A commit of one record through an open handle. "Behind it" are the snapshots before the first timed."""
    results = {"by hand": [], "floor": [], "durable": [], "process": []}
    medians, first = {"durable": [], "long": []}, {"durable": [], "long": []}
    count = bench.commits_a_round
    history_text, big = "", None
    if bench.history:
        results["long"] = []
        big = os.path.join(bench.data, "history")
        os.mkdir(big)
        built = run([bench.lode, "commits", 0, big, f"warmup={bench.history}", "durability=process"])
        took = built["warmup_ns"] / 1e9
        history_text = f"\n  committing the {bench.history:,} (LODE_DURABILITY_PROCESS) took {took:.1f} s"
        os.sync()
    if bench.reference:
        results["reference"] = []

    def timed(*settings, root=None):
        command = [bench.lode, "commits", count, root or "DIRECTORY", "warmup=10", *settings]
        return run(command) if root else into_fresh(bench, command)()

    for _ in range(bench.commit_rounds):
        results["by hand"] += into_fresh(bench, [bench.baseline, "commits", "DIRECTORY", count])()["commits"]
        results["floor"] += into_fresh(bench, [bench.floor, "commits", "DIRECTORY", count])()["commits"]
        for name, root in (("durable", None), ("long", big)):
            if name in results:
                got = timed(root=root)
                results[name] += got["commits"]
                medians[name].append(statistics.median(got["commits"]))
                first[name].append(got["first_ns"])
        results["process"] += timed("durability=process")["commits"]
        if bench.reference:
            results["reference"] += into_fresh(bench, [bench.reference, "commits", count, "DIRECTORY", 10])()["commits"]

    finding = ""
    if big:
        with fresh_directory(bench.data) as small:
            run([bench.lode, "commits", 20, small])
            finding = find(bench, small, big)
    calls, skipped = system_calls(bench, big)
    if big:
        remove_tree(big)
    bench.results["commit"] = {"ns": results, "first_ns": first, "system_calls": calls}
    titles = {
        "by hand": "one small file by hand: write, fsync, rename, fsync",
        "floor": "the same promise by hand (floor.c): ordered, durable, one of several writers",
        "durable": "durable, 10 snapshots behind it",
        "long": f"durable, {bench.history:,} snapshots behind it",
        "process": "LODE_DURABILITY_PROCESS, 10 snapshots behind it",
        "reference": "reference (no fsync), 10 snapshots behind it",
    }
    rows = []
    for name, values in results.items():
        counted = calls.get(name)
        rows.append(
            [titles[name]]
            + [f"{statistics.median(values) / 1000:.0f}"]
            + [f"{percentile(values, p) / 1000:.0f}" for p in (90, 99, 100)]
            + ([f"{fsyncs(counted):g}", f"{sum(counted.values()):g}"] if counted else ["", ""])
        )
    text = table(["µs a commit", "median", "p90", "p99", "max", "fsyncs", "system calls"], rows)
    if "long" in results:
        growth = [b / a for a, b in zip(medians["durable"], medians["long"])]
        text += f"\n  {bench.history:,} snapshots behind it take {spread(growth, 2)} times as long as 10 (medians of a round)"
        text += history_text + finding
    for name, values in first.items():
        if values:
            opened = spread([value / 1000 for value in values])
            text += f"\n  {titles[name]}, the first commit of a fresh handle, opening included: {opened} µs"
    for name, counted in calls.items():
        ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        listed = ", ".join(f"{call} {number:g}" for call, number in ordered)
        text += f"\n  {titles[name]}, system calls a commit: {listed}"
    return text + (f"\n  SKIPPED: {bench.skip(skipped)}" if skipped else "")


def find(bench, small, big):
    """Opening a dataset and finding its newest snapshot, then the ten newest: with a long history and with
    20."""
    times = {"latest": ([], []), "changes": ([], [])}
    for _ in range(bench.rounds):
        for side, root in enumerate((small, big)):
            got = run([bench.lode, "find", bench.commits_a_round, root])
            for what, sides in times.items():
                sides[side].append(statistics.median(got[what]))
    bench.results["find"] = times
    names = {"latest": "open, newest snapshot", "changes": "changes since the tenth before"}
    rows = []
    for what, (few, many) in times.items():
        micro = [spread([value / 1000 for value in side]) for side in (few, many)]
        rows.append([names[what], *micro, spread([b / a for a, b in zip(few, many)], 2), "<= 2.00"])
    heading = ["µs, from the page cache", "20 snapshots", f"over {bench.history:,}", "ratio", "goal"]
    return "\n\n" + table(heading, rows)


def fsyncs(counted):
    return sum(counted.get(call, 0) for call in ("fsync", "fdatasync", "syncfs"))


def system_calls(bench, big):
    """The system calls of one warm commit: those of a long run less those of a short one, so that starting
    and opening fall out. Gives (name -> call -> number, why it was skipped or None)."""
    more = bench.commits_a_round
    cases = {
        "by hand": ([bench.baseline, "commits", "DIRECTORY", "COUNT"], None),
        "floor": ([bench.floor, "commits", "DIRECTORY", "COUNT"], None),
        "durable": ([bench.lode, "commits", "COUNT", "DIRECTORY", "warmup=10"], None),
        "process": ([bench.lode, "commits", "COUNT", "DIRECTORY", "warmup=10", "durability=process"], None),
    }
    if big:
        cases["long"] = ([bench.lode, "commits", "COUNT", "DIRECTORY", "warmup=10"], big)
    found = {}
    for name, (command, root) in cases.items():
        totals = []
        for count in (10, 10 + more):
            with fresh_directory(bench.data) as directory:
                words = {"DIRECTORY": root or directory, "COUNT": str(count)}
                scratch = directory + ".strace"
                os.mkdir(scratch)
                try:
                    totals.append(strace_counts([words.get(part, part) for part in command], scratch))
                except Skipped as skipped:
                    return found, str(skipped)
                finally:
                    remove_tree(scratch)
        short, long = totals
        a_commit = {call: round((number - short.get(call, 0)) / more, 2) for call, number in long.items()}
        found[name] = {call: number for call, number in a_commit.items() if number > 0}
    return found, None


SECTIONS = {
    "write": (write, "Stream write: validated, checksummed (xxh3), durable"),
    "read": (read, "Read back: verified, from the page cache"),
    "compress": (compress, "Compressed stream write against the compressor library alone"),
    "surface": (surface, "Partitions and blobs, checksummed (xxh3), durable"),
    "entry": (entry, "What each form of entry costs, the writing taken out"),
    "bindings": (bindings, "What the bindings for C++, Go, Zig and Python cost over C in batches"),
    "memory": (memory, "Peak memory"),
    "commit": (commit, "A small commit"),
    "parquet": (parquet, "Typed columns: Parquet and Arrow, on one core"),
}
