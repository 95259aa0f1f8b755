"""Stores of one's own, written in Python."""

import abc
import errno
from typing import Any, Iterable, Optional, Set

from ._error import Error
from ._native import ffi, keep, lib


class Upload(abc.ABC):
    """An object that is being written, not seen before `finish`."""

    @abc.abstractmethod
    def write(self, data: bytes) -> None:
        """Adds bytes at the end. OSError with ENOSPC, which takes none of them: the same bytes may come
        again."""

    @abc.abstractmethod
    def finish(self) -> None:
        """Makes the object appear under its key, whole and durable; FileExistsError if the key is taken.

        An exception that is not one of lode's and none of OSError's kinds leaves open whether it appeared:
        the commit is then in doubt, and resolved by reading.
        """

    @abc.abstractmethod
    def abort(self) -> None:
        """Gives it up."""


class CustomStore(abc.ABC):
    """Objects under keys, written once and whole, and swapped by comparison.

    What has returned is durable, as far as the store can be, and seen by every call that begins afterwards.
    Methods come on the threads whose calls need them, on several at once unless `serial` is true. They fail
    by FileNotFoundError, FileExistsError, NotImplementedError, OSError, or an exception of lode's such as
    `ConflictError`, `BusyError` or `CommitUnknownError`; any other exception is a `StoreError` with that
    exception as its cause. `Store.check_conformance` tries all rules.
    """

    #: Whether the methods must not be called by two threads at once.
    serial = False

    @abc.abstractmethod
    def begin(self, key: str) -> Upload:
        """Begins an object. A key that is taken may be refused here already, with FileExistsError."""

    @abc.abstractmethod
    def stat(self, key: str) -> int:
        """An object's size in bytes, or FileNotFoundError."""

    @abc.abstractmethod
    def read(self, key: str, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on; none only at the object's end or beyond; or
        FileNotFoundError."""

    @abc.abstractmethod
    def list(self, prefix: str) -> Iterable[str]:
        """Every key that begins with `prefix`, which is empty or ends in "/", each once, in any order."""

    @abc.abstractmethod
    def remove(self, key: str) -> None:
        """Removes an object; that there is none is fine."""

    @abc.abstractmethod
    def compare_and_swap(self, key: str, expected: bytes, value: bytes) -> None:
        """Replaces the object's bytes if they are the expected ones, in one step, else `ConflictError`. Empty
        bytes are expected where there is no object, or an empty one.
        """


#: The handles of stores that the library may still call.
_alive: Set[Any] = set()


class _Callbacks:
    def __init__(self, store: CustomStore) -> None:
        self.store = store
        self.uploads: Set[Any] = set()


def callbacks_of(store: CustomStore) -> Any:
    if not isinstance(store, CustomStore):
        raise TypeError(f"a store of one's own is a lode.CustomStore, not {type(store).__name__}")
    handle = ffi.new_handle(_Callbacks(store))
    _alive.add(handle)
    callbacks = ffi.new("lode_store_callbacks *")
    callbacks.struct_size = ffi.sizeof("lode_store_callbacks")
    callbacks.ctx = handle
    callbacks.flags = lib.LODE_STORE_SERIAL if store.serial else 0
    callbacks.put_begin = lib.pylode_put_begin
    callbacks.put_write = lib.pylode_put_write
    callbacks.put_finish = lib.pylode_put_finish
    callbacks.put_abort = lib.pylode_put_abort
    callbacks.stat = lib.pylode_stat
    callbacks.read = lib.pylode_read
    callbacks.list = lib.pylode_list
    callbacks.remove = lib.pylode_remove
    callbacks.compare_and_swap = lib.pylode_compare_and_swap
    callbacks.release = lib.pylode_store_release
    return callbacks


def _answer(failed: BaseException, error: Any, otherwise: int) -> int:
    """The status for an exception of a method, and its text."""
    said = f"{type(failed).__name__}: {failed}"
    lib.lode_callback_error_set(error, said.encode("utf-8", "replace").replace(b"\0", b" "))
    expected = _expected_status(failed)
    if expected is not None:
        return expected
    keep(None, failed, None)
    return otherwise


def _expected_status(failed: BaseException) -> Optional[int]:
    if isinstance(failed, Error):
        return failed.status if failed.status < 0 else int(lib.LODE_ERR_STORE)
    if isinstance(failed, FileExistsError):
        return int(lib.LODE_ERR_PATH_EXISTS)
    if isinstance(failed, FileNotFoundError):
        return int(lib.LODE_ERR_NOT_FOUND)
    if isinstance(failed, NotImplementedError):
        return int(lib.LODE_ERR_UNSUPPORTED)
    if isinstance(failed, OSError):
        return int(lib.LODE_ERR_NO_SPACE if failed.errno in (errno.ENOSPC, errno.EDQUOT) else lib.LODE_ERR_STORE)
    return None


def _key(key: Any) -> str:
    return str(ffi.string(key).decode())


def _bytes(data: Any, length: int) -> bytes:
    return bytes(ffi.buffer(data, length)[:]) if length else b""


# Each answers for the exceptions of the store's method itself; `error` and `onerror` are for an interrupt
# that comes before or behind that. Where an answer that is lost leaves the outcome open, it says so.


@ffi.def_extern(error=-25, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_put_begin(ctx: Any, key: Any, _if_absent: int, upload: Any, error: Any) -> int:
    callbacks: _Callbacks = ffi.from_handle(ctx)
    try:
        begun = callbacks.store.begin(_key(key))
        for method in ("write", "finish", "abort"):
            if not callable(getattr(begun, method, None)):
                raise TypeError(f"begin must give an upload with write, finish and abort, not {type(begun).__name__}")
    except BaseException as failed:
        return _answer(failed, error, lib.LODE_ERR_STORE)
    handle = ffi.new_handle(begun)
    callbacks.uploads.add(handle)
    upload[0] = handle
    return 0


@ffi.def_extern(error=-25, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_put_write(_ctx: Any, upload: Any, data: Any, length: int, error: Any) -> int:
    try:
        ffi.from_handle(upload).write(_bytes(data, length))
    except BaseException as failed:
        return _answer(failed, error, lib.LODE_ERR_STORE)
    return 0


@ffi.def_extern(error=-81, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_put_finish(ctx: Any, upload: Any, error: Any) -> int:
    try:
        ffi.from_handle(upload).finish()
    except BaseException as failed:
        return _answer(failed, error, lib.LODE_ERR_COMMIT_UNKNOWN)
    finally:
        ffi.from_handle(ctx).uploads.discard(upload)
    return 0


@ffi.def_extern(onerror=keep)  # type: ignore[untyped-decorator]
def pylode_put_abort(ctx: Any, upload: Any) -> None:
    try:
        ffi.from_handle(upload).abort()
    finally:
        ffi.from_handle(ctx).uploads.discard(upload)


@ffi.def_extern(error=-25, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_stat(ctx: Any, key: Any, size: Any, error: Any) -> int:
    try:
        size[0] = ffi.from_handle(ctx).store.stat(_key(key))
    except BaseException as failed:
        return _answer(failed, error, lib.LODE_ERR_STORE)
    return 0


@ffi.def_extern(error=-25, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_read(ctx: Any, key: Any, offset: int, buffer: Any, capacity: int, error: Any) -> int:
    try:
        data = memoryview(ffi.from_handle(ctx).store.read(_key(key), offset, capacity)).cast("B")
        if len(data) > capacity:
            raise ValueError(f"read gave {len(data)} bytes, and was asked for at most {capacity}")
        if len(data):
            ffi.memmove(buffer, data, len(data))
    except BaseException as failed:
        return _answer(failed, error, lib.LODE_ERR_STORE)
    return len(data)


@ffi.def_extern(error=-25, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_list(ctx: Any, prefix: Any, keys: Any, error: Any) -> int:
    try:
        for key in ffi.from_handle(ctx).store.list(_key(prefix)):
            answer = lib.lode_key_sink_add(keys, key.encode())
            if answer != 0:
                return min(int(answer), 0)
    except BaseException as failed:
        return _answer(failed, error, lib.LODE_ERR_STORE)
    return 0


@ffi.def_extern(error=-25, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_remove(ctx: Any, key: Any, error: Any) -> int:
    try:
        ffi.from_handle(ctx).store.remove(_key(key))
    except BaseException as failed:
        return _answer(failed, error, lib.LODE_ERR_STORE)
    return 0


@ffi.def_extern(error=-81, onerror=keep)  # type: ignore[untyped-decorator]
def pylode_compare_and_swap(
    ctx: Any, key: Any, expected: Any, expected_len: int, value: Any, value_len: int, error: Any
) -> int:
    try:
        store: CustomStore = ffi.from_handle(ctx).store
        store.compare_and_swap(_key(key), _bytes(expected, expected_len), _bytes(value, value_len))
    except BaseException as failed:
        return _answer(failed, error, lib.LODE_ERR_COMMIT_UNKNOWN)
    return 0


@ffi.def_extern(onerror=keep)  # type: ignore[untyped-decorator]
def pylode_store_release(ctx: Any) -> None:
    _alive.discard(ctx)
