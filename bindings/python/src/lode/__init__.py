"""Atomic, durable, verifiable snapshots of record streams.

    import lode

    store = lode.Store("/srv/lode")
    events = store.dataset("events", compressor="zstd")
    events.stream_write_records({"n": n} for n in range(1000))
    for record in events.read():
        print(record["n"])

A commit is all or nothing, and durable when it returns. Failures are exceptions, a class for each status of
the library, below `Error`; `Error.action` says what to do. Wrong use (a closed handle, a reader used by two
threads) is `StateError`, TypeError or ValueError. An interrupt (KeyboardInterrupt) ends the call that runs,
with nothing committed unless the commit was decided already.
"""

from . import _statuses
from ._error import Action, Error
from ._native import ffi as _ffi
from ._native import lib as _lib
from ._statuses import *  # noqa: F403
from .arrow import ArrowStream
from .catalog import Catalog
from .custom_store import CustomStore, Upload
from .dataset import Dataset
from .history import Collected, Finding, Garbage
from .options import CallOptions, CancelToken, CommitOptions, ReadOptions
from .part import Part
from .reader import BlobReader, RecordReader
from .snapshot import Block, File, Outcome, Snapshot
from .store import Store
from .volume import Volume, VolumeBlock
from .writer import BlobWriter, RecordWriter

#: The version of the library.
__version__: str = _ffi.string(_lib.lode_version()).decode()


def has_feature(name: str) -> bool:
    """Whether the library was built with an optional feature: "parquet" or "object-store"."""
    return bool(_lib.lode_has_feature(name.encode()))


__all__ = [
    "Action",
    "ArrowStream",
    "BlobReader",
    "BlobWriter",
    "Block",
    "CallOptions",
    "CancelToken",
    "Catalog",
    "Collected",
    "CommitOptions",
    "CustomStore",
    "Dataset",
    "Error",
    "File",
    "Finding",
    "Garbage",
    "Outcome",
    "Part",
    "ReadOptions",
    "RecordReader",
    "RecordWriter",
    "Snapshot",
    "Store",
    "Upload",
    "Volume",
    "VolumeBlock",
    "has_feature",
]
__all__ += [kind.__name__ for kind in _statuses.BY_STATUS.values()]
