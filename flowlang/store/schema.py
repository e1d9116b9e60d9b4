"""The tables of the store, their versions, and how a store of an earlier version becomes one of this.

A row's `body` is JSON, and `seal` its checksum: a row that fails it is as good as none. Each version has a function
of its own here, and none is changed once it has been released: tests keep a store of every version.
"""

import sqlite3
from collections.abc import Callable

APPLICATION = 0x666C6F77  # "flow", in the header of the file
HEADER_BYTES = 100

_VERSION_1 = """
create table answers (
  key blob primary key, made_at real not null, run integer not null, body text not null, seal blob not null
) without rowid;
create table texts (digest blob primary key, data blob) without rowid;
create table runs (
  id integer primary key autoincrement, flow text not null, started_at real not null, ended_at real, outcome text,
  body text not null, seal blob not null
);
create table calls (
  id integer primary key, run integer not null, path text not null, step text not null, item integer, key blob,
  status text not null, body text not null, seal blob not null
);
create table steps (
  id integer primary key, run integer not null, path text not null, step text not null, body text not null,
  seal blob not null
);
create table dialects (origin text not null, model text not null, body text not null, primary key (origin, model));
create index open_calls on calls (key) where status = 'open';
create index calls_of_run on calls (run, step);
create index steps_of_run on steps (run);
create index runs_of_flow on runs (flow)
"""


def _to_version_1(connection: sqlite3.Connection) -> None:
    for statement in _VERSION_1.split(";"):
        connection.execute(statement)


_MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_to_version_1,)
VERSION = len(_MIGRATIONS)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Brings a store of an earlier version up to this one, in one transaction; version 0 is an empty file."""
    connection.execute("begin immediate")
    for step in _MIGRATIONS[version:]:
        step(connection)
    connection.execute(f"pragma user_version = {VERSION}")
    connection.execute(f"pragma application_id = {APPLICATION}")
    connection.execute("commit")


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the file declares what a store of this version does, and nothing else: no trigger, no view."""
    rows = connection.execute("select type, name, sql from sqlite_master where name not like 'sqlite_%'")
    return {(kind, name, sql) for kind, name, sql in rows} == _expected()


def _expected() -> set[tuple[str, str, str]]:
    """Kind, name and definition of all that a store declares, as SQLite tells them."""
    found = set()
    for statement in _VERSION_1.split(";"):
        kind, name = statement.split()[1:3]
        # SQLite keeps a definition as it was written, but for how it begins.
        found.add((kind, name, f"CREATE {kind.upper()} {statement.lstrip().removeprefix(f'create {kind} ')}"))
    return found


def told_version(header: bytes) -> int | None:
    """The version in the first bytes of a file; None if it is no store. It is read without opening the file."""
    if len(header) < HEADER_BYTES or not header.startswith(b"SQLite format 3\0"):
        return None
    if int.from_bytes(header[68:72], "big") != APPLICATION:
        return None
    return int.from_bytes(header[60:64], "big")
