"""Tables out of CSV, JSON and JSON Lines files: plain ones, and those whose rows must fit a schema."""

import csv
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping

from ..diagnostics.diagnostic import nearest
from ..language.reading import read_json
from ..language.types import JsonType, Optional, RecordType, Unknown
from ..language.values import EMPTY, Value, ValueMistake, kind_of
from ..pattern import pattern
from ..record import record
from .files import FileMistake, decoded
from .fitting import Misfit, fitted, read_cell

MOST_TABLE_BYTES = 50_000_000
MOST_ROWS = 1_000_000  # of a table that is one value; what is read row by row has no such limit
MOST_CELLS = 5_000_000
MOST_TOLD = 5  # cells that do not fit, of one table
_CSV_ENDINGS = ("csv", "tsv", "tab")
_LINES_ENDINGS = ("jsonl", "ndjson")


@record
class Row:
    """One record. `where` tells it to a person: "row 3 (line 5)"; cells of a CSV are still text."""

    where: str
    record: Mapping[str, Value]


@record
class Rows:
    """A table as it was read. `columns` is None where each record names its own fields (JSON)."""

    name: str
    columns: tuple[str, ...] | None
    rows: tuple[Row, ...]

    def records(self) -> tuple[Mapping[str, Value], ...]:
        """The plain records."""
        return tuple(row.record for row in self.rows)


@record
class RowByRow:
    """A table that is read one row at a time, as often as it is asked for; only its text is kept.

    A row that cannot be read comes as what is wrong with it, in its place. `columns` as in `Rows`.
    """

    name: str
    columns: tuple[str, ...] | None
    rows: Callable[[], Iterable[Row | FileMistake]]


def read_rows(data: bytes, name: str) -> Rows:
    """The rows of a file. What it is is told by its ending, else by its first sign. Raises FileMistake."""
    table = open_rows(data, name)
    return Rows(name, table.columns, tuple(_all_good(table)))


def open_rows(data: bytes, name: str) -> RowByRow:
    """The same, to be read row by row. Raises FileMistake for what is wrong with the whole of it."""
    text = decoded(data, name)
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    start = text[:10_000].lstrip()[:1]
    if ending in _LINES_ENDINGS or (ending not in (*_CSV_ENDINGS, "json") and start == "{"):
        return RowByRow(name, None, lambda: _json_lines(text, name))
    if ending == "json" or (ending not in _CSV_ENDINGS and start == "["):
        rows = _json_rows(text, name).rows
        return RowByRow(name, None, lambda: rows)
    return _csv_table(text, name)


def _all_good(table: RowByRow) -> Iterator[Row]:
    """The rows of a table that is wanted whole. Raises FileMistake at the first that cannot be read."""
    width = len(table.columns) if table.columns is not None else 1
    for number, row in enumerate(table.rows(), 1):
        if isinstance(row, FileMistake):
            raise row
        if number > MOST_ROWS or number * width > MOST_CELLS:
            most = f"{MOST_ROWS:,} rows" if number > MOST_ROWS else f"{MOST_CELLS:,} cells"
            raise FileMistake(f"`{table.name}` has more than {most}", "give only the part that matters")
        yield row


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
    bad: list[str] = []
    records = [_fit_row(row, of, rows, bad) for row in rows.rows]
    if bad:
        more = [f"{len(bad) - MOST_TOLD:,} more cells"] if len(bad) > MOST_TOLD else []
        raise FileMistake(bad[0], *(["also " + "; ".join([*bad[1:MOST_TOLD], *more])] if len(bad) > 1 else []))
    return tuple(records)


def _fit_row(row: Row, of: RecordType, rows: Rows, bad: list[str]) -> Value:
    """The row as a record; what is wrong with its cells is added to `bad`."""
    record: dict[str, Value] = {}
    for field in of.fields:
        cell = row.record.get(field.name, EMPTY)
        try:
            if rows.columns is not None and isinstance(cell, str):
                record[field.name] = read_cell(cell, field.type)
            else:
                record[field.name] = fitted(cell, field.type)
        except Misfit as misfit:
            named = "" if bad else f" of `{rows.name}`"
            bad.append(f"{row.where}{named}: {misfit.sentence(field.name)}")
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

_QUOTED = pattern(r'"[^"]*"')


def _csv_table(text: str, name: str) -> RowByRow:
    header_line = _QUOTED.sub("", text[:100_000].lstrip("\n").partition("\n")[0])
    delimiter = max((",", ";", "\t"), key=header_line.count)
    first = next(_csv_records(text, name, delimiter), None)
    if first is None:
        raise FileMistake(f"`{name}` is empty", "its first line must name the columns")
    header = _header(first[1], name)

    def rows() -> Iterator[Row | FileMistake]:
        records = _csv_records(text, name, delimiter)
        next(records)
        for number, (line, cells) in enumerate(records, 1):
            where = f"row {number} (line {line})"
            if len(cells) == len(header):
                yield Row(where, dict(zip(header, cells, strict=True)))
                continue
            yield FileMistake(
                f"{where} of `{name}` has {_counted(len(cells), 'cell')}, the header has {len(header)}",
                f"a cell with `{delimiter if delimiter != chr(9) else 'a tab'}` in it goes in double quotes",
            )

    return RowByRow(name, header, rows)


def _csv_records(text: str, name: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each record that is not blank, with the line on which it begins. Raises FileMistake."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            start, line = line, reader.line_num + 1
            if len(cells) > 1 or any(cell.strip() for cell in cells):
                yield start, cells
    except csv.Error as problem:
        what = "a double quote is never closed" if "unexpected end" in str(problem) else "the quotes do not match"
        raise FileMistake(
            f"`{name}` cannot be read from line {line} on: {what}", 'a `"` inside a cell is written `""`'
        ) from None


def _lines(text: str) -> Iterator[str]:
    """The lines with their breaks, one at a time: a list of them would be as large as the text again."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _header(cells: list[str], name: str) -> tuple[str, ...]:
    columns: dict[str, None] = {}
    for place, cell in enumerate(cells, 1):
        column = unicodedata.normalize("NFC", cell.strip())
        if not column:
            raise FileMistake(f"column {place} of `{name}` has no name", "the first line must name every column")
        if column in columns:
            raise FileMistake(f"`{name}` has two columns called `{column}`", "give one of them another name")
        columns[column] = None
    return tuple(columns)


# ── JSON ──


def _json_rows(text: str, name: str) -> Rows:
    try:
        value = read_json(text)
    except ValueMistake as mistake:
        raise FileMistake(f"`{name}` cannot be used: {mistake.message}") from None
    return rows_of_json(value, name)


def _json_lines(text: str, name: str) -> Iterator[Row | FileMistake]:
    number = 0
    for line, written in enumerate(_lines(text), 1):
        if not written.strip():
            continue
        number += 1
        try:
            value = read_json(written)
        except ValueMistake:
            yield FileMistake(f"line {line} of `{name}` is not JSON", "each line must be one whole record")
            continue
        if isinstance(value, Mapping):
            yield Row(f"row {number} (line {line})", value)
        else:
            yield FileMistake(f"line {line} of `{name}` must be a record, not {kind_of(value)}")


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
