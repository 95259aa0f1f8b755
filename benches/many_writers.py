"""Sections on several threads, on streams into partitions, and on parts."""

from measure import Pair, alternate, fresh_directory, run, table
from sections import into_fresh, keep, throughput_table

STREAM = "stream=1"


def threads(bench):
    """The same compressed write by two threads and by one."""
    pairs = []
    for compressor, level, goal in (("zstd", 3, ">= 1.70"), ("gzip", 6, "")):
        command = [bench.lode, "write", "pull", bench.input, "DIRECTORY", f"compress={compressor}", f"level={level}"]
        two, one = ([*command, f"threads={count}"] for count in (2, 1))
        pairs.append(Pair(f"{compressor} level {level}, two threads", into_fresh(bench, two), into_fresh(bench, one), goal))
    alternate(pairs, bench.rounds)
    keep(bench, "threads", pairs)
    return throughput_table(pairs, "one thread", "two threads")


def stream(bench):
    """A stream into partitions against the plain file by hand, and its memory."""
    ours = [bench.lode, "write", "pull", bench.input, "DIRECTORY", STREAM]
    by_hand = [bench.baseline, "write", bench.input, "DIRECTORY"]
    pairs = [Pair("stream by origin, carrier; against by hand, unpartitioned", into_fresh(bench, ours), into_fresh(bench, by_hand), ">= 0.50")]
    alternate(pairs, bench.rounds)
    keep(bench, "stream", pairs)
    counts = bench.memory_records if bench.options.quick else [1_000_000, 10_000_000]
    mib = 1024 * 1024
    empty = run([bench.baseline, "peak", bench.baseline, "empty"])["peak_bytes"]
    rows = []
    for compressor in ("none", "zstd"):
        peaks = []
        for count in counts:
            with fresh_directory(bench.data) as root:
                command = [bench.lode, "generate", count, root, f"compress={compressor}", STREAM]
                peaks.append(run([bench.baseline, "peak", *command])["peak_bytes"])
        bench.results[f"stream memory, {compressor}"] = dict(zip(map(str, counts), peaks))
        rows.append([f"35 partitions, {compressor}", *(f"{(peak - empty) / mib:.1f}" for peak in peaks), "flat"])
    heading = ["MiB over an empty program", *(f"{count:,} records" for count in counts), "goal"]
    return throughput_table(pairs, "against") + "\n" + table(heading, rows)


def parts(bench):
    """The requests of a commit of parts beside those of an ordinary commit. Counts, not times."""
    count, between = (100, 10) if bench.options.quick else (1_000, 10)
    counted = run([bench.parts, count, between])
    bench.results["parts"] = counted
    kinds = ["puts", "swaps", "stats", "reads", "lists", "removes"]

    def row(name, key, of="", stats=0, reads=0):
        cells = [f"{counted[key][kind]:,}" for kind in kinds]
        if not of:
            return [name, *cells, ""]
        # The data are there already: a put fewer.
        more = {"puts": -1, "stats": stats, "reads": reads}
        holds = all(counted[key][kind] == counted[of][kind] + more.get(kind, 0) for kind in kinds)
        return [name, *cells, "holds" if holds else "DOES NOT HOLD"]

    rows = [
        row("an ordinary commit", "ordinary"),
        row(f"{count:,} parts: a stat each more", "parts", "ordinary", count),
        row(f"an ordinary commit after {between} of another writer", "ordinary_after"),
        row(f"{count:,} parts staged before those: {between} reads more", "parts_after", "ordinary_after", count, between),
    ]
    return table(["", *kinds, "goal"], rows)


SECTIONS = {
    "threads": (threads, "Compressing on two threads against one"),
    "parts": (parts, "Requests of committing parts"),
    "stream": (stream, "A stream into partitions, checksummed (xxh3), durable"),
}
