"""Datasets: chains of snapshots."""

from typing import TYPE_CHECKING, Any, Iterable, List, Mapping, Optional, Sequence, Union

from ._native import call, ffi, lib, text
from .arrow import ArrowStream, Comparison, lent_stream
from .history import History
from .options import (
    CallOptions,
    CommitOptions,
    ReadOptions,
    Struct,
    choice,
    commit_options,
    filled,
    metadata_json,
    read_options,
)
from .part import Part
from .reader import BlobReader, Decode, RecordReader, Source, json_decode
from .snapshot import Snapshot, committed
from .writer import (
    BlobWriter,
    Encode,
    Pull,
    RecordWriter,
    Timestamp,
    commit_arguments,
    json_encode,
    record_bytes,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Dataset(History):
    """A chain of snapshots, each committed whole or not at all. Threads may share it."""

    _what = "the dataset"
    _find_latest = lib.lode_dataset_find_latest
    _find_snapshot = lib.lode_dataset_find_snapshot
    _list_snapshots = lib.lode_dataset_list_snapshots
    _list_changes = lib.lode_dataset_list_changes
    _find_producer = lib.lode_dataset_find_producer
    _resolve_commit = lib.lode_dataset_resolve_commit
    _adopt = lib.lode_dataset_adopt
    _verify = lib.lode_dataset_verify
    _collect = lib.lode_dataset_collect

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
        **commit: "Unpack[CommitOptions]",
    ) -> Snapshot:
        """Commits all records of an iterable as one snapshot, or nothing.

        A record is bytes, one JSON document as they are, or any other value, which `encode` makes bytes of.
        Some 64 KiB of them are in memory at once. An exception of the iterable comes out of this call, with
        nothing committed.

        `expected_parent` is the id of the snapshot that must be the newest ("": there must be none), else
        `ConflictError`. With `producer` and `sequence` (from 1, rising) the commit happens once, however
        often it is repeated; `position` comes back from `Snapshot.producer`.
        """
        pull = Pull(records, encode, timestamp)
        return self._commit(lib.lode_dataset_stream_write_records, pull.struct, metadata=metadata, options=commit)

    def write_records(
        self,
        records: Iterable[Any],
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        encode: Encode = json_encode,
        timestamp: Optional[Timestamp] = None,
        **commit: "Unpack[CommitOptions]",
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
        function = lib.lode_dataset_write_records
        return self._commit(function, array, nanos, len(lines), metadata=metadata, options=commit)

    def write_arrow(
        self, data: Any, metadata: Optional[Mapping[str, Any]] = None, **commit: "Unpack[CommitOptions]"
    ) -> Snapshot:
        """Commits all rows of what gives itself as an Arrow stream as one snapshot, or nothing: a table or
        reader of pyarrow, a DataFrame of polars or pandas, a relation of duckdb, an `ArrowStream`. Feature
        "parquet".

        Columns are found by name: those of the dataset's schema, or, if it has none, those of the stream. An
        exception of the stream's producer is the message of an `IteratorError`.
        """
        lent, capsule = lent_stream(data)
        snapshot = self._commit(lib.lode_dataset_stream_write_arrow, lent, metadata=metadata, options=commit)
        del capsule
        return snapshot

    def writer(
        self,
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        bad_records: str = "fail",
        early_writeback: bool = False,
        encode: Encode = json_encode,
        **commit: "Unpack[CommitOptions]",
    ) -> RecordWriter:
        """Begins a snapshot whose records will be pushed.

        As a `with` statement it commits at the block's end, with this metadata and the further arguments of
        `RecordWriter.commit`, and discards the records if the block fails. With `bad_records="skip"` records
        that are invalid or too large are left out and counted.
        """
        options = filled(
            "lode_record_writer_options",
            bad_records=choice("bad_record", bad_records),
            early_writeback=early_writeback,
        )
        arguments = commit_arguments(metadata, commit)
        writer = ffi.new("lode_record_writer **")
        call(lib.lode_dataset_open_record_writer, self._pointer, options, writer)
        return RecordWriter(writer[0], encode, arguments)

    def part(self, json: str) -> Part:
        """A part that any process has staged, from its `Part.json`. Whether its files are there is found out
        by the commit.
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
        **commit: "Unpack[CommitOptions]",
    ) -> Snapshot:
        """Commits parts, or what their `Part.json` gave elsewhere, as one snapshot, in this order.

        The parts' files stay, and no part is committed twice: `PartCommittedError`. With `producer`
        and `sequence` a coordinator that was killed makes the same call again. `verify_parts` compares the
        files with their checksums first; else as `stream_write_records`.
        """
        given = [part if isinstance(part, Part) else self.part(part) for part in parts]
        pointers = ffi.new("lode_part *[]", [part._pointer for part in given])
        function = lib.lode_dataset_commit_parts
        return self._commit(
            function, pointers, len(given), metadata=metadata, options=commit, verify_parts=verify_parts
        )

    def write_blob(
        self, data: Any, metadata: Optional[Mapping[str, Any]] = None, **commit: "Unpack[CommitOptions]"
    ) -> Snapshot:
        """Commits bytes, or all that a binary file or an iterable of bytes gives, as one raw blob.

        The dataset is one with `codec=None`.
        """
        if isinstance(data, (bytes, bytearray, memoryview)):
            view = ffi.from_buffer(data)
            return self._commit(lib.lode_dataset_write_blob, view, len(view), metadata=metadata, options=commit)
        source = Source(data)
        return self._commit(lib.lode_dataset_stream_write_blob, source.struct, metadata=metadata, options=commit)

    def blob_writer(
        self,
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        early_writeback: bool = False,
        **commit: "Unpack[CommitOptions]",
    ) -> BlobWriter:
        """Begins a raw blob whose bytes will be pushed; else as `writer`."""
        options = ffi.new("lode_blob_writer_options *")
        options.struct_size = ffi.sizeof("lode_blob_writer_options")
        options.early_writeback = early_writeback
        arguments = commit_arguments(metadata, commit)
        writer = ffi.new("lode_blob_writer **")
        call(lib.lode_dataset_open_blob_writer, self._pointer, options, writer)
        return BlobWriter(writer[0], arguments)

    def _commit(
        self,
        function: Any,
        *arguments: Any,
        metadata: Optional[Mapping[str, Any]],
        options: CommitOptions,
        verify_parts: bool = False,
    ) -> Snapshot:
        json_text = metadata_json(metadata)
        struct, alive = commit_options(**options)
        struct.verify_parts = verify_parts
        snapshot = ffi.new("lode_snapshot **")
        status = call(function, self._pointer, *arguments, json_text, struct, snapshot)
        del alive
        return committed(status, snapshot[0])

    # ---- Reading ----

    def read(
        self,
        snapshot: Union[Snapshot, str, None] = None,
        *,
        decode: Decode[Any] = json_decode,
        batch_size: int = 1024,
        **limits: "Unpack[ReadOptions]",
    ) -> "RecordReader[Any]":
        """The records of a snapshot, or of the newest, in the order in which they were written.

        With `decode=None` they come as bytes. `verify` is "streaming" (the verdict comes with the end),
        "first" (each file whole, before its first record) or "sizes". `deadline` holds for each step.
        """
        options, alive = read_options(**limits)
        found = self._snapshot(snapshot, limits)
        reader = ffi.new("lode_record_reader **")
        call(lib.lode_dataset_open_record_reader, self._pointer, found._pointer, options, reader)
        return RecordReader(reader[0], alive, decode, batch_size)

    def read_since(
        self,
        position: str = "",
        *,
        decode: Decode[Any] = json_decode,
        batch_size: int = 1,
        **limits: "Unpack[ReadOptions]",
    ) -> "RecordReader[Any]":
        """The records of all snapshots after a position, oldest first, as one stream; all of them for "".

        `RecordReader.position` says where the next run goes on: store it together with what was made of the
        records.
        """
        options, alive = read_options(**limits)
        reader = ffi.new("lode_record_reader **")
        call(lib.lode_dataset_open_record_reader_since, self._pointer, text(position, "position"), options, reader)
        return RecordReader(reader[0], alive, decode, batch_size)

    def to_arrow(
        self,
        snapshot: Union[Snapshot, str, None] = None,
        *,
        columns: Optional[Sequence[str]] = None,
        where: Sequence[Comparison] = (),
        batch_rows: int = 0,
        **limits: "Unpack[ReadOptions]",
    ) -> ArrowStream:
        """A snapshot, or the newest, as an Arrow stream, which polars, pyarrow, pandas and duckdb take as it
        is. Feature "parquet".

        `columns` are those to read, in this order; None: all. Row groups in which no row can satisfy all of
        `where`, such as `[("n", ">=", 10)]`, are left out; rows are not filtered. A batch has at most
        `batch_rows`; 0 is 65,536. Of JSON lines the columns are those of the dataset's schema.
        """
        stream = ArrowStream(self, self._snapshot(snapshot, limits), columns, where, batch_rows, **limits)
        stream.check()
        return stream

    def read_blob(
        self, snapshot: Union[Snapshot, str, None] = None, **limits: "Unpack[ReadOptions]"
    ) -> BlobReader:
        """The bytes of a snapshot that is a raw blob, or of the newest."""
        options, alive = read_options(**limits)
        found = self._snapshot(snapshot, limits)
        reader = ffi.new("lode_blob_reader **")
        call(lib.lode_dataset_open_blob_reader, self._pointer, found._pointer, options, reader)
        return BlobReader(reader[0], alive)

    def _snapshot(self, snapshot: Union[Snapshot, str, None], limits: ReadOptions) -> Snapshot:
        """The snapshot that is meant: None is the newest."""
        if isinstance(snapshot, Snapshot):
            return snapshot
        within: CallOptions = {"deadline": limits.get("deadline"), "cancel": limits.get("cancel")}
        return self.latest(**within) if snapshot is None else self.snapshot(snapshot, **within)


def dataset_options(
    *,
    codec: Optional[str],
    compressor: Optional[str],
    checksum: Optional[str],
    layout: str,
    partition_keys: Sequence[str],
    durability: str,
    **fields: int,
) -> Struct:
    """The library's struct of the options of `Store.dataset`."""
    if isinstance(partition_keys, str):
        raise TypeError("partition_keys is a sequence of keys, not one str")
    options = filled(
        "lode_dataset_options",
        codec=choice("codec", codec),
        compressor=choice("compressor", compressor),
        checksum=choice("checksum", checksum),
        layout=choice("layout", layout),
        durability=choice("durability", durability),
        **fields,
    )
    keys: List[Any] = [ffi.new("char[]", text(key, "a partition key")) for key in partition_keys]
    array = ffi.new("char *[]", keys)
    if keys:
        options.partition_keys = array
        options.partition_key_count = len(keys)
    return options, [options, keys, array]
