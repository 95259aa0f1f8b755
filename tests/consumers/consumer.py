"""consumer write ROOT DATASET, which commits the lines of standard input; consumer read ROOT DATASET, which
prints the records of the newest snapshot."""

import sys

import lode

what, root, name = sys.argv[1:]
dataset = lode.Store(root).dataset(name)
if what == "write":
    with dataset.writer() as writer:
        writer.write_lines(sys.stdin.buffer)
else:
    for record in dataset.read(decode=None):
        sys.stdout.buffer.write(record + b"\n")
