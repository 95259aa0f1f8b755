"""Records in and out."""

import io
import os
import threading
from datetime import datetime, timezone

import lode

from .common import StoreCase, numbers


class Streams(StoreCase):
    def test_values_and_bytes_of_an_iterable_become_one_snapshot(self) -> None:
        records = [{"n": 1}, b'{"n":2}', bytearray(b'{"n":3}'), memoryview(b'{"n":4}'), {"n": 5, "t": "\u00e9\n"}]
        snapshot = self.events.stream_write_records(iter(records), {"source": "test"})
        self.assertEqual(numbers(self.events.read(snapshot)), [1, 2, 3, 4, 5])
        self.assertEqual(list(self.events.read(decode=None))[4], '{"n":5,"t":"\u00e9\\n"}'.encode())
        self.assertEqual(snapshot.metadata, {"source": "test"})
        self.assertEqual(snapshot.outcome, lode.Outcome.COMMITTED)
        self.assertEqual((snapshot.row_count, snapshot.parent_id, snapshot.dataset_id), (5, None, "events"))
        self.assertLess(abs((datetime.now(timezone.utc) - snapshot.created_at).total_seconds()), 3600)
        (file,) = snapshot.files
        self.assertEqual(file.row_count, 5)
        with open(file.location or "", "rb") as stored:
            self.assertEqual(len(stored.read()), file.size)

    def test_no_records_make_an_empty_snapshot(self) -> None:
        self.assertEqual(self.events.stream_write_records([]).row_count, 0)
        self.assertEqual(list(self.events.read()), [])

    def test_many_records_cross_in_batches_and_keep_their_order(self) -> None:
        for size in (1, 1000, 100_000):
            self.events.stream_write_records({"n": n, "pad": "x" * size} for n in range(300))
            self.assertEqual(numbers(self.events.read()), list(range(300)))
            batches = list(self.events.read(batch_size=7).batches())
            self.assertEqual(numbers(record for batch in batches for record in batch), list(range(300)))
            self.assertLessEqual(max(map(len, batches)), 7)

    def test_an_exception_of_the_iterable_comes_out_and_nothing_is_committed(self) -> None:
        raised = KeyError("the source has gone")

        def broken():  # type: ignore[no-untyped-def]
            yield {"n": 1}
            raise raised

        with self.assertRaises(KeyError) as caught:
            self.events.stream_write_records(broken())
        self.assertIs(caught.exception, raised)
        self.assert_nothing_committed()

    def test_a_bad_record_is_named_by_its_number_and_offset(self) -> None:
        records = [b'{"n":0}'] * 5000 + [b'{"n":}']
        with self.assertRaises(lode.InvalidRecordError) as caught:
            self.events.stream_write_records(records)
        failed = caught.exception
        self.assertEqual((failed.record, failed.offset, failed.action), (5000, 5, lode.Action.GIVE_UP))
        self.assertEqual(failed.status_name, "LODE_ERR_INVALID_RECORD")
        self.assertIn("record 5000", failed.message)
        self.assert_nothing_committed()

    def test_what_is_no_record_is_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "write_lines"):
            self.events.stream_write_records(['{"n":1}'])
        with self.assertRaises(TypeError):
            self.events.stream_write_records([{"n": object()}])
        with self.assertRaises(ValueError):
            self.events.stream_write_records([{"n": float("nan")}])
        with self.assertRaisesRegex(TypeError, "encode must give bytes"):
            self.events.stream_write_records([1], encode=str)  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            self.events.stream_write_records(7)  # type: ignore[arg-type]
        self.assert_nothing_committed()

    def test_times_of_records_are_in_the_manifest(self) -> None:
        records = [{"n": 3}, {"n": None}, {"n": 2}]
        snapshot = self.events.stream_write_records(records, timestamp=lambda record: record["n"])
        self.assertEqual((snapshot.min_timestamp_ns, snapshot.max_timestamp_ns), (2, 3))
        plain = self.events.stream_write_records(records)
        self.assertEqual((plain.min_timestamp_ns, plain.max_timestamp_ns), (None, None))
        with self.events.writer() as writer:
            writer.append({"n": 1}, timestamp_ns=7)
            writer.extend(records, timestamp=lambda record: record["n"])
        assert writer.snapshot is not None
        self.assertEqual((writer.snapshot.min_timestamp_ns, writer.snapshot.max_timestamp_ns), (2, 7))

    def test_every_compressor_and_checksum_is_read_back(self) -> None:
        for compressor in (None, "gzip", "zstd"):
            for checksum in ("xxh3", "md5", "sha256", None):
                dataset = self.store.dataset(f"{compressor}-{checksum}", compressor=compressor, checksum=checksum)
                snapshot = dataset.stream_write_records({"n": n} for n in range(100))
                self.assertEqual(numbers(dataset.read(verify="first")), list(range(100)))
                self.assertEqual(snapshot.compressor, compressor or "noop")
                self.assertEqual(snapshot.files[0].checksum is None, checksum is None)

    def test_records_go_into_partitions(self) -> None:
        hive = self.store.dataset("hive", layout="hive", partition_keys=["day", "region"])
        records = [{"day": day, "region": region} for day in ("a", "b") for region in ("eu", "us")]
        snapshot = hive.write_records(records)
        self.assertEqual(len(snapshot.files), 4)
        catalog = self.store.catalog(layout="hive")
        self.assertEqual(list(catalog.datasets()), ["hive"])
        self.assertEqual(list(catalog.partitions("hive"))[0], "day=a/region=eu")
        self.assertEqual([found.id for found in catalog.snapshots("hive", partition="day=a")], [snapshot.id])
        with self.assertRaises(lode.PartitioningNotSupportedError):
            hive.stream_write_records(records)


class Writers(StoreCase):
    def test_a_with_statement_commits_at_its_end(self) -> None:
        with self.events.writer({"by": "with"}, producer="p", sequence=3, position="here") as writer:
            writer.append({"n": 1})
            writer.extend({"n": n} for n in range(2, 10_000))
            self.assertEqual(writer.record_count, 9_999)
            self.assertGreater(writer.byte_count, 9_999)
            self.assertIsNone(writer.snapshot)
        assert writer.snapshot is not None
        self.assertEqual(writer.snapshot.metadata, {"by": "with"})
        self.assertEqual(writer.snapshot.producer("p"), (3, "here"))
        self.assertEqual(numbers(self.events.read()), list(range(1, 10_000)))

    def test_a_block_that_fails_commits_nothing_and_leaves_nothing(self) -> None:
        self.events.stream_write_records([{"n": 0}])
        before = self.files()
        with self.assertRaises(ZeroDivisionError):
            with self.events.writer() as writer:
                writer.append({"n": 1})
                raise ZeroDivisionError
        self.assertTrue(writer.closed)
        self.assertEqual(self.files(), before)
        self.assertEqual(numbers(self.events.read()), [0])

    def test_lines_come_from_files_iterables_and_descriptors(self) -> None:
        text = '{"n":1}\n\n {"n":2} \r\n{"n":3}'
        path = os.path.join(self.root, "lines")
        with open(path, "w") as file:
            file.write(text)
        for source in (
            io.BytesIO(text.encode()),
            io.StringIO(text),
            text.splitlines(),
            text.encode().splitlines(keepends=True),
            open(path, "rb"),
            open(path, "rb", buffering=0),
            open(path),
        ):
            with self.events.writer() as writer:
                writer.write_lines(source)
            self.assertEqual(numbers(self.events.read()), [1, 2, 3], source)
            if isinstance(source, io.IOBase):
                source.close()
        descriptor = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        with self.events.writer() as writer:
            writer.write_lines(descriptor)
        self.assertEqual(numbers(self.events.read()), [1, 2, 3])

    def test_long_lines_are_put_together_from_pieces(self) -> None:
        lines = [b'{"n":%d,"pad":"%s"}' % (n, b"x" * 300_000) for n in range(5)]
        with self.events.writer() as writer:
            writer.write_lines(io.BytesIO(b"\n".join(lines)))
        self.assertEqual(numbers(self.events.read()), list(range(5)))

    def test_what_gives_no_lines_is_refused(self) -> None:
        with self.events.writer() as writer:
            for source in ('{"n":1}', b'{"n":1}', None, 1.5, [None]):
                with self.assertRaises(TypeError):
                    writer.write_lines(source)  # type: ignore[arg-type]

    def test_after_a_bad_line_the_same_call_goes_on_behind_it(self) -> None:
        text = b'{"n":1}\nbad\n{"n":2}\n{"n":3}\nworse\n{"n":4}'
        for source in (io.BytesIO(text), text.splitlines(), iter(text.splitlines())):
            with self.events.writer() as writer:
                for bad in (1, 1):
                    with self.assertRaises(lode.InvalidRecordError):
                        writer.write_lines(source)
                writer.write_lines(source)
            self.assertEqual(numbers(self.events.read()), [1, 2, 3, 4])

    def test_after_a_bad_record_the_same_call_goes_on_behind_it(self) -> None:
        records = [b'{"n":1}', b"bad", b'{"n":2}', b"worse", b'{"n":3}']
        with self.events.writer() as writer:
            for number in (1, 2):
                with self.assertRaises(lode.InvalidRecordError) as caught:
                    writer.extend(records, timestamp=lambda record: 5)
                self.assertEqual(caught.exception.record, number)
            writer.extend(records)
            with self.assertRaises(lode.InvalidRecordError):
                writer.append(b"{")
            writer.append({"n": 4})
        self.assertEqual(numbers(self.events.read()), [1, 2, 3, 4])

    def test_bad_records_are_skipped_and_counted_if_asked(self) -> None:
        with self.events.writer(bad_records="skip") as writer:
            writer.write_lines(io.BytesIO(b'{"n":1}\nbad\n{"n":2}\n'))
            writer.extend([b"worse", {"n": 3}])
            self.assertEqual(writer.skipped_count, 2)
        self.assertEqual(numbers(self.events.read()), [1, 2, 3])

    def test_a_commit_may_be_repeated_after_it_failed(self) -> None:
        with self.events.writer() as writer:
            writer.append({"n": 1})
            with self.assertRaises(lode.DeadlineError):
                writer.commit(deadline=0)
            with self.assertRaises(lode.MetadataReservedError):
                writer.commit({"lode.x": 1})
            snapshot = writer.commit({"x": 1})
        self.assertIs(writer.snapshot, snapshot)
        self.assertEqual(numbers(self.events.read()), [1])

    def test_abort_gives_the_records_up(self) -> None:
        with self.events.writer() as writer:
            writer.append({"n": 1})
            writer.abort()
            writer.abort()
            with self.assertRaises(lode.StateError):
                writer.append({"n": 2})
            writer.close()
        self.assert_nothing_committed()

    def test_a_writer_in_use_by_another_thread_is_refused(self) -> None:
        source, sink = os.pipe()
        waits, outcome = threading.Event(), []

        def feed() -> None:
            with self.events.writer() as writer:
                shared.append(writer)
                writer.write_lines(source, progress=lambda *_: waits.set())
            outcome.append(writer.snapshot)

        shared = []  # type: ignore[var-annotated]
        thread = threading.Thread(target=feed)
        thread.start()
        waits.wait()
        (writer,) = shared
        with self.assertRaises(lode.StateError):
            writer.append({"n": 1})
        with self.assertRaises(lode.StateError):
            writer.commit()
        os.write(sink, b'{"n":2}\n')
        os.close(sink)
        thread.join()
        os.close(source)
        self.assertEqual(numbers(self.events.read(outcome[0])), [2])


class Commits(StoreCase):
    def test_a_commit_onto_another_parent_is_a_conflict_that_names_the_head(self) -> None:
        first = self.events.stream_write_records([{"n": 1}], expected_parent="")
        second = self.events.stream_write_records([{"n": 2}], expected_parent=first.id)
        self.assertEqual(second.parent_id, first.id)
        for wrong in ("", first.id):
            with self.assertRaises(lode.ConflictError) as caught:
                self.events.stream_write_records([{"n": 3}], expected_parent=wrong)
            self.assertEqual(caught.exception.snapshot_id, second.id)
            self.assertEqual(caught.exception.action, lode.Action.REBASE)

    def test_a_producers_sequence_is_committed_once(self) -> None:
        self.assertIsNone(self.events.find_producer("p"))
        first = self.events.stream_write_records([{"n": 1}], producer="p", sequence=1, position="a")
        again = self.events.stream_write_records([{"n": 1}], producer="p", sequence=1, position="a")
        self.assertEqual(again.outcome, lode.Outcome.ALREADY_COMMITTED)
        self.assertEqual(again.id, first.id)
        found = self.events.find_producer("p")
        assert found is not None
        self.assertEqual(found.producer("p"), (1, "a"))
        self.assertIsNone(found.producer("q"))

    def test_threads_commit_to_one_dataset(self) -> None:
        def commit(number: int) -> None:
            for _ in range(5):
                self.events.stream_write_records([{"n": number}])

        threads = [threading.Thread(target=commit, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = [record["n"] for snapshot in self.events.snapshots() for record in self.events.read(snapshot)]
        self.assertEqual(sorted(found), sorted(list(range(4)) * 5))

    def test_a_commit_that_cannot_be_is_not_committed(self) -> None:
        self.events.stream_write_records([{"n": 1}])
        latest = self.events.latest()
        found = self.events.resolve_commit(latest.id)
        assert found is not None
        self.assertEqual(found.id, latest.id)
        self.assertEqual(self.events.adopt(latest.id).id, latest.id)

    def test_progress_is_told_and_may_stop_the_call(self) -> None:
        told = []

        def stop(records: int, bytes_in: int, bytes_stored: int) -> bool:
            told.append((records, bytes_in, bytes_stored))
            return False

        with self.assertRaises(lode.AbortedError):
            self.events.stream_write_records(({"n": n} for n in range(200_000)), progress=stop)
        self.assertEqual(len(told), 1)

        def fail(*_: int) -> None:
            raise LookupError("stop")

        with self.assertRaises(LookupError):
            self.events.stream_write_records(({"n": n} for n in range(200_000)), progress=fail)
        self.assert_nothing_committed()

    def test_a_cancelled_token_ends_calls(self) -> None:
        token = lode.CancelToken()
        token.cancel()
        with self.assertRaises(lode.CancelledError):
            self.events.stream_write_records([{"n": 1}], cancel=token)
        with self.assertRaises(lode.CancelledError):
            self.events.latest(cancel=token)
        token.close()
        with self.assertRaises(lode.StateError):
            self.events.latest(cancel=token)


class Reading(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.snapshots = [self.events.stream_write_records([{"n": n}, {"n": n + 1}]) for n in (1, 3, 5)]

    def test_snapshots_come_oldest_first(self) -> None:
        ids = [snapshot.id for snapshot in self.snapshots]
        self.assertEqual([snapshot.id for snapshot in self.events.snapshots()], ids)
        self.assertEqual([snapshot.id for snapshot in self.events.changes(ids[0])], ids[1:])
        self.assertEqual(numbers(self.events.read(ids[1])), [3, 4])
        self.assertEqual(self.events.latest().id, ids[2])
        manifest = self.snapshots[2].manifest
        self.assertEqual(manifest["snapshot_id"], ids[2])

    def test_a_position_goes_on_behind_the_last_record(self) -> None:
        position, found = "", []
        while True:
            with self.events.read_since(position) as reader:
                record = next(reader, None)
                if record is None:
                    break
                found.append(record["n"])
                position = reader.position
        self.assertEqual(found, [1, 2, 3, 4, 5, 6])
        self.events.stream_write_records([{"n": 7}])
        self.assertEqual(numbers(self.events.read_since(position)), [7])

    def test_a_position_is_refused_while_records_are_fetched_ahead(self) -> None:
        reader = self.events.read_since(batch_size=2)
        next(reader)
        with self.assertRaisesRegex(lode.StateError, "batches"):
            reader.position
        next(reader)
        self.assertIn(self.snapshots[0].id, reader.position)

    def test_damage_is_found(self) -> None:
        path = self.snapshots[0].files[0].location or ""
        with open(path, "r+b") as file:
            file.write(b'{"m"')
        with self.assertRaises(lode.CorruptError) as caught:
            list(self.events.read(self.snapshots[0]))
        self.assertIn(self.snapshots[0].id, caught.exception.path or "")

    def test_what_is_not_there_is_said(self) -> None:
        with self.assertRaises(lode.SnapshotNotFoundError):
            self.events.read("no-such-snapshot")
        with self.assertRaises(lode.NotFoundError):
            self.store.get("no/such/key")
        with self.assertRaises(lode.NotFoundError):
            lode.Store(os.path.join(self.root, "nowhere"))
