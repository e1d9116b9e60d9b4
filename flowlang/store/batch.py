"""All that has come together for one transaction, written in few statements.

SQLite works without Python's lock, and each statement gives that away and must get it back: while hundreds of answers
stream in, this takes longer than the writing. So rows are collected, and go into their table many at a time.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

# The beginning of each table's statement, and how many columns it has. A call that has ended replaces its own row.
_INTO = {
    "texts": ("insert or ignore into texts (digest, data)", 2),
    "answers": ("insert or replace into answers (key, made_at, run, body, seal)", 5),
    "calls": ("insert or replace into calls (id, run, path, step, item, key, status, body, seal)", 9),
    "steps": ("insert into steps (run, path, step, body, seal)", 5),
}
_MOST_AT_ONCE = 64
_ANSWERS = "select key, made_at, run, body, seal from answers where key in "
_OPEN = "select key, id, run from calls indexed by open_calls where status = 'open' and key in "

T = TypeVar("T")


class Batch:
    """One transaction under way. `put` writes what was added."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _INTO}
        self._answers: dict[bytes, tuple[Any, ...]] = {}
        self._open: dict[bytes, list[tuple[int, int]]] = {}
        self._last_call: int | None = None

    def look_up(self, keys: Sequence[bytes]) -> None:
        """Looks for the answers to questions, and for calls that are open for them, before they are asked for."""
        for some in _in_parts(keys):
            marks = f"({','.join('?' * len(some))})"
            for key, *answer in self.connection.execute(_ANSWERS + marks, some):
                self._answers[key] = tuple(answer)
            for key, call, run in self.connection.execute(_OPEN + marks, some):
                if isinstance(run, int):  # SQLite keeps anything in a column, and this becomes the name of a file
                    self._open.setdefault(key, []).append((call, run))

    def answer(self, key: bytes) -> tuple[Any, ...] | None:
        """The row of an answer that was looked up."""
        return self._answers.get(key)

    def open_calls(self, key: bytes) -> Iterable[tuple[int, int]]:
        """Number and run of the calls that are open for a question that was looked up."""
        return self._open.get(key, ())

    def new_call(self, row: tuple[Any, ...]) -> int:
        """Adds a call; its number."""
        if self._last_call is None:
            self._last_call = self.connection.execute("select coalesce(max(id), 0) from calls").fetchone()[0]
        self._last_call += 1
        self.add("calls", (self._last_call, *row))
        return self._last_call

    def add(self, table: str, row: tuple[Any, ...]) -> None:
        """Adds a row to those that are to be written; an answer is there at once for whoever asks in the same batch."""
        self._rows[table].append(row)
        if table == "answers":
            self._answers[row[0]] = row[1:]

    def put(self) -> None:
        """Writes what was added."""
        for table, rows in self._rows.items():
            into, columns = _INTO[table]
            marks = f"({','.join('?' * columns)})"
            for some in _in_parts(rows):
                values = ",".join([marks] * len(some))
                self.connection.execute(f"{into} values {values}", [value for row in some for value in row])


def _in_parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """The rows in parts: a statement for each size is compiled once, and then remembered by its text."""
    for place in range(0, len(rows), _MOST_AT_ONCE):
        yield rows[place : place + _MOST_AT_ONCE]
