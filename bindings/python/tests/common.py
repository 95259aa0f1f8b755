"""What the tests share."""

import os
import sys
import tempfile
import unittest
from typing import Any, Dict, Iterable

import lode

sys.tracebacklimit = 30


class StoreCase(unittest.TestCase):
    """A test with a store in a directory of its own; its commits need not survive a power cut."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        self.store = lode.Store(self.root)
        self.events = self.store.dataset("events", durability="process")

    def files(self) -> int:
        """How many files the store holds."""
        return sum(len(files) for _, _, files in os.walk(self.root))

    def assert_nothing_committed(self) -> None:
        with self.assertRaises(lode.NoSnapshotsError):
            self.events.latest()


class _Upload(lode.Upload):
    def __init__(self, store: "DictStore", key: str) -> None:
        self.store, self.key, self.data = store, key, b""

    def write(self, data: bytes) -> None:
        self.data += data

    def finish(self) -> None:
        if self.key in self.store.objects:
            raise FileExistsError(self.key)
        self.store.objects[self.key] = self.data

    def abort(self) -> None:
        self.store.aborted += 1


class DictStore(lode.CustomStore):
    """A store in a dict. A method named in `fails` raises that exception."""

    def __init__(self) -> None:
        self.objects: Dict[str, bytes] = {}
        self.fails: Dict[str, BaseException] = {}
        self.aborted = 0

    def _fail(self, method: str) -> None:
        if method in self.fails:
            raise self.fails[method]

    def begin(self, key: str) -> lode.Upload:
        self._fail("begin")
        return _Upload(self, key)

    def _object(self, key: str) -> bytes:
        if key not in self.objects:
            raise FileNotFoundError(key)
        return self.objects[key]

    def stat(self, key: str) -> int:
        self._fail("stat")
        return len(self._object(key))

    def read(self, key: str, offset: int, size: int) -> bytes:
        self._fail("read")
        return self._object(key)[offset : offset + size]

    def list(self, prefix: str) -> Iterable[str]:
        self._fail("list")
        return [key for key in self.objects if key.startswith(prefix)]

    def remove(self, key: str) -> None:
        self._fail("remove")
        self.objects.pop(key, None)

    def compare_and_swap(self, key: str, expected: bytes, value: bytes) -> None:
        self._fail("compare_and_swap")
        if self.objects.get(key, b"") != expected:
            raise lode.ConflictError(key, status=-80)
        self.objects[key] = value


def numbers(reader: Iterable[Any]) -> Any:
    return [record["n"] for record in reader]
