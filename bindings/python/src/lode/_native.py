"""Calls of the library: handles, texts, statuses that become exceptions, and exceptions that cross a call."""

import logging
import threading
from typing import Any, Optional, Type, TypeVar

from ._error import Action, Error
from ._ffi import ffi, lib
from ._statuses import BY_STATUS, StateError

__all__ = ["Exclusive", "Handle", "call", "ffi", "keep", "kept", "lib", "log", "string", "text"]

Self = TypeVar("Self", bound="Handle")

#: What the library and this package have to tell goes to Python's logging, and nowhere if that is not set up.
log = logging.getLogger("lode")
log.addHandler(logging.NullHandler())


class _Kept(threading.local):
    """What a callback of this thread has raised: nothing may pass a C frame, so it waits until the call is
    over."""

    exception: Optional[BaseException] = None


kept = _Kept()


def keep(_kind: Any, exception: BaseException, _traceback: Any) -> None:
    """For `onerror` of a callback: keeps the exception; the first one counts."""
    if kept.exception is None:
        kept.exception = exception


def text(value: str, name: str) -> bytes:
    """A string for the library, which takes it up to a NUL."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    encoded = value.encode("utf-8", "surrogateescape")
    if b"\0" in encoded:
        raise ValueError(f"{name} holds a NUL character: {value!r}")
    return encoded


def string(pointer: Any) -> Optional[str]:
    """A string that the library owns; None for NULL."""
    return None if pointer == ffi.NULL else ffi.string(pointer).decode()


def failure(status: int, pointer: Any) -> Error:
    """The exception for a failed call's error, which is freed."""
    pointer = ffi.gc(pointer, lib.lode_error_free)
    record, offset = lib.lode_error_record(pointer), lib.lode_error_offset(pointer)
    try:
        action = Action(lib.lode_error_action(pointer))
    except ValueError:
        action = Action.GIVE_UP
    return BY_STATUS.get(status, Error)(
        string(lib.lode_error_message(pointer)) or "",
        status=status,
        status_name=string(lib.lode_status_name(status)) or "",
        action=action,
        path=string(lib.lode_error_path(pointer)),
        snapshot_id=string(lib.lode_error_snapshot_id(pointer)),
        record=None if record < 0 else record,
        offset=None if offset < 0 else offset,
        errno=lib.lode_error_errno(pointer) or None,
        callback_code=lib.lode_error_callback_code(pointer) or None,
    )


def misuse(message: str) -> StateError:
    return StateError(message, status=lib.LODE_ERR_STATE, status_name="LODE_ERR_STATE")


def call(function: Any, *arguments: Any) -> int:
    """Calls a function whose last argument is the error; gives a status of 0 or above, or raises.

    What a callback has raised during the call comes out of it: as it is if it ended the call (an iterator, a
    progress callback, an interrupt), else as the cause of the library's own error.
    """
    error = ffi.new("lode_error **")
    before, kept.exception = kept.exception, None
    try:
        status: int = function(*arguments, error)
    finally:
        raised, kept.exception = kept.exception, before
    failed = failure(status, error[0]) if status < 0 else None
    if raised is not None and (
        not isinstance(raised, Exception) or status in (lib.LODE_ERR_ITERATOR, lib.LODE_ERR_ABORTED)
    ):
        raise raised
    if failed is not None:
        raise failed from raised
    if raised is not None:
        log.warning("an exception of a callback came too late to end the call", exc_info=raised)
    return status


class Handle:
    """Something of the library's, freed with the last use of it, or by `close` or a `with` statement."""

    _what = "the handle"

    def __init__(self, pointer: Any, free: Any) -> None:
        self._handle: Any = ffi.gc(pointer, free)

    @property
    def _pointer(self) -> Any:
        # A running call holds this reference, so a `close` meanwhile frees the handle when that call is over.
        handle = self._handle
        if handle is None:
            raise misuse(f"{self._what} is closed")
        return handle

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._handle is None

    def close(self) -> None:
        """Frees it. What was made from it goes on working; a second close does nothing."""
        self._handle = None

    def __enter__(self: Self) -> Self:
        self._pointer  # noqa: B018: a closed one is refused
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Any, traceback: Any) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError(f"{self._what} belongs to its process: open it again where it is needed")


class Exclusive:
    """Held while one thread uses what must not be used by two: a second one is refused, not waited for."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise misuse(f"{self._what} is in use by another thread, or by the call that called this")

    def __exit__(self, *_: Any) -> None:
        self._lock.release()
