"""Deadlines, cancel tokens and what else goes with a call."""

import json
from datetime import timedelta
from typing import Any, Callable, List, Mapping, Optional, Tuple, Union

from ._native import Handle, call, ffi, keep, lib, text

#: Seconds, or a timedelta, from the start of the call.
Deadline = Union[float, timedelta, None]

#: Told how many records (or other things), bytes in and bytes stored there are so far. False ends the call with
#: `AbortedError`; an exception ends it, too, and comes out of it.
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
        """Ends the running calls with `CancelledError`, unless they are decided already, and every later one."""
        lib.lode_cancel_token_cancel(self._pointer)


def milliseconds(deadline: Deadline) -> int:
    """As the library takes it: 0 is none, below 0 is over."""
    if deadline is None:
        return 0
    seconds = deadline.total_seconds() if isinstance(deadline, timedelta) else float(deadline)
    if not seconds > 0:
        return -1
    return min(max(int(seconds * 1000), 1), 2**62)


def choice(kind: str, value: Optional[str]) -> int:
    """The number of a named option: LODE_CODEC_JSONL for codec="jsonl"."""
    prefix = f"LODE_{kind.upper()}_"
    names = {name[len(prefix) :].lower(): getattr(lib, name) for name in dir(lib) if name.startswith(prefix)}
    number = names.get("none" if value is None else value)
    if number is None:
        known = ", ".join(repr(name) for name in sorted(names))
        raise ValueError(f"{kind} is one of {known}, not {value!r}")
    return int(number)


def metadata_json(metadata: Optional[Mapping[str, Any]], name: str = "metadata") -> bytes:
    if metadata is None:
        return b"{}"
    if not isinstance(metadata, Mapping):
        raise TypeError(f"{name} must be a mapping, not {type(metadata).__name__}")
    return json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False).encode("utf-8", "surrogatepass")


@ffi.def_extern(error=1, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_progress(ctx: Any, records: int, bytes_in: int, bytes_stored: int) -> int:
    # Called from Python's main thread this is also where a signal's handler runs, and where KeyboardInterrupt is raised.
    progress = ffi.from_handle(ctx).progress
    return 1 if progress is not None and progress(records, bytes_in, bytes_stored) is False else 0


class _Listener:
    def __init__(self, progress: Optional[Progress]) -> None:
        if progress is not None and not callable(progress):
            raise TypeError("progress must be callable")
        self.progress = progress


def _set_limits(options: Any, deadline: Deadline, cancel: Optional[CancelToken], progress: Optional[Progress]) -> List[Any]:
    handle = ffi.new_handle(_Listener(progress))
    options.deadline_ms = milliseconds(deadline)
    options.progress = lib.pylode_progress
    options.progress_ctx = handle
    alive = [options, handle]
    if cancel is not None:
        options.cancel = cancel._pointer
        alive.append(options.cancel)
        alive.append(cancel)
    return alive


def call_options(
    deadline: Deadline = None, cancel: Optional[CancelToken] = None, progress: Optional[Progress] = None
) -> Struct:
    options = ffi.new("lode_call_options *")
    options.struct_size = ffi.sizeof("lode_call_options")
    return options, _set_limits(options, deadline, cancel, progress)


def commit_options(
    deadline: Deadline = None,
    cancel: Optional[CancelToken] = None,
    progress: Optional[Progress] = None,
    expected_parent: Optional[str] = None,
    producer: Optional[str] = None,
    sequence: int = 0,
    position: Optional[str] = None,
    attempts: int = 1,
) -> Struct:
    options = ffi.new("lode_commit_options *")
    options.struct_size = ffi.sizeof("lode_commit_options")
    alive = _set_limits(options, deadline, cancel, progress)
    texts = {"expected_parent": expected_parent, "producer_id": producer, "position": position}
    for field, value in texts.items():
        if value is not None:
            alive.append(ffi.new("char[]", text(value, field)))
            setattr(options, field, alive[-1])
    options.sequence = sequence
    options.attempts = attempts
    return options, alive


def read_options(deadline: Deadline = None, cancel: Optional[CancelToken] = None, verify: str = "streaming") -> Struct:
    options = ffi.new("lode_read_options *")
    options.struct_size = ffi.sizeof("lode_read_options")
    options.deadline_ms = milliseconds(deadline)
    options.verify = choice("verify", verify)
    alive = [options]
    if cancel is not None:
        options.cancel = cancel._pointer
        alive.append(options.cancel)
    return options, alive
