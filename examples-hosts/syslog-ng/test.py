"""Messages through syslog-ng's UNIX socket to the standard input of `lode ingest`, by its program()
destination.

    test.py LODE DIRECTORY SYSLOG_NG [OPTION...]
"""

import signal
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from hosts import HERE, committed, until  # noqa: E402


def main() -> None:
    lode, directory, command = sys.argv[1], Path(sys.argv[2]).resolve(), sys.argv[3:]
    store = directory / "store"
    store.mkdir()
    conf = (HERE / "syslog-ng" / "lode.conf").read_text()
    assert "/usr/bin/lode" in conf and "/srv/lode" in conf
    (directory / "syslog-ng.conf").write_text(
        f'@version: 3.35\nsource s_lode {{ unix-dgram("{directory}/log"); }};\n'
        + conf.replace("/usr/bin/lode", lode).replace("/srv/lode", str(store))
    )
    files = [f"--{name}={directory}/{name}" for name in ("persist-file", "pidfile", "control")]
    host = subprocess.Popen([*command, "-F", "-f", str(directory / "syslog-ng.conf"), "--no-caps", *files])
    until((directory / "log").exists, "syslog-ng's socket")
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.connect(str(directory / "log"))
    for number in range(1000):
        sender.send(f'<14>Jan  1 00:00:00 test: a "message" {number}'.encode())
    wanted = [f'a "message" {number}' for number in range(1000)]

    def messages() -> list:
        return [record["message"] for record in committed(lode, store, "syslog") if record["program"] == "test"]

    until(lambda: len(messages()) >= 1000, "syslog-ng's messages to be committed")
    host.send_signal(signal.SIGTERM)
    host.wait()
    assert messages() == wanted
    print("1000 messages of syslog-ng, each committed once, in order")


if __name__ == "__main__":
    main()
