"""Plain values where a type is wanted: a default, a test's input, what `with` hands on."""

from datetime import date
from decimal import Decimal

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from . import ast, types
from .book import Here, Reports
from .condition_types import type_against
from .matching import choice_meant, fits, in_words, listed, looks_like_number, plain_text
from .scalars import check_bounds
from .typed import Typer
from .types import Type, Unknown, bare, spelled


def fit_plain(value: ast.Atom, kind: Type, typer: Typer) -> ast.Atom | None:
    """The value as its type has it, a bare choice as a text; None if it does not fit, which is told."""
    match value:
        case ast.ListValue(items) if isinstance(kind, types.ListOf):
            done = tuple(fitted for item in items if (fitted := fit_plain(item, bare(kind.item), typer)))
            if (kind.low is not None and len(items) < kind.low) or (kind.high is not None and len(items) > kind.high):
                message = f"this list has {len(items)} items, and `{spelled(kind)}` is wanted"
                typer.tell("out-of-range", message, value.span)
            return ast.ListValue(done, value.span)
        case ast.Ref():
            return _fit_word(value, kind, typer)
        case ast.Text() | ast.FileText():
            resolved = typer.text(value)
            return resolved if check_plain(resolved, kind, typer.look.here, typer.look.names.reports) else None
    chosen, found = type_against(typer, value, kind)
    if isinstance(kind, types.ChoiceType) and isinstance(chosen, ast.Text):
        return chosen
    if not fits(found, kind):
        hints: tuple[str, ...] = ()
        if isinstance(kind, types.TextType) and isinstance(value, ast.Number):
            hints = (f'put it in quotes: `"{value.value}"`',)
        elif isinstance(kind, types.ListOf):
            hints = (f"a list stands in brackets: `[{typer.look.source(value)}]`",)
        message = f"{in_words(kind)} is wanted here, and this is {in_words(found)}"
        typer.tell("wrong-type", message, value.span, *hints)
        return None
    return value if check_plain(value, kind, typer.look.here, typer.look.names.reports) else None


def _fit_word(value: ast.Ref, kind: Type, typer: Typer) -> ast.Text | None:
    if isinstance(kind, types.ChoiceType):
        resolved, _ = type_against(typer, value, kind)
        return resolved if isinstance(resolved, ast.Text) else None
    if isinstance(kind, Unknown):
        return None
    hints: tuple[str, ...] = ()
    if isinstance(kind, types.TextType):
        hints = (f'a text stands in quotes: `"{value}"`',)
    elif isinstance(kind, types.YesNoType):
        hints = ("write `yes` or `no`",)
    typer.tell("wrong-type", f"`{value}` is a bare word, and {in_words(kind)} is wanted", value.span, *hints)
    return None


def check_plain(value: ast.Value, kind: Type, here: Here, reports: Reports) -> bool:
    """Whether a written value is of its type and within its bounds and choices; what is not is told."""
    match value:
        case ast.Text(parts):
            return any(not isinstance(part, str) for part in parts) or _check_text(value, kind, here, reports)
        case ast.Number(number) if isinstance(kind, types.NumberType):
            return _check_number(number, kind, value.span, here, reports)
    return True


def _check_text(value: ast.Text, kind: Type, here: Here, reports: Reports) -> bool:
    text = plain_text(value)
    match kind:
        case types.ChoiceType(choices):
            if choice_meant(text, choices) is not None:
                return True
            near = nearest(text, list(choices))
            hints = (f"did you mean `{near}`?",) if near else ()
            message = f"`{text}` is none of the choices {listed(list(choices))}"
            reports.add(here, "wrong-value", message, value.span, *hints)
            return False
        case types.DateType():
            try:
                date.fromisoformat(text.strip())
            except ValueError:
                hint = 'a date is written `"2026-03-11"`'
                reports.add(here, "wrong-value", f"`{text}` is no date", value.span, hint)
                return False
            return True
        case types.TextType():
            why = check_bounds(text, kind)
            if why is not None:
                reports.add(here, "out-of-range", f"this {why}", value.span)
            return why is None
        case types.DocumentType() | types.JsonType() | Unknown():
            return True
    hints = ()
    if isinstance(kind, types.NumberType) and looks_like_number(text):
        hints = (f"write it without quotes: `{text.strip()}`",)
    elif isinstance(kind, types.YesNoType) and text.strip().casefold() in ("yes", "no"):
        hints = (f"write it without quotes: `{text.strip().casefold()}`",)
    elif isinstance(kind, types.ListOf):
        hints = ("a list stands in brackets: `[…]`",)
    reports.add(here, "wrong-type", f"{in_words(kind)} is wanted here, and this is a text", value.span, *hints)
    return False


def _check_number(number: Decimal, kind: types.NumberType, span: Span, here: Here, reports: Reports) -> bool:
    why = check_bounds(number, kind)
    if why is None:
        return True
    fraction = kind.whole and number != number.to_integral_value()
    reports.add(here, "wrong-type" if fraction else "out-of-range", f"this {why}", span)
    return False
