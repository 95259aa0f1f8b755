#!/usr/bin/env python3
"""The daemon of the examples, as its feeders and its operator see it.

    daemon.py DAEMON CAT [TEST...]

200,000 real records go in through standard input and from two senders of datagrams while the daemon is killed
twenty times: afterwards each is there exactly once. Then its other promises, one by one: the functions whose
names begin with test_. DAEMON and CAT are the programs of the examples. Nothing waits for a time, only for
events; what does not come within a minute has failed. Stores are made below TMPDIR. Exit status 1 if anything
is wrong.
"""

import bisect
import collections
import fcntl
import glob
import itertools
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
AUDIT = os.path.join(HERE, "audit.py")
DATA = os.path.join(HERE, "..", "data")
DAEMON, CAT = "", ""
KILLS, RECORDS, SEED = 20, 200_000, 20130101
HANGS = 60  # seconds


def fail(text):
    raise AssertionError(text)


def real_records():
    """Every record that the repository carries, as a line."""
    for table in ("airports", "planes"):
        with open(os.path.join(DATA, table + ".jsonl"), "rb") as file:
            yield from file


def numbered(count, first=0):
    """`count` real records as lines, each with a running number of its own."""
    real = list(real_records())
    return [b'{"n":%d,%s' % (n, real[n % len(real)][1:]) for n in range(first, first + count)]


def parse_position(words):
    return {name: int(number) for name, number in (word.split("=") for word in words)}


class Daemon:
    """One start of the daemon. `under` is what it is run under, such as strace."""

    all = []

    def __init__(self, root, *options, stdin=subprocess.DEVNULL, under=()):
        command = [*under, DAEMON, *options, root, "events"]
        self.process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                                        start_new_session=True)
        self.out, self.err = self.process.stdout.fileno(), self.process.stderr.fileno()
        self.texts = {self.out: b"", self.err: b""}
        self.open = [self.out, self.err]
        self.position = None  # as its last line on standard output says
        self.commits = []  # (snapshot, records, why)
        Daemon.all.append(self)

    def said(self):
        return self.texts[self.err].decode()

    def hear(self, fd):
        """Takes what has come on standard output or error, or its end."""
        new = os.read(fd, 1 << 16)
        if not new:
            self.open.remove(fd)
        begin = self.texts[fd].rfind(b"\n") + 1
        self.texts[fd] += new
        if fd == self.out:
            for line in self.texts[fd][begin:].decode().split("\n")[:-1]:
                words = line.split(" ")
                if words[0] == "committed":
                    self.commits.append((words[1], int(words[3]), words[4]))
                self.position = parse_position(words[2 if words[0] == "start" else 5:])

    def end(self, status):
        """Waits for its end; it must be with this status."""
        pump(self, lambda: False)
        found = self.process.wait(HANGS)
        self.process.stdout.close()
        self.process.stderr.close()
        if found != status:
            fail(f"exit status {found}, expected {status}; it said {self.said()!r}")

    @classmethod
    def kill_all(cls):
        """Those that a failed test left."""
        for daemon in cls.all:
            if daemon.process.poll() is None:
                os.killpg(daemon.process.pid, signal.SIGKILL)
                daemon.process.wait()
        cls.all.clear()

    def says(self, text):
        if text not in self.said():
            fail(f"it did not say {text!r}, but {self.said()!r}")


class Sender:
    """Sends numbered datagrams, keeps what is not committed, and sends it again when the daemon was away."""

    def __init__(self, directory, name, payloads):
        self.name, self.payloads = name, payloads
        self.acknowledged, self.next = 0, 1
        self.address = os.path.join(directory, name)
        self.socket, self.connected = None, False
        self.heard = []
        self.recalled = False  # was asked for what it had been told is committed

    def connect(self, path):
        if self.socket:
            self.socket.close()
            os.unlink(self.address)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(self.address)
        self.socket.connect(path)
        self.next, self.connected = self.acknowledged + 1, True

    def wants_to_send(self):
        return self.connected and self.next <= len(self.payloads)

    def send(self):
        try:
            self.socket.send(b"%s %d\n%s" % (self.name.encode(), self.next, self.payloads[self.next - 1]))
            self.next += 1
        except BlockingIOError:
            pass
        except OSError:
            self.connected = False  # the daemon is away

    def say(self, datagram):
        """Sends this, once there is room."""
        if not select.select([], [self.socket], [], HANGS)[1]:
            fail("the daemon takes no datagram any more")
        self.socket.send(datagram)

    def hear(self):
        while True:
            try:
                word, number = self.socket.recv(100).decode().split()
            except BlockingIOError:
                return
            except OSError:
                self.connected = False
                return
            self.heard.append((word, int(number)))
            if word == "committed":
                self.acknowledged = max(self.acknowledged, int(number))
            elif word == "expect":
                self.next = int(number)
                self.recalled = self.recalled or self.next <= self.acknowledged

    def close(self):
        self.socket.close()
        os.unlink(self.address)


class Feeder:
    """Feeds a pipe from the byte that the daemon names."""

    def __init__(self, data):
        self.data, self.at, self.fd = data, None, None

    def pipe(self):
        """A new pipe for a new daemon; gives the end that it reads."""
        self.close()
        read, self.fd = os.pipe()
        os.set_blocking(self.fd, False)
        self.at = None
        return read

    def wants_to_send(self):
        return self.fd is not None and self.at is not None and self.at < len(self.data)

    def send(self):
        try:
            self.at += os.write(self.fd, self.data[self.at:self.at + 10_000])
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.close()

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
        self.fd = None


def pump(daemon, until, senders=(), feeder=None):
    """Runs all sides until `until` is true, or the daemon has ended. Gives whether it is true."""
    while not until():
        if not daemon.open:
            return False
        if feeder and feeder.at is None and daemon.position is not None:
            feeder.at = daemon.position["-"]
        poll, by_fd = select.poll(), {}
        for fd in daemon.open:
            poll.register(fd, select.POLLIN)
        for sender in senders:
            if sender.connected:
                by_fd[sender.socket.fileno()] = sender
                poll.register(sender.socket, select.POLLIN | (select.POLLOUT if sender.wants_to_send() else 0))
        if feeder and feeder.wants_to_send():
            by_fd[feeder.fd] = feeder
            poll.register(feeder.fd, select.POLLOUT)
        events = poll.poll(HANGS * 1000)
        if not events:
            fail(f"nothing happens any more; the daemon said {daemon.said()!r}, and is at {daemon.position}")
        for fd, event in events:
            if fd in daemon.open:
                daemon.hear(fd)
            elif event & select.POLLIN:
                by_fd[fd].hear()
            else:
                by_fd[fd].send()
    return True


def started(directory, *options, feeder=None, senders=(), under=(), stdin=subprocess.DEVNULL):
    """A daemon that has said where it begins, with its feeders connected; or one that ended before that."""
    path = os.path.join(directory, "socket")
    if senders:
        options = ("--socket", path, *options)
    read = feeder.pipe() if feeder else None
    daemon = Daemon(os.path.join(directory, "store"), *options, stdin=read if feeder else stdin, under=under)
    if feeder:
        os.close(read)
    if pump(daemon, lambda: daemon.position is not None):
        for sender in senders:
            sender.connect(path)
    return daemon


def strace(*injections):
    """What to run the daemon under so that some of its system calls fail."""
    names = ",".join(sorted({injection.split(":")[0] for injection in injections}))
    under = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + names]
    return under + [word for injection in injections for word in ("-e", "inject=" + injection)]


def verify(directory, lines, acknowledged=()):
    """Every line is in the store exactly once, and the store is whole. Gives the number of snapshots."""
    root = os.path.join(directory, "store")
    ids = sorted(os.path.basename(os.path.dirname(path)) for path in glob.glob(root + "/datasets/events/snapshots/*/manifest.json"))
    found = collections.Counter()
    for id in ids:
        found.update(subprocess.run([CAT, root, "events", id], check=True, capture_output=True).stdout.splitlines(True))
    expected = collections.Counter(lines)
    if found != expected:
        lost, more = expected - found, found - expected
        fail(f"{lost.total()} records are missing, such as {next(iter(lost), None)}; {more.total()} are too many, such as "
             f"{next(iter(more), None)}")
    said = os.path.join(directory, "acknowledged")
    with open(said, "w", encoding="ascii") as file:
        file.writelines(id + "\n" for id in acknowledged)
    audit = subprocess.run([sys.executable, AUDIT, root, "events", "--acknowledged", said], capture_output=True, text=True)
    if audit.returncode != 0 or "skipped" in audit.stdout:
        print(audit.stdout.strip() + audit.stderr.strip())
    if audit.returncode != 0:
        fail("the auditor found problems")
    return len(ids)


def write(directory, name, data):
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


# ---- The tests. Each is given a directory of its own, in which "store" is. ----


def test_killed_twenty_times(directory):
    rng = random.Random(SEED)
    lines = numbered(RECORDS)
    half, quarter = RECORDS // 2, RECORDS // 4
    data = b"".join(lines[:half])
    path = write(directory, "input", data)
    ends = list(itertools.accumulate(len(line) for line in lines[:half]))
    feeder, senders, counts = Feeder(data), [], {}
    for name, first in (("north", half), ("south", half + quarter)):
        payloads, counts[name], at = [], [0], first
        while at < first + quarter:
            count = min(rng.randint(1, 60), first + quarter - at)
            payloads.append(b"".join(lines[at:at + count]))
            at += count
            counts[name].append(at - first)
        senders.append(Sender(directory, name, payloads))

    def records(position):
        """How many are committed at this position."""
        from_senders = sum(counts[name][position.get(name, 0)] for name in counts)
        return bisect.bisect_right(ends, position["-"]) + from_senders

    options = ("--records", "700", "--age", "0.2")
    acknowledged = []
    targets = sorted(rng.uniform(0, 0.95 * RECORDS) for _ in range(KILLS))
    for kill, target in enumerate(targets):
        # Every other time in the middle of a commit: before one of its system calls.
        call, most = rng.choice((("fsync", 60), ("linkat", 15)))
        under = strace(f"{call}:signal=KILL:when={rng.randint(1, most)}") if kill % 2 else ()
        grace = itertools.repeat(False, rng.randint(0, 30))  # events after the target

        def enough():
            return not under and records(daemon.position) >= target and next(grace, True)

        with open(path, "rb") as file:
            piped = feeder if kill % 3 == 2 else None
            daemon = started(directory, *options, feeder=piped, senders=senders, under=under, stdin=file)
            if pump(daemon, enough, senders, piped):
                daemon.process.kill()
            daemon.end(-signal.SIGKILL)
        acknowledged += [id for id, _, _ in daemon.commits]
    feeder.close()

    with open(path, "rb") as file:
        daemon = started(directory, *options, senders=senders, stdin=file)
        left = RECORDS - records(daemon.position)
        pump(daemon, lambda: records(daemon.position) == RECORDS and
             all(sender.acknowledged == len(sender.payloads) for sender in senders), senders)
        daemon.process.terminate()
        daemon.end(0)
    acknowledged += [id for id, _, _ in daemon.commits]
    if any(word == "refused" for sender in senders for word, _ in sender.heard) or any(sender.recalled for sender in senders):
        fail("a datagram was refused, or wanted again after it was committed")
    if not 0 < left < RECORDS:
        fail(f"{left} records were left for after the last kill")
    snapshots = verify(directory, lines, acknowledged)
    return f"{KILLS} kills, {RECORDS} records in {snapshots} snapshots, {left} of them after the last kill"


def test_sigterm_drains_what_has_arrived(directory):
    lines = numbered(405)
    feeder, sender = Feeder(b"".join(lines[:200])), Sender(directory, "meter", lines[200:400])
    daemon = started(directory, "--age", "1000", feeder=feeder, senders=[sender])
    pump(daemon, lambda: feeder.at is not None and not feeder.wants_to_send() and not sender.wants_to_send(), [sender], feeder)
    # Sent again before its commit: it is in once.
    sender.say(b"meter 200\n" + lines[399])
    pump(daemon, lambda: sender.heard, [sender])
    if sender.heard != [("committed", 0)]:
        fail(f"the sender heard {sender.heard}")
    # What waits in the inputs as the signal comes.
    daemon.process.send_signal(signal.SIGSTOP)
    os.waitpid(daemon.process.pid, os.WUNTRACED)
    os.write(feeder.fd, b"".join(lines[400:403]))
    sender.say(b"meter 201\n" + lines[403])
    sender.say(b"meter 202\n" + lines[404])
    daemon.process.terminate()
    daemon.process.send_signal(signal.SIGCONT)
    daemon.end(0)
    sender.hear()
    sender.close()
    if sender.heard[1:] != [("committed", 202)] or [commit[1:] for commit in daemon.commits] != [(405, "stop")]:
        fail(f"the sender heard {sender.heard}, committed was {daemon.commits}")
    if os.path.exists(os.path.join(directory, "socket")):
        fail("the socket was left")
    verify(directory, lines)


def test_sigterm_ends_a_commit_that_waits(directory):
    lines, last = numbered(20), numbered(1, 20)
    # One waits as the signal comes, the other begins after it.
    for options in ("--records", "5", "--drain", "1000"), ("--drain", "0.5"):
        place = os.path.join(directory, options[0])
        os.makedirs(os.path.join(place, "store"))
        with open(write(place, "input", b"".join(lines[:10])), "rb") as file:
            started(place, stdin=file).end(0)
        dataset = os.path.join(place, "store", "datasets", "events")
        feeder = Feeder(b"".join(lines))
        with open(os.path.join(dataset, "latest.lock"), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # as a stopped process would hold it
            daemon = started(place, *options, feeder=feeder)
            pump(daemon, lambda: feeder.at is not None and not feeder.wants_to_send(), (), feeder)
            while options[0] == "--records" and len(os.listdir(dataset + "/_commits")) == 1 and daemon.process.poll() is None:
                os.sched_yield()
            daemon.process.terminate()
            daemon.end(0)
        feeder.close()
        daemon.says("is committed, but not shown yet")
        with open(write(place, "input", b"".join(lines + last)), "rb") as file:
            started(place, stdin=file).end(0)  # the next commit shows it
        verify(place, lines + last, [id for id, _, _ in daemon.commits])


def test_rolls_by_records_bytes_and_age(directory):
    lines = numbered(3000)
    for options, expected in ((("--records", "1000", "--age", "1000"), "records"), (("--bytes", "100000", "--age", "1000"), "bytes"),
                              (("--age", "0.05"), "age")):
        place = os.path.join(directory, expected)
        os.makedirs(os.path.join(place, "store"))
        feeder = Feeder(b"".join(lines))
        daemon = started(place, *options, feeder=feeder)
        pump(daemon, lambda: daemon.commits, (), feeder)
        pump(daemon, lambda: not feeder.wants_to_send(), (), feeder)
        feeder.close()
        daemon.end(0)
        if daemon.commits[0][2] != expected:
            fail(f"{options} gives {daemon.commits}")
        if expected == "records" and not 1000 <= daemon.commits[0][1] < 2000:
            fail(f"1000 records were wanted, {daemon.commits[0][1]} came")
        verify(place, lines, [id for id, _, _ in daemon.commits])


def test_bad_records_are_reported_and_left_out(directory):
    good = numbered(6)
    long = b'{"n":"' + b"x" * (12 << 20) + b'"}\n'
    middle = b'{"a":\n' + long + b'[1,]\n\n'
    data = b"".join(good[:2]) + middle + good[2] + good[3].rstrip(b"\n")  # it may not be complete
    sender = Sender(directory, "meter", [b"nonsense\n" + good[4] + b'{"b":truth}\n', good[5].rstrip(b"\n")])
    feeder = Feeder(data)
    daemon = started(directory, "--age", "1000", feeder=feeder, senders=[sender])
    pump(daemon, lambda: feeder.at == len(data), (), feeder)
    feeder.close()
    pump(daemon, lambda: not sender.wants_to_send(), [sender])
    daemon.process.terminate()
    daemon.end(0)
    at = len(good[0] + good[1])
    daemon.says(f"standard input, byte {at + 5}: ")
    daemon.says(f"standard input, byte {at + 6}: no line end within 11 MiB")
    daemon.says(f"standard input, byte {at + 6 + len(long) + 3}: ")
    daemon.says("datagram 1 of meter, byte 9: ")
    daemon.says(f"datagram 1 of meter, byte {8 + 9 + len(good[4]) + 8}: ")
    daemon.says("left out, 5 in this snapshot")
    verify(directory, good[:3] + good[4:])
    with open(glob.glob(directory + "/store/datasets/events/snapshots/*/manifest.json")[0], encoding="utf-8") as file:
        if json.load(file)["metadata"]["invalid_records"] != 5:
            fail("the metadata do not count the bad records")
    daemon.says(f"standard input ends within a line: what there is of it, from byte {len(data) - len(good[3]) + 1} on, is left")
    # It goes on behind them, with the line that had no end.
    more = numbered(3, 6)
    with open(write(directory, "input", data + b"\n" + b"".join(more)), "rb") as file:
        daemon = started(directory, stdin=file)
        daemon.end(0)
    verify(directory, good + more)


def test_a_sender_learns_where_to_go_on(directory):
    lines = numbered(4)
    sender = Sender(directory, "meter", lines)
    daemon = started(directory, "--age", "0.05", senders=[sender])

    def ask(datagram, answer):
        before = len(sender.heard)
        sender.next = len(lines) + 1
        sender.say(datagram)
        pump(daemon, lambda: len(sender.heard) > before, [sender])
        if sender.heard[before:] != [answer]:
            fail(f"{datagram} was answered {sender.heard[before:]}, expected {answer}")

    ask(b"meter 0", ("expect", 1))
    ask(b"meter 2\n" + lines[1], ("expect", 1))
    ask(b"meter 1\n" + lines[0], ("committed", 1))
    ask(b"meter 1\n" + lines[0], ("committed", 1))
    ask(b"meter 2\n" + lines[1], ("committed", 2))
    ask(b"other 1\n" + lines[2] + lines[3], ("committed", 1))
    ask(b"empty 1", ("committed", 1))
    ask(b"empty 0", ("expect", 2))
    for bad in (b"", b"meter", b"meter x\n", b"meter 3 \n", b"- 1\n1", b"me ter 3\n1", b"m" * 41 + b" 1\n", b"meter\0 3\n1",
                b"meter 3\r\n1"):
        ask(bad, ("refused", 0))
    again = started(directory, senders=[Sender(directory, "second", [])], stdin=subprocess.DEVNULL)
    again.end(1)
    again.says("another process listens on")
    daemon.process.terminate()
    daemon.end(0)
    verify(directory, lines)


def test_two_daemons_of_one_name(directory):
    lines = numbered(10)
    feeders = [Feeder(b"".join(lines[:4])), Feeder(b"".join(lines[4:]))]
    daemons = [started(directory, feeder=feeder) for feeder in feeders]
    for daemon, feeder, status in zip(daemons, feeders, (0, 1)):
        pump(daemon, lambda: feeder.at is not None and not feeder.wants_to_send(), (), feeder)
        feeder.close()
        daemon.end(status)
    daemons[1].says('sequence 1 of producer "daemon" is committed by another daemon')
    verify(directory, lines[:4])


def test_a_full_disk(directory):
    store, ballast = os.path.join(directory, "store"), os.path.join(directory, "store", "ballast")
    lines = numbered(8000)
    feeder = Feeder(b"".join(lines))
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", store], capture_output=True, text=True)
    if mount.returncode != 0:
        print(f"skipped: a full disk (cannot mount a small tmpfs: {mount.stderr.strip()})")
        return

    def fill():
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass

    try:
        acknowledged = []
        # Space runs out: in a commit; while records are taken; and does not come back before SIGTERM.
        for options, begin in ((("--bytes", "50000"), 50_000), (("--age", "1000"), 400_000), (("--drain", "0.3"), 800_000)):
            daemon = started(directory, *options, feeder=feeder)
            pump(daemon, lambda: feeder.at is not None and (daemon.position["-"] >= begin or options[0] != "--bytes"), (), feeder)
            fill()
            pump(daemon, lambda: "the disk is full: the inputs wait" in daemon.said(), (), feeder)
            at = None
            while at != feeder.at:  # the pipe has no reader now
                at = feeder.at
                feeder.send()
            if at == len(feeder.data) or daemon.process.poll() is not None:
                fail(f"it has taken {at} bytes, or ended; it said {daemon.said()!r}")
            if options[0] == "--drain":
                daemon.process.terminate()
                daemon.end(1)
                daemon.says("is not committed: it has to come again")
                os.unlink(ballast)
                continue
            os.unlink(ballast)
            pump(daemon, lambda: "going on after" in daemon.said(), (), feeder)
            end = feeder.data.index(b"\n", max(feeder.at, begin + 350_000)) + 1
            feeder.data, rest = feeder.data[:end], feeder.data
            pump(daemon, lambda: not feeder.wants_to_send(), (), feeder)
            feeder.data = rest
            feeder.close()
            daemon.end(0)
            acknowledged += [id for id, _, _ in daemon.commits]
        daemon = started(directory, stdin=open(write(directory, "input", feeder.data), "rb"))
        daemon.end(0)
        verify(directory, lines, acknowledged)
    finally:
        Daemon.kill_all()
        feeder.close()
        subprocess.run(["umount", store], check=True)


def test_a_commit_in_doubt(directory):
    lines, more = numbered(30), numbered(7, 30)
    path = write(directory, "input", b"".join(lines))
    cases = (
        # For a while neither the link of the slot nor the removal of its temporary name is answered: then it
        # is resolved.
        ("resolved", ("linkat:error=EIO:when=2..14", "unlinkat:error=EIO:when=2..30"), 0, "going on after"),
        # The slot exists, but its directory cannot be made durable: in this process the outcome stays
        # unknown.
        ("unresolved", ("fsync:error=EIO:when=12",), 3, "is in doubt: it has to come again"),
        # The data cannot be made durable: certainly not committed, and no more from this writer.
        ("certain", ("fsync:error=EIO:when=1",), 1, "is not committed: it has to come again"),
        ("space", ("fsync:error=ENOSPC:when=1",), 1, "is not committed: it has to come again"),
    )
    for name, injections, status, words in cases:
        place = os.path.join(directory, name)
        os.makedirs(os.path.join(place, "store"))
        with open(path, "rb") as file:
            daemon = started(place, under=strace(*injections), stdin=file)
            daemon.end(status)
        daemon.says(words)
        if status in (0, 3):
            daemon.says("LODE_ERR_COMMIT_UNKNOWN")
            daemon.says("the commit is in doubt: it is repeated")
        # In doubt it may be committed; here it is, and the next commit shows it.
        with open(write(place, "input", b"".join(lines + more)), "rb") as file:
            again = started(place, stdin=file)
            again.end(0)
        if [records for _, records, _ in again.commits] != [len(more) if status in (0, 3) else len(lines + more)]:
            fail(f"{name}: committed again: {again.commits}")
        verify(place, lines + more, [id for id, _, _ in daemon.commits + again.commits])


def test_wrong_usage_and_beginnings(directory):
    store = os.path.join(directory, "store")

    def run(status, text, *arguments, stdin=subprocess.DEVNULL):
        done = subprocess.run([DAEMON, *arguments], capture_output=True, text=True, stdin=stdin, timeout=HANGS)
        said = done.stdout if status == 0 else done.stderr
        if done.returncode != status or text not in said or (status != 0 and done.stdout):
            fail(f"{arguments}: status {done.returncode}, expected {status}; {done.stdout!r}, {done.stderr!r}")

    run(0, "usage: daemon", "--help")
    for arguments in ((), (store,), (store, "a", "b"), ("--sockets", "x", store, "a"), ("--records", "0", store, "a"),
                      ("--records", "many", store, "a"), ("--bytes", "-1", store, "a"), ("--age", "", store, "a"),
                      ("--drain", "0", store, "a"), ("--age", "nan", store, "a"), ("--producer",)):
        run(2, "usage: daemon", *arguments)
    run(1, "LODE_ERR_NOT_FOUND", store + "/none", "a")
    run(1, "LODE_ERR_INVALID_ARGUMENT", store, "a/b")
    run(1, "producer id is empty", "--producer", "", store, "a")
    run(1, "cannot listen on", "--socket", store, store, "a")
    run(1, "the socket's path has more than", "--socket", store + "/" + "s" * 200, store, "a")
    with open(write(directory, "input", b"".join(numbered(5))), "rb+") as file:
        started(directory, stdin=file).end(0)
        file.truncate(10)
        run(1, "is it another file?", store, "events", stdin=file)
    closed = subprocess.run(["sh", "-c", 'exec "$0" "$1" a <&-', DAEMON, store], capture_output=True, text=True, timeout=HANGS)
    if closed.returncode != 1 or "standard input is closed" not in closed.stderr:
        fail(f"standard input closed: {closed}")


def main():
    global DAEMON, CAT
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    DAEMON, CAT = (os.path.abspath(path) for path in sys.argv[1:3])
    wrong = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (sys.argv[3:] and name not in sys.argv[3:]):
            continue
        directory = tempfile.mkdtemp(prefix="daemon-")
        os.mkdir(os.path.join(directory, "store"))
        try:
            told = test(directory)
            print(f"daemon: {name[5:]}: {told or 'ok'}")
        except Exception as error:
            wrong += 1
            print(f"daemon: {name[5:]}: {error if isinstance(error, AssertionError) else repr(error)}")
        finally:
            Daemon.kill_all()
            shutil.rmtree(directory)
    print(f"daemon: {wrong} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
