"""Takes what is good out of a damaged store: every row that can be read and whose seal is right."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path

from .carving import carved
from .connecting import connect
from .sealed import seal

# Of each table: its columns, and its key.
_TABLES = {
    "answers": ("key, made_at, run, body, seal", "key"),
    "texts": ("digest, data", "digest"),
    "runs": ("id, flow, started_at, ended_at, outcome, body, seal", "id"),
    "calls": ("id, run, path, step, item, key, status, body, seal", "id"),
    "steps": ("id, run, path, step, body, seal", "id"),
}
# The file itself gives its rows their numbers, so a seal does not have them.
_UNSEALED = {"calls": 1, "steps": 1, "runs": 1}
_INSERT = {
    table: f"insert or ignore into {table} ({columns}) values ({', '.join('?' * len(columns.split(',')))})"
    for table, (columns, _) in _TABLES.items()
}
Row = tuple[object, ...]


@dataclass(slots=True)
class Saved:
    """How much of a damaged store was saved; `bad` counts the rows that could be read and were not good."""

    answers: int = 0
    runs: int = 0
    bad: int = 0


def salvage(old: Path, new: sqlite3.Connection) -> Saved:
    """Copies what is good in the file at `old`, which stays as it is. Whatever is wrong with it, this goes on.

    First as SQLite reads it, which knows the newest of each row; then whatever else stands in its pages.
    """
    saved, bad = Saved(), set[bytes]()
    new.execute("begin immediate")
    for table, row in chain(_in_order(old), _in_pages(old)):
        if not _is_good(table, row):
            bad.add(sha256(repr((table, row)).encode("utf-8", "surrogatepass")).digest())
            continue
        try:
            new.execute(_INSERT[table], row)
        except (sqlite3.IntegrityError, sqlite3.InterfaceError, UnicodeEncodeError):
            continue
    saved.bad = len(bad)
    saved.answers, saved.runs = (
        new.execute(f"select count(*) from {table}").fetchone()[0] for table in ("answers", "runs")
    )
    new.execute("commit")
    return saved


def number_runs_from(connection: sqlite3.Connection, folder: Path) -> None:
    """Sees to it that no run gets a number that another one had, even one whose row is lost."""
    used = [int(name) for name in _names(folder / "running") if re.fullmatch(r"[0-9]{1,15}", name)]
    for statement in ("runs", "calls", "answers", "steps"):
        column = "id" if statement == "runs" else "run"
        used.append(connection.execute(f"select coalesce(max({column}), 0) from {statement}").fetchone()[0])
    if most := max(used, default=0):
        connection.execute("delete from sqlite_sequence where name = 'runs'")
        connection.execute("insert into sqlite_sequence (name, seq) values ('runs', ?)", (most,))


def _names(folder: Path) -> list[str]:
    try:
        return [] if folder.is_symlink() else [one.name for one in folder.iterdir()]
    except OSError:
        return []


def _in_order(old: Path) -> Iterator[tuple[str, Row]]:
    """The rows that SQLite can read: from the beginning up to what is broken, and from the end down to it."""
    with suppress(sqlite3.Error), closing(connect(old, readonly=True)) as source:
        for table, (columns, key) in _TABLES.items():
            for order in ("asc", "desc"):
                try:
                    for row in source.execute(f"select {columns} from {table} order by {key} {order}"):
                        yield table, row
                    break
                except sqlite3.Error:
                    continue


def _in_pages(old: Path) -> Iterator[tuple[str, Row]]:
    with suppress(OSError):
        yield from carved(old)


def _is_good(table: str, row: Row) -> bool:
    if table == "texts":
        digest, data = row
        is_digest = isinstance(digest, bytes) and len(digest) == 32
        return is_digest and (data is None or (isinstance(data, bytes) and sha256(data).digest() == digest))
    *parts, mark = row
    try:
        return isinstance(mark, bytes) and seal(*parts[_UNSEALED.get(table, 0) :]) == mark
    except (UnicodeError, ValueError):
        return False
