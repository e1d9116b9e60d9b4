"""Tables out of CSV, JSON and JSON Lines files: plain ones, and those whose rows must fit a schema."""

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO

from ..diagnostics.diagnostic import nearest
from ..language.reading import read_json
from ..language.types import JsonType, Optional, RecordType, Unknown
from ..language.values import EMPTY, Value, ValueMistake, kind_of
from .files import FileMistake, decoded
from .fitting import Misfit, fitted, read_cell

MOST_TABLE_BYTES = 50_000_000
_CSV_ENDINGS = ("csv", "tsv", "tab")
_LINES_ENDINGS = ("jsonl", "ndjson")


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `where` tells it to a person: "row 3 (line 5)"; cells of a CSV are still text."""

    where: str
    record: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as it was read. `columns` is None where each record names its own fields (JSON)."""

    name: str
    columns: tuple[str, ...] | None
    rows: tuple[Row, ...]

    def records(self) -> tuple[Mapping[str, Value], ...]:
        """The plain records."""
        return tuple(row.record for row in self.rows)


def read_rows(data: bytes, name: str) -> Rows:
    """The rows of a file. What it is is told by its ending, else by its first sign. Raises FileMistake."""
    text = decoded(data, name)
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    start = text.lstrip()[:1]
    if ending in _LINES_ENDINGS or (ending not in (*_CSV_ENDINGS, "json") and start == "{"):
        return Rows(name, None, tuple(_json_lines(text, name)))
    if ending == "json" or (ending not in _CSV_ENDINGS and start == "["):
        return _json_rows(text, name)
    return _csv_rows(text, name)


def rows_of_json(value: Value, name: str) -> Rows:
    """The rows of a list that was written as JSON. Raises FileMistake."""
    if isinstance(value, Mapping):
        value = (value,)
    if not isinstance(value, tuple):
        raise FileMistake(f"`{name}` must hold a list of records, not {kind_of(value)}")
    rows = []
    for number, item in enumerate(value, 1):
        if not isinstance(item, Mapping):
            raise FileMistake(f"row {number} of `{name}` must be a record, not {kind_of(item)}")
        rows.append(Row(f"row {number}", item))
    return Rows(name, None, tuple(rows))


def fit_rows(rows: Rows, of: RecordType) -> tuple[Value, ...]:
    """The rows as records of a schema: columns are checked, cells turned into their fields' types."""
    if rows.columns is not None:
        _check_columns(rows, rows.columns, of)
    return tuple([_fit_row(row, of, rows) for row in rows.rows])


def _fit_row(row: Row, of: RecordType, rows: Rows) -> Value:
    record: dict[str, Value] = {}
    for field in of.fields:
        cell = row.record.get(field.name, EMPTY)
        try:
            if rows.columns is not None and isinstance(cell, str):
                record[field.name] = read_cell(cell, field.type)
            else:
                record[field.name] = fitted(cell, field.type)
        except Misfit as misfit:
            raise FileMistake(f"{row.where} of `{rows.name}`: {misfit.sentence(field.name)}") from None
    if of.open:
        for name, item in row.record.items():
            record.setdefault(name, item)
    return record


def _check_columns(rows: Rows, columns: tuple[str, ...], of: RecordType) -> None:
    for field in of.fields:
        if field.name in columns or isinstance(field.type, Optional | JsonType | Unknown):
            continue
        near = nearest(field.name, [column for column in columns if of.field(column) is None or of.open])
        found = f"its columns are {', '.join(f'`{column}`' for column in columns[:12])}"
        raise FileMistake(
            f"`{rows.name}` has no column `{field.name}`",
            *((f"did you mean to call it `{field.name}`, not `{near}`?",) if near is not None else ()),
            found,
        )


# ── CSV ──

_QUOTED = re.compile(r'"[^"]*"')


def _csv_rows(text: str, name: str) -> Rows:
    csv.field_size_limit(MOST_TABLE_BYTES)
    header_line = _QUOTED.sub("", text[:100_000].lstrip("\n").partition("\n")[0])
    delimiter = max((",", ";", "\t"), key=header_line.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: tuple[str, ...] | None = None
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            start, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in cells) and len(cells) < 2:
                continue
            if header is None:
                header = _header(cells, name)
                continue
            where = f"row {len(rows) + 1} (line {start})"
            if len(cells) != len(header):
                raise FileMistake(
                    f"{where} of `{name}` has {_counted(len(cells), 'cell')}, the header has {len(header)}",
                    f"a cell with `{delimiter if delimiter != chr(9) else 'a tab'}` in it goes in double quotes",
                )
            rows.append(Row(where, dict(zip(header, cells, strict=True))))
    except csv.Error as problem:
        what = "a double quote is never closed" if "unexpected end" in str(problem) else "the quotes do not match"
        raise FileMistake(
            f"`{name}` cannot be read from line {line} on: {what}", 'a `"` inside a cell is written `""`'
        ) from None
    if header is None:
        raise FileMistake(f"`{name}` is empty", "its first line must name the columns")
    return Rows(name, header, tuple(rows))


def _header(cells: list[str], name: str) -> tuple[str, ...]:
    columns = tuple(unicodedata.normalize("NFC", cell.strip()) for cell in cells)
    for place, column in enumerate(columns):
        if not column:
            raise FileMistake(f"column {place + 1} of `{name}` has no name", "the first line must name every column")
        if column in columns[:place]:
            raise FileMistake(f"`{name}` has two columns called `{column}`", "give one of them another name")
    return columns


# ── JSON ──


def _json_rows(text: str, name: str) -> Rows:
    try:
        value = read_json(text)
    except ValueMistake as mistake:
        raise FileMistake(f"`{name}` cannot be used: {mistake.message}") from None
    return rows_of_json(value, name)


def _json_lines(text: str, name: str) -> Iterator[Row]:
    number = 0
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        number += 1
        try:
            value = read_json(written)
        except ValueMistake:
            raise FileMistake(f"line {line} of `{name}` is not JSON", "each line must be one whole record") from None
        if not isinstance(value, Mapping):
            raise FileMistake(f"line {line} of `{name}` must be a record, not {kind_of(value)}")
        yield Row(f"row {number} (line {line})", value)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
