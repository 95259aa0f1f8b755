"""Arrow streams by the PyCapsule interface, with the libraries that are there. A build without the feature
says so."""

import importlib
import unittest
from typing import Any

import lode

from .common import StoreCase, numbers

SCHEMA = {"fields": [{"name": "n", "type": "int64"}, {"name": "s", "type": "string", "nullable": True}]}
ROWS = [{"n": 1, "s": "one"}, {"n": 2, "s": None}, {"n": 3, "s": "three"}]


def library(name: str) -> Any:
    """A library that takes Arrow streams; a test that needs it is skipped without it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise unittest.SkipTest(f"there is no {name}") from None


class WithoutTheFeature(StoreCase):
    @unittest.skipIf(lode.has_feature("parquet"), "the library has the feature")
    def test_a_build_without_the_feature_names_it(self) -> None:
        with self.assertRaisesRegex(lode.UnsupportedError, "parquet"):
            self.store.dataset("columns", codec="parquet", schema=SCHEMA)
        self.events.stream_write_records([{"n": 1}])
        with self.assertRaisesRegex(lode.UnsupportedError, "parquet"):
            self.events.to_arrow()

    def test_what_gives_no_stream_is_refused(self) -> None:
        for data in (1, [1], {"n": 1}):
            with self.subTest(data=data), self.assertRaisesRegex(TypeError, "__arrow_c_stream__"):
                self.events.write_arrow(data)
        with self.assertRaisesRegex(TypeError, "__arrow_c_array__"), self.events.writer() as writer:
            writer.append_arrow(1)
        with self.assertRaisesRegex(TypeError, "schema must be"):
            self.store.dataset("x", schema=1)
        self.assert_nothing_committed()


@unittest.skipUnless(lode.has_feature("parquet"), "the library has not the feature")
class Arrow(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.columns = self.store.dataset("columns", codec="parquet", schema=SCHEMA, durability="process")
        self.copies = self.store.dataset("copies", codec="parquet", durability="process")
        self.snapshot = self.columns.stream_write_records(ROWS)

    def test_a_stream_of_one_dataset_goes_into_another(self) -> None:
        stream = self.columns.to_arrow()
        for _ in range(2):  # each opens a stream of its own
            copy = self.copies.write_arrow(stream, {"by": "arrow"})
            self.assertEqual((list(self.copies.read(copy)), copy.metadata), (ROWS, {"by": "arrow"}))
        self.assertIn(self.snapshot.id, repr(stream))
        capsule = stream.__arrow_c_stream__()
        del capsule  # what was not taken is released with it

    def test_columns_and_row_groups_are_chosen(self) -> None:
        copy = self.copies.write_arrow(self.columns.to_arrow(columns=["n"], batch_rows=2))
        self.assertEqual(list(self.copies.read(copy)), [{"n": 1}, {"n": 2}, {"n": 3}])
        where = [("n", ">", 1000), ("s", "!=", "x")]
        copy = self.copies.write_arrow(self.columns.to_arrow(self.snapshot.id, where=where))
        self.assertEqual(copy.row_count, 0)
        with self.assertRaisesRegex(lode.InvalidArgumentError, "none"):
            self.columns.to_arrow(columns=["none"])
        with self.assertRaisesRegex(ValueError, "one of =="):
            self.columns.to_arrow(where=[("n", "=", 1)])
        with self.assertRaisesRegex(TypeError, "not one str"):
            self.columns.to_arrow(columns="n")
        with self.assertRaises(lode.NoSnapshotsError):
            self.store.dataset("none").to_arrow()

    def test_a_failure_of_the_stream_comes_out(self) -> None:
        class Broken:
            def __arrow_c_stream__(self, requested_schema: object = None) -> object:
                raise ZeroDivisionError

        class Garbage:
            def __arrow_c_stream__(self, requested_schema: object = None) -> object:
                return "no capsule"

        with self.assertRaises(ZeroDivisionError):
            self.copies.write_arrow(Broken())
        with self.assertRaises(ValueError):
            self.copies.write_arrow(Garbage())
        capsule = self.columns.to_arrow().__arrow_c_stream__()

        class Taken:
            def __arrow_c_stream__(self, requested_schema: object = None) -> object:
                return capsule

        self.copies.write_arrow(Taken())
        with self.assertRaises(lode.NilIteratorError):  # it was moved out by the first
            self.copies.write_arrow(Taken())

    def test_pyarrow_gives_and_takes(self) -> None:
        pyarrow = library("pyarrow")
        table = pyarrow.table(self.columns.to_arrow())
        self.assertEqual(table.to_pylist(), ROWS)
        self.assertEqual(list(self.copies.read(self.copies.write_arrow(table))), ROWS)
        self.assertEqual(pyarrow.RecordBatchReader.from_stream(self.columns.to_arrow()).read_all(), table)
        with self.columns.writer() as writer:
            self.assertEqual(writer.append_arrow(table.to_batches()[0]), 3)
            with self.assertRaises(lode.ArrowTypeError):
                writer.append_arrow(pyarrow.RecordBatch.from_pylist([{"n": "x", "s": "y"}]))
        self.assertEqual(numbers(self.columns.read()), [1, 2, 3])
        by_schema = self.store.dataset("by_schema", codec="parquet", schema=table.schema, durability="process")
        self.assertEqual(list(by_schema.read(by_schema.stream_write_records(ROWS))), ROWS)

        def breaks() -> Any:
            yield table.to_batches()[0]
            raise RuntimeError("the source has gone")

        before = self.copies.latest().id
        with self.assertRaisesRegex(lode.IteratorError, "the source has gone"):
            self.copies.write_arrow(pyarrow.RecordBatchReader.from_batches(table.schema, breaks()))
        self.assertEqual(self.copies.latest().id, before)

    def test_polars_gives_and_takes(self) -> None:
        polars = library("polars")
        frame = polars.DataFrame(self.columns.to_arrow())
        self.assertEqual(frame.to_dicts(), ROWS)
        self.assertEqual(list(self.copies.read(self.copies.write_arrow(frame))), ROWS)

    def test_pandas_gives_and_takes(self) -> None:
        pandas = library("pandas")
        library("pyarrow")
        frame = pandas.DataFrame.from_arrow(self.columns.to_arrow(columns=["n"]))
        self.assertEqual(frame["n"].tolist(), [1, 2, 3])
        self.assertEqual(numbers(self.copies.read(self.copies.write_arrow(frame))), [1, 2, 3])

    def test_duckdb_gives_and_takes(self) -> None:
        duckdb = library("duckdb")
        stream = self.columns.to_arrow()  # noqa: F841: the query finds it by its name
        self.assertEqual(duckdb.sql("select sum(n), count(s) from stream").fetchall(), [(6, 2)])
        copy = self.copies.write_arrow(duckdb.sql("select range as n from range(1000)"))
        self.assertEqual(numbers(self.copies.read(copy)), list(range(1000)))

    def test_columns_of_any_type_go_and_come_with_arrow_schema_types(self) -> None:
        pyarrow = library("pyarrow")
        rows = [{"day": None, "tags": ["a", None], "at": {"x": 1}}, {"day": None, "tags": [], "at": None}]
        table = pyarrow.Table.from_pylist(
            rows,
            pyarrow.schema(
                [
                    ("at", pyarrow.struct([("x", pyarrow.int64())])),
                    ("day", pyarrow.date32()),
                    ("tags", pyarrow.list_(pyarrow.string())),
                ]
            ),
        )
        with self.assertRaisesRegex(lode.ArrowTypeError, "Arrow schema types"):
            self.copies.write_arrow(table)
        anything = self.store.dataset("anything", codec="parquet", schema_types="arrow", durability="process")
        anything.write_arrow(table)
        self.assertEqual(pyarrow.table(anything.to_arrow()), table)
        lists = self.store.dataset(
            "lists", codec="parquet", schema_types="arrow", schema=table.drop_columns("day").schema
        )
        records = [{"at": {"x": 1}, "tags": ["a", None]}, {"at": None, "tags": []}]
        self.assertEqual(list(lists.read(lists.stream_write_records(records))), records)
