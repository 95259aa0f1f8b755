"""The C++ daemon, killed at points of its input: in the end every line is committed once, in order.

    daemon.py DAEMON CAT DIRECTORY
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

daemon, cat, parent = sys.argv[1:]
LINES = [f'{{"n":{n}}}' for n in range(900)]
BAD = {100: "no JSON", 500: ""}
TEXT = [BAD.get(n, line) for n, line in enumerate(LINES)]


def start(root, *settings):
    return subprocess.Popen(
        [daemon, root, "events", "reader", *settings],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
    )


def feed(process, lines):
    for line in lines:
        process.stdin.write(line + "\n")
    process.stdin.flush()


def committed(process):
    word, _, _, position = process.stdout.readline().split()
    assert word == "committed", word
    return int(position)


root = tempfile.mkdtemp(dir=parent)
# Killed right after a commit, with more taken that is not committed: three times.
done = 0
for _ in range(3):
    process = start(root, "200", "3600")
    feed(process, TEXT[: done + 290])
    position = committed(process)
    assert position > done, (position, done)
    done = position
    process.kill()
    process.communicate()
# SIGTERM commits what was taken.
process = start(root, "100000", "3600")
feed(process, TEXT[: done + 50])
while True:  # it has taken all once its pipe is empty: a line that is refused says so
    feed(process, ["bad"])
    if "left out" in process.stderr.readline():
        break
process.send_signal(signal.SIGTERM)
out, errors = process.communicate()
assert process.returncode == 0, errors
done = int(out.split()[-1])
# The lines that were only there to be refused are part of the input from now on.
TEXT = TEXT[: done - 1] + ["bad"] + TEXT[done - 1 :]
# An age that is over at once, and the end of the input.
process = start(root, "100000", "0")
feed(process, TEXT)
out, errors = process.communicate()
assert process.returncode == 0, errors
assert out.splitlines()[-1].endswith(f" {len(TEXT)}"), out

ids = subprocess.run([cat, root, "events"], capture_output=True, text=True, check=True).stdout
read = []
folder = os.path.join(root, "datasets", "events", "snapshots")
# A killed daemon leaves data that no manifest names.
names = sorted(name for name in os.listdir(folder) if os.path.exists(os.path.join(folder, name, "manifest.json")))
for name in names:
    got = subprocess.run([cat, root, "events", name], capture_output=True, text=True, check=True)
    read += got.stdout.splitlines()
wanted = [line for n, line in enumerate(LINES) if n not in BAD]
assert read == wanted, f"{len(read)} records, expected {len(wanted)}"
assert ids in "\n".join(read) + "\n"
shutil.rmtree(root)
print(f"{len(read)} records once, in {len(names)} snapshots")
