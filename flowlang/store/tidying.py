"""How much a store holds, and how it is made smaller.

Only what is ours in its folder is touched, and no link is followed.
"""

import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from ..pattern import pattern
from ..record import record
from .alive import Alive
from .connecting import connect
from .file import NAME, RESERVE, StoreFile
from .place import existing_folder, refuse_unless_own
from .problems import unusable, unusable_after
from .schema import HEADER_BYTES, VERSION, told_version

_DIGEST = pattern(r"[0-9a-f]{64}")
_ASIDE = pattern(re.escape(NAME) + r"\.(broken-[0-9]+|new)(-wal|-shm|-journal)?")
_IN_PARTS = 500


@record
class Size:
    """What a store holds. `oldest_at` is the Unix time of its oldest answer; `aside` counts damaged files."""

    answers: int = 0
    runs: int = 0
    calls: int = 0
    disk_bytes: int = 0
    oldest_at: float | None = None
    aside: int = 0


@record
class Tidied:
    """What was taken out of a store, and its size on the disk before and after. `under_way` counts runs that stay.

    `is_empty`: no answer and no run is left; `reserve_bytes` are those of the size after it that hold nothing.
    """

    answers: int
    runs: int
    texts: int
    before_bytes: int
    after_bytes: int
    under_way: int
    is_empty: bool
    reserve_bytes: int
    unshrunk: str = ""  # why the file could not be made smaller


def size_of(folder: Path) -> Size:
    """How much is kept in a folder; nothing is made or changed. Raises StoreUnusable."""
    path = folder / NAME
    if not existing_folder(folder):
        if os.path.lexists(folder):
            raise unusable(folder, "it is no folder of yours")
        return Size()
    aside = sum(1 for one in os.scandir(folder) if _ASIDE.fullmatch(one.name) and one.name.count("-") < 2)
    refuse_unless_own(path)
    if not path.exists():
        return Size(disk_bytes=_disk_bytes(folder), aside=aside)
    _refuse_newer(path)
    try:
        with closing(connect(path, readonly=True)) as reader:
            answers, oldest = reader.execute("select count(*), min(made_at) from answers").fetchone()
            runs, calls = (reader.execute(f"select count(*) from {one}").fetchone()[0] for one in ("runs", "calls"))
    except sqlite3.Error as error:
        raise unusable_after(path, error) from None
    return Size(answers, runs, calls, _disk_bytes(folder), oldest, aside)


def tidy(folder: Path, before: float | None, tell: Callable[[str], None]) -> Tidied:
    """Takes out what was made before a time, all of it with None, and what nothing refers to. Raises StoreUnusable.

    Runs that are under way keep their answers and all that they have written.
    """
    if not existing_folder(folder):
        raise unusable(folder, "it is no folder of yours")
    file = StoreFile(folder, tell)
    alive = Alive(folder)
    at_first = _disk_bytes(folder)
    under_way: list[int] = []

    def work(connection: sqlite3.Connection) -> tuple[int, int, int]:
        under_way[:] = [run for run in _open_runs(connection) if alive.is_alive(run)]
        return _taken_out(connection, under_way, before)

    def beside(connection: sqlite3.Connection) -> tuple[bool, str]:
        _remove_blobs(folder, connection)
        _remove_aside(folder, before)
        left = connection.execute("select exists (select 1 from answers) or exists (select 1 from runs)").fetchone()[0]
        return not left, _shrunk(connection)

    try:
        (answers, runs, texts), (is_empty, unshrunk) = file.write_and(work, beside)
    finally:
        file.close()
    now, reserve = _disk_bytes(folder), _bytes_of(folder / RESERVE)
    return Tidied(answers, runs, texts, at_first, now, len(under_way), is_empty, reserve, unshrunk)


def _refuse_newer(path: Path) -> None:
    with path.open("rb") as file:
        version = told_version(file.read(HEADER_BYTES))
    if version is not None and version > VERSION:
        raise unusable(path, f"it was made by a newer flowlang, with version {version} of the store")


def _open_runs(connection: sqlite3.Connection) -> list[int]:
    return [run for (run,) in connection.execute("select id from runs where outcome is null")]


def _taken_out(connection: sqlite3.Connection, under_way: list[int], before: float | None) -> tuple[int, int, int]:
    """How many answers, runs and texts went."""
    connection.execute("create temp table if not exists kept_runs (id integer primary key)")
    connection.execute("delete from kept_runs")
    connection.executemany("insert into kept_runs values (?)", [(run,) for run in under_way])
    until = float("inf") if before is None else before
    answers = connection.execute(
        "delete from answers where made_at < ? and run not in (select id from kept_runs)", (until,)
    ).rowcount
    runs = connection.execute(
        "delete from runs where started_at < ? and id not in (select id from kept_runs)", (until,)
    ).rowcount
    # What belongs to a run that is not there any more, or never was since its row was damaged.
    for table in ("calls", "steps"):
        connection.execute(
            f"delete from {table} where run not in (select id from runs) and run not in (select id from kept_runs)"
        )
    if before is None:
        connection.execute("delete from dialects")
    return answers, runs, _remove_texts(connection)


def _remove_texts(connection: sqlite3.Connection) -> int:
    """Removes the texts whose digest stands in no row."""
    known = {digest for (digest,) in connection.execute("select digest from texts")}
    for table in ("calls", "runs", "steps"):
        for (body,) in connection.execute(f"select body from {table}"):
            if not known:
                break
            known.difference_update(bytes.fromhex(one) for one in _DIGEST.findall(str(body)))
    unused = list(known)
    for start in range(0, len(unused), _IN_PARTS):
        connection.executemany(
            "delete from texts where digest = ?", [(one,) for one in unused[start : start + _IN_PARTS]]
        )
    return len(unused)


def _remove_blobs(folder: Path, connection: sqlite3.Connection) -> None:
    """Removes the files of texts that are in no row, and what a killed process has left half written."""
    known = {digest.hex() for (digest,) in connection.execute("select digest from texts where data is null")}
    for below in _folders_in(folder / "blobs"):
        for one in os.scandir(below):
            if one.is_file(follow_symlinks=False) and below.name + one.name not in known:
                with suppress(OSError):
                    os.unlink(one.path)  # noqa: PTH108
        with suppress(OSError):
            below.rmdir()


def _folders_in(folder: Path) -> Iterator[Path]:
    if existing_folder(folder):
        for one in list(os.scandir(folder)):
            if re.fullmatch("[0-9a-f]{2}", one.name) and existing_folder(Path(one.path)):
                yield Path(one.path)


def _remove_aside(folder: Path, before: float | None) -> None:
    """Removes damaged files that were kept aside."""
    for one in list(os.scandir(folder)):
        if _ASIDE.fullmatch(one.name) and not one.is_dir(follow_symlinks=False):
            with suppress(OSError):
                if before is None or one.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(one.path)  # noqa: PTH108


def _shrunk(connection: sqlite3.Connection) -> str:
    """Gives the room back that has become free; why it could not, or nothing."""
    try:
        connection.execute("vacuum")
        connection.execute("pragma busy_timeout=0")
        busy, _, _ = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        connection.execute("pragma busy_timeout=5000")
    except sqlite3.Error as error:
        return f"the file keeps its size for now: {unusable_after(Path(NAME), error).message.partition(': ')[2]}"
    return "the file shrinks when the runs that read from it have ended" if busy else ""


def _disk_bytes(folder: Path) -> int:
    """The bytes of all plain files in the store's folder, but for what SQLite shares between processes."""
    total = 0
    for below, folders, files in os.walk(folder, followlinks=False):
        folders[:] = [one for one in folders if existing_folder(Path(below, one))]
        for name in files:
            if not name.endswith("-shm"):
                total += _bytes_of(Path(below, name))
    return total


def _bytes_of(path: Path) -> int:
    """The bytes of a plain file; none if it is anything else, or gone."""
    with suppress(OSError):
        found = os.lstat(path)
        return found.st_size if stat.S_ISREG(found.st_mode) else 0
    return 0
