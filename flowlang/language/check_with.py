"""Checks what a step hands on: the `with` lines of a step that runs a flow or calls a tool."""

from collections.abc import Mapping

from ..diagnostics.diagnostic import nearest
from . import ast, types
from .matching import fits, in_words, listed
from .plain import check_plain
from .typed import Typer
from .types import Type, Unknown, bare

Wanted = Mapping[str, tuple[Type, bool]]  # what a flow or tool takes: type, and whether it can be left out


def check_with(
    lines: tuple[ast.With, ...], wanted: Wanted, target: ast.Word, kind: str, complete: bool, typer: Typer
) -> tuple[tuple[str, ast.Value], ...]:
    """What is handed on. `kind` is "run" or "call"; not `complete`: a line that can't be read may be a `with`."""
    given: dict[str, ast.Value] = {}
    strange: list[str] = []
    for line in lines:
        name = line.name
        if name.text in given:
            typer.tell("duplicate-setting", f"`{name.text}` is given already", name.span)
        want = wanted.get(name.text)
        if want is None:
            strange.append(name.text)
            near = nearest(name.text, list(wanted))
            hints = (f"did you mean `{near}`?",) if near else (f"it takes {listed(list(wanted))}",)
            what = "the flow has no input" if kind == "run" else "the tool takes nothing"
            typer.tell("unknown-name", f"{what} called `{name.text}`", name.span, *hints)
        given[name.text] = _check_given(line, want, typer)
    missing = [name for name, (_, optional) in wanted.items() if not optional and name not in given]
    # A misspelt name is told once.
    missing = [name for name in missing if not any(nearest(word, [name]) for word in strange)]
    if missing and complete:
        message = f"`{target.text}` needs a value for {listed(missing)}"
        typer.tell("missing-input", message, target.span, f"add a line `with {missing[0]}: …`")
    return tuple(given.items())


def _check_given(line: ast.With, want: tuple[Type, bool] | None, typer: Typer) -> ast.Value:
    kind, optional = want or (Unknown(), False)
    value, inner = line.value, bare(kind)
    look = typer.look
    if isinstance(inner, types.ChoiceType) and isinstance(value, ast.Ref) and len(value.parts) == 1:
        word = value.parts[0].text
        if word in inner.choices and not look.knows(word):
            message = f"there is nothing called `{word}` here; a choice that is handed on stands in quotes"
            typer.tell("unknown-name", message, value.span, f'write `"{word}"`')
            return value
    before, look.secrets = look.secrets, isinstance(inner, types.SecretType)
    resolved, found = typer.value(value, dealt=optional)
    look.secrets = before
    reports = look.names.reports
    if want is None or isinstance(bare(found), Unknown):
        return resolved
    if isinstance(value, ast.Text) and isinstance(inner, types.ChoiceType | types.DateType):
        check_plain(value, inner, look.here, reports)
    elif not fits(found, kind):
        message = f"`{line.name.text}` takes {in_words(kind)}, and this is {in_words(found)}"
        typer.tell("wrong-type", message, value.span)
    elif isinstance(value, ast.Number | ast.Text):
        check_plain(value, inner, look.here, reports)
    return resolved
