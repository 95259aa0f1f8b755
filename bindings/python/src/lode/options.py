"""Deadlines, cancel tokens and what else goes with a call."""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Callable, List, Mapping, Optional, Tuple, Type, TypedDict, Union

from ._native import Handle, call, ffi, keep, lib, text

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: Seconds, or a timedelta, from the start of the call.
Deadline = Union[float, timedelta, None]

#: Told how many records (or other things), bytes in and bytes stored there are so far. False ends the call
#: with `AbortedError`; an exception ends it, too, and comes out of it.
Progress = Callable[[int, int, int], Optional[bool]]

#: A C struct, and what must live as long as it.
Struct = Tuple[Any, List[Any]]


class CancelToken(Handle):
    """Ends the calls that were given it. Once cancelled it stays so; threads may share it."""

    _what = "the cancel token"

    def __init__(self) -> None:
        token = ffi.new("lode_cancel_token **")
        call(lib.lode_cancel_token_new, token)
        super().__init__(token[0], lib.lode_cancel_token_free)

    def cancel(self) -> None:
        """Ends the running calls with `CancelledError`, unless they are decided already, and every later
        one."""
        lib.lode_cancel_token_cancel(self._pointer)


class CallOptions(TypedDict, total=False):
    """What a call that blocks may be told, each as an argument with a name."""

    #: When it must be over. Of an iterator it holds for each step.
    deadline: Deadline
    #: Ends the call when cancelled.
    cancel: Optional[CancelToken]
    #: Told from time to time how far it is.
    progress: Optional[Progress]


class CommitOptions(CallOptions, total=False):
    """What a call that commits may be told, each as an argument with a name."""

    #: The id of the snapshot that must be the newest ("": there must be none), else `ConflictError`.
    expected_parent: Optional[str]
    #: With `sequence` (from 1, rising) the commit happens once, however often it is repeated.
    producer: Optional[str]
    #: The producer's number of this commit.
    sequence: int
    #: Where the producer goes on after a restart: it comes back from `Snapshot.producer`.
    position: Optional[str]
    #: How often the whole commit is tried while its failure advises it.
    attempts: int


class ReadOptions(TypedDict, total=False):
    """What a reader may be told, each as an argument with a name."""

    #: "streaming" (the verdict comes with the end), "first" (each file whole, before its first record) or
    #: "sizes".
    verify: str
    #: When each step must be over.
    deadline: Deadline
    #: Ends each step when cancelled.
    cancel: Optional[CancelToken]


def known(options: Mapping[str, Any], kind: Type[Any], what: str) -> None:
    """Refuses an argument that is none of these options."""
    unknown = sorted(set(options) - set(kind.__optional_keys__))
    if unknown:
        names = ", ".join(sorted(kind.__optional_keys__))
        raise TypeError(f"{what} has no argument {unknown[0]!r}; it has {names}")


def milliseconds(deadline: Deadline) -> int:
    """As the library takes it: 0 is none, below 0 is over."""
    if deadline is None:
        return 0
    seconds = deadline.total_seconds() if isinstance(deadline, timedelta) else float(deadline)
    if not seconds > 0:
        return -1
    return min(max(int(seconds * 1000), 1), 2**62)


def _names(kind: str) -> Mapping[str, int]:
    prefix = f"LODE_{kind.upper()}_"
    return {name[len(prefix) :].lower(): getattr(lib, name) for name in dir(lib) if name.startswith(prefix)}


def choice(kind: str, value: Optional[str]) -> int:
    """The number of a named option: LODE_CODEC_JSONL for codec="jsonl"."""
    names = _names(kind)
    number = names.get("none" if value is None else value)
    if number is None:
        raise ValueError(f"{kind} is one of {', '.join(map(repr, sorted(names)))}, not {value!r}")
    return int(number)


def name_of(kind: str, number: int) -> str:
    """The name of a number that the library gave: "data_file" for LODE_GARBAGE_DATA_FILE; digits if it has
    none."""
    return next((name for name, value in _names(kind).items() if value == number), str(number))


def metadata_json(metadata: Optional[Mapping[str, Any]], name: str = "metadata") -> bytes:
    if metadata is None:
        return b"{}"
    if not isinstance(metadata, Mapping):
        raise TypeError(f"{name} must be a mapping, not {type(metadata).__name__}")
    return json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False).encode("utf-8", "surrogatepass")


@ffi.def_extern(error=1, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_progress(ctx: Any, records: int, bytes_in: int, bytes_stored: int) -> int:
    # Called from Python's main thread this is also where a signal's handler runs, and where KeyboardInterrupt
    # is raised.
    progress = ffi.from_handle(ctx).progress
    return 1 if progress is not None and progress(records, bytes_in, bytes_stored) is False else 0


class _Listener:
    def __init__(self, progress: Optional[Progress]) -> None:
        if progress is not None and not callable(progress):
            raise TypeError("progress must be callable")
        self.progress = progress


def _set_cancel(options: Any, cancel: Optional[CancelToken]) -> List[Any]:
    if cancel is None:
        return [options]
    options.cancel = cancel._pointer
    return [options, options.cancel, cancel]


def _set_limits(options: Any, given: Mapping[str, Any]) -> List[Any]:
    handle = ffi.new_handle(_Listener(given.get("progress")))
    options.deadline_ms = milliseconds(given.get("deadline"))
    options.progress = lib.pylode_progress
    options.progress_ctx = handle
    return [handle, *_set_cancel(options, given.get("cancel"))]


def filled(kind: str, **fields: Any) -> Any:
    """A struct of the library of this name with its size, these fields, and the defaults."""
    options = ffi.new(f"{kind} *")
    options.struct_size = ffi.sizeof(kind)
    for name, value in fields.items():
        setattr(options, name, value)
    return options


def call_options(**given: "Unpack[CallOptions]") -> Struct:
    """The library's struct of these options."""
    known(given, CallOptions, "a call")
    options = filled("lode_call_options")
    return options, _set_limits(options, given)


def commit_options(**given: "Unpack[CommitOptions]") -> Struct:
    """The library's struct of these options."""
    known(given, CommitOptions, "a commit")
    options = filled(
        "lode_commit_options", sequence=given.get("sequence", 0), attempts=given.get("attempts", 1)
    )
    alive = _set_limits(options, given)
    texts = {"expected_parent": "expected_parent", "producer": "producer_id", "position": "position"}
    for name, field in texts.items():
        value: Any = given.get(name)
        if value is not None:
            alive.append(ffi.new("char[]", text(value, name)))
            setattr(options, field, alive[-1])
    return options, alive


def read_options(**given: "Unpack[ReadOptions]") -> Struct:
    """The library's struct of these options."""
    known(given, ReadOptions, "a reader")
    options = filled(
        "lode_read_options",
        deadline_ms=milliseconds(given.get("deadline")),
        verify=choice("verify", given.get("verify", "streaming")),
    )
    return options, _set_cancel(options, given.get("cancel"))
