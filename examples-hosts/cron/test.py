"""The command of the crontab, run as cron runs it: by a shell, over and over, whether or not the last one
still runs.

    test.py LODE DIRECTORY
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from hosts import HERE, committed, lode_of, until  # noqa: E402


def main() -> None:
    lode, directory = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
    store, log, rotated = directory / "store", directory / "app.jsonl", directory / "app.jsonl.1"
    store.mkdir()
    log.touch()
    (line,) = [line for line in (HERE / "cron" / "lode").read_text().splitlines() if line.startswith("*")]
    command = line.split(maxsplit=6)[6]
    for name, place in (
        ("/usr/bin/lode", lode),
        ("/srv/lode", store),
        ("/run/lock/lode-app", directory / "lock"),
        ("/var/log/app.jsonl", log),
        ("10s", "100ms"),
    ):
        assert name in command, name
        command = command.replace(name, str(place))

    def run() -> subprocess.Popen:
        environment = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "HOME": "/root", "LOGNAME": "root"}
        return subprocess.Popen(["/bin/sh", "-c", command], env=environment, stdout=subprocess.DEVNULL)

    def write(numbers: range) -> None:
        with log.open("a") as file:
            file.writelines(json.dumps({"n": number}) + "\n" for number in numbers)

    def numbers() -> list:
        return [record["n"] for record in committed(lode, store, "app")]

    first = run()
    until(lambda: lode_of(os.getpid()), "the first follower")
    write(range(500))
    until(lambda: len(numbers()) == 500, "the first lines")
    assert run().wait() == 1, "a second follower while one runs"
    write(range(500, 700))
    os.kill(lode_of(os.getpid()), signal.SIGKILL)
    first.wait()
    log.rename(rotated)
    write(range(700, 1000))
    second = run()
    until(lambda: len(numbers()) >= 1000, "the rest, through a rotation that nothing followed")
    os.kill(lode_of(os.getpid()), signal.SIGTERM)
    second.wait()
    assert numbers() == list(range(1000))
    print("1000 lines, each committed once, in order, by two followers and through a rotation")


if __name__ == "__main__":
    main()
