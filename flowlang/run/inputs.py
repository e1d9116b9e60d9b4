"""What the user gave, turned into the values of a flow's inputs, with every mistake in it.

On the command line a value is what stands there; `@report.pdf` is what is in the file, `-` what comes in on standard
input, `@@anna` the text `@anna`. A list's flag comes several times, or once as a JSON array; `@folder` and `@*.png`
stand for the files in the order of their names. In a JSON file of values (`--inputs`) a text is a text: only where a
file is needed (document, image, audio, table, list of a schema) is `@name` read, from that file's own folder and
never outside of it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

from ..diagnostics.diagnostic import nearest
from ..language.checked import CheckedFlow, CheckedInput
from ..language.expression import Scope, evaluate
from ..language.reading import read_json
from ..language.types import (
    ChoiceType,
    DateType,
    DocumentType,
    ListOf,
    MediaType,
    NumberType,
    RecordType,
    TextType,
    Type,
    YesNoType,
    spelled,
)
from ..language.values import EMPTY, Document, Value, ValueMistake
from ..plan.columns import columns_read
from ..record import record
from .confined import Confined
from .fetched import Fetch, refuse_addresses
from .files import FileMistake
from .fitting import Misfit, fitted, in_words
from .given import MOST_TEXT_BYTES as MOST_TEXT_BYTES
from .given import GivenValues, Stdin

_NAMED_IN_VALUES = (
    "put the file into that folder, or below it",
    "a file elsewhere is named on the command line, behind the input's own flag",
)


@record
class InputMistake:
    """What is wrong with what was given. `input` is the input's name, empty if there is none."""

    rule: str
    message: str
    hints: tuple[str, ...]
    input: str


@record
class Inputs:
    """A value for every input, and what is wrong; with mistakes the values must not be used."""

    values: Mapping[str, Value]
    mistakes: tuple[InputMistake, ...]


def read_inputs(
    flow: CheckedFlow,
    given: Mapping[str, Sequence[str]],
    stdin: Stdin | None = None,
    *,
    values_file: str | None = None,
    base: Path = Path(),
    fetch: Fetch = refuse_addresses,
) -> Inputs:
    """The inputs of a flow.

    `given` holds what stood behind each flag, in order, by the flag's name (`max_claims` and `max-claims` are one;
    a yes/no flag that stood alone is `yes`). `stdin` is None where nothing is piped in. A flag wins over the file.
    `fetch` reads an input that is given as `@https://…`.
    """
    reading = Reading(flow, GivenValues(stdin, fetch), base)
    reading.take_given(given, values_file)
    if reading.is_whole:
        reading.fill_from_stdin()
        reading.take_defaults()
    reading.mistakes += check_columns(flow, reading.values)
    ordered = {name: reading.values[name] for name in flow.inputs if name in reading.values}
    return Inputs(ordered, tuple(reading.mistakes))


def defaults_of(flow: CheckedFlow) -> Mapping[str, Value]:
    """The values of the inputs that need not be given."""
    return {one.name: default_of(one) for one in flow.inputs.values() if not one.required}


def default_of(one: CheckedInput) -> Value:
    """What an input is when nothing is given for it. Raises Misfit if that is nothing it can be."""
    if one.default is None:
        if one.required:
            raise Misfit("is missing")
        return EMPTY
    return fitted(evaluate(one.default, Scope({})), one.type)


class Reading:
    """The inputs of one run under way. `elsewhere`: those that come from somewhere else, and may not be given here."""

    def __init__(self, flow: CheckedFlow, given: GivenValues, base: Path, elsewhere: Collection[str] = ()) -> None:
        self.flow = flow
        self.given = given
        self.base = base
        self.elsewhere = elsewhere
        self.is_whole = True  # whether everything that was given could be looked at
        self.values: dict[str, Value] = {}
        self.mistakes: list[InputMistake] = []
        self.wrong: set[str] = set()
        self.given_twice: list[str] = []  # what is given here and comes from elsewhere as well

    def take_given(self, given: Mapping[str, Sequence[str]], values_file: str | None) -> None:
        """Takes what stands in flags and in a file of values."""
        flags = self.named(given)
        data = self.data_of(values_file) if values_file is not None else {}
        folder = (self.base / values_file).parent if values_file is not None else self.base
        in_file = self.given.from_data(Confined(folder, f"`{values_file}`", _NAMED_IN_VALUES))
        for one in self.flow.inputs.values():
            if one.name in self.elsewhere:
                continue
            if one.name in flags:
                self.take(one, partial(self.given.value_of_flags, flags[one.name], one.type, self.base))
            elif data.get(one.name, EMPTY) is not EMPTY:
                self.take(one, partial(in_file.value_of_data, data[one.name], one.type, folder))
        self.given_twice = [name for name in self.elsewhere if name in flags or name in data]

    def take_defaults(self) -> None:
        """Takes the default of each input that has no value yet, or says that it is missing."""
        for one in self.flow.inputs.values():
            if one.name not in self.values and one.name not in self.wrong and one.name not in self.elsewhere:
                self.take(one, partial(default_of, one))

    # ── Which input is meant ──

    def named(self, given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """What was given, under the inputs' own names."""
        by_name = {folded(name): name for name in self.flow.inputs}
        found: dict[str, list[str]] = {}
        for flag, texts in given.items():
            name = flag if flag in self.flow.inputs else by_name.get(folded(flag))
            if name is None:
                self.unknown(flag)
            else:
                found.setdefault(name, []).extend(texts)
        return found

    def unknown(self, flag: str) -> None:
        names = list(self.flow.inputs)
        near = nearest(flag, names)
        listing = f"the inputs are {', '.join(f'`--{name}`' for name in names)}" if names else "the flow has no inputs"
        fix = (f"did you mean `--{near}`?",) if near is not None else ()
        self.mistakes.append(InputMistake("unknown-name", f"there is no input called `{flag}`", (*fix, listing), ""))

    def take(self, one: CheckedInput, value: Callable[[], Value]) -> None:
        """Notes the input's value, or what is wrong with it."""
        try:
            self.values[one.name] = needed(one, value())
        except (FileMistake, ValueMistake, Misfit) as problem:
            self.wrong.add(one.name)
            self.mistakes.append(mistake_in(one, problem, f"--{one.name}", _how(one, self._is_alone(one))))

    def fill_from_stdin(self) -> None:
        """What is piped in goes to the only required text or document that was given no value."""
        open_ones = [
            one
            for one in self._may_be_piped()
            if one.name not in self.values and one.name not in self.wrong and one.name not in self.elsewhere
        ]
        if len(open_ones) != 1 or self.given.stdin is None or self.given.stdin_is_read:
            return
        self.take(open_ones[0], partial(self.piped, open_ones[0]))

    def _may_be_piped(self) -> list[CheckedInput]:
        """The required texts and documents."""
        return [
            one for one in self.flow.inputs.values() if one.required and isinstance(one.type, TextType | DocumentType)
        ]

    def _is_alone(self, one: CheckedInput) -> bool:
        """Whether no other text or document is missing: the pipe would fill this one."""
        return all(other is one or other.name in self.values for other in self._may_be_piped())

    def piped(self, one: CheckedInput) -> Value:
        data = self.given.from_stdin()
        if not data:
            raise Misfit("is missing")
        return self.given.value_of_stdin(data, one.type)

    # ── A JSON file of values ──

    def data_of(self, values_file: str) -> Mapping[str, Value]:
        try:
            data = read_json(self.given.text_of(self.base / values_file))
        except (FileMistake, ValueMistake) as mistake:
            rule = mistake.rule if isinstance(mistake, FileMistake) else "bad-file"
            hints = mistake.hints if isinstance(mistake, FileMistake) else ()
            about = mistake.message if isinstance(mistake, FileMistake) else f"`{values_file}`: {mistake.message}"
            self.is_whole = False
            self.mistakes.append(InputMistake(rule, f"`--inputs`: {about}", hints, ""))
            return {}
        if not isinstance(data, Mapping):
            message = f"`--inputs`: `{values_file}` must hold one record, with a field for each input"
            self.is_whole = False
            self.mistakes.append(InputMistake("bad-file", message, (), ""))
            return {}
        by_name = {folded(name): name for name in self.flow.inputs}
        found: dict[str, Value] = {}
        for key, value in data.items():
            name = key if key in self.flow.inputs else by_name.get(folded(key))
            if name is None:
                self.unknown(key)
            else:
                found[name] = value
        return found


def needed(one: CheckedInput, value: Value) -> Value:
    """The input's value. Raises Misfit for a text or document without any text where the flow needs one."""
    if one.required and (value == "" or (isinstance(value, Document) and not value.text.strip())):
        raise Misfit(f"is empty, and the flow needs {in_words(one.type)}")
    return value


def mistake_in(
    one: CheckedInput, problem: FileMistake | ValueMistake | Misfit, named: str, how: str = ""
) -> InputMistake:
    """What is wrong with an input, by the name under which it was given; `how` to give one that is missing."""
    match problem:
        case FileMistake():
            return InputMistake(problem.rule, f"`{named}`: {problem.message}", problem.hints, one.name)
        case ValueMistake():
            return InputMistake("wrong-value", f"`{named}`: {problem.message}", (), one.name)
        case Misfit() if problem.message == "is missing" and not problem.path:
            return InputMistake("missing-input", f"input `{one.name}` is missing", (how,) if how else (), one.name)
        case Misfit():
            example = _example(one.type)
            like = (f"for example `{named} {example}`",) if example and named.startswith("--") else ()
            about = (one.description,) if one.description else ()
            return InputMistake(problem.rule, problem.sentence(named), (*about, *like), one.name)


def check_columns(flow: CheckedFlow, values: Mapping[str, Value]) -> Iterator[InputMistake]:
    """A table must have the columns that the flow reads; rows that were written as JSON may lack some of them."""
    for name, columns in columns_read(flow).items():
        rows = values.get(name)
        if not isinstance(rows, tuple) or not rows:
            continue
        there = list(dict.fromkeys(column for row in rows if isinstance(row, Mapping) for column in row))
        missing = [column for column in columns if column not in there]
        if missing:
            near = nearest(missing[0], [column for column in there if column not in columns])
            fix = (f"the file has `{near}`: write that in the flow, or rename the column",) if near is not None else ()
            told = f"its columns are {', '.join(f'`{column}`' for column in there[:12])}"
            what = "column" if len(missing) == 1 else "columns"
            named = ", ".join(f"`{column}`" for column in missing)
            message = f"`--{name}`: the table has no {what} {named}, and the flow reads {_it(missing)}"
            yield InputMistake("bad-file", message, (*fix, told), name)


def _how(one: CheckedInput, is_alone: bool) -> str:
    """How the missing input is given. `is_alone`: it is the only one that a pipe could fill."""
    match one.type:
        case DocumentType():
            return f"add `--{one.name} @FILE`" + (", or pipe the document in" if is_alone else "")
        case TextType():
            return f'add `--{one.name} "…"`, or `--{one.name} @FILE`'
        case MediaType() | ListOf(item=MediaType() | DocumentType() | RecordType()):
            return f"add `--{one.name} @FILE`"
        case YesNoType():
            return f"add `--{one.name} yes` or `--{one.name} no`"
        case ListOf(item=inner):
            example = _example(inner)
            return (
                f"add `--{one.name} {example} --{one.name} {example}`" if example else f"add `--{one.name} @FILE.json`"
            )
        case _:
            return f"add `--{one.name} {_example(one.type) or '…'}`: {spelled(one.type)}"


def _example(of: Type) -> str:
    """A value as it may be typed; empty for what is rather read from a file."""
    match of:
        case NumberType(low=low, high=high):
            five = Decimal(5)
            fits = low if low is not None and low > five else high if high is not None and high < five else five
            return f"{fits:f}"
        case YesNoType():
            return "yes"
        case DateType():
            return "2026-03-11"
        case ChoiceType(choices=(first, *_)):
            return first if first.isalnum() else f'"{first}"'
        case DocumentType() | MediaType():
            return "@FILE"
        case _:
            return ""


def _it(some: Sequence[str]) -> str:
    return "it" if len(some) == 1 else "them"


def folded(name: str) -> str:
    return name.replace("-", "_")
