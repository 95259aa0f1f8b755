"""What datasets and volumes have in common: a history of snapshots, its checks and its clean-up."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Optional, Union

from ._native import Handle, call, ffi, keep, lib, string, text
from ._statuses import CorruptError
from .options import CallOptions, call_options, choice, name_of
from .snapshot import Snapshot, SnapshotIterator

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class Finding:
    """What `verify` has found to be wrong."""

    #: What kind of damage: "file_checksum" for LODE_FINDING_FILE_CHECKSUM of the header, and so on.
    kind: str
    #: The key of the object in the store.
    path: str
    #: The snapshot that it concerns, if it is about one.
    snapshot_id: Optional[str]
    #: What is wrong, in words.
    message: str


@dataclass(frozen=True)
class Garbage:
    """What `collect` has removed, or would remove."""

    #: What it is: "data_file" for LODE_GARBAGE_DATA_FILE of the header, and so on.
    kind: str
    #: Its key in the store.
    path: str
    #: In bytes.
    size: int
    #: How long it had stood unchanged, by the store's own clock.
    age: timedelta


@dataclass(frozen=True)
class Collected:
    """How much a clean-up has removed, or would remove."""

    #: How many things.
    objects: int
    #: How many bytes they had.
    bytes: int


#: Told of each removal. False ends the call with `AbortedError`; an exception ends it, too, and comes out of
#: it.
Removed = Callable[[Garbage], Optional[bool]]


@ffi.def_extern(error=1, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_finding(ctx: Any, kind: int, path: Any, snapshot_id: Any, message: Any) -> int:
    found = ffi.from_handle(ctx)
    found.append(Finding(name_of("finding", kind), string(path) or "", string(snapshot_id), string(message) or ""))
    return 0


@ffi.def_extern(error=1, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_removed(ctx: Any, kind: int, path: Any, size: int, age_seconds: int) -> int:
    one = Garbage(name_of("garbage", kind), string(path) or "", size, timedelta(seconds=age_seconds))
    return 1 if ffi.from_handle(ctx)(one) is False else 0


class History(Handle):
    """A chain of snapshots, each committed whole or not at all."""

    _find_latest: Any
    _find_snapshot: Any
    _list_snapshots: Any
    _list_changes: Any
    _find_producer: Any
    _resolve_commit: Any
    _adopt: Any
    _verify: Any
    _collect: Any

    def latest(self, **limits: "Unpack[CallOptions]") -> Snapshot:
        """The newest snapshot; `NoSnapshotsError` if there is none."""
        return self._found(self._find_latest, **limits)

    def snapshot(self, snapshot_id: str, **limits: "Unpack[CallOptions]") -> Snapshot:
        """The snapshot with this id; `SnapshotNotFoundError` if there is none."""
        return self._found(self._find_snapshot, text(snapshot_id, "snapshot_id"), **limits)

    def snapshots(self, **limits: "Unpack[CallOptions]") -> Iterator[Snapshot]:
        """All snapshots, the oldest first; the last one is the newest as of this call."""
        options, alive = call_options(**limits)
        snapshots = ffi.new("lode_snapshot_iterator **")
        call(self._list_snapshots, self._pointer, options, snapshots)
        return SnapshotIterator(snapshots[0], alive)

    def changes(self, since: Optional[str] = None, **limits: "Unpack[CallOptions]") -> Iterator[Snapshot]:
        """The snapshots after the one with this id, the oldest first; all of them for None."""
        options, alive = call_options(**limits)
        name = ffi.NULL if since is None else text(since, "since")
        snapshots = ffi.new("lode_snapshot_iterator **")
        call(self._list_changes, self._pointer, name, options, snapshots)
        return SnapshotIterator(snapshots[0], alive)

    def find_producer(self, producer: str, **limits: "Unpack[CallOptions]") -> Optional[Snapshot]:
        """The newest snapshot if it tells of this producer: `Snapshot.producer` then says where it is to go
        on. None if nothing is remembered of it.
        """
        options, alive = call_options(**limits)
        snapshot = ffi.new("lode_snapshot **")
        status = call(self._find_producer, self._pointer, text(producer, "producer"), options, snapshot)
        del alive
        return None if status == lib.LODE_NONE else Snapshot(snapshot[0])

    def resolve_commit(self, snapshot_id: str, **limits: "Unpack[CallOptions]") -> Optional[Snapshot]:
        """Makes the answer final for a commit that ended in `CommitUnknownError`: the snapshot if it is
        committed, None if it is not and never will be.
        """
        options, alive = call_options(**limits)
        snapshot = ffi.new("lode_snapshot **")
        status = call(self._resolve_commit, self._pointer, text(snapshot_id, "snapshot_id"), options, snapshot)
        del alive
        return None if status == lib.LODE_NOT_COMMITTED else Snapshot(snapshot[0])

    def adopt(self, snapshot_id: str, **limits: "Unpack[CallOptions]") -> Snapshot:
        """Makes a snapshot the newest one, the way out of `NeedsRepairError`."""
        return self._found(self._adopt, text(snapshot_id, "snapshot_id"), **limits)

    def verify(self, level: str = "records", **limits: "Unpack[CallOptions]") -> List[Finding]:
        """What is wrong with the whole history; an empty list if nothing is. Nothing is written.

        `level` is "structure" (the chain of snapshots), "sizes" (the files are there), "checksums" (they are
        what was written) or "records" (they hold their records); each includes those before it.
        """
        options, alive = call_options(**limits)
        found: List[Finding] = []
        handle = ffi.new_handle(found)
        number = choice("verify_level", level)
        try:
            call(self._verify, self._pointer, number, lib.pylode_finding, handle, options, ffi.NULL)
        except CorruptError:
            if not found:
                raise
        del alive
        return found

    def collect(
        self,
        *,
        min_age: Union[float, timedelta] = 0,
        dry_run: bool = False,
        removed: Optional[Removed] = None,
        **limits: "Unpack[CallOptions]",
    ) -> Collected:
        """Removes what dead writers left, never what is or becomes visible: readers, writers and other
        clean-ups may be at work meanwhile.

        What has stood unchanged for less than `min_age` (seconds or a timedelta, at least 48 hours; 0 is 7
        days) stays. With `dry_run` nothing is removed. `removed` is told of each removal.
        """
        if removed is not None and not callable(removed):
            raise TypeError("removed must be callable")
        options, alive = call_options(**limits)
        what = ffi.new("lode_collect_options *")
        what.struct_size = ffi.sizeof("lode_collect_options")
        what.min_age_seconds = int(min_age.total_seconds() if isinstance(min_age, timedelta) else min_age)
        what.dry_run = dry_run
        told = ffi.NULL if removed is None else lib.pylode_removed
        handle = ffi.new_handle(removed)
        objects, size = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        call(self._collect, self._pointer, what, told, handle, options, objects, size)
        del alive
        return Collected(int(objects[0]), int(size[0]))

    def _found(self, function: Any, *names: bytes, **limits: "Unpack[CallOptions]") -> Snapshot:
        options, alive = call_options(**limits)
        snapshot = ffi.new("lode_snapshot **")
        call(function, self._pointer, *names, options, snapshot)
        del alive
        return Snapshot(snapshot[0])
