"""DuckDB, Polars and PyArrow on the library's Parquet files, and the library on theirs.

    python engines.py LIBRARY STORE
"""

import ctypes
import datetime
import os
import pathlib
import sys

import duckdb
import foreign
import polars
import pyarrow
import pyarrow.parquet

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples-hosts"))
from arrow import CODEC_PARQUET, STREAM, DatasetOptions, Lode, PyCapsule_GetPointer, Snapshot  # noqa: E402

UTC = datetime.timezone.utc
ROWS = 3000


def table_of(rows, nullable):
    """A table of all portable types, in no order."""

    def some(values):
        return [None if nullable and place % 7 == 3 else value for place, value in enumerate(values)]

    numbers = range(rows)
    columns = {
        "string": pyarrow.array(some([f"é {n % 50} 😀" for n in numbers]), pyarrow.string()),
        "int32": pyarrow.array(some([n - 500 for n in numbers]), pyarrow.int32()),
        "at": pyarrow.array(
            some([datetime.datetime(2024, 2, 29, 12, n % 60, n % 60, n, tzinfo=UTC) for n in numbers]),
            pyarrow.timestamp("ns", "UTC"),
        ),
        "bool": pyarrow.array(some([n % 3 == 0 for n in numbers]), pyarrow.bool_()),
        "float64": pyarrow.array(some([n / 8 for n in numbers]), pyarrow.float64()),
        "bytes": pyarrow.array(some([bytes([n % 256, 255]) for n in numbers]), pyarrow.binary()),
        "int64": pyarrow.array(some([2**60 + n for n in numbers]), pyarrow.int64()),
        "float32": pyarrow.array(some([n / 4 for n in numbers]), pyarrow.float32()),
    }
    fields = [pyarrow.field(name, array.type, nullable) for name, array in columns.items()]
    return pyarrow.table(list(columns.values()), pyarrow.schema(fields))


class Datasets:
    def __init__(self, library, root):
        self.lode, self.root = Lode(library), root
        self.lode.library.lode_snapshot_file_location.restype = ctypes.c_char_p
        self.store = ctypes.c_void_p()
        os.makedirs(root, exist_ok=True)
        self.lode.call("lode_store_open_filesystem", root.encode(), None, ctypes.byref(self.store))

    def open(self, name):
        dataset = ctypes.c_void_p()
        options = DatasetOptions(struct_size=ctypes.sizeof(DatasetOptions), codec=CODEC_PARQUET)
        self.lode.call("lode_dataset_open", self.store, name.encode(), ctypes.byref(options), ctypes.byref(dataset))
        return dataset

    def write(self, name, stream):
        """Commits what gives itself as an Arrow stream; gives the file's path."""
        dataset, snapshot = self.open(name), ctypes.c_void_p()
        capsule = stream.__arrow_c_stream__()
        pointer = ctypes.c_void_p(PyCapsule_GetPointer(capsule, STREAM))
        self.lode.call(
            "lode_dataset_stream_write_arrow", dataset, pointer, b"{}", None, ctypes.byref(snapshot)
        )
        return self.lode.library.lode_snapshot_file_location(snapshot, ctypes.c_size_t(0)).decode()

    def read(self, name):
        dataset, snapshot = self.open(name), ctypes.c_void_p()
        self.lode.call("lode_dataset_find_latest", dataset, None, ctypes.byref(snapshot))
        return pyarrow.table(Snapshot(self.lode, dataset, snapshot))


def plain(table):
    """What a table says, its columns in the order of their names."""
    return {name: table.column(name).to_pylist() for name in sorted(table.column_names)}


def main(library, root):
    datasets = Datasets(library, root)
    for rows in (0, 1, ROWS):
        for nullable in (False, True):
            what = f"{rows} rows, {'nullable' if nullable else 'required'}"
            name = f"ours-{rows}-{nullable}".lower()
            table = table_of(rows, nullable)
            path = datasets.write(name, table)
            expected = plain(table)
            assert plain(datasets.read(name)) == expected, f"lode: {what}"
            assert plain(pyarrow.parquet.ParquetFile(path).read()) == expected, f"PyArrow: {what}"
            assert plain(polars.read_parquet(path).to_arrow()) == expected, f"Polars: {what}"
            query = f"SELECT * FROM read_parquet('{path}')"
            found = duckdb.sql(query).to_arrow_table()
            # DuckDB has nanoseconds without a zone, and microseconds with one.
            at = found.column("at").cast(pyarrow.timestamp("us")).to_pylist()
            assert at == [value and value.replace(tzinfo=None) for value in expected["at"]], f"DuckDB: {what}"
            assert plain(found.drop_columns("at")) == {k: v for k, v in expected.items() if k != "at"}, f"DuckDB: {what}"
    print("PyArrow, Polars and DuckDB read what lode wrote")

    number = 0
    for rows in (0, 1, ROWS):
        for nullable in (False, True):
            table = table_of(rows, nullable)
            expected = plain(table)
            for writer, compression in [
                ("pyarrow", "snappy"), ("pyarrow", "gzip"), ("pyarrow", "zstd"), ("pyarrow", "none"),
                ("polars", "zstd"), ("polars", "snappy"), ("duckdb", "snappy"), ("duckdb", "zstd"),
            ]:
                number += 1
                path = f"{root}/theirs-{number}"
                if writer == "pyarrow":
                    version = "1.0" if nullable else "2.0"
                    pyarrow.parquet.write_table(
                        table, path, compression=compression, data_page_version=version, row_group_size=700
                    )
                elif writer == "polars":
                    polars.from_arrow(table).write_parquet(path, compression=compression)
                else:
                    source = table.set_column(
                        table.column_names.index("at"), "at", table.column("at").cast(pyarrow.timestamp("us", "UTC"))
                    )
                    duckdb.sql(f"COPY (SELECT * FROM source) TO '{path}' (FORMAT parquet, COMPRESSION {compression})")
                foreign.put(root, f"theirs-{number}", path, rows)
                found = plain(datasets.read(f"theirs-{number}"))
                assert found == expected, f"{writer}, {compression}, {rows} rows, nullable: {nullable}"
    print(f"lode reads {number} files of PyArrow, Polars and DuckDB")


if __name__ == "__main__":
    main(*sys.argv[1:])
