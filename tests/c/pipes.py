#!/usr/bin/env python3
"""The examples ingest and cat on non-blocking pipes, and with a SIGINT that their caller ignores.

    pipes.py INGEST CAT DIRECTORY RECORDS

DIRECTORY is for the stores and is left empty; RECORDS is a file of JSON lines. Exit status 1 if something is
wrong.
"""

import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

INGEST, CAT, DIRECTORY, RECORDS = sys.argv[1:5]
STORE = os.path.join(DIRECTORY, "pipes")


def waiting(fd):
    """How many bytes of a pipe were not read yet."""
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0]


def until(process, holds):
    """Waits until the condition holds, or the process has ended."""
    while not holds() and process.poll() is None:
        time.sleep(0.001)


def sleeps(process):
    """Whether the process waits for something."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "S"


def non_blocking_pipe():
    """A small pipe, both of its ends non-blocking."""
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
    return ends


def fill(fd):
    """Writes until no more fits. Gives how much it was."""
    filled = 0
    try:
        while True:
            filled += os.write(fd, b"x" * 4096)
    except BlockingIOError:
        return filled


def read_to_end(fd):
    """All that comes through a pipe whose reading end is non-blocking."""
    os.set_blocking(fd, True)
    with os.fdopen(fd, "rb") as file:
        return file.read()


def ingest(dataset, stdin, stdout=subprocess.PIPE, ignored=None):
    """Starts ingest; the signal `ignored` is ignored by its caller."""
    return subprocess.Popen(
        [INGEST, STORE, dataset], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
        preexec_fn=None if ignored is None else lambda: signal.signal(ignored, signal.SIG_IGN))


def cat(dataset):
    """What a dataset holds, read through a pipe without surprises."""
    return subprocess.run([CAT, STORE, dataset], stdout=subprocess.PIPE, check=True).stdout


def feed(process, fd, lines):
    """Gives lines to a process one by one, each after it has read the one before and waits for more."""
    for line in lines:
        until(process, lambda: waiting(fd) == 0 and sleeps(process))
        os.write(fd, line)


def expect(what, got, wanted):
    if got != wanted:
        raise SystemExit(f"pipes: {what}: got {got!r}, expected {wanted!r}")


def input_that_is_non_blocking():
    reading, writing = non_blocking_pipe()
    process = ingest("input", reading)
    lines = [b'{"a":%d}\n' % i for i in range(50)]
    feed(process, writing, lines)
    os.close(writing)
    os.close(reading)
    _, errors = process.communicate()
    expect("ingest from a non-blocking pipe", (process.returncode, errors), (0, b""))
    expect("its records", cat("input"), b"".join(lines))


def output_that_is_non_blocking():
    with open(RECORDS, "rb") as file:
        records = file.read()
    with open(RECORDS, "rb") as file:
        process = ingest("output", file)
        process.communicate()
    reading, writing = non_blocking_pipe()
    process = subprocess.Popen([CAT, STORE, "output"], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    until(process, lambda: waiting(reading) == 4096 and sleeps(process))
    got = read_to_end(reading)
    _, errors = process.communicate()
    expect("cat into a non-blocking pipe", (process.returncode, errors), (0, b""))
    expect("its records", got == records, True)


def output_that_is_full():
    reading, writing = non_blocking_pipe()
    filled = fill(writing)
    with open(RECORDS, "rb") as file:
        process = ingest("full", file, stdout=writing)
    os.close(writing)
    latest = os.path.join(STORE, "datasets", "full", "latest")
    until(process, lambda: os.path.exists(latest) and sleeps(process))
    got = read_to_end(reading)[filled:]
    _, errors = process.communicate()
    expect("ingest with a full pipe for its answer", (process.returncode, errors), (0, b""))
    with open(latest, "rb") as file:
        expect("the id that it prints", got, file.read().strip() + b"\n")


def interrupt(number, ignored):
    """Sends a signal while ingest waits for more, then gives more. Gives the exit status."""
    reading, writing = os.pipe()
    process = ingest(f"signal-{number}-{ignored}", reading, ignored=ignored)
    feed(process, writing, [b'{"a":1}\n'])
    until(process, lambda: waiting(writing) == 0 and sleeps(process))
    process.send_signal(number)
    if number == ignored:
        feed(process, writing, [b'{"a":2}\n'])
        os.close(writing)
        process.communicate()
    else:
        process.communicate()
        os.close(writing)
    os.close(reading)
    return process.returncode


def main():
    os.mkdir(STORE)
    try:
        input_that_is_non_blocking()
        output_that_is_non_blocking()
        output_that_is_full()
        for number in signal.SIGINT, signal.SIGTERM:
            expect(f"{number.name}, ignored by the caller", interrupt(number, number), 0)
            expect("the records before and after it", cat(f"signal-{number}-{number}"), b'{"a":1}\n{"a":2}\n')
            expect(f"{number.name}", interrupt(number, None), 130)
    finally:
        shutil.rmtree(STORE)


if __name__ == "__main__":
    main()
