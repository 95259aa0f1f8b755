"""Parts: staged data that one commit, here or elsewhere, makes a snapshot together with others."""

from typing import TYPE_CHECKING, Any, List

from ._native import Handle, call, ffi, lib, string
from .options import CallOptions, call_options

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Part(Handle):
    """Data that is durable and not yet in a snapshot. Threads may share it.

    `json` is all that has to get to the process that commits: there `Dataset.commit_parts` takes it as it is.
    Closing a part removes nothing; `discard` does.
    """

    _what = "the part"

    def __init__(self, pointer: Any) -> None:
        super().__init__(pointer, lib.lode_part_free)

    def __repr__(self) -> str:
        return f"<lode.Part {'closed' if self.closed else self.id}>"

    @property
    def json(self) -> str:
        """The part as one line of JSON, without a line break."""
        json = string(lib.lode_part_json(self._pointer))
        if json is None:
            raise MemoryError("no memory for a part's JSON")
        return json

    @property
    def id(self) -> str:
        """The id that its files lie under. It identifies the part."""
        return string(lib.lode_part_id(self._pointer)) or ""

    @property
    def record_count(self) -> int:
        """How many records it has; a raw blob counts 1."""
        return int(lib.lode_part_record_count(self._pointer))

    @property
    def size(self) -> int:
        """How many bytes its files have as they are stored."""
        return int(lib.lode_part_size(self._pointer))

    @property
    def paths(self) -> List[str]:
        """The store keys of its files."""
        count = lib.lode_part_file_count(self._pointer)
        return [string(lib.lode_part_file_path(self._pointer, index)) or "" for index in range(count)]

    def discard(self, **limits: "Unpack[CallOptions]") -> None:
        """Removes its files; `PartCommittedError` if a snapshot holds it."""
        options, alive = call_options(**limits)
        call(lib.lode_part_discard, self._pointer, options)
        del alive


def staged(stage: Any, writer: Any, options: Any) -> Part:
    """What a writer has taken, as a part."""
    part = ffi.new("lode_part **")
    call(stage, writer, options, part)
    return Part(part[0])
