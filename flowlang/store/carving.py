"""Reads rows out of a damaged SQLite file page by page, without the tree that held the pages together.

SQLite itself stops at the first page that makes no sense, and a damaged root loses a whole table. Here every page
stands by itself: whatever looks like a row of one of our tables is handed out, and its seal tells whether it is one.
See https://www.sqlite.org/fileformat2.html: pages in chapter 1.6, records in 2.1, the write-ahead log in 4.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .connecting import PAGE_BYTES

MOST_ROW_BYTES = 64 * 1024 * 1024
_LOG_HEADER, _FRAME_HEADER = 32, 24
_INDEX_INTERIOR, _INDEX_LEAF, _TABLE_LEAF = 2, 10, 13
Row = tuple[object, ...]

# By the kind of page and the number of columns; tables without rowids are kept like indexes.
_TABLES = {
    (_INDEX_LEAF, 5): "answers",
    (_INDEX_LEAF, 2): "texts",
    (_TABLE_LEAF, 7): "runs",
    (_TABLE_LEAF, 9): "calls",
    (_TABLE_LEAF, 6): "steps",
}


def carved(path: Path) -> Iterator[tuple[str, Row]]:
    """Tables and rows that may be ours, those of the write-ahead log first, the newest of them first."""
    with path.open("rb") as main, _log_of(path) as log:
        pages = _Pages(main, log)
        for number, data in pages.all():
            yield from _rows_in(data, 100 if number == 1 else 0, pages)


def _log_of(path: Path) -> BinaryIO:
    try:
        return Path(f"{path}-wal").open("rb")
    except OSError:
        return Path(os.devnull).open("rb")


class _Pages:
    """The pages of a file and of its log."""

    def __init__(self, main: BinaryIO, log: BinaryIO) -> None:
        self._main = main
        self._log = log
        self._frames: list[tuple[int, int]] = []  # number of the page, place in the log
        header = log.read(_LOG_HEADER)
        place = _LOG_HEADER
        while len(frame := log.read(_FRAME_HEADER)) == _FRAME_HEADER:
            # What a log held before it was begun anew has another salt.
            if frame[8:16] == header[16:24]:
                self._frames.append((int.from_bytes(frame[:4], "big"), place + _FRAME_HEADER))
            place += _FRAME_HEADER + PAGE_BYTES
            log.seek(place)
        self._newest = dict(self._frames)

    def all(self) -> Iterator[tuple[int, bytes]]:
        for number, place in reversed(self._frames):
            self._log.seek(place)
            yield number, self._log.read(PAGE_BYTES)
        size = os.fstat(self._main.fileno()).st_size
        for number in range(1, -(-size // PAGE_BYTES) + 1):
            self._main.seek((number - 1) * PAGE_BYTES)
            yield number, self._main.read(PAGE_BYTES)

    def newest(self, number: int) -> bytes:
        if (place := self._newest.get(number)) is not None:
            self._log.seek(place)
            return self._log.read(PAGE_BYTES)
        self._main.seek((number - 1) * PAGE_BYTES)
        return self._main.read(PAGE_BYTES)


def _rows_in(data: bytes, start: int, pages: _Pages) -> Iterator[tuple[str, Row]]:
    """The rows of one page. Whatever makes no sense is passed over."""
    if len(data) < start + 12 or (kind := data[start]) not in (_INDEX_INTERIOR, _INDEX_LEAF, _TABLE_LEAF):
        return
    count = int.from_bytes(data[start + 3 : start + 5], "big")
    first = start + (12 if kind == _INDEX_INTERIOR else 8)
    for place in range(first, min(first + 2 * count, len(data) - 1), 2):
        at = int.from_bytes(data[place : place + 2], "big")
        try:
            found = _cell(data, at, kind, pages)
        except (IndexError, ValueError, OverflowError):
            continue
        if found is not None:
            yield found


def _cell(data: bytes, at: int, kind: int, pages: _Pages) -> tuple[str, Row] | None:
    if kind == _INDEX_INTERIOR:
        at += 4  # the page with what stands before it
    size, at = _varint(data, at)
    rowid = 0
    if kind == _TABLE_LEAF:
        rowid, at = _varint(data, at)
    if size > MOST_ROW_BYTES:
        return None
    row = _record(_payload(data, at, size, kind == _TABLE_LEAF, pages))
    table = _TABLES.get((_TABLE_LEAF if kind == _TABLE_LEAF else _INDEX_LEAF, len(row)))
    if table is None or (kind == _TABLE_LEAF) != (row[0] is None):
        return None
    if kind == _TABLE_LEAF:
        row = (rowid, *row[1:])
    # A real number without a fraction is kept as a whole one.
    reals = {"answers": (1,), "runs": (2, 3)}.get(table, ())
    return table, tuple(float(one) if place in reals and isinstance(one, int) else one for place, one in enumerate(row))


def _payload(data: bytes, at: int, size: int, is_table: bool, pages: _Pages) -> bytes:
    """The bytes of a row: those in the page, and what went over into pages of its own."""
    most = PAGE_BYTES - 35 if is_table else (PAGE_BYTES - 12) * 64 // 255 - 23
    if size <= most:
        return data[at : at + size]
    least = (PAGE_BYTES - 12) * 32 // 255 - 23
    here = least + (size - least) % (PAGE_BYTES - 4)
    here = here if here <= most else least
    parts, left = [data[at : at + here]], size - here
    following = int.from_bytes(data[at + here : at + here + 4], "big")
    while left > 0 and following:
        page = pages.newest(following)
        parts.append(page[4 : 4 + min(left, PAGE_BYTES - 4)])
        left -= PAGE_BYTES - 4
        following = int.from_bytes(page[:4], "big")
    return b"".join(parts)


def _record(payload: bytes) -> Row:
    """The columns of a row. Raises IndexError and ValueError for what is none."""
    header, at = _varint(payload, 0)
    kinds = []
    while at < header:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    row: list[object] = []
    for kind in kinds:
        size = _size_of(kind)
        part = payload[at : at + size]
        if len(part) != size:
            raise ValueError("cut off")
        row.append(_column(kind, part))
        at += size
    return tuple(row)


def _size_of(kind: int) -> int:
    if kind >= 12:
        return (kind - 12) // 2
    return (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind]


def _column(kind: int, part: bytes) -> object:
    if kind == 0:
        return None
    if kind == 7:
        return struct.unpack(">d", part)[0]
    if kind in (8, 9):
        return kind - 8
    if kind < 7:
        return int.from_bytes(part, "big", signed=True)
    return part.decode("utf-8") if kind % 2 else part


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for place in range(at, at + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9
