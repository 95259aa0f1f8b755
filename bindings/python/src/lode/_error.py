"""The exception that all failures of the library are, and what it says."""

import enum
from typing import Any, Dict, Optional, Tuple


class Action(enum.IntEnum):
    """What to do about a failure."""

    #: There is nothing to do.
    NONE = 0
    #: Certainly not committed; the same call may work later.
    RETRY = 1
    #: Perhaps committed: commit again with the same writer or producer key, or call `Dataset.resolve_commit`.
    RESOLVE = 2
    #: Read the head and decide again.
    REBASE = 3
    #: The same call will fail again.
    GIVE_UP = 4


class Error(Exception):
    """A call of the library failed. Each status has a class of its own, such as `ConflictError`."""

    def __init__(
        self,
        message: str,
        *,
        status: int = -1,
        status_name: str = "LODE_ERR_UNKNOWN",
        action: Action = Action.GIVE_UP,
        path: Optional[str] = None,
        snapshot_id: Optional[str] = None,
        record: Optional[int] = None,
        offset: Optional[int] = None,
        errno: Optional[int] = None,
        callback_code: Optional[int] = None,
    ) -> None:
        super().__init__(message)
        #: What happened, to what, why, and what to do, for a person.
        self.message = message
        #: The number of the failure, one of LODE_ERR_* in lode.h.
        self.status = status
        #: Its name, such as "LODE_ERR_CONFLICT".
        self.status_name = status_name
        #: What to do about it. A program that retries asks this, not the class.
        self.action = action
        #: The path or store key that it is about.
        self.path = path
        #: Of `CommitUnknownError` the snapshot in doubt, of `ConflictError` the head.
        self.snapshot_id = snapshot_id
        #: The number of the record that it is about, from 0.
        self.record = record
        #: Where in the record or file the fault lies, in bytes from 0.
        self.offset = offset
        #: The operating system's error number, such as `errno.ENOSPC`.
        self.errno = errno
        #: The number by which a callback of a store failed.
        self.callback_code = callback_code

    def __reduce__(self) -> Tuple[Any, ...]:
        # Exceptions cross processes, as results of a pool of workers, by pickle.
        facts: Dict[str, Any] = {name: value for name, value in self.__dict__.items() if name != "message"}
        return _again, (type(self), self.message, facts)


def _again(kind: Any, message: str, facts: Dict[str, Any]) -> Error:
    error: Error = kind(message)
    error.__dict__.update(facts)
    return error
