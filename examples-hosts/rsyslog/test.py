"""Messages through rsyslogd's UNIX socket while it and `lode ingest --omprog` are ended and killed.

    test.py LODE DIRECTORY [MESSAGES]

Each message is in the dataset at least once; those that are there twice are counted. rsyslogd is ended by
SIGTERM, at which it saves its queue, and once by SIGKILL, at which it loses what is in its memory: the
sender, as one that keeps a log of its own would, sends again what did not arrive. Nothing that was committed
is gone afterwards.
"""

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from hosts import HERE, committed, lode_of, until  # noqa: E402


def unread(sender: socket.socket) -> int:
    """The bytes that the receiver has not read yet."""
    return struct.unpack("i", fcntl.ioctl(sender, termios.TIOCOUTQ, b"\0" * 4))[0]


class Rsyslogd:
    def __init__(self, lode: str, directory: Path) -> None:
        self.directory = directory
        conf = (HERE / "rsyslog" / "lode.conf").read_text()
        assert "/usr/bin/lode" in conf and "/srv/lode" in conf
        conf = conf.replace("/usr/bin/lode", lode).replace("/srv/lode", str(directory / "store"))
        (directory / "work").mkdir()
        (directory / "store").mkdir()
        (directory / "rsyslog.conf").write_text(
            f'global(workDirectory="{directory}/work" net.enableDNS="off")\n'
            'module(load="imuxsock" SysSock.Use="off")\n'
            f'input(type="imuxsock" Socket="{directory}/log" RateLimit.Interval="0")\n'
            'main_queue(queue.type="linkedList" queue.size="200000" queue.filename="main" queue.saveOnShutdown="on")\n'
            + conf
        )
        self.start()

    def start(self) -> None:
        (self.directory / "pid").unlink(missing_ok=True)
        command = ["rsyslogd", "-n", "-f", str(self.directory / "rsyslog.conf"), "-i", str(self.directory / "pid")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until((self.directory / "log").exists, "rsyslogd's socket")

    def again(self, number: int) -> None:
        """Ends it by a signal, and starts it anew."""
        self.process.send_signal(number)
        self.process.wait()
        (self.directory / "log").unlink(missing_ok=True)
        self.start()

    def kill_lode(self) -> None:
        if found := lode_of(self.process.pid):
            os.kill(found, signal.SIGKILL)


def main() -> None:
    lode, directory = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
    total = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
    host = Rsyslogd(lode, directory)

    def arrived() -> Counter:
        return Counter(int(record["message"].split()[-1]) for record in committed(lode, directory / "store", "syslog"))

    def send(numbers) -> None:
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.connect(str(directory / "log"))
        for number in numbers:
            sender.send(f"<14>Jan  1 00:00:00 test: message {number}".encode())
        # What lies in the socket goes with the rsyslogd that ends; what it has read is saved by SIGTERM.
        until(lambda: unread(sender) == 0, "rsyslogd to read its socket")
        sender.close()

    # Ten parts, with a kill or an end behind each, but for the last.
    part = total // 10
    for at in range(10):
        send(range(at * part, (at + 1) * part))
        if at == 5:
            confirmed = arrived()
            host.again(signal.SIGKILL)
            assert not confirmed - arrived(), "committed messages are gone"
        elif at % 2:
            host.again(signal.SIGTERM)
        elif at < 9:
            host.kill_lode()

    def missing() -> list:
        found = arrived()
        return [number for number in range(total) if number not in found]

    # The queue keeps the order, so what is missing behind the last message was lost by an rsyslogd.
    until(lambda: total - 1 in arrived(), "the last message", pause=0.5)
    lost = missing()
    send(lost)
    until(lambda: not missing(), "the messages that were sent again", pause=0.5)
    host.process.send_signal(signal.SIGTERM)
    host.process.wait()
    found = arrived()
    assert set(found) == set(range(total))
    print(
        f"{total} messages, each at least once; {sum(found.values()) - total} again; "
        f"{len(lost)} were lost in the memory of an rsyslogd, and sent again"
    )


if __name__ == "__main__":
    main()
