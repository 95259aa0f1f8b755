"""Committed snapshots, and iterators over them."""

import enum
import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ._native import Exclusive, Handle, call, ffi, lib, string, text

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Outcome(enum.Enum):
    """How a commit ended that gave a snapshot."""

    #: Committed.
    COMMITTED = 0
    #: This producer's sequence was committed before; nothing was written, and the snapshot is that one's.
    ALREADY_COMMITTED = 2
    #: Committed and durable; the next writer publishes it.
    COMMITTED_UNPUBLISHED = 3
    #: Committed, but a writer of another library, which ignores the commit slots, was seen.
    COMMITTED_BESIDE_FOREIGN = 4


@dataclass(frozen=True)
class File:
    """A data file of a snapshot."""

    #: Its key in the store.
    path: str
    #: Where another program finds it: an absolute path, as of the opening of the store. None if there is no
    #: such place.
    location: Optional[str]
    #: Its size as stored, in bytes.
    size: int
    #: The checksum of its stored bytes, in lower-case hex.
    checksum: Optional[str]
    #: How many records it holds; None if the manifest does not say.
    row_count: Optional[int]


@dataclass(frozen=True)
class Block:
    """A block of a volume's snapshot."""

    #: Where it begins, in bytes.
    offset: int
    #: In bytes.
    length: int
    #: Its key in the store.
    path: str
    #: Where another program finds it: an absolute path, as of the opening of the store. None if there is no
    #: such place.
    location: Optional[str]
    #: The checksum of its bytes, in lower-case hex.
    checksum: Optional[str]


class Snapshot(Handle):
    """What the manifest of a committed snapshot says. It never changes; threads may share it."""

    _what = "the snapshot"

    def __init__(self, pointer: Any, outcome: Optional[Outcome] = None) -> None:
        super().__init__(pointer, lib.lode_snapshot_free)
        #: How the commit ended that gave it; None if it was found or listed.
        self.outcome = outcome

    @property
    def id(self) -> str:
        """Ids of one dataset, compared as bytes, stand in the order of its history."""
        return string(lib.lode_snapshot_id(self._pointer)) or ""

    @property
    def dataset_id(self) -> str:
        return string(lib.lode_snapshot_dataset_id(self._pointer)) or ""

    @property
    def parent_id(self) -> Optional[str]:
        """The id of the snapshot before; None for a dataset's first."""
        return string(lib.lode_snapshot_parent_id(self._pointer))

    @property
    def created_at_ns(self) -> int:
        """When it was committed, by the writer's clock, in nanoseconds since the Unix epoch."""
        return int(lib.lode_snapshot_created_at(self._pointer))

    @property
    def created_at(self) -> datetime:
        """When it was committed, by the writer's clock, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.created_at_ns // 1000)

    @property
    def row_count(self) -> int:
        """How many records it holds; a raw blob counts 1."""
        return int(lib.lode_snapshot_row_count(self._pointer))

    @property
    def min_timestamp_ns(self) -> Optional[int]:
        """The earliest time of a record, in nanoseconds since the Unix epoch; None if no record had one."""
        return _time(lib.lode_snapshot_min_timestamp(self._pointer))

    @property
    def max_timestamp_ns(self) -> Optional[int]:
        """The latest time of a record, in nanoseconds since the Unix epoch; None if no record had one."""
        return _time(lib.lode_snapshot_max_timestamp(self._pointer))

    @property
    def codec(self) -> Optional[str]:
        """The codec's name in the manifest, such as "jsonl"; None for a raw blob."""
        return string(lib.lode_snapshot_codec(self._pointer))

    @property
    def compressor(self) -> str:
        """The compressor's name in the manifest: "noop", "gzip" or "zstd"."""
        return string(lib.lode_snapshot_compressor(self._pointer)) or ""

    @property
    def metadata(self) -> Dict[str, Any]:
        """The metadata that came with the commit."""
        parsed: Dict[str, Any] = json.loads(string(lib.lode_snapshot_metadata_json(self._pointer)) or "{}")
        return parsed

    @property
    def manifest_json(self) -> str:
        """The whole manifest, as it is stored."""
        return string(lib.lode_snapshot_manifest_json(self._pointer)) or ""

    @property
    def manifest(self) -> Dict[str, Any]:
        """The whole manifest, parsed."""
        parsed: Dict[str, Any] = json.loads(self.manifest_json)
        return parsed

    @property
    def files(self) -> List[File]:
        """The data files, in the manifest's order."""
        pointer = self._pointer
        return [_file(pointer, index) for index in range(lib.lode_snapshot_file_count(pointer))]

    @property
    def total_length(self) -> int:
        """How long a volume's address space is, in bytes; 0 for a dataset's snapshot."""
        return int(lib.lode_snapshot_total_length(self._pointer))

    @property
    def blocks(self) -> List[Block]:
        """The blocks of a volume's snapshot in the order of their offsets, those of its parent included."""
        pointer = self._pointer
        return [_block(pointer, index) for index in range(lib.lode_snapshot_block_count(pointer))]

    @property
    def gaps(self) -> Iterator[Tuple[int, int]]:
        """The ranges of a volume's snapshot that no block covers, in order, as offset and length."""
        pointer, offset, length = self._pointer, ffi.new("uint64_t *"), ffi.new("uint64_t *")
        while call(lib.lode_snapshot_next_gap, pointer, offset[0] + length[0], offset, length) == lib.LODE_ITEM:
            yield int(offset[0]), int(length[0])

    def producer(self, producer: str) -> Optional[Tuple[int, str]]:
        """How far a producer had come: its highest committed sequence and the position that came with it;
        None if nothing is remembered of it.
        """
        sequence, position = ffi.new("uint64_t *"), ffi.new("const char **")
        pointer = self._pointer
        status = call(lib.lode_snapshot_find_producer, pointer, text(producer, "producer"), sequence, position)
        return None if status == lib.LODE_NONE else (int(sequence[0]), string(position[0]) or "")

    def __repr__(self) -> str:
        return "<lode.Snapshot closed>" if self.closed else f"<lode.Snapshot {self.dataset_id} {self.id}>"


def committed(status: int, pointer: Any) -> Snapshot:
    """The snapshot of a commit that succeeded."""
    known = {outcome.value for outcome in Outcome}
    return Snapshot(pointer, Outcome(status if status in known else 0))


def _time(nanoseconds: int) -> Optional[int]:
    return None if nanoseconds == lib.LODE_NO_TIMESTAMP else int(nanoseconds)


def _file(pointer: Any, index: int) -> File:
    rows = lib.lode_snapshot_file_row_count(pointer, index)
    return File(
        path=string(lib.lode_snapshot_file_path(pointer, index)) or "",
        location=string(lib.lode_snapshot_file_location(pointer, index)),
        size=int(lib.lode_snapshot_file_size(pointer, index)),
        checksum=string(lib.lode_snapshot_file_checksum(pointer, index)),
        row_count=None if rows < 0 else int(rows),
    )


def _block(pointer: Any, index: int) -> Block:
    return Block(
        offset=int(lib.lode_snapshot_block_offset(pointer, index)),
        length=int(lib.lode_snapshot_block_length(pointer, index)),
        path=string(lib.lode_snapshot_block_path(pointer, index)) or "",
        location=string(lib.lode_snapshot_block_location(pointer, index)),
        checksum=string(lib.lode_snapshot_block_checksum(pointer, index)),
    )


class _Listing(Handle):
    """An iterator of the library's, with what it borrows."""

    def __init__(self, pointer: Any, free: Any, alive: List[Any]) -> None:
        super().__init__(pointer, free)
        self._alive = alive
        self._turn = Exclusive(self._what)


class SnapshotIterator(_Listing, Iterator[Snapshot]):
    """Snapshots, one after the other; for one thread at a time."""

    _what = "the iterator over snapshots"

    def __init__(self, pointer: Any, alive: List[Any]) -> None:
        super().__init__(pointer, lib.lode_snapshot_iterator_free, alive)

    def __next__(self) -> Snapshot:
        snapshot = ffi.new("lode_snapshot **")
        with self._turn:
            if call(lib.lode_snapshot_iterator_next, self._pointer, snapshot) != lib.LODE_ITEM:
                raise StopIteration
        return Snapshot(snapshot[0])


class StringIterator(_Listing, Iterator[str]):
    """Keys, ids or partitions, one after the other; for one thread at a time."""

    _what = "the iterator over names"

    def __init__(self, pointer: Any, alive: List[Any]) -> None:
        super().__init__(pointer, lib.lode_string_iterator_free, alive)

    def __next__(self) -> str:
        name = ffi.new("const char **")
        with self._turn:
            if call(lib.lode_string_iterator_next, self._pointer, name) != lib.LODE_ITEM:
                raise StopIteration
            return string(name[0]) or ""
