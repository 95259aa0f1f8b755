"""Running the benchmark's programs: one process a run, so that no run inherits another's heap, cache of the
allocator or open files; runs of two sides alternated, so that a machine that gets slower or busier slows
both."""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile


class Failure(Exception):
    """A program that could not be built or did not run through."""


class Skipped(Exception):
    """A measurement that this machine has no means for."""


def run(command):
    """Runs one program; gives the JSON object that it printed."""
    command = [str(part) for part in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}\n  ended with status {done.returncode}: {done.stderr.strip()}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise Failure(f"{' '.join(command)}\n  printed no JSON object: {error}") from error


@contextlib.contextmanager
def fresh_directory(parent):
    """A new empty directory, removed afterwards with all that is in it. Everything that earlier runs left to
    be written is on the disk before it is handed out, so that no run pays for another."""
    path = tempfile.mkdtemp(prefix="lode-bench-", dir=parent)
    os.sync()
    try:
        yield path
    finally:
        remove_tree(path)


def remove_tree(path):
    """Removes a directory; by rm where there is one, which is much faster for 100,000 snapshots."""
    if shutil.which("rm"):
        subprocess.run(["rm", "-rf", path], check=True)
    else:
        shutil.rmtree(path)


class Pair:
    """A subject and its baseline, each a function that does one run and gives its result."""

    def __init__(self, name, subject, baseline, goal=""):
        self.name, self.subject, self.baseline, self.goal = name, subject, baseline, goal
        self.subject_runs, self.baseline_runs = [], []

    def round(self, number):
        """One run of each; the baseline goes first in even rounds, the subject in odd ones."""
        order = [(self.baseline, self.baseline_runs), (self.subject, self.subject_runs)]
        for side, runs in order if number % 2 == 0 else reversed(order):
            runs.append(side())

    def subject_ns(self):
        return [run["ns"] for run in self.subject_runs]

    def baseline_ns(self):
        return [run["ns"] for run in self.baseline_runs]

    def ratios(self):
        """The subject's throughput over the baseline's, round by round."""
        return [b["ns"] / s["ns"] * s["bytes"] / b["bytes"] for s, b in zip(self.subject_runs, self.baseline_runs)]


def alternate(pairs, rounds):
    """Runs all pairs, one round after the other. One run of each side comes first and is not counted: it
    finds the disk's blocks and the page cache cold, which no later one does."""
    pairs[0].baseline()
    pairs[0].subject()
    for number in range(rounds):
        for pair in pairs:
            pair.round(number)


def megabytes_per_second(runs):
    """The throughput of each run, in 10^6 bytes a second."""
    return [run["bytes"] * 1000 / run["ns"] for run in runs]


def spread(values, digits=0):
    """`median (least–greatest)`."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def percentile(values, percent):
    """The least value that `percent` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def table(heading, rows):
    """Aligned columns under a heading row: the first to the left, the others to the right."""
    rows = [heading, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    lines = []
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  " + "  ".join(cells).rstrip())
        if number == 0:
            lines.append("  " + "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def strace_counts(command, scratch):
    """How often the program made each system call, as `strace -c` counts them."""
    if shutil.which("strace") is None:
        raise Skipped("counting system calls needs strace, which is not installed")
    summary = os.path.join(scratch, "strace.txt")
    run(["strace", "-f", "-c", "-o", summary, *command])
    counts = {}
    with open(summary, encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            # "% time", "seconds", "usecs/call", "calls", "errors" (may be blank), "syscall"; then a line of
            # totals.
            if len(fields) >= 5 and fields[3].isdigit() and fields[-1] != "total":
                counts[fields[-1]] = counts.get(fields[-1], 0) + int(fields[3])
    os.remove(summary)
    if not counts:
        raise Failure("strace -c printed no counts: is this process allowed to trace?")
    return counts
