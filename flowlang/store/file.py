"""The one SQLite file: made, opened, locked, brought up to date, mended.

Its rules come from what is known to lose data. All writing and every checkpoint happens under a lock of our own
(`flock` on a file beside it), so that no two processes ever write, or write and checkpoint, at the same time: SQLite
before 3.51.3 can corrupt a file there. A new file is made under another name and renamed, since switching a file to
its write-ahead log is a race. `synchronous=full`: a commit is on the disk when it returns. No memory mapping, and no
checkpoint that SQLite starts by itself while we work.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from .problems import StoreBroken, StoreUnusable
from .salvage import Saved, salvage
from .schema import HEADER_BYTES, VERSION, expected_objects, migrate, objects_of, told_version

NAME = "store.sqlite"
MOST_LOG_BYTES = 8 * 1024 * 1024  # of the write-ahead log; beyond it, it is taken into the file
BUSY_MS = 5_000  # writers wait for our lock, so only a reader can be in the way, and never for long
RESERVE_BYTES = 256 * 1024  # kept free for the answers that are on their way when the disk is full
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW

T = TypeVar("T")


class StoreFile:
    """A store that is open for writing. One thread at a time uses it."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Opens or makes it. `tell` hears of what had to be mended. Raises StoreUnusable."""
        self.folder = folder
        self.path = folder / NAME
        self._tell = tell
        try:
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | _OPEN, 0o600)
        except OSError as error:
            raise unusable(self.path, (error.strerror or "unknown reason").lower()) from None
        try:
            with self.locked():
                self.connection = self._opened()
                self._make_reserve()
        except BaseException:
            os.close(self._lock)
            raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among all processes."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does the work in one transaction, which is on the disk when this returns; mends the file if it must.

        Work may be done again from its start. Raises StoreUnusable, and then nothing of it was kept.
        """
        with self.locked():
            if self._was_replaced():
                self._reopen()
            try:
                return self._transaction(work)
            except sqlite3.DatabaseError as error:
                if not is_broken(error):
                    return self._from_reserve(work, error)
            self.mend()
            try:
                return self._transaction(work)
            except sqlite3.DatabaseError as error:
                raise unusable(self.path, str(error)) from None

    def mend(self) -> None:
        """Takes what is good into a new file, and keeps the old one aside. Under the lock."""
        with suppress(sqlite3.Error):
            self.connection.close()
        self._mended()
        self.connection = self._connected()

    def take_in_log(self) -> None:
        """Takes the write-ahead log into the file, if it has grown large. Under the lock."""
        with suppress(OSError, sqlite3.Error):
            if os.path.getsize(f"{self.path}-wal") > MOST_LOG_BYTES:  # noqa: PTH202 - once after every commit
                self.connection.execute("pragma wal_checkpoint(truncate)").fetchall()

    def close(self) -> None:
        """Closes it. Its log is taken into the file, if nobody else has it open."""
        with suppress(sqlite3.Error), self.locked():
            self.connection.close()
        os.close(self._lock)

    # ── Opening ──

    def _opened(self) -> sqlite3.Connection:
        if self.path.is_symlink():
            raise unusable(self.path, "it is a link to another place")
        if self.path.exists() and not self.path.is_file():
            raise unusable(self.path, "it is no file")
        if not self.path.exists():
            self._make()
        version = told_version(_header(self.path))
        if version is not None and version > VERSION:
            message = f"the store `{self.path}` was made by a newer flowlang, with version {version} of the store"
            hint = f"this one knows versions up to {VERSION}: update flowlang, or keep another store with --store DIR"
            raise StoreUnusable(message, (hint,))
        try:
            if version is None:
                raise StoreBroken
            return self._connected()
        except (StoreBroken, sqlite3.DatabaseError) as error:
            if isinstance(error, sqlite3.DatabaseError) and not is_broken(error):
                raise unusable(self.path, str(error)) from None
        self._mended()
        return self._connected()

    def _connected(self) -> sqlite3.Connection:
        """A connection to the file as it is, brought up to date. Raises StoreBroken and what SQLite does."""
        connection = connect(self.path)
        try:
            version = connection.execute("pragma user_version").fetchone()[0]
            if version < VERSION:
                migrate(connection, version)
            if objects_of(connection) != expected_objects():
                raise StoreBroken
        except BaseException:
            connection.close()
            raise
        self._identity = _identity(self.path)
        return connection

    def _make(self) -> None:
        """Makes an empty store: under another name first, so that nobody ever sees half of one."""
        new = self.folder / f"{NAME}.new"
        for ending in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                os.unlink(f"{new}{ending}")  # noqa: PTH108
        self._file_with(new, None)
        _rename(new, self.path)

    def _file_with(self, new: Path, old: Path | None) -> Saved:
        """Makes a store under a name that is not its own, with what is good in an old one."""
        try:
            os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | _OPEN, 0o600))
            connection = connect(new)
            try:
                migrate(connection, 0)
                saved = salvage(old, connection) if old is not None else Saved()
            finally:
                connection.close()
            handle = os.open(new, os.O_RDWR | _OPEN)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except (sqlite3.Error, OSError) as error:
            raise unusable(self.path, _reason(error)) from None
        return saved

    def _mended(self) -> None:
        number = 1
        while (aside := self.folder / f"{NAME}.broken-{number}").exists():
            number += 1
        new = self.folder / f"{NAME}.new"
        for ending in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                os.unlink(f"{new}{ending}")  # noqa: PTH108
        try:
            saved = self._file_with(new, self.path)
            for ending in ("-wal", ""):
                with suppress(FileNotFoundError):
                    os.rename(f"{self.path}{ending}", f"{aside}{ending}")  # noqa: PTH104
            with suppress(FileNotFoundError):
                os.unlink(f"{self.path}-shm")  # noqa: PTH108
            _rename(new, self.path)
        except OSError as error:
            raise unusable(self.path, _reason(error)) from None
        lost = f", {saved.bad} rows were not" if saved.bad else ""
        self._tell(
            f"the store was damaged: {saved.answers} answers and {saved.runs} runs could be saved{lost}; "
            f"the old file is kept as {aside}"
        )

    def _was_replaced(self) -> bool:
        """Whether another process has mended the file meanwhile, or somebody has taken it away."""
        try:
            return _identity(self.path) != self._identity
        except OSError:
            return True

    def _reopen(self) -> None:
        with suppress(sqlite3.Error):
            self.connection.close()
        self.connection = self._opened()

    # ── Writing ──

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.connection.execute("begin immediate")
        try:
            result = work(self.connection)
            self.connection.execute("commit")
        except BaseException:
            with suppress(sqlite3.Error):
                self.connection.execute("rollback")
            raise
        self.take_in_log()
        return result

    def _from_reserve(self, work: Callable[[sqlite3.Connection], T], error: sqlite3.DatabaseError) -> T:
        """Once more with the room that was kept for this, where the disk is full; every other error is the end."""
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            with suppress(OSError):
                (self.folder / "reserve").unlink()
                with suppress(sqlite3.DatabaseError):
                    return self._transaction(work)
        raise unusable(self.path, _reason(error)) from None

    def _make_reserve(self) -> None:
        reserve = self.folder / "reserve"
        with suppress(OSError):
            if not reserve.exists() or reserve.stat().st_size != RESERVE_BYTES:
                reserve.write_bytes(b"\0" * RESERVE_BYTES)


def connect(path: Path, readonly: bool = False) -> sqlite3.Connection:
    """A connection that trusts nothing in the file, and never starts a checkpoint by itself."""
    uri = f"{path.absolute().as_uri()}?mode={'ro' if readonly else 'rw'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    try:
        for pragma in ("trusted_schema=off", "cell_size_check=on", "mmap_size=0", "wal_autocheckpoint=0"):
            connection.execute(f"pragma {pragma}").fetchall()
        if not readonly:
            connection.execute("pragma journal_mode=wal").fetchall()
            connection.execute("pragma synchronous=full").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def is_broken(error: sqlite3.Error) -> bool:
    """Whether an error says that what stands in the file is damaged."""
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
        return False
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "no such table" in str(error)


def unusable(path: Path, why: str) -> StoreUnusable:
    """A store that cannot be used for this reason."""
    hint = "--store DIR keeps it in another folder, --no-store keeps nothing"
    return StoreUnusable(f"the store `{path}` cannot be used: {why}", (hint,))


def _reason(error: Exception) -> str:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return "the disk is full" if code == sqlite3.SQLITE_FULL else str(error)
    return (getattr(error, "strerror", None) or str(error)).lower()


def _header(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | _OPEN)
        try:
            return os.read(handle, HEADER_BYTES)
        finally:
            os.close(handle)
    except OSError as error:
        raise unusable(path, _reason(error)) from None


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - before every write
    return found.st_dev, found.st_ino


def _rename(new: Path, path: Path) -> None:
    new.rename(path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
