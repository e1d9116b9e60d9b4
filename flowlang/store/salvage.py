"""Takes what is good out of a damaged store: every row that can be read and whose seal is right."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from .sealed import seal

# Of each table: its columns, its key, and how many of the columns the seal is made of.
_TABLES = {
    "answers": ("key, made_at, run, body, seal", "key"),
    "texts": ("digest, data", "digest"),
    "runs": ("id, flow, started_at, ended_at, outcome, body, seal", "id"),
    "calls": ("id, run, path, step, item, key, status, body, seal", "id"),
    "steps": ("id, run, path, step, body, seal", "id"),
}


@dataclass(slots=True)
class Saved:
    """How much of a damaged store was saved; `bad` counts the rows that could be read and were not good."""

    answers: int = 0
    runs: int = 0
    bad: int = 0


def salvage(old: Path, new: sqlite3.Connection) -> Saved:
    """Copies what is good in the file at `old`, in one transaction. Whatever is wrong with it, this goes on."""
    saved = Saved()
    with suppress(sqlite3.Error):
        source = sqlite3.connect(f"{old.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=1.0)
        with closing(source):
            source.execute("pragma trusted_schema=off")
            source.execute("pragma cell_size_check=on")
            source.execute("pragma wal_autocheckpoint=0")
            source.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            new.execute("begin immediate")
            for table, (columns, key) in _TABLES.items():
                marks = ", ".join("?" * len(columns.split(",")))
                for row in _rows(source, table, columns, key):
                    if not _is_good(table, row):
                        saved.bad += 1
                        continue
                    try:
                        new.execute(f"insert or ignore into {table} ({columns}) values ({marks})", row)
                    except (sqlite3.IntegrityError, sqlite3.InterfaceError, UnicodeEncodeError):
                        saved.bad += 1
                        continue
                    saved.answers += table == "answers"
                    saved.runs += table == "runs"
            new.execute("commit")
    if new.in_transaction:
        new.execute("commit")
    return saved


def _rows(source: sqlite3.Connection, table: str, columns: str, key: str) -> Iterator[tuple[object, ...]]:
    """The rows that can be read: from the beginning up to what is broken, and from the end down to it."""
    for order in ("asc", "desc"):
        try:
            yield from source.execute(f"select {columns} from {table} order by {key} {order}")
            return
        except (sqlite3.Error, UnicodeDecodeError):
            continue


def _is_good(table: str, row: tuple[object, ...]) -> bool:
    if table == "texts":
        digest, data = row
        return data is None or (isinstance(data, bytes) and sha256(data).digest() == digest)
    *parts, mark = row
    try:
        return seal(*parts[_UNSEALED.get(table, 0) :]) == mark
    except (UnicodeError, ValueError):
        return False


# Numbers of rows are given by the file itself, so the seal does not have them.
_UNSEALED = {"calls": 1, "steps": 1, "runs": 1}
