"""Checks a `tool`: one way to reach it, what it takes, and texts that name nothing else."""

from ..diagnostics.source import Span
from . import ast, types
from .address import BadAddress, split_address
from .book import Declared, Here, Reports, tell_bad_name
from .check_settings import check_lines, tell_no_text
from .checked import CheckedTool, Place
from .names import name_mistake
from .neighbours import File
from .tool_texts import OWN_HEADERS, body_mistake, origin_of, program_of
from .typed import Typer
from .types import Type

_METHODS = ("get", "post", "command", "python")


def check_tool(file: File, declared: Declared) -> CheckedTool | None:
    """The tool, checked; None if it has a mistake that leaves nothing to call."""
    section, here, reports = declared.section, declared.here, file.reports
    if section.unclosed:
        return None
    lines = check_lines(section, "tool", here, reports)
    takes: dict[str, tuple[Type, str]] = {}
    for line in lines:
        if isinstance(line, ast.Takes):
            if (why := name_mistake(line.name.text)) is not None:
                tell_bad_name(line.name, why, here, reports)
            elif line.name.text in takes:
                reports.add(here, "duplicate-name", f"this tool takes `{line.name.text}` already", line.name.span)
            takes.setdefault(line.name.text, (file.types.resolve(line.type, here, answer=True), line.description))
    locals = {name: kind for name, (kind, _) in takes.items()}
    typer = Typer.at(file.flows[""], here, locals, lenient=True)
    typer.look.only = frozenset(locals)
    secrets = _secrets(file) - locals.keys()
    about: ast.Text | None = None
    body: ast.Text | None = None
    method, target, function = "", ast.Text((), Span(0, 0)), ""
    target_span = declared.name.span
    headers: list[tuple[str, ast.Text]] = []
    named: set[str] = set()
    returns: Type | None = None
    chosen: ast.Name | None = None
    for line in lines:
        match line:
            case ast.HeaderLine(name, text):
                _check_header_name(name, here, reports)
                headers.append((name.text, _header(file, typer, text, secrets, named)))
            case ast.Returns(of):
                returns = file.types.resolve(of, here, answer=True)
            case ast.Setting(key, items):
                word = key.text
                if word in _METHODS:
                    if chosen is not None:
                        message = (
                            f"a tool has one of `get`, `post`, `command` and `python`, and `{chosen.text}` is here"
                        )
                        reports.add(here, "duplicate-setting", message, key.span)
                        continue
                    chosen = key
                    method = word
                if word == "python":
                    if len(items) == 1 and isinstance(items[0], ast.Function):
                        target, function = items[0].path, items[0].name.text
                        target_span = items[0].span
                    else:
                        reports.add(here, "wrong-value", '`python` takes `"tools.py" lookup`', items[0].span)
                    continue
                item = items[0]
                if len(items) > 1 or not isinstance(item, ast.Text | ast.FileText):
                    tell_no_text(line, here, reports)
                    continue
                typer.prose = word == "about"  # a value is one word of a command, and JSON in a body
                typer.word = word == "command"
                resolved = typer.text(item)
                match word:
                    case "about":
                        about = resolved
                    case "body":
                        body = resolved
                        if why := body_mistake(resolved):
                            reports.add(here, "wrong-value", why, item.span)
                    case _:
                        target, target_span = resolved, item.span
                        _check_target(word, resolved, item.span, here, reports)
    if chosen is None and not section.broken:
        message = f"the tool `{declared.name.text}` has no way to be reached"
        hint = "it needs one of `get:`, `post:`, `command:` and `python:`"
        reports.add(here, "missing-setting", message, declared.name.span, hint)
        return None
    if body is not None and method and method != "post":
        line_key = next(one.key for one in lines if isinstance(one, ast.Setting) and one.key.text == "body")
        reports.add(here, "unknown-setting", f"`body` goes with `post:`, not with `{method}:`", line_key.span)
    if section.broken or chosen is None:
        return None
    given = tuple((name, kind, description) for name, (kind, description) in takes.items())
    return CheckedTool(
        name=declared.name.text,
        about=about,
        takes=given,
        method=method,
        target=target,
        function=function,
        headers=tuple(headers),
        body=body,
        returns=returns,
        place=Place(here.source, declared.name.span.moved(here.start)),
        target_place=Place(here.source, target_span.moved(here.start)),
        file=file.loaded.path,
        secrets=tuple(sorted(named)),
    )


def _check_target(method: str, target: ast.Text, span: Span, here: Here, reports: Reports) -> None:
    """Tells of a program or a host that is not written out, and of a command that can't be split into words."""
    try:
        if method == "command":
            program_of(target)
        else:
            split_address(origin_of(target))
    except BadAddress as bad:
        reports.add(here, "wrong-value", bad.message, span, *bad.hints)
    except ValueError as why:
        hint = "a value can be filled in behind it, as in `https://weather.example/v1?city={{ city }}`"
        reports.add(here, "wrong-value", str(why), span, *(() if method == "command" else (hint,)))


def _check_header_name(name: ast.Name, here: Here, reports: Reports) -> None:
    if name.text.lower() in OWN_HEADERS:
        message = f"the header `{name.text}` is set by the runner alone"
        reports.add(here, "wrong-value", message, name.span, "leave this line out")


def _secrets(file: File) -> frozenset[str]:
    """The secret inputs of all flows: a tool sees those of the flow whose step uses it."""
    return frozenset(
        name
        for flow in file.flows.values()
        for name, (kind, _) in flow.wanted_inputs().items()
        if isinstance(types.bare(kind), types.SecretType)
    )


def _header(
    file: File, typer: Typer, text: ast.Text | ast.FileText, secrets: frozenset[str], named: set[str]
) -> ast.Text:
    """A header's text: the one place that may name a secret; those it names are added to `named`."""
    look = typer.look
    before = look.locals, look.only
    look.locals = {**look.locals, **{name: types.SecretType() for name in secrets}}
    look.only = frozenset(look.locals)
    resolved = typer.text(text)
    look.locals, look.only = before
    named |= secrets & look.used
    for flow in file.flows.values():
        for name in secrets & look.used:
            flow.find(name)  # it is used
    return resolved
