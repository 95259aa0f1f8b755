"""Readers of records and of raw blobs, in bounded memory."""

import io
import json
from typing import Any, Callable, Generic, Iterator, List, Optional, TypeVar

from ._native import Exclusive, Handle, call, ffi, keep, lib, misuse, string

Record = TypeVar("Record")

#: Makes of a record's bytes what the reader gives. None: the bytes themselves.
Decode = Optional[Callable[[bytes], Record]]


class RecordReader(Handle, Iterator[Record], Generic[Record]):
    """Streams records. The verdict on checksum and count comes with the end: go on until it stops.

    It takes `batch_size` records at a time from the library. One thread at a time.
    """

    _what = "the record reader"

    def __init__(self, pointer: Any, alive: List[Any], decode: Decode[Record], batch_size: int) -> None:
        if not isinstance(batch_size, int) or batch_size < 1:
            lib.lode_record_reader_free(pointer)
            raise ValueError(f"batch_size is a number of records, at least 1, not {batch_size!r}")
        super().__init__(pointer, lib.lode_record_reader_free)
        self._alive = alive
        self._decode = decode
        self._batch_size = batch_size
        self._records = ffi.new("lode_bytes[]", batch_size)
        self._turn = Exclusive(self._what)
        self._ahead: List[bytes] = []  # the next one last

    def __next__(self) -> Record:
        try:
            line = self._ahead.pop()
        except IndexError:
            line = self._fetch()
        record: Record = self._decoded(line)
        return record

    def _fetch(self) -> bytes:
        """The next record, taken with those behind it."""
        with self._turn:
            lines = self._next_lines(self._batch_size)
            if not lines:
                raise StopIteration
            lines.reverse()
            line = lines.pop()
            self._ahead = lines
        return line

    def batches(self) -> Iterator[List[Record]]:
        """The records that are left, in lists of at most `batch_size`."""
        while True:
            with self._turn:
                ahead, self._ahead = self._ahead, []
                lines = ahead[::-1] or self._next_lines(self._batch_size)
            if not lines:
                return
            yield [self._decoded(line) for line in lines]

    @property
    def position(self) -> str:
        """Where the reader has come to, for `Dataset.read_since`: behind the last record that it gave.

        Known between batches only: iterate over `batches()`, or open the reader with `batch_size=1`.
        """
        with self._turn:
            if self._ahead:
                raise misuse(
                    f"{len(self._ahead)} records were fetched and not given yet, so that the position is not known: "
                    "iterate over batches(), or open the reader with batch_size=1"
                )
            position = ffi.new("const char **")
            call(lib.lode_record_reader_get_position, self._pointer, position)
            return string(position[0]) or ""

    def _decoded(self, line: bytes) -> Any:
        decode = self._decode
        return line if decode is None else decode(line)

    def _next_lines(self, capacity: int) -> List[bytes]:
        count = ffi.new("size_t *")
        pointer = self._pointer
        status = call(lib.lode_record_reader_next_batch, pointer, self._records, capacity, count)
        if status != lib.LODE_ITEM:
            return []
        if count[0] == 1:
            return [ffi.buffer(self._records[0].data, self._records[0].len)[:]]
        joined = ffi.new("char[]", lib.pylode_joined_len(self._records, count[0]))
        lib.pylode_join(self._records, count[0], joined)
        # A record has no line break: the library has removed those between its tokens.
        text: bytes = ffi.buffer(joined)[:-1]
        return text.split(b"\n")


class BlobReader(io.RawIOBase):
    """Streams a raw blob, as any binary file does: `io.BufferedReader(reader)` buffers it. One thread at a
    time.

    `read_at` gives bytes from anywhere and does not move the stream.
    """

    def __init__(self, pointer: Any, alive: List[Any]) -> None:
        super().__init__()
        self._inner = _Blob(pointer, lib.lode_blob_reader_free)
        self._alive = alive
        self._turn = Exclusive(_Blob._what)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = ffi.from_buffer(buffer, require_writable=True)
        if len(view) == 0:
            return 0
        count = ffi.new("size_t *")
        with self._turn:
            call(lib.lode_blob_reader_read, self._inner._pointer, view, len(view), count)
        return int(count[0])

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on, fewer only at the blob's end."""
        if size < 1:
            return b""
        buffer, count = bytearray(size), ffi.new("size_t *")
        with self._turn:
            call(lib.lode_blob_reader_read_at, self._inner._pointer, offset, ffi.from_buffer(buffer), size, count)
        return bytes(memoryview(buffer)[: count[0]])

    def close(self) -> None:
        self._inner.close()
        super().close()


class _Blob(Handle):
    _what = "the blob reader"


class Source:
    """A binary file, or an iterable of bytes, as the library's source of bytes."""

    def __init__(self, source: Any) -> None:
        if hasattr(source, "read"):
            self._pieces: Iterator[Any] = iter(lambda: source.read(1 << 18), b"")
        else:
            self._pieces = iter(source)
        self._left = memoryview(b"")
        self._handle = ffi.new_handle(self)
        self.struct = ffi.new("lode_byte_source *")
        self.struct.struct_size = ffi.sizeof("lode_byte_source")
        self.struct.ctx = self._handle
        self.struct.read = lib.pylode_source_read

    def read(self, capacity: int) -> memoryview:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._left = memoryview(piece).cast("B")
        taken, self._left = self._left[:capacity], self._left[capacity:]
        return taken


@ffi.def_extern(error=-1, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_source_read(ctx: Any, buffer: Any, capacity: int) -> int:
    taken = ffi.from_handle(ctx).read(capacity)
    if len(taken):
        ffi.memmove(buffer, taken, len(taken))
    return len(taken)


_decoder = json.JSONDecoder()


def json_decode(line: bytes) -> Any:
    """A record's value."""
    return _decoder.decode(line.decode("utf-8"))
