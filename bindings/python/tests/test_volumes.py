"""Volumes, verification and clean-up."""

import io
import os
import time
from datetime import timedelta
from typing import List

import lode

from .common import StoreCase

MONTH = 30 * 24 * 3600


class Volumes(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.disk = self.store.volume("disk", total_length=100, durability="process")

    def test_a_volume_is_filled_block_by_block(self) -> None:
        first = self.disk.commit([self.disk.stage(0, b"a" * 40)], {"by": "python"})
        (block,) = first.blocks
        self.assertEqual((first.total_length, first.metadata), (100, {"by": "python"}))
        self.assertEqual((block.offset, block.length), (0, 40))
        self.assertTrue(block.location and os.path.samefile(block.location, os.path.join(self.root, block.path)))
        self.assertEqual(list(first.gaps), [(40, 60)])
        self.assertEqual(self.disk.read_at(first, 10, 30), b"a" * 30)
        with self.assertRaises(lode.RangeMissingError) as raised:
            self.disk.read_at(first, 30, 20)
        self.assertEqual(raised.exception.offset, 40)
        # What another process has staged is known by its JSON; a block that is there is left out.
        staged = self.disk.stage(40, io.BytesIO(b"b" * 60), 60)
        self.assertEqual((staged.offset, staged.length), (40, 60))
        whole = self.disk.commit([staged.json], producer="p", sequence=1)
        self.assertEqual(self.disk.read_at(whole, 0, 100, verify="first"), b"a" * 40 + b"b" * 60)
        self.assertEqual(self.disk.commit([staged], producer="p", sequence=1).outcome, lode.Outcome.ALREADY_COMMITTED)
        self.assertEqual(list(whole.gaps), [])
        self.disk.verify_snapshot(whole)
        self.assertEqual(self.disk.verify(), [])
        self.assertEqual([one.id for one in self.disk.snapshots()], [first.id, whole.id])
        self.assertEqual([one.id for one in self.disk.changes(first.id)], [whole.id])
        self.assertEqual((self.disk.latest().id, self.disk.adopt(whole.id).id), (whole.id, whole.id))
        found = self.disk.find_producer("p")
        assert found is not None
        self.assertEqual(found.producer("p"), (1, ""))
        again = self.store.volume("disk")
        self.assertEqual(again.latest(deadline=timedelta(seconds=5)).id, whole.id)

    def test_wrong_use_is_refused(self) -> None:
        with self.assertRaises(lode.NoSnapshotsError):
            self.disk.latest()
        of_bytes = ((90, b"12345678901", None), (0, b"", None))
        of_sources = ((0, io.BytesIO(b"1"), 2), (0, [b"123"], 2))
        for offset, data, length in (*of_bytes, *of_sources):
            with self.subTest(offset=offset), self.assertRaises(lode.InvalidArgumentError):
                self.disk.stage(offset, data, length)
        with self.assertRaises(OverflowError):
            self.disk.stage(-1, b"1")
        with self.assertRaises(lode.InvalidArgumentError):
            self.disk.block("{}")
        with self.assertRaises(lode.InvalidArgumentError):
            self.disk.commit([])
        with self.assertRaises(lode.OverlappingBlocksError):
            self.disk.commit([self.disk.stage(0, b"0123456789"), self.disk.stage(5, b"0123456789")])

        def broken() -> "List[bytes]":
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            self.disk.stage(0, (broken() for _ in range(1)), 10)
        block = self.disk.stage(0, b"1")
        block.close()
        with self.assertRaisesRegex(lode.StateError, "the block is closed"):
            self.disk.commit([block])
        self.disk.close()
        with self.assertRaisesRegex(lode.StateError, "the volume is closed"):
            self.disk.latest()

    def test_verify_names_what_is_damaged(self) -> None:
        snapshot = self.events.stream_write_records([{"n": 1}])
        (file,) = snapshot.files
        assert file.location is not None
        with open(file.location, "wb") as damaged:
            damaged.write(b'{"n":2}\n')
        self.assertEqual(self.events.verify("sizes"), [])
        (finding,) = self.events.verify()
        self.assertEqual((finding.kind, finding.path, finding.snapshot_id), ("file_checksum", file.path, snapshot.id))
        with self.assertRaisesRegex(ValueError, "'structure'"):
            self.events.verify("all")
        with self.assertRaises(lode.NoSnapshotsError):
            self.store.dataset("none").verify()
        with self.assertRaises(lode.CancelledError):
            token = lode.CancelToken()
            token.cancel()
            self.events.verify(cancel=token)

    def test_collect_tells_what_it_removes(self) -> None:
        self.events.stream_write_records([{"n": 1}])
        # A data file that nothing names, as a writer leaves it that died a month ago.
        key = "datasets/events/snapshots/1700000000000000000-0123456789abcdef/data/data"
        path = os.path.join(self.root, key)
        os.makedirs(os.path.dirname(path))
        with open(path, "wb") as orphan:
            orphan.write(b"1\n")
        os.utime(path, (time.time() - MONTH, time.time() - MONTH))
        told: List[lode.Garbage] = []
        self.assertEqual(self.events.collect(dry_run=True, removed=told.append), lode.Collected(1, 2))
        self.assertEqual([(one.kind, one.path, one.size) for one in told], [("data_file", key, 2)])
        self.assertGreater(told[0].age, timedelta(days=29))
        with self.assertRaises(lode.AbortedError):
            self.events.collect(dry_run=True, removed=lambda _: False)
        with self.assertRaises(ZeroDivisionError):
            self.events.collect(dry_run=True, removed=lambda _: bool(1 / 0))
        with self.assertRaises(lode.InvalidArgumentError):
            self.events.collect(min_age=timedelta(hours=47))
        with self.assertRaises(TypeError):
            self.events.collect(removed=1)  # type: ignore[arg-type]
        self.assertEqual(self.events.collect().objects, 1)
        self.assertFalse(os.path.exists(path))
        self.assertEqual(self.disk.collect().objects, 0)
        with self.assertRaises(lode.UnsupportedError):
            lode.Store.memory().dataset("events").collect()
