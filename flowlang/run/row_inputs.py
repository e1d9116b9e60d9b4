"""`--each rows.csv`: what every row of a table makes of a flow's inputs.

Columns become the inputs of the same name; what is given beside the table holds for every row. What is wrong with the
table or beside it is found before anything runs; what is wrong with one row is that row's own mistake, when its turn
comes. Rows are read one at a time, so that a table may be long.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..diagnostics.diagnostic import nearest
from ..language.checked import CheckedFlow, CheckedInput
from ..language.types import TABLE, DocumentType, ListOf, MediaType, SecretType, Type
from ..language.values import EMPTY, Value, ValueMistake
from ..record import record
from .confined import Confined
from .fetched import Fetch, refuse_addresses
from .files import FileMistake, read_bytes
from .fitting import Misfit, in_words
from .given import GivenValues, Stdin
from .inputs import InputMistake, Reading, check_columns, default_of, folded, mistake_in, needed
from .tables import Row, RowByRow, open_rows

MOST_ROWS_BYTES = 500_000_000
STDIN = "standard input"


class RowMistake(Exception):
    """What is wrong with one row: `message` names it. `input` is empty if it is the row as a whole."""

    def __init__(self, rule: str, message: str, hints: tuple[str, ...], of_input: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.hints = hints
        self.input = of_input


@record
class RowInputs:
    """The inputs of every row, to be worked out when its turn comes; with mistakes it must not be used.

    `columns`: by input, the column that gives it. `passed_over`: columns that are no input. `reads_files`: whether
    working out a row's inputs takes more than a moment.
    """

    flow: CheckedFlow
    table: RowByRow
    folder: Path
    given: GivenValues
    fixed: Mapping[str, Value]
    columns: Mapping[str, str]
    passed_over: tuple[str, ...]
    count: int
    mistakes: tuple[InputMistake, ...]

    @property
    def reads_files(self) -> bool:
        return any(_is_file(self.flow.inputs[name].type) for name in self.columns)

    def rows(self) -> Iterator[Row | FileMistake]:
        """The rows in their order, each as it was read."""
        yield from self.table.rows()

    def values_of(self, row: Row | FileMistake) -> Mapping[str, Value]:
        """A value for every input of the row's run. Raises RowMistake."""
        if isinstance(row, FileMistake):
            raise RowMistake(row.rule, row.message, row.hints, "")
        values: dict[str, Value] = {}
        for name, one in self.flow.inputs.items():
            if name not in self.columns:
                values[name] = self.fixed[name]
                continue
            column = self.columns[name]
            try:
                values[name] = self._value(one, row.record.get(column, EMPTY))
            except (FileMistake, ValueMistake, Misfit) as problem:
                raise self._mistake(row, one, problem) from None
        return self._checked(values, row)

    def _value(self, one: CheckedInput, cell: Value) -> Value:
        if cell is EMPTY or (isinstance(cell, str) and self.table.columns is not None and not cell.strip()):
            if one.required:
                raise Misfit(f"is empty, and the flow needs {in_words(one.type)}")
            return default_of(one)
        if self.table.columns is not None and isinstance(cell, str):
            return needed(one, self.given.value_of_cell(cell, one.type, self.folder))
        return needed(one, self.given.value_of_data(cell, one.type, self.folder))

    def _mistake(self, row: Row, one: CheckedInput, problem: FileMistake | ValueMistake | Misfit) -> RowMistake:
        wrong = mistake_in(one, problem, self.columns[one.name])
        return RowMistake(wrong.rule, f"{row.where} of `{self.table.name}`: {wrong.message}", wrong.hints, one.name)

    def _checked(self, values: Mapping[str, Value], row: Row) -> Mapping[str, Value]:
        """The values, if their tables have the columns that the flow reads."""
        if any(self.flow.inputs[name].type == TABLE for name in self.columns):
            for wrong in check_columns(self.flow, {name: values[name] for name in self.columns}):
                message = f"{row.where} of `{self.table.name}`: {wrong.message}"
                raise RowMistake(wrong.rule, message, wrong.hints, wrong.input)
        return values


def read_row_inputs(
    flow: CheckedFlow,
    given: Mapping[str, Sequence[str]],
    stdin: Stdin | None,
    rows_file: str,
    *,
    values_file: str | None = None,
    base: Path = Path(),
    fetch: Fetch = refuse_addresses,
) -> RowInputs:
    """The inputs of a run per row of `rows_file`, or of standard input if that is `-`.

    The other arguments are those of `read_inputs`.
    """
    values = GivenValues(stdin, fetch)
    try:
        table = _open(rows_file, values, base)
        names, count = _measure(table)
    except FileMistake as mistake:
        wrong = InputMistake(mistake.rule, f"`--each`: {mistake.message}", mistake.hints, "")
        nothing = RowByRow(rows_file, None, lambda: ())
        return RowInputs(flow, nothing, base, values, {}, {}, (), 0, (wrong,))
    columns, passed_over, mistakes = _matched(flow, names, table.name)
    reading = Reading(flow, values, base, columns)
    reading.mistakes += mistakes
    reading.take_given(given, values_file)
    for name in reading.given_twice:
        message = f"`--{name}` is given, and `{table.name}` has a column `{columns[name]}` for it"
        reading.mistakes.append(InputMistake("duplicate-name", message, ("leave one of them out",), name))
    if reading.is_whole:
        reading.fill_from_stdin()
        reading.take_defaults()
    reading.mistakes += check_columns(flow, reading.values)
    folder = (base / rows_file.removeprefix("@")).parent if rows_file != "-" else base
    in_rows = values.from_data(Confined(folder, "the rows"))
    wrong_ones = tuple(_with_column(one, table, passed_over) for one in reading.mistakes)
    return RowInputs(flow, table, folder, in_rows, reading.values, columns, passed_over, count, wrong_ones)


def _open(rows_file: str, values: GivenValues, base: Path) -> RowByRow:
    if rows_file == "-":
        return open_rows(values.from_stdin(), STDIN)
    path = base / rows_file.removeprefix("@")
    return open_rows(read_bytes(path, MOST_ROWS_BYTES, "table"), path.name)


def _measure(table: RowByRow) -> tuple[tuple[str, ...], int]:
    """The names of the columns and the number of rows. Goes through the whole of the table once."""
    names: dict[str, None] = dict.fromkeys(table.columns or ())
    count = 0
    for row in table.rows():
        count += 1
        if table.columns is None and isinstance(row, Row):
            names.update(dict.fromkeys(row.record))
    return tuple(names), count


def _matched(
    flow: CheckedFlow, names: Sequence[str], table: str
) -> tuple[dict[str, str], tuple[str, ...], list[InputMistake]]:
    """Which column gives which input, which give none, and what is wrong with that."""
    by_name = {folded(name): name for name in flow.inputs}
    columns: dict[str, str] = {}
    passed_over: list[str] = []
    mistakes: list[InputMistake] = []
    for column in names:
        name = column if column in flow.inputs else by_name.get(folded(column))
        if name is None:
            passed_over.append(column)
        elif name in columns:
            message = f"`{table}` has two columns for `{name}`: `{columns[name]}` and `{column}`"
            mistakes.append(InputMistake("duplicate-name", message, ("leave one of them out",), name))
        else:
            columns[name] = column
            if isinstance(flow.inputs[name].type, SecretType):
                message = f"`{table}` has a column for `{name}`, which is a secret"
                hint = f"a secret is given once, for all rows: `--{name} @FILE`"
                mistakes.append(InputMistake("not-allowed", message, (hint,), name))
    return columns, tuple(passed_over), mistakes


def _with_column(mistake: InputMistake, table: RowByRow, passed_over: Sequence[str]) -> InputMistake:
    """A missing input may be given by a column, too; perhaps there is one that was meant to."""
    if mistake.rule != "missing-input":
        return mistake
    near = nearest(mistake.input, list(passed_over))
    hint = f"`{table.name}` has `{near}`: rename that column" if near is not None else ""
    hint = hint or f"add a column `{mistake.input}` to `{table.name}`"
    message = f"{mistake.message}: `{table.name}` has no column for it"
    return InputMistake(mistake.rule, message, (hint, *mistake.hints), mistake.input)


def _is_file(of: Type) -> bool:
    return isinstance(of, DocumentType | MediaType) or (isinstance(of, ListOf) and (_is_file(of.item) or of == TABLE))
