"""Stores: a directory, the memory of the process, or an object of Python."""

import os
from typing import TYPE_CHECKING, Any, Iterator, List, Mapping, Optional, Sequence, Union

from ._native import Handle, call, ffi, lib, log, text
from .catalog import Catalog
from .custom_store import CustomStore, callbacks_of
from .dataset import Dataset, dataset_options
from .arrow import schema_options
from .options import CallOptions, call_options, metadata_json
from .snapshot import StringIterator
from .volume import Volume, open_volume

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Store(Handle):
    """Objects under keys, where datasets lie. Threads may share it.

    `Store(path)` opens a directory, which must exist. What the library has to tell goes to the logger "lode".
    """

    _what = "the store"

    def __init__(self, path: "Union[str, os.PathLike[str]]") -> None:
        options, alive = _logging_options()
        store = ffi.new("lode_store **")
        call(lib.lode_store_open_filesystem, text(os.fspath(path), "path"), options, store)
        del alive
        super().__init__(store[0], lib.lode_store_free)

    @classmethod
    def memory(cls) -> "Store":
        """A store in this process's memory, gone with its last handle: for tests."""
        options, alive = _logging_options()
        store = ffi.new("lode_store **")
        call(lib.lode_store_open_memory, options, store)
        del alive
        return cls._from(store[0])

    @classmethod
    def open_url(
        cls,
        url: str,
        settings: Optional[Mapping[str, Any]] = None,
        **limits: "Unpack[CallOptions]",
    ) -> "Store":
        """A store by its URL: `file:`, `memory:`, and in a build with the feature "object-store" the buckets
        `s3:`, `gs:` and `az:`. What the settings are, the header says at lode_store_open_url; no message
        shows a value of them.
        """
        options, alive = _logging_options()
        within, held = call_options(**limits)
        json_text = ffi.NULL if settings is None else metadata_json(settings, "settings")
        store = ffi.new("lode_store **")
        call(lib.lode_store_open_url, text(url, "url"), json_text, options, within, store)
        del alive, held
        return cls._from(store[0])

    @classmethod
    def custom(cls, store: CustomStore) -> "Store":
        """A store of one's own."""
        options, alive = _logging_options()
        callbacks = callbacks_of(store)
        opened = ffi.new("lode_store **")
        call(lib.lode_store_open_callbacks, callbacks, options, opened)
        del alive
        return cls._from(opened[0])

    @classmethod
    def _from(cls, pointer: Any) -> "Store":
        store = cls.__new__(cls)
        Handle.__init__(store, pointer, lib.lode_store_free)
        return store

    def dataset(
        self,
        dataset_id: str,
        *,
        codec: Optional[str] = "jsonl",
        compressor: Optional[str] = None,
        compression_level: int = 0,
        checksum: Optional[str] = "xxh3",
        layout: str = "default",
        partition_keys: Sequence[str] = (),
        durability: str = "full",
        file_statistics: bool = False,
        max_record_bytes: int = 0,
        retry_attempts: int = 0,
        partition_streaming: bool = False,
        max_open_partitions: int = 0,
        threads: int = 1,
        target_file_bytes: int = 0,
        schema: Any = None,
        row_group_bytes: int = 0,
        schema_types: str = "portable",
        parquet_compression: str = "snappy",
    ) -> Dataset:
        """Opens a dataset, which its first commit makes. No I/O.

        The options say how it is written; what is read follows each snapshot's own manifest. `codec` is
        "jsonl", "parquet" (a feature), or None for raw blobs; `compressor` None, "gzip" or "zstd"; `checksum`
        "xxh3", "md5", "sha256" or None; `layout` "default", "flat" or "hive", which takes `partition_keys`;
        `durability` "full" or "process". With `partition_streaming` a stream goes into the partitions of
        "hive", too, with up to `max_open_partitions` files open. `threads` share the work of writing. A
        file that has taken `target_file_bytes` of records is ended, and the following ones go into another; 0:
        never.

        `schema` has the columns: a mapping `{"fields": [{"name": "n", "type": "int64"}]}`, as the header
        describes it at lode_dataset_options, or what gives itself as an Arrow schema, such as a
        `pyarrow.Schema`. With `schema_types` "arrow" instead of "portable" columns may have any type that
        Parquet stores, nested ones too. For "parquet", `row_group_bytes` is where a row group ends, and
        `parquet_compression` "snappy", "zstd" or "uncompressed".
        """
        options, alive = dataset_options(
            codec=codec,
            compressor=compressor,
            compression_level=compression_level,
            checksum=checksum,
            layout=layout,
            partition_keys=partition_keys,
            durability=durability,
            file_statistics=file_statistics,
            max_record_bytes=max_record_bytes,
            retry_attempts=retry_attempts,
            partition_streaming=partition_streaming,
            max_open_partitions=max_open_partitions,
            threads=threads,
            target_file_bytes=target_file_bytes,
        )
        alive += schema_options(options, schema, row_group_bytes, schema_types, parquet_compression)
        dataset = ffi.new("lode_dataset **")
        call(lib.lode_dataset_open, self._pointer, text(dataset_id, "dataset_id"), options, dataset)
        del alive
        return Dataset(dataset[0], dataset_id)

    def volume(
        self,
        volume_id: str,
        *,
        total_length: int = 0,
        checksum: Optional[str] = "xxh3",
        durability: str = "full",
        retry_attempts: int = 0,
        max_blocks: int = 0,
    ) -> Volume:
        """Opens a volume, an address space of `total_length` bytes, which its first commit makes. No I/O.

        Later `total_length` may be left out. `checksum` and `durability` are those of `dataset`; a volume
        keeps the checksum of its first commit. A snapshot has at most `max_blocks`; 0 is 400,000.
        """
        return open_volume(
            self._pointer, volume_id, total_length, checksum, durability, retry_attempts, max_blocks
        )

    def catalog(self, *, layout: str = "default") -> Catalog:
        """What the store holds of datasets of one layout."""
        return Catalog(self._pointer, layout)

    def put(
        self,
        key: str,
        data: Any,
        **limits: "Unpack[CallOptions]",
    ) -> None:
        """Writes an object, whole and durable; it never replaces one that is there."""
        options, alive = call_options(**limits)
        view = ffi.from_buffer(data)
        call(lib.lode_store_put, self._pointer, text(key, "key"), view, len(view), options)
        del alive

    def get(
        self,
        key: str,
        **limits: "Unpack[CallOptions]",
    ) -> bytes:
        """A whole object."""
        options, alive = call_options(**limits)
        buffer = ffi.new("lode_buffer **")
        call(lib.lode_store_get, self._pointer, text(key, "key"), options, buffer)
        del alive
        held = ffi.gc(buffer[0], lib.lode_buffer_free)
        length = lib.lode_buffer_len(held)
        return bytes(ffi.buffer(lib.lode_buffer_data(held), length)[:]) if length else b""

    def read_at(
        self,
        key: str,
        offset: int,
        size: int,
        **limits: "Unpack[CallOptions]",
    ) -> bytes:
        """At most `size` bytes of an object from `offset` on, fewer only at its end."""
        options, alive = call_options(**limits)
        buffer, count = bytearray(size), ffi.new("size_t *")
        view = ffi.from_buffer(buffer)
        call(lib.lode_store_read_at, self._pointer, text(key, "key"), offset, view, size, options, count)
        del alive
        return bytes(memoryview(buffer)[: count[0]])

    def exists(
        self,
        key: str,
        **limits: "Unpack[CallOptions]",
    ) -> bool:
        """Whether there is an object."""
        options, alive = call_options(**limits)
        status = call(lib.lode_store_exists, self._pointer, text(key, "key"), options)
        del alive
        return bool(status != lib.LODE_NONE)

    def list(
        self,
        prefix: str = "",
        **limits: "Unpack[CallOptions]",
    ) -> Iterator[str]:
        """The keys below a folder, sorted bytewise."""
        options, alive = call_options(**limits)
        keys = ffi.new("lode_string_iterator **")
        call(lib.lode_store_list, self._pointer, text(prefix, "prefix"), options, keys)
        return StringIterator(keys[0], alive)

    def delete(
        self,
        key: str,
        **limits: "Unpack[CallOptions]",
    ) -> None:
        """Removes an object; that there is none is fine. What a snapshot names must stay."""
        options, alive = call_options(**limits)
        call(lib.lode_store_delete, self._pointer, text(key, "key"), options)
        del alive

    def compare_and_swap(
        self,
        key: str,
        expected: bytes,
        value: bytes,
        **limits: "Unpack[CallOptions]",
    ) -> None:
        """Replaces a small object's bytes if they are the expected ones, else `ConflictError`. Empty bytes
        are expected where there is no object.
        """
        options, alive = call_options(**limits)
        pointer, name = self._pointer, text(key, "key")
        call(lib.lode_store_compare_and_swap, pointer, name, expected, len(expected), value, len(value), options)
        del alive

    def check_conformance(self, prefix: str = "", **limits: "Unpack[CallOptions]") -> None:
        """Tries every rule that a store must keep, for the author of one; `StoreError` names the rule that is
        broken."""
        options, alive = call_options(**limits)
        call(lib.lode_store_check_conformance, self._pointer, text(prefix, "prefix"), options)
        del alive


def _ignore(_kind: Any, _exception: BaseException, _traceback: Any) -> bool:
    return True


@ffi.def_extern(onerror=_ignore)  # type: ignore[untyped-decorator]
def pylode_log(_ctx: Any, level: int, message: Any) -> None:
    log.log(30 if level == lib.LODE_LOG_WARNING else 20, "%s", ffi.string(message).decode("utf-8", "replace"))


def _logging_options() -> Any:
    options = ffi.new("lode_store_options *")
    options.struct_size = ffi.sizeof("lode_store_options")
    options.log = lib.pylode_log
    alive: List[Any] = [options]
    return options, alive
