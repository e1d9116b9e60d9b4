"""The types in a condition: what can be compared with what, which bare word is a choice, and what is not empty where.

Where a comparison holds, nothing that it names is empty: it would hang on that otherwise (expression.py). So an
optional that is told once, in the comparison, is not told again behind it.
"""

from dataclasses import replace
from datetime import date

from ..diagnostics.source import Span
from ..record import record
from . import ast, types
from .lookup import NO_FACTS, UNKNOWN, Facts, Lookup, Typing, no_such_name
from .matching import (
    choice_meant,
    equatable,
    folded,
    how_to_compare,
    in_words,
    kind_of,
    listed,
    narrowed,
    plain_text,
)
from .types import Type, Unknown, bare


@record
class Typed:
    """A condition, complete; what is not empty where it holds, and what where it does not."""

    condition: ast.Condition
    holding: Facts = NO_FACTS
    failing: Facts = NO_FACTS


def type_condition(typer: Typing, condition: ast.Condition) -> Typed:
    """The condition, complete; what is wrong with it is told."""
    match condition:
        case ast.AllOf(parts):
            return _several(typer, condition, parts, True)
        case ast.AnyOf(parts):
            return _several(typer, condition, parts, False)
        case ast.Not(inner):
            typed = type_condition(typer, inner)
            return Typed(replace(condition, inner=typed.condition), typed.failing, typed.holding)
        case ast.IsEmpty(value, negated):
            used, typer.look.field_used = typer.look.field_used, False
            resolved, _ = typer.value(value, dealt=True)
            _tell_no_use(typer.look, value)
            typer.look.field_used = used or typer.look.field_used
            path = typer.look.path(value) if isinstance(value, ast.Ref) else ()
            # Where `form.owner.name` is not empty, `form.owner` is not, either.
            facts = frozenset(path[:length] for length in range(1, len(path) + 1))
            done = replace(condition, value=resolved)
            return Typed(done, facts, NO_FACTS) if negated else Typed(done, NO_FACTS, facts)
        case ast.Compare(left, _, _, right):
            return Typed(_compare(typer, condition), _named(typer.look, left, right))
        case ast.IsOneOf(left, options):
            return Typed(_is_one_of(typer, condition), _named(typer.look, left, *options))
    return _alone(typer, condition)


def type_item_condition(typer: Typing, item: Type, condition: ast.Condition) -> tuple[ast.Condition, Type]:
    """A condition on each item of a list, and the item's type where it holds."""
    used = typer.look.field_used
    with typer.look.within(item):
        typed = type_condition(typer, condition)
    typer.look.field_used = used
    for path in typed.holding:
        if path[0] == "it":
            item = narrowed(item, path[1:])
    return typed.condition, item


def type_against(typer: Typing, value: ast.Value, left: Type, dealt: bool = False) -> tuple[ast.Value, Type]:
    """The right side of a comparison, where a bare word may be one of the left side's choices."""
    kind = bare(left)
    choices = kind.choices if isinstance(kind, types.ChoiceType) else ()
    look = typer.look
    if isinstance(value, ast.YesNo) and choices:
        word = "yes" if value.value else "no"
        if word in choices:
            return ast.Text((word,), value.span), types.ChoiceType((word,))
    if isinstance(value, ast.Ref) and len(value.parts) == 1:
        word = value.parts[0].text
        if (choice := choice_meant(word, choices)) is not None:
            return ast.Text((choice,), value.span), types.ChoiceType((choice,))
        if isinstance(kind, Unknown | types.ChoiceType | types.TextType) and not look.knows(word):
            _tell_bare_word(look, word, kind, value.span)
            return value, UNKNOWN
    if isinstance(value, ast.Text) and choices and all(isinstance(part, str) for part in value.parts):
        choice = choice_meant(plain_text(value), choices)
        if choice is None:
            _tell_no_choice(look, plain_text(value), choices, value.span)
            return value, UNKNOWN
        return value, types.ChoiceType((choice,))
    return typer.value(value, dealt)


def _tell_bare_word(look: Lookup, word: str, left: Type, span: Span) -> None:
    """A word that is nothing, on the right side; of a left side with a mistake it may have been a choice."""
    match left:
        case types.ChoiceType(choices):
            _tell_no_choice(look, word, choices, span)
        case types.TextType() if not look.names.is_swallowed(word):
            near = look.names.reports.nearest(word, [*look.locals, *look.names.candidates()])
            hints = (f"did you mean `{near}`?",) if near else ()
            look.tell("unknown-name", no_such_name(word), span, *hints, f'a text stands in quotes: `"{word}"`')


def _tell_no_choice(look: Lookup, word: str, choices: tuple[str, ...], span: Span) -> None:
    near = look.names.reports.nearest(word, choices)
    hints = (f"did you mean `{near}`?",) if near else ()
    look.tell("wrong-value", f"`{word}` is none of the choices {listed(list(choices))}", span, *hints)


# ── Several, and one alone ──


def _several(typer: Typing, condition: ast.AllOf | ast.AnyOf, parts: tuple[ast.Condition, ...], all_of: bool) -> Typed:
    resolved: list[ast.Condition] = []
    summed: Facts = NO_FACTS  # of an `and`: what holds when all hold; of an `or`: when none does
    shared: Facts | None = None
    before: ast.Condition | None = None
    for part in parts:
        with typer.look.knowing(summed):
            typed = Typed(part) if before is not None and _goes_on(typer, before, part) else type_condition(typer, part)
        resolved.append(typed.condition)
        summed |= typed.holding if all_of else typed.failing
        other = typed.failing if all_of else typed.holding
        shared = other if shared is None else shared & other
        before = part
    done = replace(condition, parts=tuple(resolved))
    return Typed(done, summed, shared or NO_FACTS) if all_of else Typed(done, shared or NO_FACTS, summed)


def _goes_on(typer: Typing, before: ast.Condition, part: ast.Condition) -> bool:
    """Whether this is the `risk` of `kind is figure or risk`, which is told."""
    if not isinstance(before, ast.Compare) or before.operator not in ("is", "is not"):
        return False
    look = typer.look
    match part:
        case ast.Ref(parts=(only,)) if not look.knows(only.text):
            pass
        case ast.Text() | ast.Number():
            pass
        case _:
            return False
    left, right, word = look.source(before.left), look.source(before.right), look.source(part)
    message = f"`{word}` is no condition by itself; the comparison before it does not go on"
    look.tell("wrong-type", message, part.span, f"write `{left} {before.operator} one of {right}, {word}`")
    return True


def _alone(typer: Typing, condition: ast.Value) -> Typed:
    """A value that is a condition by itself: yes/no, and nothing else."""
    look = typer.look
    used, look.field_used = look.field_used, False
    reference = isinstance(condition, ast.Ref)
    resolved, kind = typer.value(condition, dealt=reference)
    inner = bare(kind)
    if not isinstance(inner, types.YesNoType | types.JsonType | Unknown):
        message = f"{look.shown(condition)} is {in_words(kind)}, not yes or no, so it is no condition by itself"
        about = look.source(condition)
        compared = ">= 1" if isinstance(inner, types.NumberType) else "is not empty"
        hint = f"compare it, for example `{about} {compared}`"
        look.tell("wrong-type", message, condition.span, hint)
    elif isinstance(kind, types.Optional) and isinstance(condition, ast.Ref):
        look.tell_maybe_empty(look.path(condition), condition.parts[-1].span)
    elif look.item is not None and not look.field_used:
        _tell_no_use(look, condition)
    look.field_used = used or look.field_used
    return Typed(resolved, _named(look, condition))


def _named(look: Lookup, *values: ast.Value) -> Facts:
    """The references in a comparison."""
    return frozenset(look.path(value) for value in values if isinstance(value, ast.Ref))


# ── Comparisons ──


def _compare(typer: Typing, condition: ast.Compare) -> ast.Compare:
    look = typer.look
    used, look.field_used = look.field_used, False
    left, left_kind = typer.value(condition.left)
    # A bare word is a choice behind `is` and `is not` only.
    choosing = condition.operator in ("is", "is not") or not isinstance(bare(left_kind), types.ChoiceType)
    right, right_kind = type_against(typer, condition.right, left_kind if choosing else types.TextType())
    if not look.field_used:
        _tell_no_use(look, condition.left)
    look.field_used = used or look.field_used
    _check_comparable(look, condition, left_kind, right_kind)
    return replace(condition, left=left, right=right)


def _is_one_of(typer: Typing, condition: ast.IsOneOf) -> ast.IsOneOf:
    look = typer.look
    used, look.field_used = look.field_used, False
    left, left_kind = typer.value(condition.left)
    options: list[ast.Atom] = []
    for option in condition.options:
        resolved, kind = type_against(typer, option, left_kind)
        options.append(resolved)  # type: ignore[arg-type]
        if isinstance(bare(kind), types.ListOf) and not isinstance(bare(left_kind), types.ListOf):
            message = f"{look.shown(option)} is a list; `is one of` takes single values"
            look.tell("wrong-type", message, option.span, "write them out, with commas")
        else:
            _check_equal(look, left_kind, kind, condition.left, option)
    if not look.field_used:
        _tell_no_use(look, condition.left)
    look.field_used = used or look.field_used
    return replace(condition, left=left, options=tuple(options))


def _tell_no_use(look: Lookup, left: ast.Value) -> None:
    """Inside `where`: a comparison that looks at nothing of the item."""
    if look.item is None or look.field_used or (isinstance(left, ast.Ref) and not look.knows(left.parts[0].text)):
        return
    item = bare(look.item)
    fields = [one.name for one in item.fields] if isinstance(item, types.RecordType) else []
    hint = f"the items have {listed(fields)}" if fields else "`it` is the item itself"
    look.tell("unknown-field", "this says nothing of the items: neither side is a field of theirs", left.span, hint)


def _check_comparable(look: Lookup, condition: ast.Compare, left: Type, right: Type) -> None:
    match condition.operator:
        case "is" | "is not":
            _check_equal(look, left, right, condition.left, condition.right)
        case "<" | "<=" | ">" | ">=":
            _check_ordered(look, condition, left, right)
        case "contains" | "does not contain":
            whole = bare(left)
            if isinstance(whole, types.ListOf):
                _check_equal(look, whole.item, right, condition.left, condition.right)
            else:
                _check_texts(look, condition, left, right)
        case _:
            _check_texts(look, condition, left, right)


def _check_equal(look: Lookup, left: Type, right: Type, left_value: ast.Value, right_value: ast.Value) -> None:
    a, b = bare(left), bare(right)
    if kind_of(a) == "date" and isinstance(right_value, ast.Text):
        _check_date(look, right_value)
    elif kind_of(b) == "date" and isinstance(left_value, ast.Text):
        _check_date(look, left_value)
    elif isinstance(a, types.ChoiceType) and isinstance(b, types.ChoiceType):
        if not {folded(c) for c in a.choices} & {folded(c) for c in b.choices}:
            message = f"{look.shown(left_value)} and {look.shown(right_value)} have no choice in common"
            look.tell("wrong-value", message, right_value.span)
    elif not equatable(a, b):
        message = f"{look.shown(left_value)} is {in_words(a)}, so it can't be compared with {in_words(b)}"
        look.tell("wrong-type", message, right_value.span, *how_to_compare(a, right_value))


def _check_ordered(look: Lookup, condition: ast.Compare, left: Type, right: Type) -> None:
    a, b = bare(left), bare(right)
    kinds = kind_of(a), kind_of(b)
    if "any" in kinds or kinds in (("number", "number"), ("date", "date")):
        return
    if kinds == ("date", "text") and isinstance(condition.right, ast.Text):
        _check_date(look, condition.right)
        return
    if kinds == ("text", "date") and isinstance(condition.left, ast.Text):
        _check_date(look, condition.left)
        return
    side, kind = (condition.left, a) if kinds[0] not in ("number", "date") else (condition.right, b)
    message = f"`{condition.operator}` compares numbers and dates; {look.shown(side)} is {in_words(kind)}"
    hints: tuple[str, ...] = ()
    if isinstance(kind, types.ListOf):
        hints = (f"count it first: `({look.source(side).strip('()')} | count) {condition.operator} …`",)
    elif isinstance(side, ast.Text):
        hints = how_to_compare(types.NumberType(), side)
    look.tell("wrong-type", message, side.span, *hints)


def _check_texts(look: Lookup, condition: ast.Compare, left: Type, right: Type) -> None:
    for value, kind in ((condition.left, bare(left)), (condition.right, bare(right))):
        if kind_of(kind) not in ("text", "any"):
            message = f"`{condition.operator}` works on text; {look.shown(value)} is {in_words(kind)}"
            look.tell("wrong-type", message, value.span)
            return


def _check_date(look: Lookup, value: ast.Text) -> None:
    text = plain_text(value)
    if not all(isinstance(part, str) for part in value.parts):
        return
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        look.tell("wrong-value", f"`{text}` is no date", value.span, 'a date is written `"2026-03-11"`')
