"""Why an expectation does not hold: the part that fails, the values on both sides, and where they are from."""

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import date
from decimal import Decimal

from ..diagnostics.source import Span
from ..language import ast
from ..language.checked import CheckedLet, CheckedStep, Expectation, Place
from ..language.expression import Scope, evaluate, truth
from ..language.values import EMPTY, Document, Media, Remembered, Secret, Value, ValueMistake, bare
from ..language.writing import as_text, json_text
from ..plan.graph import Plan
from ..record import record
from .outcome import UNMET, Done, Failed, Failure, Outcome, Skipped

MOST_SHOWN = 160  # characters of a value
MOST_VALUES = 4  # that an expectation compares


@record
class Known:
    """What is known when a run has ended: `because` says why a step or let was skipped.

    `answered` says where the answer of a step stands, or of one of its items: "answered on line 9".
    """

    values: Mapping[str, Value]
    failed: frozenset[str]
    because: Mapping[str, str]
    plan: Plan
    row: str
    answered: Mapping[tuple[str, int | None], str] = field(default_factory=dict)


def known_of(plan: Plan, values: Mapping[str, Value], outcomes: Mapping[str, Outcome], row: str = "") -> Known:
    """What is known when steps, lets and outputs have come out like this; `values` go over what they came to."""
    found: dict[str, Value] = {}
    because: dict[str, str] = {}
    for name, outcome in outcomes.items():
        if isinstance(outcome, Skipped):
            because[name] = outcome.because
        if not isinstance(outcome, Failed):
            found[name] = outcome.value if isinstance(outcome, Done) else EMPTY
    failed = frozenset(name for name, outcome in outcomes.items() if isinstance(outcome, Failed))
    return Known({**found, **values}, failed, because, plan, row)


def unmet_by(expect: Expectation, known: Known) -> list[Failure]:
    """What is wrong with an expectation, at the part of it that fails; nothing if it holds."""
    try:
        if truth(expect.condition, Scope(known.values)) is True:
            return []
    except ValueMistake as mistake:
        return [Failure("wrong-value", mistake.message, expect.place)]
    part, words, place = _failing(expect.condition, expect.place, known.values)
    told = [_told(operand, words, known) for operand in _operands(part)]
    values = dict.fromkeys(each[0] for each in told)
    # What a value is made of has its place where it stands alone: all that is compared comes first.
    others = dict.fromkeys(hint for each in told for hint in each[1:] if hint not in values)
    hints = (*values, *others)[: max(2, min(len(values), MOST_VALUES))]
    return [Failure(UNMET, f"`{words(part)}` does not hold", place, hints)]


def sides_of(condition: ast.Condition, place: Place, values: Mapping[str, Value]) -> tuple[str, ...]:
    """What the values are that a condition compares, where it fails: "`(text | words | count)` is 212"."""
    part, words, _ = _failing(condition, place, values)
    told: list[str] = []
    for operand in _operands(part):
        try:
            told.append(f"`{words(operand)}` is {shown(evaluate(operand, Scope(values)))}")
        except ValueMistake:
            continue
    return tuple(dict.fromkeys(told))


def _failing(
    condition: ast.Condition, place: Place, values: Mapping[str, Value]
) -> tuple[ast.Condition, Callable[[ast.Condition], str], Place]:
    """Of an `and` the first part that does not hold, of everything else the whole; its words, and its place."""
    source, offset = place.source, place.span.start - condition.span.start
    while isinstance(condition, ast.AllOf):
        condition = next(part for part in condition.parts if truth(part, Scope(values)) is not True)

    def words(node: ast.Condition) -> str:
        return " ".join(source.text[slice(*node.span.moved(offset))].split())

    return condition, words, Place(source, Span(condition.span.start + offset, condition.span.end + offset))


def _operands(condition: ast.Condition) -> list[ast.Value]:
    """The values that a condition compares, without those that are written out in it."""
    match condition:
        case ast.AllOf(parts) | ast.AnyOf(parts):
            return [operand for part in parts for operand in _operands(part)]
        case ast.Not(inner):
            return _operands(inner)
        case ast.Compare(left=left, right=right):
            found = [left, right]
        case ast.IsOneOf(left=left, options=options):
            found = [left, *options]
        case ast.IsEmpty(value=value):
            found = [value]
        case _:
            found = [condition]
    return [one for one in found if isinstance(one, ast.Ref | ast.Piped)]


def _told(value: ast.Value, words: Callable[[ast.Condition], str], known: Known) -> list[str]:
    """What the value is, and where it is from; of a value with filters also what they were applied to."""
    scope = Scope(known.values)
    name = words(value).strip("()").strip()
    try:
        found = evaluate(value, scope)
        told = [f"`{name}` is {shown(found)}{_origin(value, found, known)}"]
        if isinstance(value, ast.Piped) and isinstance(value.head, ast.Ref):
            head = evaluate(value.head, scope)
            told.append(f"`{value.head}` is {shown(head)}{_origin(value.head, head, known)}")
        elif isinstance(value, ast.Ref) and len(value.parts) > 1 and _step_of(value, known) is not None:
            told.append(f"the answer is {shown(known.values.get(value.parts[0].text, EMPTY))}")
    except ValueMistake as mistake:
        return [mistake.message]
    return told


def _origin(value: ast.Value, found: Value, known: Known) -> str:
    """Where a value is from: a step and an item, what a let is made of, a row; or why there is none."""
    place = found.memory.get("place") if isinstance(found, Remembered) else None
    item = f"item {as_text(place)}" if place is not None else ""
    number = int(place) if isinstance(place, Decimal) else None
    if not isinstance(value, ast.Ref):
        head = value.head.parts[0].text if isinstance(value, ast.Piped) and isinstance(value.head, ast.Ref) else ""
        told = ", ".join(filter(None, (item, known.answered.get((head, number), ""))))
        return f" ({told})" if item else ""
    name = value.parts[0].text
    if bare(found) is EMPTY and name in known.because:
        return f": {known.because[name]}"
    node = known.plan.nodes.get(name)
    output = next((one for one in known.plan.flow.outputs if one.name == name), None)
    if node is None and output is None:
        from_row = known.row if known.row and len(value.parts) > 1 and name not in known.plan.flow.inputs else ""
        return f" ({from_row})" if from_row else ""
    reads = output.reads if node is None and output is not None else node.reads if node is not None else ()
    if node is None or isinstance(node.of, CheckedLet):
        where = f"made from {', '.join(f'`{one}`' for one in reads[:3])}" if reads else ""
        answer = known.answered.get((reads[0], number), "") if len(reads) == 1 else ""
    else:
        where = f"step `{name}`"
        answer = known.answered.get((name, None)) or known.answered.get((name, number), "")
    told = ", ".join(filter(None, (where, item, answer)))
    return f" ({told})" if told else ""


def _step_of(value: ast.Ref, known: Known) -> CheckedStep | None:
    node = known.plan.nodes.get(value.parts[0].text)
    return node.of if node is not None and isinstance(node.of, CheckedStep) else None


def shown(value: Value) -> str:
    """A value in a sentence, short."""
    value = bare(value)
    match value:
        case _ if value is EMPTY:
            return "empty"
        case str():
            return f'"{_cut(value)}"' if value else "an empty text"
        case bool() | Decimal() | date():
            return as_text(value)
        case Document(text):
            return f'a document, "{_cut(text)}"'
        case Media(kind, name=name):
            return f"{'an image' if kind == 'image' else 'audio'}, `{name}`"
        case Secret():
            return "a secret"
        case tuple():
            if not value:
                return "an empty list"
            return f"a list of {len(value):,}: {_cut(json_text(value, indent=None))}"
        case Mapping():
            return _cut(json_text(value, indent=None))
        case _:
            raise AssertionError(f"there is no value like {type(value).__name__}")


def _cut(text: str) -> str:
    # Blanks and line breaks stay: they may be what makes the difference.
    return f"{text[:MOST_SHOWN]}…" if len(text) > MOST_SHOWN else text
