"""Volumes: address spaces that are filled block by block."""

from typing import TYPE_CHECKING, Any, Iterable, Mapping, Optional, Union

from ._native import Handle, call, ffi, lib, string, text
from .history import History
from .options import (
    CallOptions,
    CommitOptions,
    ReadOptions,
    call_options,
    choice,
    commit_options,
    filled,
    metadata_json,
    read_options,
)
from .reader import Source
from .snapshot import Snapshot, committed

if TYPE_CHECKING:
    from typing_extensions import Unpack


class VolumeBlock(Handle):
    """A range of bytes that is durable and not yet in a snapshot. Threads may share it.

    `json` is all that has to get to the process that commits: there `Volume.commit` takes it as it is.
    Closing a block removes nothing.
    """

    _what = "the block"

    def __init__(self, pointer: Any) -> None:
        super().__init__(pointer, lib.lode_volume_block_free)

    def __repr__(self) -> str:
        return "<lode.VolumeBlock closed>" if self.closed else f"<lode.VolumeBlock {self.offset} {self.length}>"

    @property
    def json(self) -> str:
        """The block as one line of JSON, without a line break."""
        return string(lib.lode_volume_block_json(self._pointer)) or ""

    @property
    def offset(self) -> int:
        """Where it begins in the volume, in bytes."""
        return int(lib.lode_volume_block_offset(self._pointer))

    @property
    def length(self) -> int:
        """How long it is, in bytes."""
        return int(lib.lode_volume_block_length(self._pointer))


class Volume(History):
    """An address space of fixed length: each snapshot has the blocks of the one before it and more. Threads
    may share it.
    """

    _what = "the volume"
    _find_latest = lib.lode_volume_find_latest
    _find_snapshot = lib.lode_volume_find_snapshot
    _list_snapshots = lib.lode_volume_list_snapshots
    _list_changes = lib.lode_volume_list_changes
    _find_producer = lib.lode_volume_find_producer
    _resolve_commit = lib.lode_volume_resolve_commit
    _adopt = lib.lode_volume_adopt
    _verify = lib.lode_volume_verify
    _collect = lib.lode_volume_collect

    def __init__(self, pointer: Any, volume_id: str) -> None:
        super().__init__(pointer, lib.lode_volume_free)
        #: Its id.
        self.id = volume_id

    def __repr__(self) -> str:
        return f"<lode.Volume {self.id}{' closed' if self.closed else ''}>"

    def stage(
        self, offset: int, data: Any, length: Optional[int] = None, **limits: "Unpack[CallOptions]"
    ) -> VolumeBlock:
        """Makes bytes durable as a block that begins at `offset`, invisible until a commit names it. Any
        number of threads and processes stage at once.

        `data` is bytes; or, with `length`, a binary file or an iterable of bytes that gives exactly so many.
        """
        options, alive = call_options(**limits)
        block = ffi.new("lode_volume_block **")
        if length is None:
            view = ffi.from_buffer(data)
            call(lib.lode_volume_stage_write_at, self._pointer, offset, view, len(view), options, block)
        else:
            source = Source(data)
            call(lib.lode_volume_stage_stream_at, self._pointer, offset, length, source.struct, options, block)
        del alive
        return VolumeBlock(block[0])

    def block(self, json: str) -> VolumeBlock:
        """A block that any process has staged, from its `VolumeBlock.json`. No I/O."""
        block = ffi.new("lode_volume_block **")
        call(lib.lode_volume_block_from_json, self._pointer, text(json, "json"), block)
        return VolumeBlock(block[0])

    def commit(
        self,
        blocks: Iterable[Union[VolumeBlock, str]],
        metadata: Optional[Mapping[str, Any]] = None,
        **commit: "Unpack[CommitOptions]",
    ) -> Snapshot:
        """Commits blocks, or what their `VolumeBlock.json` gave elsewhere, and all that the volume has, as
        one snapshot.

        Blocks that it has already are left out, so that a commit may be repeated: then the outcome is
        ALREADY_COMMITTED. Two blocks that overlap are `OverlappingBlocksError`.
        """
        given = [block if isinstance(block, VolumeBlock) else self.block(block) for block in blocks]
        pointers = ffi.new("lode_volume_block *[]", [block._pointer for block in given])
        json_text = metadata_json(metadata)
        options, alive = commit_options(**commit)
        snapshot = ffi.new("lode_snapshot **")
        status = call(lib.lode_volume_commit, self._pointer, pointers, len(given), json_text, options, snapshot)
        del alive
        return committed(status, snapshot[0])

    def read_at(self, snapshot: Snapshot, offset: int, size: int, **limits: "Unpack[ReadOptions]") -> bytes:
        """Exactly `size` bytes of a snapshot. A hole is `RangeMissingError`, whose `offset` is its first
        byte."""
        options, alive = read_options(**limits)
        buffer = bytearray(size)
        view = ffi.from_buffer(buffer)
        call(lib.lode_volume_read_at, self._pointer, snapshot._pointer, offset, view, size, options)
        del alive
        return bytes(buffer)

    def verify_snapshot(self, snapshot: Snapshot, **limits: "Unpack[ReadOptions]") -> None:
        """Checks all blocks of one snapshot, `CorruptError` if one is missing or differs; `verify` checks the
        history."""
        options, alive = read_options(**limits)
        call(lib.lode_volume_verify_snapshot, self._pointer, snapshot._pointer, options)
        del alive


def open_volume(
    store: Any,
    volume_id: str,
    total_length: int,
    checksum: Optional[str],
    durability: str,
    retry_attempts: int,
    max_blocks: int,
) -> Volume:
    """A volume of a store's handle."""
    options = filled(
        "lode_volume_options",
        total_length=total_length,
        checksum=choice("checksum", checksum),
        durability=choice("durability", durability),
        retry_attempts=retry_attempts,
        max_blocks=max_blocks,
    )
    volume = ffi.new("lode_volume **")
    call(lib.lode_volume_open, store, text(volume_id, "volume_id"), options, volume)
    return Volume(volume[0], volume_id)
