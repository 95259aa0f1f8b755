"""What `make bench` measures of volumes and of upkeep; see sections.py for the form."""

import glob
import os
import shutil
import subprocess
import time

from measure import Pair, alternate, fresh_directory, run
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
    "verify": (verify, "Verifying checksums, from the page cache"),
}
