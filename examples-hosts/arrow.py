#!/usr/bin/env python3
"""Moves a table DuckDB -> lode -> Polars by the Arrow C stream interface: `ctypes`, and no copy of our own.

    python3 arrow.py LIBRARY STORE

LIBRARY is liblode.so with the feature "parquet"; STORE is a directory. DuckDB makes a table and hands it over
as an Arrow stream, lode commits it as one Parquet snapshot, and Polars takes the snapshot from lode's own
stream. DuckDB, PyArrow and Polars come from PyPI.
"""

import ctypes
import os
import sys


class ArrowArrayStream(ctypes.Structure):
    """The struct of the Arrow C stream interface, of which only the release is called from here."""


ArrowArrayStream._fields_ = [
    ("get_schema", ctypes.c_void_p),
    ("get_next", ctypes.c_void_p),
    ("get_last_error", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowArrayStream))),
    ("private_data", ctypes.c_void_p),
]


class DatasetOptions(ctypes.Structure):
    """lode_dataset_options; what is left out of its end is the default."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("codec", ctypes.c_int32),
        ("compressor", ctypes.c_int32),
        ("compression_level", ctypes.c_int32),
        ("checksum", ctypes.c_int32),
        ("layout", ctypes.c_int32),
        ("durability", ctypes.c_int32),
        ("file_statistics", ctypes.c_int32),
        ("retry_attempts", ctypes.c_int32),
        ("retry_base_ms", ctypes.c_int32),
        ("retry_cap_ms", ctypes.c_int32),
        ("max_record_bytes", ctypes.c_int64),
    ]


CODEC_PARQUET = 2


class Lode:
    """The few functions that this takes."""

    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.lode_error_message.restype = ctypes.c_char_p
        self.library.lode_snapshot_id.restype = ctypes.c_char_p
        self.library.lode_snapshot_row_count.restype = ctypes.c_int64
        if not self.library.lode_has_feature(b"parquet"):
            sys.exit(f"{path} was built without the feature parquet")

    def call(self, name, *arguments):
        """Calls a function that can fail, with its error argument added."""
        error = ctypes.c_void_p()
        status = getattr(self.library, name)(*arguments, ctypes.byref(error))
        if status < 0:
            message = self.library.lode_error_message(error).decode()
            self.library.lode_error_free(error)
            raise RuntimeError(f"{name}: {message}")
        return status


class Snapshot:
    """What gives itself as an Arrow stream, as libraries in Python expect it: by a capsule (the PyCapsule
    interface)."""

    def __init__(self, lode, dataset, snapshot):
        self.lode, self.dataset, self.snapshot = lode, dataset, snapshot

    def __arrow_c_stream__(self, requested_schema=None):
        stream = ArrowArrayStream()
        self.lode.call("lode_dataset_read_arrow", self.dataset, self.snapshot, None, ctypes.byref(stream))
        return capsule_of(stream)


# A capsule of a stream that was not consumed releases it.
PyCapsule_New = ctypes.pythonapi.PyCapsule_New
PyCapsule_New.restype = ctypes.py_object
PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
PyCapsule_GetPointer = ctypes.pythonapi.PyCapsule_GetPointer
PyCapsule_GetPointer.restype = ctypes.c_void_p
PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
STREAM = b"arrow_array_stream"
alive = {}


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def release_capsule(capsule):
    get = ctypes.PyDLL(None).PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]
    stream = alive.pop(get(capsule, STREAM), None)
    if stream is not None and stream.release:
        stream.release(ctypes.byref(stream))


def capsule_of(stream):
    alive[ctypes.addressof(stream)] = stream
    return PyCapsule_New(ctypes.addressof(stream), STREAM, ctypes.cast(release_capsule, ctypes.c_void_p))


def main(library, root):
    import duckdb
    import polars

    lode = Lode(library)
    store, dataset, snapshot = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    options = DatasetOptions(struct_size=ctypes.sizeof(DatasetOptions), codec=CODEC_PARQUET)
    os.makedirs(root, exist_ok=True)
    lode.call("lode_store_open_filesystem", root.encode(), None, ctypes.byref(store))
    lode.call("lode_dataset_open", store, b"table", ctypes.byref(options), ctypes.byref(dataset))

    # DuckDB hands its rows over as they are asked for; lode moves the stream out of its capsule and releases
    # it.
    table = duckdb.sql(
        "SELECT i AS id, 'name ' || (i % 1000) AS name, i / 8 AS eighth, i % 3 = 0 AS third FROM range(300000) r(i)"
    )
    capsule = table.__arrow_c_stream__()
    stream = PyCapsule_GetPointer(capsule, STREAM)
    lode.call(
        "lode_dataset_stream_write_arrow",
        dataset,
        ctypes.c_void_p(stream),
        b"{}",
        None,
        ctypes.byref(snapshot),
    )
    rows = lode.library.lode_snapshot_row_count(snapshot)
    print(f"DuckDB -> lode: {rows} rows in {lode.library.lode_snapshot_id(snapshot).decode()}")

    frame = polars.DataFrame(Snapshot(lode, dataset, snapshot))
    print(f"lode -> Polars: {frame.height} rows of {frame.columns}, the ids add up to {frame['id'].sum()}")
    assert frame.height == rows == 300000
    assert frame["id"].sum() == sum(range(300000))
    assert frame["third"].sum() == 100000 and frame["eighth"][4] == 0.5 and frame["name"][1001] == "name 1"

    lode.library.lode_snapshot_free(snapshot)
    lode.library.lode_dataset_free(dataset)
    lode.library.lode_store_free(store)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
