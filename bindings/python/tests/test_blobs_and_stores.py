"""Raw blobs, objects of a store, and stores of one's own."""

import errno
import io

import lode

from .common import DictStore, StoreCase, numbers


class Blobs(StoreCase):
    def test_blobs_come_from_bytes_files_and_iterables(self) -> None:
        images = self.store.dataset("images", codec=None, compressor="zstd")
        data = bytes(range(256)) * 5000
        for source in (data, bytearray(data), io.BytesIO(data), [data[:7], b"", data[7:]]):
            snapshot = images.write_blob(source)
            with images.read_blob(snapshot) as reader:
                self.assertEqual(reader.read(), data)
                self.assertEqual(reader.read_at(256, 4), b"\0\1\2\3")
                self.assertEqual(reader.read_at(len(data), 4), b"")
        with images.blob_writer({"name": "x"}) as writer:
            writer.write(data)
            writer.write_from(io.BytesIO(b"end"))
        reader = images.read_blob()
        self.assertEqual(io.BufferedReader(reader).read(), data + b"end")
        self.assertEqual(images.latest().metadata, {"name": "x"})

    def test_an_exception_of_the_source_comes_out(self) -> None:
        def broken():  # type: ignore[no-untyped-def]
            yield b"x"
            raise LookupError

        images = self.store.dataset("images", codec=None)
        with self.assertRaises(LookupError):
            images.write_blob(broken())
        with self.assertRaises(TypeError):
            images.write_blob([1])
        with self.assertRaises(lode.NoSnapshotsError):
            images.latest()

    def test_records_and_blobs_are_not_mixed(self) -> None:
        with self.assertRaises(lode.InvalidArgumentError):
            self.events.write_blob(b"x")
        with self.assertRaises(lode.CodecRequiredError):
            self.store.dataset("images", codec=None).stream_write_records([])


class Objects(StoreCase):
    def test_objects_are_put_read_listed_swapped_and_deleted(self) -> None:
        store = lode.Store.memory()
        store.put("a/b", b"0123456789")
        with self.assertRaises(lode.PathExistsError):
            store.put("a/b", b"")
        self.assertEqual(store.get("a/b"), b"0123456789")
        self.assertEqual(store.read_at("a/b", 3, 4), b"3456")
        self.assertEqual(store.read_at("a/b", 8, 4), b"89")
        store.put("a/c", b"")
        self.assertEqual(store.get("a/c"), b"")
        self.assertEqual(list(store.list("a")), ["a/b", "a/c"])
        store.compare_and_swap("pointer", b"", b"1")
        with self.assertRaises(lode.ConflictError):
            store.compare_and_swap("pointer", b"2", b"3")
        store.compare_and_swap("pointer", b"1", b"2")
        self.assertTrue(store.exists("pointer"))
        store.delete("pointer")
        store.delete("pointer")
        self.assertFalse(store.exists("pointer"))
        with self.assertRaises(lode.InvalidPathError):
            store.get("../x")


class Urls(StoreCase):
    def test_a_store_is_opened_by_its_url(self) -> None:
        self.events.stream_write_records([{"n": 1}])
        store = lode.Store.open_url("file://" + self.root)
        self.assertEqual(numbers(store.dataset("events").read()), [1])
        self.assertEqual(list(lode.Store.open_url("memory:").list()), [])

    def test_what_a_url_or_a_setting_has_wrong_is_said(self) -> None:
        with self.assertRaises(lode.InvalidArgumentError):
            lode.Store.open_url("gopher://x")
        with self.assertRaisesRegex(lode.InvalidArgumentError, "no_such_setting"):
            lode.Store.open_url("memory:", {"no_such_setting": "secret"})
        with self.assertRaises(TypeError):
            lode.Store.open_url("memory:", ["x"])  # type: ignore[arg-type]
        if not lode.has_feature("object-store"):
            with self.assertRaisesRegex(lode.UnsupportedError, "object-store"):
                lode.Store.open_url("s3://bucket/prefix")


class CustomStores(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.own = DictStore()
        self.store = lode.Store.custom(self.own)
        self.events = self.store.dataset("events")

    def test_a_store_in_a_dict_keeps_every_rule(self) -> None:
        self.store.check_conformance("trial")
        self.events.stream_write_records({"n": n} for n in range(1000))
        self.assertEqual(numbers(self.events.read()), list(range(1000)))
        self.assertIn("datasets/events/latest", self.own.objects)

    def test_an_exception_of_a_method_is_the_cause_of_the_failure(self) -> None:
        self.events.stream_write_records([{"n": 1}])
        events = self.store.dataset("events")
        for method in ("stat", "read", "list"):
            self.own.fails = {method: ZeroDivisionError(f"{method} broke")}
            with self.assertRaises(lode.StoreError) as caught:
                list(self.store.list("")) if method == "list" else self.store.get("datasets/events/latest")
            self.assertIs(caught.exception.__cause__, self.own.fails[method])
            self.assertIn(f"ZeroDivisionError: {method} broke", caught.exception.message)
        self.own.fails = {"begin": RuntimeError("no")}
        with self.assertRaises(lode.StoreError):
            events.stream_write_records([{"n": 2}])
        self.own.fails = {}
        self.assertEqual(numbers(events.read()), [1])

    def test_a_full_store_is_said_and_the_writer_goes_on(self) -> None:
        self.own.fails = {"stat": OSError(errno.ENOSPC, "full")}
        with self.assertRaises(lode.NoSpaceError):
            self.store.get("x")

    def test_a_swap_whose_outcome_is_open_is_in_doubt(self) -> None:
        self.store.compare_and_swap("pointer", b"", b"1")
        lost = RuntimeError("the answer was lost")
        self.own.fails = {"compare_and_swap": lost}
        with self.assertRaises(lode.CommitUnknownError) as caught:
            self.store.compare_and_swap("pointer", b"1", b"2")
        self.assertEqual(caught.exception.action, lode.Action.RESOLVE)
        self.assertIs(caught.exception.__cause__, lost)

    def test_garbage_of_a_method_is_an_error(self) -> None:
        self.events.stream_write_records([{"n": 1}])
        for method, garbage in (
            ("stat", "x"),
            ("stat", -1),
            ("stat", None),
            ("read", b"x" * (1 << 22)),
            ("read", None),
            ("list", [None]),
            ("list", 7),
            ("begin", None),
        ):
            setattr(self.own, method, lambda *_, garbage=garbage: garbage)
            with self.assertRaises(lode.Error):
                list(self.store.list(""))
                self.store.get("datasets/events/latest")
                self.store.put("x", b"y")
            delattr(self.own, method)

    def test_an_interrupt_of_a_method_comes_out(self) -> None:
        self.own.fails = {"stat": KeyboardInterrupt()}
        with self.assertRaises(KeyboardInterrupt):
            self.store.get("x")

    def test_a_method_that_uses_its_own_store_is_refused(self) -> None:
        store = self.store
        self.own.stat = lambda key: store.exists(key)  # type: ignore[method-assign]
        with self.assertRaisesRegex(lode.StoreError, "a callback must not use its own store"):
            store.exists("x")

    def test_what_is_no_store_is_refused(self) -> None:
        with self.assertRaises(TypeError):
            lode.Store.custom(object())  # type: ignore[arg-type]
