"""The one SQLite file: made, opened, locked, brought up to date, mended.

Its rules come from what is known to lose data. All writing and every checkpoint happens under a lock of our own
(`flock` on a file beside it), so that no two processes ever write, or write and checkpoint, at the same time: SQLite
before 3.51.3 can corrupt a file there. A new file is made under another name and renamed, since switching a file to
its write-ahead log is a race. `synchronous=full`: a commit is on the disk when it returns. No memory mapping, and no
checkpoint that SQLite starts by itself while we work. After an error of the disk nothing is written any more, and no
checkpoint made: what a failed fsync has left in memory may never have reached the disk.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from .connecting import connect, identity
from .place import open_own, refuse_unless_own, sync_folder
from .problems import StoreBroken, StoreUnusable, is_broken, is_full, unusable, unusable_after
from .salvage import Saved, number_runs_from, salvage
from .schema import HEADER_BYTES, VERSION, is_ours, migrate, told_version

NAME = "store.sqlite"
MOST_LOG_BYTES = 8 * 1024 * 1024  # of the write-ahead log; beyond it, it is taken into the file
RESERVE = "reserve"
RESERVE_BYTES = 256 * 1024  # kept free for the answers that are on their way when the disk is full
_LOOKS_AT_LOG = 8  # commits from one look at its size to the next
_ENDINGS = ("", "-wal", "-shm", "-journal")

T = TypeVar("T")
U = TypeVar("U")


class StoreFile:
    """A store that is open for writing. One thread at a time uses it, and a process opens it once.

    `full`: the disk is, and the room that was kept for this has been used: what is on its way is still written, but
    nothing new may be begun.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Opens or makes it. `tell` hears of what had to be mended. Raises StoreUnusable."""
        self.folder = folder
        self.path = folder / NAME
        self.full: StoreUnusable | None = None
        self._failed: StoreUnusable | None = None
        self._tell = tell
        self._most_log_bytes = MOST_LOG_BYTES
        self._commits = 0
        self._identity = (0, 0)
        self._is_other = True  # than the file that is open
        self._lock = open_own(folder / "lock", os.O_RDWR | os.O_CREAT)
        try:
            with self.locked():
                self.connection = self._opened()
                self._make_reserve()
        except OSError as error:
            os.close(self._lock)
            raise unusable_after(self.path, error) from None
        except BaseException:
            os.close(self._lock)
            raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among all processes. Raises OSError, and StoreUnusable."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            if self._was_replaced():
                self._lock_anew()
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _lock_anew(self) -> None:
        """Where somebody has taken the folder away and made it anew, others hold another lock: that is ours, too."""
        path = self.folder / "lock"
        while True:
            with suppress(FileNotFoundError):
                if identity(path) == _identity_of(self._lock):
                    return
            new = open_own(path, os.O_RDWR | os.O_CREAT)
            fcntl.flock(new, fcntl.LOCK_EX)
            os.close(self._lock)
            self._lock = new

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does the work in one transaction, which is on the disk when this returns; mends the file if it must.

        Work may be done again from its start. Raises StoreUnusable, and then nothing of it was kept.
        """
        try:
            with self.locked():
                return self._written(work)
        except (sqlite3.Error, OSError) as error:
            raise self._fail(error) from None

    def write_and(
        self, work: Callable[[sqlite3.Connection], T], then: Callable[[sqlite3.Connection], U]
    ) -> tuple[T, U]:
        """What `write` does; then something outside of a transaction, while nobody else can write."""
        try:
            with self.locked():
                return self._written(work), then(self.connection)
        except (sqlite3.Error, OSError) as error:
            raise self._fail(error) from None

    def close(self) -> None:
        """Closes it. Its log is taken into the file, if nobody else has it open and all is well with the disk."""
        with suppress(sqlite3.Error, OSError, StoreUnusable):
            if self._failed is None:
                with self.locked():
                    self.connection.close()
            else:
                self._close_as_it_is()
        os.close(self._lock)

    # ── Opening ──

    def _opened(self, is_first: bool = True, mends: bool = True) -> sqlite3.Connection:
        """A connection to a file that is ours and of this version, made or mended if need be."""
        for ending in _ENDINGS:
            refuse_unless_own(Path(f"{self.path}{ending}"))
        if self._mended_path.exists():
            self._put_in_place()  # whoever mended it did not live to do so
        if not self.path.exists():
            self._remove(self.path)
            self._build(None).rename(self.path)
            sync_folder(self.folder)
        try:
            if is_first:
                self._read_header()
            return self._connected()
        except (StoreBroken, sqlite3.DatabaseError) as error:
            if not mends or (isinstance(error, sqlite3.DatabaseError) and not is_broken(error)):
                raise unusable_after(self.path, error) from None
        self._mend()
        return self._opened(is_first=False, mends=False)

    def _connected(self) -> sqlite3.Connection:
        """A connection to the file as it is, brought up to date. Raises StoreBroken and what SQLite does."""
        connection = connect(self.path)
        try:
            version = connection.execute("pragma user_version").fetchone()[0]
            if version > VERSION:
                raise self._too_new(version)
            if version < 1:
                raise StoreBroken
            if version < VERSION:
                migrate(connection, version)
            if not is_ours(connection):
                raise StoreBroken
        except BaseException:
            connection.close()
            raise
        self._identity, self._is_other = identity(self.path), False
        return connection

    def _read_header(self) -> None:
        """Looks at what the file says of itself, before SQLite touches it. Raises StoreBroken.

        Only at first: whoever closes a file lets go of all locks that its process has on it, SQLite's own included.
        """
        handle = open_own(self.path, os.O_RDONLY)
        try:
            version = told_version(os.read(handle, HEADER_BYTES))
        finally:
            os.close(handle)
        if version is None:
            raise StoreBroken
        if version > VERSION:
            raise self._too_new(version)

    def _too_new(self, version: int) -> StoreUnusable:
        message = f"the store `{self.path}` was made by a newer flowlang, with version {version} of the store"
        hint = f"this one knows versions up to {VERSION}: update flowlang, or keep another store with --store DIR"
        return StoreUnusable(message, (hint,))

    # ── Making and mending ──

    @property
    def _mended_path(self) -> Path:
        return self.folder / f"{NAME}.mended"

    def _build(self, old: Path | None) -> Path:
        """Makes a store under a name that is not its own, with what is good in an old one. Raises OSError."""
        new = self.folder / f"{NAME}.new"
        self._remove(new)
        os.close(open_own(new, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        try:
            # One fsync at the end does for all of it: nobody sees the file before.
            connection = connect(new, synchronous="off")
            try:
                migrate(connection, 0)
                self._saved = salvage(old, connection) if old is not None else Saved()
                number_runs_from(connection, self.folder)
                if not _take_in(connection):
                    raise unusable(self.path, "it could not be made anew")
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise unusable_after(self.path, error) from None
        handle = open_own(new, os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if os.path.lexists(f"{new}-wal"):
            raise unusable(self.path, "it could not be made anew")
        return new

    def _mend(self) -> None:
        """Takes what is good into a new file, and keeps the old one aside. Under the lock, and killable anywhere."""
        self._build(self.path).rename(self._mended_path)
        sync_folder(self.folder)
        aside, saved = self._put_in_place(), self._saved
        lost = f", {saved.bad} rows were not" if saved.bad else ""
        self._tell(
            f"the store was damaged: {saved.answers} answers and {saved.runs} runs could be saved{lost}; "
            f"the old file is kept as {aside}"
        )

    def _put_in_place(self) -> Path:
        """Puts the mended file where the damaged one is; where that goes."""
        number = 1
        while any(os.path.lexists(self.folder / f"{NAME}.broken-{number}{one}") for one in _ENDINGS):
            number += 1
        aside = self.folder / f"{NAME}.broken-{number}"
        # The log goes first: beside the new file, it would be taken for the new file's.
        for ending in ("-wal", ""):
            with suppress(FileNotFoundError):
                os.rename(f"{self.path}{ending}", f"{aside}{ending}")  # noqa: PTH104
        self._remove(Path(f"{self.path}-shm"))
        self._mended_path.rename(self.path)
        sync_folder(self.folder)
        return aside

    def _remove(self, path: Path) -> None:
        for ending in _ENDINGS:
            with suppress(FileNotFoundError):
                os.unlink(f"{path}{ending}")  # noqa: PTH108

    # ── Writing ──

    def _written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._failed is not None:
            raise self._failed
        if self._is_other:
            with suppress(sqlite3.Error):
                self.connection.close()
            self.connection = self._opened(is_first=False)
        try:
            return self._transaction(work)
        except (sqlite3.DatabaseError, OSError) as error:
            if is_full(error):
                return self._with_reserve(work, error)
            if not is_broken(error):
                raise
        with suppress(sqlite3.Error):
            self.connection.close()
        self._mend()
        self.connection = self._opened(is_first=False, mends=False)
        return self._transaction(work)

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self.connection
        connection.execute("begin immediate")
        try:
            version = connection.execute("pragma user_version").fetchone()[0]
            if version > VERSION:
                raise self._too_new(version)
            result = work(connection)
            connection.execute("commit")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("rollback")
            raise
        self._commits += 1
        if self._commits % _LOOKS_AT_LOG == 0:
            self._take_in_log()
        return result

    def _with_reserve(self, work: Callable[[sqlite3.Connection], T], error: Exception) -> T:
        """Once more, in the room that was kept for this."""
        self.full = unusable_after(self.path, error)
        try:
            (self.folder / RESERVE).unlink()
        except OSError:
            raise error from None
        return self._transaction(work)

    def _take_in_log(self) -> None:
        """Takes the write-ahead log into the file, if it has grown large."""
        try:
            size = os.path.getsize(f"{self.path}-wal")  # noqa: PTH202 - after every commit
        except OSError:
            return
        if size <= self._most_log_bytes:
            return
        try:
            is_done = _take_in(self.connection)
        except sqlite3.Error as error:
            is_done = False
            # What is committed stands in the log, and stays there; but nobody knows what the disk has of the file.
            if not is_full(error):
                self._fail(error)
        # Where somebody reads from the log, it can't be begun anew; it would be tried in vain after every commit.
        self._most_log_bytes = MOST_LOG_BYTES if is_done else size + MOST_LOG_BYTES

    def _fail(self, error: Exception) -> StoreUnusable:
        if self._failed is None:
            self._failed = unusable_after(self.path, error)
        return self._failed

    def _close_as_it_is(self) -> None:
        """Closes it without a checkpoint, which SQLite makes only where nobody else has the file open."""
        with suppress(sqlite3.Error):
            other = connect(self.path, readonly=True)
            other.execute("select 1 from sqlite_master").fetchall()
            self.connection.close()
            other.close()

    def _was_replaced(self) -> bool:
        """Whether another process has mended the file meanwhile, or somebody has taken it away."""
        try:
            self._is_other = identity(self.path) != self._identity
        except OSError:
            self._is_other = True
        return self._is_other

    def _make_reserve(self) -> None:
        path = self.folder / RESERVE
        if os.path.lexists(path):
            return
        with suppress(OSError, StoreUnusable):
            handle = open_own(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            try:
                _fill(handle)
            except OSError:
                path.unlink()
            finally:
                os.close(handle)


def _take_in(connection: sqlite3.Connection) -> bool:
    """Takes the log into the file, without waiting for who reads from it; whether all of it could be."""
    connection.execute("pragma busy_timeout=0")
    try:
        busy, frames, done = connection.execute("pragma wal_checkpoint(passive)").fetchone()
    finally:
        connection.execute("pragma busy_timeout=5000")
    return not busy and frames == done


def _fill(handle: int) -> None:
    """Takes the room of the reserve, without writing where the system can do that."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, RESERVE_BYTES)
    else:
        os.write(handle, os.urandom(RESERVE_BYTES))


def _identity_of(handle: int) -> tuple[int, int]:
    found = os.fstat(handle)
    return found.st_dev, found.st_ino


__all__ = ["NAME", "StoreFile", "StoreUnusable", "connect", "is_broken", "unusable"]
