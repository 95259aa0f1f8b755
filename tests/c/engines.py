"""DuckDB, Polars and PyArrow on the library's Parquet files, and the library on theirs.

    python engines.py LIBRARY STORE
"""

import ctypes
import datetime
import decimal
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
SCHEMA_ARROW = 1


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


def table_of_any_types():
    """Types that are not portable, nested ones too, with nulls."""

    def some(values):
        return [None if place % 5 == 3 else value for place, value in enumerate(values)]

    numbers = range(ROWS)
    pair = pyarrow.struct([("n", pyarrow.int64()), ("tags", pyarrow.list_(pyarrow.string()))])
    values = {
        "day": (pyarrow.date32(), [datetime.date(2024, 1, 1) + datetime.timedelta(n) for n in numbers]),
        "dictionary": (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), [f"t{n % 7}" for n in numbers]),
        "large": (pyarrow.large_string(), [f"x{n}" for n in numbers]),
        "list": (pyarrow.list_(pyarrow.int32()), [[n, None] * (n % 4) for n in numbers]),
        "local": (pyarrow.timestamp("us"), [datetime.datetime(2024, 2, 29, 12, n % 60, 0, n) for n in numbers]),
        "map": (pyarrow.map_(pyarrow.string(), pyarrow.int64()), [[(f"k{n % 3}", n)] * (n % 2) for n in numbers]),
        "money": (pyarrow.decimal128(12, 2), [decimal.Decimal(n * 101 - 5000) / 100 for n in numbers]),
        "pair": (pair, [{"n": n, "tags": ["a", None, ""][: n % 4]} for n in numbers]),
        "pairs": (pyarrow.list_(pair), [[{"n": n, "tags": None}, None][: n % 3] for n in numbers]),
        "time": (pyarrow.time64("us"), [datetime.time(n % 24, n % 60, 1, n) for n in numbers]),
        "u8": (pyarrow.uint8(), [n % 256 for n in numbers]),
        "u64": (pyarrow.uint64(), [2**63 + n for n in numbers]),
    }
    return pyarrow.table({name: pyarrow.array(some(column), kind) for name, (kind, column) in values.items()})


def maps_as_pairs(value):
    """A map as every engine's arrays tell of one: pairs, here as lists of two."""
    if not isinstance(value, list):
        return value
    return [[pair["key"], pair["value"]] if isinstance(pair, dict) else list(pair) for pair in value]


def any_types(datasets):
    """What is not portable: written by lode, read by all."""
    table = table_of_any_types()
    path = datasets.write("any", table, SCHEMA_ARROW)
    expected = plain(table)
    back = datasets.read("any", SCHEMA_ARROW)
    assert plain(back) == expected, "lode"
    for field in table.schema:
        # Keys of dictionaries are given back with 32 bits.
        kind = pyarrow.dictionary(pyarrow.int32(), pyarrow.string()) if field.name == "dictionary" else field.type
        assert back.schema.field(field.name).type == kind, field
    expected["map"] = [maps_as_pairs(value) for value in expected["map"]]
    for engine, found in {
        "PyArrow": pyarrow.parquet.ParquetFile(path).read(),
        "Polars": polars.read_parquet(path).to_arrow(),
        "DuckDB": duckdb.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_table(),
    }.items():
        found = plain(found)
        found["map"] = [maps_as_pairs(value) for value in found["map"]]
        for name, values in expected.items():
            assert found[name] == values, f"{engine}: {name}"
    print("PyArrow, Polars and DuckDB read dates, decimals, lists, structs and maps that lode wrote")


class AnyOptions(DatasetOptions):
    """The same up to `schema_types`."""

    _fields_ = [
        ("partition_keys", ctypes.c_void_p),
        ("partition_key_count", ctypes.c_size_t),
        ("partition_streaming", ctypes.c_int32),
        ("max_open_partitions", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("spawn", ctypes.c_void_p),
        ("spawn_ctx", ctypes.c_void_p),
        ("schema_json", ctypes.c_char_p),
        ("arrow_schema", ctypes.c_void_p),
        ("row_group_bytes", ctypes.c_int64),
        ("schema_types", ctypes.c_int32),
    ]


class Datasets:
    def __init__(self, library, root):
        self.lode, self.root = Lode(library), root
        self.lode.library.lode_snapshot_file_location.restype = ctypes.c_char_p
        self.store = ctypes.c_void_p()
        os.makedirs(root, exist_ok=True)
        self.lode.call("lode_store_open_filesystem", root.encode(), None, ctypes.byref(self.store))

    def open(self, name, types):
        dataset = ctypes.c_void_p()
        options = AnyOptions(struct_size=ctypes.sizeof(AnyOptions), codec=CODEC_PARQUET, schema_types=types)
        self.lode.call("lode_dataset_open", self.store, name.encode(), ctypes.byref(options), ctypes.byref(dataset))
        return dataset

    def write(self, name, stream, types=0):
        """Commits what gives itself as an Arrow stream; gives the file's path."""
        dataset, snapshot = self.open(name, types), ctypes.c_void_p()
        capsule = stream.__arrow_c_stream__()
        pointer = ctypes.c_void_p(PyCapsule_GetPointer(capsule, STREAM))
        self.lode.call(
            "lode_dataset_stream_write_arrow", dataset, pointer, b"{}", None, ctypes.byref(snapshot)
        )
        return self.lode.library.lode_snapshot_file_location(snapshot, ctypes.c_size_t(0)).decode()

    def read(self, name, types=0):
        dataset, snapshot = self.open(name, types), ctypes.c_void_p()
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
    any_types(datasets)

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
