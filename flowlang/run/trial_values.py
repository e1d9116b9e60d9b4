"""What a test gives: the rows of its table, the inputs' values, the answers that stand in for calls.

A file is named from the flow's own folder and stays inside the project. A text is what stands in its cell.
"""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..language import ast
from ..language.checked import AnswerLine, CheckedFlow, CheckedInput, CheckedTest, GivenLine, Place
from ..language.expression import Scope, evaluate
from ..language.loader import Denied, Read, resolve
from ..language.lookup import refs_of
from ..language.reading import read_json
from ..language.types import (
    TABLE,
    DocumentType,
    JsonType,
    ListOf,
    MediaType,
    Optional,
    RecordType,
    SecretType,
    TextType,
    Type,
    spelled,
)
from ..language.values import EMPTY, Document, Value, ValueMistake, bare
from ..language.writing import as_text, json_text
from ..models.answer import read_answer
from ..models.errors import BadAnswer
from ..pattern import pattern
from ..plan.columns import columns_read
from .documents import document_of
from .files import FileMistake, decoded, in_megabytes, without_last_break
from .fitting import Misfit, fitted, read_cell
from .inputs import default_of
from .media import media_of
from .outcome import Failure, StepFailure
from .standing import StandIn, StoodIn
from .tables import fit_rows, read_rows
from .unmet import shown

MOST_BYTES = 50_000_000  # of one file that a test names

_TURN = pattern(r"\[\d+\]$")  # the item or round in `polished[2]`


@dataclass(frozen=True, slots=True)
class TestFiles:
    """The files that a test may name. `base` is the flow's own key for `read`, which gives MOST_BYTES and one more."""

    __test__ = False

    read: Read
    base: str
    outside: tuple[str, ...] = ()

    def bytes_of(self, path: str) -> bytes:
        """The bytes of a file that the flow names as `path`. Raises FileMistake."""
        key = resolve(self.base, path, self.outside)
        data = key if isinstance(key, Denied) else self.read(key)
        if isinstance(data, Denied):
            raise FileMistake(data.message, *data.hints, rule=data.rule)
        if len(data) > MOST_BYTES:
            raise FileMistake(f"`{path}` is larger than {in_megabytes(MOST_BYTES)}", "give a smaller file")
        return data


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a test: `row` says which row of its table, `columns` has it by the name that the test gives it."""

    row: str
    columns: Mapping[str, Value]


def cases_of(test: CheckedTest, files: TestFiles) -> tuple[Case, ...]:
    """The cases of a test. Raises StepFailure for a table that can't be read, or is empty."""
    rows = test.rows
    if rows is None:
        return (Case("", {}),)
    try:
        found = read_rows(files.bytes_of(rows.path), posixpath.basename(rows.path))
    except FileMistake as mistake:
        raise StepFailure(Failure(mistake.rule, mistake.message, rows.place, mistake.hints)) from None
    if not found.rows:
        raise StepFailure(Failure("bad-file", f"there are no rows in `{rows.path}`, so nothing is tested", rows.place))
    _check_columns(test, rows.name, found.columns, rows.path)
    return tuple(Case(row.where, {rows.name: row.record}) for row in found.rows)


def _check_columns(test: CheckedTest, name: str, columns: Sequence[str] | None, path: str) -> None:
    """Tells of a column that the table does not have; rows that name their own fields may lack some of them."""
    if columns is None:
        return
    nodes: list[tuple[ast.Condition, Place]] = [(line.condition, line.place) for line in test.expects]
    nodes += [(line.value, line.place) for line in test.given]
    nodes += [(line.value, line.place) for line in test.answers]
    nodes += [(line.value, line.place) for line in test.judges]
    for node, place in nodes:
        for ref in refs_of(node):
            if ref.parts[0].text == name and len(ref.parts) > 1 and ref.parts[1].text not in columns:
                hint = f"its columns are {', '.join(f'`{column}`' for column in columns[:12])}"
                message = f"`{path}` has no column `{ref.parts[1].text}`"
                raise StepFailure(Failure("bad-file", message, place, (hint,)))


# ── Inputs ──


def inputs_of(
    flow: CheckedFlow, test: CheckedTest, case: Case, files: TestFiles
) -> tuple[Mapping[str, Value], tuple[Failure, ...]]:
    """The values of the flow's inputs, and what is wrong with what the test gives for them."""
    given = {line.input: line for line in test.given}
    values: dict[str, Value] = {}
    wrong: list[Failure] = []
    for one in flow.inputs.values():
        line = given.get(one.name)
        try:
            values[one.name] = default_of(one) if line is None else _given(line, one, case, files)
            continue
        except FileMistake as mistake:
            rule, message, hints = mistake.rule, mistake.message, mistake.hints
        except ValueMistake as mistake:
            rule, message, hints = "wrong-value", mistake.message, ()
        except Misfit as misfit:
            rule, message, hints = "wrong-value", misfit.sentence(one.name), ()
        wrong.append(Failure(rule, message, line.place if line is not None else test.place, hints))
    if not wrong:
        wrong += _missing_columns(flow, values, {line.input: line.place for line in test.given})
    return values, tuple(wrong)


def _given(line: GivenLine, one: CheckedInput, case: Case, files: TestFiles) -> Value:
    """The value that a `with` line gives. Raises FileMistake, Misfit and ValueMistake."""
    found = _read_value(line.value, one, case, files)
    if one.required and (found == "" or (isinstance(found, Document) and not found.text.strip())):
        raise Misfit(f"is empty, and the flow needs a {spelled(one.type)}")
    return found


def _read_value(value: ast.Value, one: CheckedInput, case: Case, files: TestFiles) -> Value:
    paths = _paths_of(value)
    if paths is not None:
        return _value_of_files(paths, one.type, files)
    found = evaluate(value, Scope(case.columns))
    if not isinstance(value, ast.Ref | ast.Piped):
        return fitted(found, one.type)
    plain = bare(found)
    if (plain is EMPTY or plain == "") and not one.required and not isinstance(one.type, TextType):
        return default_of(one)
    return _value_of_cell(plain, one.type, files) if isinstance(plain, str) else fitted(plain, one.type)


def _value_of_cell(cell: str, of: Type, files: TestFiles) -> Value:
    """What a cell spells. An image or audio is named, and so may be a document, as `@report.pdf`."""
    match of:
        case MediaType():
            return _value_of_files([cell.strip().removeprefix("@")], of, files)
        case DocumentType() if cell.startswith("@") and not cell.startswith("@@"):
            return _value_of_files([cell[1:].strip()], of, files)
        case DocumentType():
            return Document(cell[1:] if cell.startswith("@@") else cell)
        case ListOf() if cell.strip() and not cell.lstrip().startswith("["):
            return fitted((_value_of_cell(cell, of.item, files),), of)
        case _:
            return read_cell(cell, of)


def _paths_of(value: ast.Value) -> list[str] | None:
    """The files that a value is made of; None if it is made of something else."""
    match value:
        case ast.FileText(path):
            return [path]
        case ast.ListValue(items) if items and all(isinstance(item, ast.FileText) for item in items):
            return [item.path for item in items if isinstance(item, ast.FileText)]
        case _:
            return None


def _value_of_files(paths: list[str], of: Type, files: TestFiles) -> Value:
    named = [(files.bytes_of(path), posixpath.basename(path)) for path in paths]
    match of:
        case ListOf(item=RecordType() as record):
            tables = [read_rows(data, name) for data, name in named]
            rows = [row for table in tables for row in (table.records() if of == TABLE else fit_rows(table, record))]
            fitted(tuple([""] * len(rows)), ListOf(JsonType(), of.low, of.high))
            return tuple(rows)
        case ListOf():
            return fitted(tuple([item for data, name in named for item in _items_of(data, name, of.item)]), of)
        case _:
            return _value_of_file(*named[0], of)


def _items_of(data: bytes, name: str, of: Type) -> Sequence[Value]:
    """The items that one file brings to a list: those of a list in JSON, else the file itself."""
    ending = name.rpartition(".")[2].lower()
    if not isinstance(of, DocumentType | MediaType):
        if ending == "json":
            found = read_json(decoded(data, name))
            return found if isinstance(found, tuple) else (found,)
        if ending in ("jsonl", "ndjson"):
            return [read_json(line) for line in decoded(data, name).split("\n") if line.strip()]
    return [_value_of_file(data, name, of)]


def _value_of_file(data: bytes, name: str, of: Type) -> Value:
    match of:
        case DocumentType():
            return document_of(data, name)
        case MediaType():
            return media_of(data, name, of.kind)
        case JsonType() | RecordType():
            return fitted(read_json(decoded(data, name)), of)
        case TextType() | SecretType():
            return fitted(without_last_break(decoded(data, name)), of)
        case _:
            return fitted(decoded(data, name).strip(), of)


def _missing_columns(flow: CheckedFlow, values: Mapping[str, Value], places: Mapping[str, Place]) -> list[Failure]:
    """What is wrong with tables that lack a column which the flow reads."""
    wrong: list[Failure] = []
    for name, columns in columns_read(flow).items():
        rows = values.get(name)
        if not isinstance(rows, tuple) or not rows or name not in places:
            continue
        there = {column for row in rows if isinstance(row, Mapping) for column in row}
        if missing := [column for column in columns if column not in there]:
            message = f"the table for `{name}` has no column `{missing[0]}`, and the flow reads it"
            hint = f"its columns are {', '.join(f'`{column}`' for column in sorted(there)[:12])}"
            wrong.append(Failure("bad-file", message, places[name], (hint,)))
    return wrong


# ── Answers ──


def answers_of(test: CheckedTest, case: Case, files: TestFiles) -> StandIn:
    """What stands in for the calls of steps. Each answer is read once, when its step first asks for it."""
    lines = {line.path: line for line in test.answers}
    read: dict[tuple[str, ...], StoodIn] = {}

    def stand_in(path: str, step: str) -> StoodIn | None:
        key = (*(_TURN.sub("", part) for part in path.split("/") if part), step)
        if key not in read:
            if key not in lines:
                return None
            read[key] = _answer(lines[key], case, files)
        return read[key]

    return stand_in


def _answer(line: AnswerLine, case: Case, files: TestFiles) -> StoodIn:
    """The answer that a line gives. Raises StepFailure."""
    name = ".".join(line.path)
    of = line.type
    found: Value = EMPTY
    try:
        if isinstance(line.value, ast.FileText):
            path = line.value.path
            found = without_last_break(decoded(files.bytes_of(path), posixpath.basename(path)))
        else:
            found = bare(evaluate(line.value, Scope(case.columns)))
        if isinstance(found, str):
            return StoodIn(read_answer(found, of), found, line.place)
        if found is EMPTY and not isinstance(of, Optional):
            raise Misfit("is empty")
        value = fitted(found, of or TextType())
        text = json_text(value) if isinstance(value, tuple | Mapping) else "" if value is EMPTY else as_text(value)
        return StoodIn(value, text, line.place)
    except FileMistake as mistake:
        failure = Failure(mistake.rule, mistake.message, line.place, mistake.hints)
    except ValueMistake as mistake:
        failure = Failure("wrong-value", mistake.message, line.place)
    except (BadAnswer, Misfit) as mistake:
        why = mistake.message if isinstance(mistake, BadAnswer) else mistake.sentence(name)
        wanted = "text" if of is None else spelled(of)
        # Of a row it does not stand at the line.
        row = (f"it is {shown(found)}, of {case.row}",) if case.row else ()
        message = f"the answer for step `{name}` does not fit `{wanted}`"
        failure = Failure("bad-answer", message, line.place, (why, *row))
    raise StepFailure(failure)
