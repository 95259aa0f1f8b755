"""Parts, streams into partitions, and threads that compress."""

import json
import os
import subprocess
import sys

import lode

from .common import StoreCase, numbers

STAGE = """
import sys
import lode
writer = lode.Store(sys.argv[1]).dataset("events", durability="process").writer()
writer.extend({"n": n} for n in range(10, 15))
print(writer.stage().json)
"""


class Parts(StoreCase):
    def stage(self, *records: int) -> lode.Part:
        with self.events.writer() as writer:
            writer.extend({"n": n} for n in records)
            return writer.stage()

    def test_parts_of_several_writers_and_processes_are_one_snapshot_in_order(self) -> None:
        first, second = self.stage(1, 2), self.stage(3)
        self.assert_nothing_committed()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", STAGE, self.root]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        (line,) = done.stdout.splitlines()
        snapshot = self.events.commit_parts([second, line, first.json], {"job": 1}, verify_parts=True)
        self.assertEqual(numbers(self.events.read(snapshot)), [3, 10, 11, 12, 13, 14, 1, 2])
        self.assertEqual((snapshot.row_count, len(snapshot.files), snapshot.metadata), (8, 3, {"job": 1}))
        self.assertEqual((first.record_count, len(first.paths)), (2, 1))
        self.assertEqual(json.loads(first.json)["id"], first.id)
        self.assertIn(first.id, repr(first))

    def test_a_part_is_committed_once_and_with_a_key_the_commit_is_repeated(self) -> None:
        part = self.stage(1)
        job = {"producer": "job", "sequence": 1}
        snapshot = self.events.commit_parts([part], **job)  # type: ignore[arg-type]
        again = self.events.commit_parts([part.json], **job)  # type: ignore[arg-type]
        self.assertEqual((again.id, again.outcome), (snapshot.id, lode.Outcome.ALREADY_COMMITTED))
        with self.assertRaises(lode.PartCommittedError) as caught:
            self.events.commit_parts([part])
        self.assertEqual(caught.exception.snapshot_id, snapshot.id)
        with self.assertRaises(lode.PartCommittedError):
            part.discard()

    def test_a_discarded_part_is_gone_and_what_is_no_part_is_refused(self) -> None:
        part = self.stage(1)
        part.discard()
        with self.assertRaises(lode.NotFoundError):
            self.events.commit_parts([part])
        with self.assertRaises(lode.InvalidArgumentError):
            self.events.commit_parts(["{}"])
        part.close()
        with self.assertRaises(lode.StateError):
            part.json

    def test_a_staged_writer_is_done_and_a_blob_is_staged_too(self) -> None:
        writer = self.events.writer()
        writer.append({"n": 1})
        writer.stage()
        with self.assertRaises(lode.StateError):
            writer.append({"n": 2})
        blobs = self.store.dataset("blobs", codec=None)
        with blobs.blob_writer() as blob:
            blob.write(b"bytes")
            part = blob.stage()
        self.assertEqual(blobs.read_blob(blobs.commit_parts([part])).read(), b"bytes")


class Options(StoreCase):
    def test_a_stream_goes_into_partitions_if_asked(self) -> None:
        hive = {"layout": "hive", "partition_keys": ["p"], "durability": "process"}
        with self.assertRaises(lode.PartitioningNotSupportedError):
            self.store.dataset("refused", **hive).stream_write_records([{"p": 1}])  # type: ignore[arg-type]
        streamed = {**hive, "partition_streaming": True, "max_open_partitions": 2}
        dataset = self.store.dataset("streamed", **streamed)  # type: ignore[arg-type]
        snapshot = dataset.stream_write_records({"p": n % 3, "n": n} for n in range(30))
        self.assertEqual(sorted(numbers(dataset.read(snapshot))), list(range(30)))

    def test_several_threads_keep_the_order(self) -> None:
        for target, least in ((0, 1), (1, 2)):
            dataset = self.store.dataset(
                f"threads-{target}", compressor="zstd", threads=3, durability="process", target_file_bytes=target
            )
            snapshot = dataset.stream_write_records({"n": n, "pad": str(n) * 20} for n in range(100_000))
            self.assertGreaterEqual(len(snapshot.files), least)
            self.assertEqual(numbers(dataset.read()), list(range(100_000)))
