"""Connections to the one SQLite file: nothing in it is trusted, and none starts a checkpoint by itself."""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from .place import existing_folder

BUSY_S = 5.0  # writers wait for our lock, so only a reader can be in the way, and never for long
PAGE_BYTES = 4096
STATEMENTS = 512  # a batch has one for each number of rows
_LOOKS_S = 0.1  # between two looks whether the file is still the same
_ALWAYS = ("trusted_schema=off", "cell_size_check=on", "mmap_size=0", "wal_autocheckpoint=0")
# Where a log has grown, it is cut again as soon as it has been taken into the file.
# macOS needs to be asked for what fsync means elsewhere.
_OF_WRITERS = ("journal_mode=wal", "fullfsync=on", "checkpoint_fullfsync=on", f"journal_size_limit={1024 * 1024}")


def connect(path: Path, readonly: bool = False, synchronous: str = "full") -> sqlite3.Connection:
    """A connection to a store that is there. Raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode={'ro' if readonly else 'rw'}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_S, cached_statements=STATEMENTS
    )
    connection.text_factory = _read_text
    try:
        of_writers = () if readonly else (f"synchronous={synchronous}", *_OF_WRITERS)
        for pragma in (*_ALWAYS, *of_writers):
            connection.execute(f"pragma {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _read_text(data: bytes) -> str:
    """A text as it stands there; one that is none any more fails its row's seal, and must not fail the question."""
    return data.decode("utf-8", "surrogateescape")


def identity(path: Path) -> tuple[int, int]:
    """Which file stands there: another one has another identity. Raises OSError."""
    found = os.stat(path)  # noqa: PTH116 - before every question and every write
    return found.st_dev, found.st_ino


class Reader:
    """Reads from a store as it is now: from the new file, where another process has mended it meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)
        self._looks_again_at = 0.0

    def row(self, statement: str, values: tuple[Any, ...]) -> Any:
        """The first row that a statement gives, or None. Raises sqlite3.Error, and OSError if there is no file."""
        if self._connection is None or time.monotonic() >= self._looks_again_at:
            self._look()
        assert self._connection is not None
        return self._connection.execute(statement, values).fetchone()

    def _look(self) -> None:
        now = identity(self._path)
        self._looks_again_at = time.monotonic() + _LOOKS_S
        if self._connection is None or now != self._identity:
            self.close()
            if not existing_folder(self._path.parent):
                raise OSError("no store")
            self._connection, self._identity = connect(self._path, readonly=True), now

    def close(self) -> None:
        """Lets go of the file; the next question opens it again."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
