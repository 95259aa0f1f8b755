"""What a store holds of datasets, without the history that a dataset makes of it."""

from typing import TYPE_CHECKING, Any, Iterator, Optional, Tuple

from ._native import Handle, call, ffi, lib, text
from .options import CallOptions, ReadOptions, call_options, choice, read_options
from .reader import BlobReader
from .snapshot import Snapshot, SnapshotIterator, StringIterator

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Catalog(Handle):
    """The datasets of one layout in a store. Nothing is ever written; threads may share it."""

    _what = "the catalog"

    def __init__(self, store: Any, layout: str) -> None:
        options = ffi.new("lode_catalog_options *")
        options.struct_size = ffi.sizeof("lode_catalog_options")
        options.layout = choice("layout", layout)
        catalog = ffi.new("lode_catalog **")
        call(lib.lode_catalog_open, store, options, catalog)
        super().__init__(catalog[0], lib.lode_catalog_free)

    def datasets(self, **limits: "Unpack[CallOptions]") -> Iterator[str]:
        """The ids of the datasets that have a snapshot, sorted bytewise."""
        options, alive = call_options(**limits)
        ids = ffi.new("lode_string_iterator **")
        call(lib.lode_catalog_list_datasets, self._pointer, options, ids)
        return StringIterator(ids[0], alive)

    def partitions(self, dataset_id: str, **limits: "Unpack[CallOptions]") -> Iterator[str]:
        """The partitions in which a snapshot has a file, such as "day=2024-01-01/region=eu", sorted."""
        options, alive = call_options(**limits)
        partitions = ffi.new("lode_string_iterator **")
        call(lib.lode_catalog_list_partitions, self._pointer, text(dataset_id, "dataset_id"), options, partitions)
        return StringIterator(partitions[0], alive)

    def snapshots(
        self,
        dataset_id: str,
        *,
        partition: str = "",
        time_range_ns: Optional[Tuple[int, int]] = None,
        **limits: "Unpack[CallOptions]",
    ) -> Iterator[Snapshot]:
        """Every snapshot whose manifest is there, sorted by id; those with a file in a partition or below it,
        and with records in a range of times (in nanoseconds since the Unix epoch, both ends included).
        """
        options, alive = call_options(**limits)
        nanos = ffi.NULL if time_range_ns is None else ffi.new("int64_t[2]", time_range_ns)
        snapshots = ffi.new("lode_snapshot_iterator **")
        names = text(dataset_id, "dataset_id"), text(partition, "partition")
        call(lib.lode_catalog_list_snapshots, self._pointer, *names, nanos, options, snapshots)
        return SnapshotIterator(snapshots[0], alive)

    def read_manifest(self, key: str, **limits: "Unpack[CallOptions]") -> Snapshot:
        """The snapshot whose manifest has this key."""
        options, alive = call_options(**limits)
        snapshot = ffi.new("lode_snapshot **")
        call(lib.lode_catalog_read_manifest, self._pointer, text(key, "key"), options, snapshot)
        del alive
        return Snapshot(snapshot[0])

    def open_object(self, key: str, **limits: "Unpack[ReadOptions]") -> BlobReader:
        """Any object of the store, such as a data file, as it is stored."""
        options, alive = read_options(**limits)
        reader = ffi.new("lode_blob_reader **")
        call(lib.lode_catalog_open_object, self._pointer, text(key, "key"), options, reader)
        return BlobReader(reader[0], alive)
