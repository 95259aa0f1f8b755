"""Writers of records and of raw blobs, and the records that a call pulls."""

import io
import json
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, List, Mapping, Optional, Tuple, Type, Union

from ._native import Exclusive, Handle, call, ffi, keep, lib
from ._statuses import InvalidRecordError, RecordTooLargeError
from .arrow import lent_array
from .options import CallOptions, CommitOptions, call_options, commit_options, known, metadata_json
from .part import Part, staged
from .snapshot import Snapshot, committed

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: Makes a record's JSON text of a value.
Encode = Callable[[Any], bytes]

#: Gives a record's time, in nanoseconds since the Unix epoch, or None if it has none.
Timestamp = Callable[[Any], Optional[int]]

#: How many bytes of records go to the library at once.
BATCH_BYTES = 1 << 16

_PIECE = 1 << 18
_BAD_RECORD = (InvalidRecordError, RecordTooLargeError)


_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def json_encode(value: Any) -> bytes:
    """A value as compact JSON."""
    return _encoder.encode(value).encode("utf-8")


def record_bytes(record: Any, encode: Encode) -> bytes:
    """A record's JSON text: bytes are that text already, and anything but a `str` is encoded."""
    if isinstance(record, bytes):
        return record
    if isinstance(record, (bytearray, memoryview)):
        return bytes(record)
    if isinstance(record, str):
        raise TypeError(
            "a str is no record, as it may be JSON text or a JSON string: give text.encode() for the one, "
            "json.dumps(text).encode() for the other, and lines of text to write_lines"
        )
    encoded = encode(record)
    if not isinstance(encoded, bytes):
        raise TypeError(f"encode must give bytes, not {type(encoded).__name__}")
    return encoded


class Batches:
    """An iterable of records, in batches of bytes that cross to the library at once."""

    def __init__(self, records: Iterable[Any], encode: Encode, timestamp: Optional[Timestamp]) -> None:
        self._records = iter(records)
        self._encode = encode
        self._timestamp = timestamp

    def next(self, capacity: int) -> Tuple[List[bytes], Optional[List[int]]]:
        """The next records, at most `capacity`; none at the end."""
        lines: List[bytes] = []
        times: Optional[List[int]] = None if self._timestamp is None else []
        size = 0
        for record in islice(self._records, capacity):
            line = record_bytes(record, self._encode)
            if times is not None and self._timestamp is not None:
                time = self._timestamp(record)
                times.append(lib.LODE_NO_TIMESTAMP if time is None else time)
            lines.append(line)
            size += len(line)
            if size >= BATCH_BYTES:
                break
        return lines, times


class Pull(Batches):
    """The same, as the library's record iterator."""

    def __init__(self, records: Iterable[Any], encode: Encode, timestamp: Optional[Timestamp]) -> None:
        super().__init__(records, encode, timestamp)
        self._handle = ffi.new_handle(self)
        self._current: Any = None
        self.struct = ffi.new("lode_record_iterator *")
        self.struct.struct_size = ffi.sizeof("lode_record_iterator")
        self.struct.ctx = self._handle
        self.struct.next_batch = lib.pylode_next_batch

    def fill(self, records: Any, unix_nanos: Any, capacity: int) -> int:
        lines, times = self.next(capacity)
        self._current = ffi.from_buffer(b"".join(lines))
        lib.pylode_fill(records, self._current, list(map(len, lines)), len(lines))
        if times:
            ffi.memmove(unix_nanos, ffi.new("int64_t[]", times), 8 * len(times))
        return len(lines)


@ffi.def_extern(error=-1, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_next_batch(ctx: Any, records: Any, unix_nanos: Any, capacity: int) -> int:
    pull: Pull = ffi.from_handle(ctx)
    return pull.fill(records, unix_nanos, capacity)


def commit_arguments(metadata: Optional[Mapping[str, Any]], commit: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of a commit that comes later, wrong ones refused now."""
    known(commit, CommitOptions, "a commit")
    metadata_json(metadata)
    return {"metadata": metadata, **commit}


class _Writer(Handle):
    """What writers of records and of blobs share: a commit, which a `with` statement makes at its end."""

    _commit: Any
    _stage: Any
    _abort: Any

    def __init__(self, pointer: Any, free: Any, commit: Mapping[str, Any]) -> None:
        super().__init__(pointer, free)
        self._is_staged = False
        self._turn = Exclusive(self._what)
        self._commit_arguments = dict(commit)
        #: The committed snapshot; None before the commit.
        self.snapshot: Optional[Snapshot] = None

    def commit(
        self, metadata: Optional[Mapping[str, Any]] = None, **commit: "Unpack[CommitOptions]"
    ) -> Snapshot:
        """Commits all of it as one snapshot. If that fails nothing is lost, and the commit may be repeated; a
        repetition after `CommitUnknownError` first resolves the commit before.
        """
        json_text = metadata_json(metadata)
        options, alive = commit_options(**commit)
        snapshot = ffi.new("lode_snapshot **")
        status = 0
        try:
            with self._turn:
                status = call(self._commit, self._pointer, json_text, options, snapshot)
        finally:
            # An interrupt that came as the commit was decided ends the call, but leaves the snapshot here.
            if snapshot[0] != ffi.NULL:
                self.snapshot = committed(status, snapshot[0])
        del alive
        assert self.snapshot is not None
        return self.snapshot

    def stage(self, **limits: "Unpack[CallOptions]") -> Part:
        """Makes what was taken durable as a part, for `Dataset.commit_parts` here or in another process,
        instead of committing it. The writer is then done. If that fails nothing is lost, and it may be
        repeated.
        """
        options, alive = call_options(**limits)
        with self._turn:
            part = staged(self._stage, self._pointer, options)
        del alive
        self._is_staged = True
        return part

    def abort(self) -> None:
        """Gives it up and removes what was staged. A second abort does nothing."""
        with self._turn:
            call(self._abort, self._pointer)

    def __exit__(self, kind: Optional[Type[BaseException]], value: Any, traceback: Any) -> None:
        """Commits, unless the block failed or has committed, staged or closed the writer itself; frees the
        writer.

        If this commit fails, what was written is discarded with the writer. To repeat a commit, call `commit`
        within the block.
        """
        try:
            if kind is None and self.snapshot is None and not self._is_staged and not self.closed:
                self.commit(**self._commit_arguments)
        finally:
            self.close()


class RecordWriter(_Writer):
    """Takes records as they come, and commits them as one snapshot. One thread at a time.

    After `InvalidRecordError`, `RecordTooLargeError` and `NoSpaceError` it goes on; any other failure stays.
    """

    _what = "the record writer"
    _commit = lib.lode_record_writer_commit
    _stage = lib.lode_record_writer_stage
    _abort = lib.lode_record_writer_abort

    def __init__(self, pointer: Any, encode: Encode, commit: Mapping[str, Any]) -> None:
        super().__init__(pointer, lib.lode_record_writer_free, commit)
        self._encode = encode
        self._unfinished: Tuple[Any, Any] = (None, None)

    def append(self, record: Any, *, timestamp_ns: Optional[int] = None) -> None:
        """Adds one record: bytes of one JSON document, or a value to be encoded. It never syncs."""
        data = record_bytes(record, self._encode)
        time = ffi.NULL if timestamp_ns is None else ffi.new("int64_t *", timestamp_ns)
        call(lib.lode_record_writer_append, self._pointer, data, len(data), time)

    def extend(self, records: Iterable[Any], *, timestamp: Optional[Timestamp] = None) -> None:
        """Adds all records of an iterable, some thousands at once. After a bad record the same call goes on
        behind it."""
        with self._turn:
            batches, lines, times = self._resumed(records) or (Batches(records, self._encode, timestamp), [], None)
            while True:
                if not lines:
                    lines, times = batches.next(4096)
                if not lines:
                    return
                lines, times = self._append_batch(records, batches, lines, times)

    def _append_batch(
        self, records: Any, batches: Batches, lines: List[bytes], times: Optional[List[int]]
    ) -> Tuple[List[bytes], Optional[List[int]]]:
        """Adds a batch; what a failure leaves of it is kept for the next call with the same iterable."""
        taken = ffi.new("size_t *")
        nanos = ffi.NULL if times is None else ffi.new("int64_t[]", times)
        lengths = ffi.new("size_t[]", list(map(len, lines)))
        data = b"".join(lines)
        try:
            call(lib.lode_record_writer_append_batch, self._pointer, data, lengths, nanos, len(lines), taken)
        except BaseException as failed:
            left = taken[0] + isinstance(failed, _BAD_RECORD)
            self._unfinished = (records, (batches, lines[left:], times and times[left:]))
            raise
        return [], None

    def _resumed(self, source: Any) -> Any:
        """What a failed call has left of this source."""
        unfinished, self._unfinished = self._unfinished, (None, None)
        return unfinished[1] if unfinished[0] is source else None

    def write_lines(self, source: Union[int, Iterable[Any], Any], **limits: "Unpack[CallOptions]") -> None:
        """Adds the lines of a file, text or binary, of an iterable of lines, or of a file descriptor, until
        its end: one record each. Blank lines are no records, and the last line needs no line break.

        After a bad line the same call goes on behind it. The limits hold for a file descriptor, which may
        have to be waited for.
        """
        if isinstance(source, int):
            options, alive = call_options(**limits)
            call(lib.lode_record_writer_append_from_fd, self._pointer, source, options)
            del alive
            return
        with self._turn:
            pieces, rest = self._resumed(source) or (_pieces(source), b"")
            # Whole lines that a failure left come before the next piece; a line without its break comes at
            # the end.
            for piece in chain([b""], pieces, [b"\n"]):
                rest = self._append_lines(source, pieces, rest + piece)

    def _append_lines(self, source: Any, pieces: Iterator[bytes], data: bytes) -> bytes:
        """Adds the whole lines of a piece; gives what is left of it."""
        consumed = ffi.new("size_t *")
        try:
            call(lib.lode_record_writer_append_lines, self._pointer, data, len(data), consumed)
        except BaseException as failed:
            left = data[consumed[0] :]
            self._unfinished = (source, (pieces, left.partition(b"\n")[2] if isinstance(failed, _BAD_RECORD) else left))
            raise
        return data[consumed[0] :]

    def append_arrow(self, batch: Any) -> int:
        """Adds the rows of what gives itself as an Arrow array of structs, such as a `pyarrow.RecordBatch`;
        gives how many are in. The dataset has a schema. Feature "parquet".
        """
        with lent_array(batch) as (array, schema), self._turn:
            taken = ffi.new("size_t *")
            call(lib.lode_record_writer_append_arrow, self._pointer, array, schema, taken)
            return int(taken[0])

    @property
    def record_count(self) -> int:
        """How many records are in."""
        return int(lib.lode_record_writer_record_count(self._pointer))

    @property
    def skipped_count(self) -> int:
        """How many bad records were left out, with `bad_records="skip"`."""
        return int(lib.lode_record_writer_skipped_count(self._pointer))

    @property
    def byte_count(self) -> int:
        """How many bytes the records have, before compression."""
        return int(lib.lode_record_writer_byte_count(self._pointer))


def _pieces(source: Any) -> Iterator[bytes]:
    """The bytes of a file or of an iterable of lines, in pieces."""
    if not hasattr(source, "read"):
        if isinstance(source, (str, bytes, bytearray, memoryview)):
            raise TypeError("write_lines takes a file, a file descriptor or an iterable of lines, not the text itself")
        for line in source:
            data = line.encode("utf-8") if isinstance(line, str) else bytes(line)
            yield data if data.endswith(b"\n") else data + b"\n"
        return
    while True:
        # read1 gives what is there, so that a pipe's records are in as they come.
        data = source.read1(_PIECE) if hasattr(source, "read1") else source.read(_PIECE)
        if data is None:
            raise BlockingIOError(
                "the file does not block and has nothing now: give its descriptor, which is waited for"
            )
        if not data:
            return
        yield data.encode("utf-8") if isinstance(data, str) else data


class BlobWriter(_Writer):
    """Takes the bytes of a raw blob as they come, and commits them as one snapshot. One thread at a time."""

    _what = "the blob writer"
    _commit = lib.lode_blob_writer_commit
    _stage = lib.lode_blob_writer_stage
    _abort = lib.lode_blob_writer_abort

    def __init__(self, pointer: Any, commit: Mapping[str, Any]) -> None:
        super().__init__(pointer, lib.lode_blob_writer_free, commit)

    def write(self, data: Any) -> int:
        """Adds bytes at the end; gives how many, which are all. It never syncs."""
        view = ffi.from_buffer(data)
        call(lib.lode_blob_writer_write, self._pointer, view, len(view))
        return len(view)

    def write_from(self, source: Union[int, io.IOBase, Any], **limits: "Unpack[CallOptions]") -> None:
        """Adds all bytes of a binary file or file descriptor. The limits hold for a file descriptor."""
        if isinstance(source, int):
            options, alive = call_options(**limits)
            call(lib.lode_blob_writer_write_from_fd, self._pointer, source, options)
            del alive
            return
        while True:
            data = source.read(_PIECE)
            if not data:
                return
            self.write(data)
