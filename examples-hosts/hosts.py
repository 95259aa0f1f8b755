"""What the tests of hosts share."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATIENCE = 300  # seconds after which a host is said to hang


def until(true, doing: str, pause: float = 0.02) -> None:
    """Waits for what another process does."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            sys.exit(f"waited {PATIENCE} s for {doing}")
        time.sleep(pause)


def committed(lode: str, store: Path, dataset: str) -> list:
    """All records of all snapshots, verified."""
    found = subprocess.run([lode, "cat", str(store), dataset, "--all"], capture_output=True, text=True)
    if found.returncode == 3:
        return []
    if found.returncode != 0:
        sys.exit(f"lode cat: {found.stderr}")
    return [json.loads(line) for line in found.stdout.splitlines()]


def children(pid: int) -> list:
    """The processes that a process has started, and those that these have started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(re.search(r"^PPid:\s+(\d+)", (entry / "status").read_text(), re.MULTILINE)[1])
            except (OSError, TypeError):
                continue
            if parent == pid:
                found += [int(entry.name), *children(int(entry.name))]
    return found


def lode_of(pid: int) -> int:
    """The `lode ingest` below a host, or 0."""
    for child in children(pid):
        try:
            if os.path.basename(os.readlink(f"/proc/{child}/exe")) == "lode":
                return child
        except OSError:
            continue
    return 0
