"""What `make bench` measures of volumes and of upkeep; see sections.py for the form."""

import glob
import hashlib
import json
import os
import shutil
import subprocess
import time

from measure import Pair, alternate, fresh_directory, run, table
from sections import keep, throughput_table


def volume(bench):
    """A volume's 1 MiB reads at random offsets, against open, pread and close of the same files."""
    blocks, count = (2, 50) if bench.options.quick else (16, 4_000)
    with fresh_directory(bench.data) as root:
        run([bench.upkeep, "fill", root, str(blocks)])
        pair = Pair(
            "1 MiB at random",
            lambda: run([bench.upkeep, "volume", root, str(count)]),
            lambda: run([bench.upkeep, "pread", root, str(count)]),
            ">= 0.90",
        )
        alternate([pair], bench.rounds)
    keep(bench, "volume", [pair])
    return throughput_table([pair], "pread")


def forge_volume(root, blocks, hostile=None, reads=0):
    """A volume of so many blocks as the Go library writes it, of which only the newest manifest is there, and
    the blocks that so many reads of upkeep_bench ask for. `hostile`: what is wrong with it."""
    id = "1700000000000000000"
    directory = os.path.join(root, "volumes/bench/snapshots", id)
    os.makedirs(directory)
    data = b"x" * 1024
    of_data = hashlib.md5(data).hexdigest()
    head = {
        "schema_name": "lode-volume-manifest",
        "format_version": "1.0.0",
        "volume_id": "bench",
        "snapshot_id": id,
        "created_at": "2023-11-14T22:13:20Z",
        "metadata": {},
        "total_length": 1024 * blocks,
    }
    with open(os.path.join(directory, "manifest.json"), "w", encoding="ascii") as out:
        out.write(json.dumps(head)[:-1] + ', "blocks": [')
        order = reversed(range(blocks)) if hostile == "the last two overlap, listed backwards" else range(blocks)
        for place, number in enumerate(order):
            offset, length = 1024 * number, 1024
            if number == blocks - 1 and hostile == "the last is beyond the end":
                length += 1
            elif number == blocks - 1 and hostile:
                offset, length = offset - 1, 1025
            block = f'"offset":{offset},"length":{length},"path":"volumes/bench/data/{offset}-{length}.bin"'
            checksum = of_data if reads else f"{number:016x}"
            out.write(f'{"," if place else ""}{{{block},"checksum":"{checksum}"}}')
        out.write(f'], "checksum_algorithm": "{"md5" if reads else "xxh3"}"}}')
    os.makedirs(os.path.join(root, "volumes/bench/data"))
    for number in {read * 7919 % blocks for read in range(reads)}:
        with open(os.path.join(root, f"volumes/bench/data/{1024 * number}-1024.bin"), "wb") as out:
            out.write(data)
    with open(os.path.join(root, "volumes/bench/latest"), "w", encoding="ascii") as out:
        out.write(id)


def small_blocks(bench):
    """Many small blocks: a commit each, reads of 16 bytes, the loading of their table; beside the Go
    library."""
    count, reads = (50, 20) if bench.options.quick else (2_000, 1_000)
    rows = []

    def measured(name, ours, theirs=None, unit=1e9, digits=2):
        rows.append([name, f"{ours / unit:.{digits}f}", "" if theirs is None else f"{theirs / unit:.{digits}f}"])
        bench.results.setdefault("volume, small blocks", {})[name] = [ours, theirs]

    with fresh_directory(bench.data) as root, fresh_directory(bench.data) as go_root:
        ours = run([bench.upkeep, "commits", root, count])["ns"]
        theirs = run([bench.reference, "volume", count, go_root])["ns"] if bench.reference else None
        measured(f"{count:,} commits of one block, s", ours, theirs)
        ours = run([bench.upkeep, "reads", root, reads])["ns"] / reads
        theirs = run([bench.reference, "reads", count, go_root, reads])["ns"] / reads if bench.reference else None
        measured(f"a read of 16 bytes of {count:,} blocks, µs", ours, theirs, 1e3, 1)
    for blocks in (1_000, 10_000) if bench.options.quick else (1_000, 1_000_000):
        with fresh_directory(bench.data) as root:
            forge_volume(root, blocks)
            measured(f"loading {blocks:,} blocks, ms", run([bench.upkeep, "latest", root, "1"])["ns"], None, 1e6)
            size = os.path.getsize(glob.glob(os.path.join(root, "volumes/bench/snapshots/*/manifest.json"))[0])
            peak = run([bench.baseline, "peak", bench.upkeep, "latest", root, "1"])["peak_bytes"] - size
            measured(f"its memory over the manifest's {size / 1e6:.1f} MB, MB", peak, None, 1e6, 1)
        with fresh_directory(bench.data) as root:
            forge_volume(root, blocks, reads=reads)
            ns = run([bench.upkeep, "reads", root, reads])["ns"] / reads
            measured(f"a read of 16 bytes of {blocks:,} blocks, once loaded, µs", ns, None, 1e3, 1)
    for hostile in ("the last two overlap, listed backwards", "the last is beyond the end"):
        with fresh_directory(bench.data) as root:
            forge_volume(root, blocks, hostile)
            command = [bench.upkeep, "refuse", root, "LODE_ERR_MANIFEST_INVALID"]
            measured(f"refusing {blocks:,} blocks, {hostile}, ms", run(command)["ns"], None, 1e6)
            size = os.path.getsize(glob.glob(os.path.join(root, "volumes/bench/snapshots/*/manifest.json"))[0])
            peak = run([bench.baseline, "peak", *command])["peak_bytes"] - size
            measured("its memory over the manifest's size, MB", peak, None, 1e6, 1)
    return table(["", "lode", "reference"], rows)


def verify(bench):
    """A verification at the level of checksums, against Debian's xxhsum over the same data files."""
    need = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "packaging", "need.sh")
    subprocess.run(["sh", need, "xxhsum", "xxhash", "--", "xxhsum (on Debian: apt-get install xxhash)"], check=False)
    tool = shutil.which("xxhsum")
    if tool is None:
        return bench.skip("skipped: there is no xxhsum (Debian: xxhash)\n")
    with fresh_directory(bench.data) as root:
        for _ in range(2 if bench.options.quick else 8):
            run([bench.lode, "write", "pull", bench.input, root])
        files = sorted(glob.glob(os.path.join(root, "datasets/bench/snapshots/*/data/*")))
        total = sum(os.path.getsize(path) for path in files)

        def by_xxhsum():
            begin = time.monotonic_ns()
            subprocess.run([tool, "-H3", *files], check=True, stdout=subprocess.DEVNULL)
            return {"ns": time.monotonic_ns() - begin, "bytes": total}

        def ours():
            begin = time.monotonic_ns()
            run([bench.upkeep, "verify", root, "bench"])
            return {"ns": time.monotonic_ns() - begin, "bytes": total}

        pair = Pair("checksums", ours, by_xxhsum, ">= 0.80")
        alternate([pair], bench.rounds)
    keep(bench, "verify", [pair])
    return throughput_table([pair], "xxhsum")


SECTIONS = {
    "volume": (volume, "A volume's random reads of 1 MiB"),
    "small-blocks": (small_blocks, "A volume of many small blocks"),
    "verify": (verify, "Verifying checksums, from the page cache"),
}
