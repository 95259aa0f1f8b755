"""Datasets: chains of snapshots."""

from typing import Any, Iterable, Iterator, List, Mapping, Optional, Sequence, Union

from ._native import Handle, call, ffi, lib, text
from .options import (
    CancelToken,
    Deadline,
    Progress,
    Struct,
    call_options,
    choice,
    commit_options,
    metadata_json,
    read_options,
)
from .part import Part
from .reader import BlobReader, Decode, RecordReader, Source, json_decode
from .snapshot import Snapshot, SnapshotIterator, committed
from .writer import BlobWriter, Encode, Pull, RecordWriter, Timestamp, json_encode, record_bytes


class Dataset(Handle):
    """A chain of snapshots, each committed whole or not at all. Threads may share it."""

    _what = "the dataset"

    def __init__(self, pointer: Any, dataset_id: str) -> None:
        super().__init__(pointer, lib.lode_dataset_free)
        #: Its id.
        self.id = dataset_id

    def __repr__(self) -> str:
        return f"<lode.Dataset {self.id}{' closed' if self.closed else ''}>"

    # ---- Writing ----

    def stream_write_records(
        self,
        records: Iterable[Any],
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        encode: Encode = json_encode,
        timestamp: Optional[Timestamp] = None,
        expected_parent: Optional[str] = None,
        producer: Optional[str] = None,
        sequence: int = 0,
        position: Optional[str] = None,
        attempts: int = 1,
        deadline: Deadline = None,
        cancel: Optional[CancelToken] = None,
        progress: Optional[Progress] = None,
    ) -> Snapshot:
        """Commits all records of an iterable as one snapshot, or nothing.

        A record is bytes, one JSON document as they are, or any other value, which `encode` makes bytes of. Some 64 KiB
        of them are in memory at once. An exception of the iterable comes out of this call, with nothing committed.

        `expected_parent` is the id of the snapshot that must be the newest ("": there must be none), else
        `ConflictError`. With `producer` and `sequence` (from 1, rising) the commit happens once, however often it is
        repeated; `position` comes back from `Snapshot.producer`.
        """
        pull = Pull(records, encode, timestamp)
        json_text = metadata_json(metadata)
        options, alive = commit_options(deadline, cancel, progress, expected_parent, producer, sequence, position, attempts)
        snapshot = ffi.new("lode_snapshot **")
        status = call(
            lib.lode_dataset_stream_write_records, self._pointer, pull.struct, json_text, options, snapshot
        )
        del alive
        return committed(status, snapshot[0])

    def write_records(
        self,
        records: Iterable[Any],
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        encode: Encode = json_encode,
        timestamp: Optional[Timestamp] = None,
        expected_parent: Optional[str] = None,
        producer: Optional[str] = None,
        sequence: int = 0,
        position: Optional[str] = None,
        attempts: int = 1,
        deadline: Deadline = None,
        cancel: Optional[CancelToken] = None,
        progress: Optional[Progress] = None,
    ) -> Snapshot:
        """Commits records that are held in memory, which partitions need; else as `stream_write_records`."""
        values = list(records)
        lines = [record_bytes(record, encode) for record in values]
        array = ffi.new("lode_bytes[]", len(lines))
        joined = ffi.from_buffer(b"".join(lines))
        lib.pylode_fill(array, joined, list(map(len, lines)), len(lines))
        nanos = ffi.NULL
        if timestamp is not None:
            times = [timestamp(record) for record in values]
            nanos = ffi.new("int64_t[]", [lib.LODE_NO_TIMESTAMP if time is None else time for time in times])
        json_text = metadata_json(metadata)
        options, alive = commit_options(deadline, cancel, progress, expected_parent, producer, sequence, position, attempts)
        snapshot = ffi.new("lode_snapshot **")
        status = call(
            lib.lode_dataset_write_records, self._pointer, array, nanos, len(lines), json_text, options, snapshot
        )
        del alive
        return committed(status, snapshot[0])

    def writer(
        self,
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        bad_records: str = "fail",
        early_writeback: bool = False,
        encode: Encode = json_encode,
        **commit: Any,
    ) -> RecordWriter:
        """Begins a snapshot whose records will be pushed.

        As a `with` statement it commits at the block's end, with this metadata and the further arguments of
        `RecordWriter.commit`, and discards the records if the block fails. With `bad_records="skip"` records that are
        invalid or too large are left out and counted.
        """
        options = ffi.new("lode_record_writer_options *")
        options.struct_size = ffi.sizeof("lode_record_writer_options")
        options.bad_records = choice("bad_record", bad_records)
        options.early_writeback = early_writeback
        writer = ffi.new("lode_record_writer **")
        call(lib.lode_dataset_open_record_writer, self._pointer, options, writer)
        return RecordWriter(writer[0], encode, _commit_arguments(metadata, commit))

    def part(self, json: str) -> Part:
        """A part that any process has staged, from its `Part.json`. Whether its files are there is found out by the
        commit.
        """
        part = ffi.new("lode_part **")
        call(lib.lode_dataset_part_from_json, self._pointer, text(json, "json"), part)
        return Part(part[0])

    def commit_parts(
        self,
        parts: Iterable[Union[Part, str]],
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        verify_parts: bool = False,
        expected_parent: Optional[str] = None,
        producer: Optional[str] = None,
        sequence: int = 0,
        position: Optional[str] = None,
        attempts: int = 1,
        deadline: Deadline = None,
        cancel: Optional[CancelToken] = None,
    ) -> Snapshot:
        """Commits parts, or what their `Part.json` gave elsewhere, as one snapshot, in this order.

        The parts' files stay, and no part is committed twice: `PartCommittedError`. With `producer`
        and `sequence` a coordinator that was killed makes the same call again. `verify_parts` compares the files with
        their checksums first; else as `stream_write_records`.
        """
        given = [part if isinstance(part, Part) else self.part(part) for part in parts]
        pointers = ffi.new("lode_part *[]", [part._pointer for part in given])
        json_text = metadata_json(metadata)
        options, alive = commit_options(deadline, cancel, None, expected_parent, producer, sequence, position, attempts)
        options.verify_parts = verify_parts
        snapshot = ffi.new("lode_snapshot **")
        status = call(
            lib.lode_dataset_commit_parts, self._pointer, pointers, len(given), json_text, options, snapshot
        )
        del alive
        return committed(status, snapshot[0])

    def write_blob(
        self,
        data: Any,
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        expected_parent: Optional[str] = None,
        producer: Optional[str] = None,
        sequence: int = 0,
        position: Optional[str] = None,
        attempts: int = 1,
        deadline: Deadline = None,
        cancel: Optional[CancelToken] = None,
        progress: Optional[Progress] = None,
    ) -> Snapshot:
        """Commits bytes, or all that a binary file or an iterable of bytes gives, as one raw blob.

        The dataset is one with `codec=None`.
        """
        json_text = metadata_json(metadata)
        options, alive = commit_options(deadline, cancel, progress, expected_parent, producer, sequence, position, attempts)
        snapshot = ffi.new("lode_snapshot **")
        if isinstance(data, (bytes, bytearray, memoryview)):
            view = ffi.from_buffer(data)
            status = call(lib.lode_dataset_write_blob, self._pointer, view, len(view), json_text, options, snapshot)
        else:
            source = Source(data)
            status = call(
                lib.lode_dataset_stream_write_blob, self._pointer, source.struct, json_text, options, snapshot
            )
        del alive
        return committed(status, snapshot[0])

    def blob_writer(
        self, metadata: Optional[Mapping[str, Any]] = None, *, early_writeback: bool = False, **commit: Any
    ) -> BlobWriter:
        """Begins a raw blob whose bytes will be pushed; else as `writer`."""
        options = ffi.new("lode_blob_writer_options *")
        options.struct_size = ffi.sizeof("lode_blob_writer_options")
        options.early_writeback = early_writeback
        writer = ffi.new("lode_blob_writer **")
        call(lib.lode_dataset_open_blob_writer, self._pointer, options, writer)
        return BlobWriter(writer[0], _commit_arguments(metadata, commit))

    # ---- Reading ----

    def read(
        self,
        snapshot: Union[Snapshot, str, None] = None,
        *,
        decode: Decode[Any] = json_decode,
        verify: str = "streaming",
        batch_size: int = 1024,
        deadline: Deadline = None,
        cancel: Optional[CancelToken] = None,
    ) -> "RecordReader[Any]":
        """The records of a snapshot, or of the newest, in the order in which they were written.

        With `decode=None` they come as bytes. `verify` is "streaming" (the verdict comes with the end), "first" (each
        file whole, before its first record) or "sizes". `deadline` holds for each step.
        """
        if not isinstance(snapshot, Snapshot):
            options = {"deadline": deadline, "cancel": cancel}
            snapshot = self.latest(**options) if snapshot is None else self.snapshot(snapshot, **options)  # type: ignore[arg-type]
        limits, alive = read_options(deadline, cancel, verify)
        reader = ffi.new("lode_record_reader **")
        call(lib.lode_dataset_open_record_reader, self._pointer, snapshot._pointer, limits, reader)
        return RecordReader(reader[0], alive, decode, batch_size)

    def read_since(
        self,
        position: str = "",
        *,
        decode: Decode[Any] = json_decode,
        verify: str = "streaming",
        batch_size: int = 1,
        deadline: Deadline = None,
        cancel: Optional[CancelToken] = None,
    ) -> "RecordReader[Any]":
        """The records of all snapshots after a position, oldest first, as one stream; all of them for "".

        `RecordReader.position` says where the next run goes on: store it together with what was made of the records.
        """
        limits, alive = read_options(deadline, cancel, verify)
        reader = ffi.new("lode_record_reader **")
        call(lib.lode_dataset_open_record_reader_since, self._pointer, text(position, "position"), limits, reader)
        return RecordReader(reader[0], alive, decode, batch_size)

    def read_blob(
        self,
        snapshot: Union[Snapshot, str, None] = None,
        *,
        verify: str = "streaming",
        deadline: Deadline = None,
        cancel: Optional[CancelToken] = None,
    ) -> BlobReader:
        """The bytes of a snapshot that is a raw blob, or of the newest."""
        if not isinstance(snapshot, Snapshot):
            snapshot = self.latest(deadline=deadline) if snapshot is None else self.snapshot(snapshot, deadline=deadline)
        limits, alive = read_options(deadline, cancel, verify)
        reader = ffi.new("lode_blob_reader **")
        call(lib.lode_dataset_open_blob_reader, self._pointer, snapshot._pointer, limits, reader)
        return BlobReader(reader[0], alive)

    def latest(self, *, deadline: Deadline = None, cancel: Optional[CancelToken] = None) -> Snapshot:
        """The newest snapshot; `NoSnapshotsError` if there is none."""
        return self._find(lib.lode_dataset_find_latest, deadline=deadline, cancel=cancel)

    def snapshot(self, snapshot_id: str, *, deadline: Deadline = None, cancel: Optional[CancelToken] = None) -> Snapshot:
        """The snapshot with this id; `SnapshotNotFoundError` if there is none."""
        name = text(snapshot_id, "snapshot_id")
        return self._find(lib.lode_dataset_find_snapshot, name, deadline=deadline, cancel=cancel)

    def snapshots(self, *, deadline: Deadline = None, cancel: Optional[CancelToken] = None) -> Iterator[Snapshot]:
        """All snapshots, the oldest first; the last one is the newest as of this call."""
        options, alive = call_options(deadline, cancel)
        snapshots = ffi.new("lode_snapshot_iterator **")
        call(lib.lode_dataset_list_snapshots, self._pointer, options, snapshots)
        return SnapshotIterator(snapshots[0], alive)

    def changes(
        self, since: Optional[str] = None, *, deadline: Deadline = None, cancel: Optional[CancelToken] = None
    ) -> Iterator[Snapshot]:
        """The snapshots after the one with this id, the oldest first; all of them for None."""
        options, alive = call_options(deadline, cancel)
        name = ffi.NULL if since is None else text(since, "since")
        snapshots = ffi.new("lode_snapshot_iterator **")
        call(lib.lode_dataset_list_changes, self._pointer, name, options, snapshots)
        return SnapshotIterator(snapshots[0], alive)

    # ---- Producers, doubt and repair ----

    def find_producer(
        self, producer: str, *, deadline: Deadline = None, cancel: Optional[CancelToken] = None
    ) -> Optional[Snapshot]:
        """The newest snapshot if it tells of this producer: `Snapshot.producer` then says where it is to go on. None if
        nothing is remembered of it.
        """
        options, alive = call_options(deadline, cancel)
        snapshot = ffi.new("lode_snapshot **")
        name = text(producer, "producer")
        status = call(lib.lode_dataset_find_producer, self._pointer, name, options, snapshot)
        del alive
        return None if status == lib.LODE_NONE else Snapshot(snapshot[0])

    def resolve_commit(
        self, snapshot_id: str, *, deadline: Deadline = None, cancel: Optional[CancelToken] = None
    ) -> Optional[Snapshot]:
        """Makes the answer final for a commit that ended in `CommitUnknownError`: the snapshot if it is committed, None if
        it is not and never will be.
        """
        options, alive = call_options(deadline, cancel)
        snapshot = ffi.new("lode_snapshot **")
        name = text(snapshot_id, "snapshot_id")
        status = call(lib.lode_dataset_resolve_commit, self._pointer, name, options, snapshot)
        del alive
        return None if status == lib.LODE_NOT_COMMITTED else Snapshot(snapshot[0])

    def adopt(self, snapshot_id: str, *, deadline: Deadline = None, cancel: Optional[CancelToken] = None) -> Snapshot:
        """Makes a snapshot the newest one, the way out of `NeedsRepairError`."""
        name = text(snapshot_id, "snapshot_id")
        return self._find(lib.lode_dataset_adopt, name, deadline=deadline, cancel=cancel)

    def _find(self, function: Any, *names: bytes, deadline: Deadline, cancel: Optional[CancelToken]) -> Snapshot:
        options, alive = call_options(deadline, cancel)
        snapshot = ffi.new("lode_snapshot **")
        call(function, self._pointer, *names, options, snapshot)
        del alive
        return Snapshot(snapshot[0])


def _commit_arguments(metadata: Optional[Mapping[str, Any]], commit: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of a commit that comes later, wrong ones refused now."""
    known = {"expected_parent", "producer", "sequence", "position", "attempts", "deadline", "cancel", "progress"}
    unknown = sorted(set(commit) - known)
    if unknown:
        raise TypeError(f"a commit has no argument {unknown[0]!r}; it has {', '.join(sorted(known))}")
    metadata_json(metadata)
    return {"metadata": metadata, **commit}


def dataset_options(
    *,
    codec: Optional[str],
    compressor: Optional[str],
    compression_level: int,
    checksum: Optional[str],
    layout: str,
    partition_keys: Sequence[str],
    durability: str,
    file_statistics: bool,
    max_record_bytes: int,
    retry_attempts: int,
    partition_streaming: bool,
    max_open_partitions: int,
    threads: int,
    target_file_bytes: int,
) -> Struct:
    """The library's struct of the options of `Store.dataset`."""
    if isinstance(partition_keys, str):
        raise TypeError("partition_keys is a sequence of keys, not one str")
    options = ffi.new("lode_dataset_options *")
    options.struct_size = ffi.sizeof("lode_dataset_options")
    options.codec = choice("codec", codec)
    options.compressor = choice("compressor", compressor)
    options.compression_level = compression_level
    options.checksum = choice("checksum", checksum)
    options.layout = choice("layout", layout)
    options.durability = choice("durability", durability)
    options.file_statistics = file_statistics
    options.max_record_bytes = max_record_bytes
    options.retry_attempts = retry_attempts
    options.partition_streaming = partition_streaming
    options.max_open_partitions = max_open_partitions
    options.threads = threads
    options.target_file_bytes = target_file_bytes
    keys: List[Any] = [ffi.new("char[]", text(key, "a partition key")) for key in partition_keys]
    array = ffi.new("char *[]", keys)
    if keys:
        options.partition_keys = array
        options.partition_key_count = len(keys)
    return options, [options, keys, array]
