"""What can be wrong with a store."""

import errno
import sqlite3
from pathlib import Path

_ELSEWHERE = "--store DIR keeps it in another folder, --no-store keeps nothing"
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class StoreUnusable(Exception):
    """The store cannot be used, or not any more: one sentence for the user, and what to do about it.

    `is_full`: because the disk is.
    """

    def __init__(self, message: str, hints: tuple[str, ...] = (), *, is_full: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        self.is_full = is_full


class StoreBroken(Exception):
    """What stands in the file is no store, or not all of it: what is good in it can be taken into a new one."""


def unusable(path: Path, why: str, hint: str = "", *, is_full: bool = False) -> StoreUnusable:
    """A store that cannot be used for this reason."""
    hints = (hint, _ELSEWHERE) if hint else (_ELSEWHERE,)
    return StoreUnusable(f"the store `{path}` cannot be used: {why}", hints, is_full=is_full)


def unusable_after(path: Path, error: Exception) -> StoreUnusable:
    """A store that cannot be used since the system, or SQLite, said no."""
    if is_full(error):
        return unusable(path, "the disk is full", is_full=True)
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return unusable(path, "it is a link to another place")
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return unusable(path, told.lower() if isinstance(error, OSError) else told)


def is_full(error: Exception) -> bool:
    """Whether an error says that there is no room left."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def is_broken(error: Exception) -> bool:
    """Whether an error says that what stands in the file is damaged."""
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
        return False
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "no such table" in str(error)
