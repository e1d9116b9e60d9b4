"""Checks a `test`: its inputs, the answers it gives in a model's stead, and what it expects."""

from typing import TYPE_CHECKING

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from . import ast, types
from .book import Declared, did_you_mean
from .check_limits import outputs_by_name
from .check_settings import check_lines
from .typed import Typer
from .types import Type, Unknown, bare

if TYPE_CHECKING:
    from .check_flow import FlowCheck


def check_test(flow: "FlowCheck", declared: Declared) -> None:
    """Tells what is wrong with a test."""
    section, here = declared.section, declared.here
    header = section.header
    assert isinstance(header, ast.Test)
    if section.unclosed:
        return
    lines = check_lines(section, "test", here, flow.reports)
    names: dict[str, Type] = dict(outputs_by_name(flow))
    for row in (line for line in lines if isinstance(line, ast.ForEachRow)):
        if row.name.text in flow.book.names:
            message = f"`{row.name.text}` is the name of something else already"
            flow.reports.add(here, "duplicate-name", message, row.name.span)
        names[row.name.text] = types.RecordType("row", (), open=True)
    typer = Typer(flow, here, locals=names, lenient=True)
    given: set[str] = set()
    for line in lines:
        match line:
            case ast.With():
                _check_with(flow, line, typer, given)
            case ast.Answer():
                _check_answer(flow, line, typer)
            case ast.Expect(condition):
                typer.condition(condition)
            case ast.JudgeLine(value, judgement):
                typer.value(value)
                if judgement.using is not None:
                    flow.preset(judgement.using, here, typer)
            case ast.Setting(key, items):
                _check_passes(flow, key, items, declared)
    if section.broken:
        return
    if not any(isinstance(line, ast.Expect | ast.JudgeLine) for line in lines):
        message = "this test expects nothing, so it can't fail"
        hint = "add a line like `expect brief is not empty`"
        flow.reports.add(here, "missing-setting", message, header.title_span, hint)
    missing = [name for name, (_, optional) in flow.wanted_inputs().items() if not optional and name not in given]
    if missing:
        message = f"this test gives no value for the input `{missing[0]}`"
        hint = f"add a line `with {missing[0]}: …`"
        flow.reports.add(here, "missing-input", message, header.title_span, hint)


def _check_with(flow: "FlowCheck", line: ast.With, typer: Typer, given: set[str]) -> None:
    name = line.name
    inputs = {one.name.text: one for one in flow.book.inputs}
    if name.text not in inputs:
        hint = did_you_mean(name.text, inputs)
        message = f"there is no input called `{name.text}`"
        flow.reports.add(typer.here, "unknown-name", message, name.span, *((hint,) if hint else ()))
        return
    if name.text in given:
        flow.reports.add(typer.here, "duplicate-setting", f"`{name.text}` is given already", name.span)
    given.add(name.text)
    kind = bare(flow.wanted_inputs()[name.text][0])
    if isinstance(line.value, ast.Ref) and line.value.parts[0].text in typer.locals:
        typer.value(line.value)
        return
    if isinstance(line.value, ast.Piped):
        typer.value(line.value)
        return
    plain = line.value
    if _is_file(plain) and isinstance(kind, types.DocumentType | types.MediaType | types.ListOf | types.SecretType):
        return  # read as the input's flag would read it, when the test runs
    if isinstance(kind, types.MediaType):
        message = f"an {kind.kind} comes from a file"
        flow.reports.add(typer.here, "wrong-type", message, plain.span, f'write `with {name.text}: file "…"`')
        return
    if isinstance(kind, types.SecretType | Unknown):
        return
    if isinstance(kind, types.ListOf) and not isinstance(plain, ast.ListValue):
        return
    flow.fit_plain(plain, kind, typer)


def _is_file(value: ast.Atom) -> bool:
    if isinstance(value, ast.ListValue):
        return all(_is_file(item) for item in value.items)
    return isinstance(value, ast.FileText)


def _check_answer(flow: "FlowCheck", line: ast.Answer, typer: Typer) -> None:
    first = line.step.parts[0]
    steps = {one.name.text: one for one in flow.book.steps}
    declared = steps.get(first.text)
    if declared is None:
        if flow.is_swallowed(first.text):
            return
        near = nearest(first.text, list(steps))
        hint = f"did you mean `{near}`? {steps[near].told()}" if near else "an `answer` names a step of this flow"
        flow.reports.add(typer.here, "unknown-name", f"there is no step called `{first.text}`", first.span, hint)
        return
    kind = bare(flow.steps[declared.here.start].answer_type)
    value = line.value
    plain = isinstance(kind, types.ChoiceType | types.NumberType | types.YesNoType | types.DateType)
    if plain and isinstance(value, ast.Text) and not isinstance(kind, types.YesNoType | types.NumberType):
        flow.check_plain(value, kind, typer.here)
    elif isinstance(value, ast.Ref) and value.parts[0].text not in typer.locals:
        flow.fit_plain(value, kind, typer)


def _check_passes(flow: "FlowCheck", key: ast.Name, items: tuple[ast.Item, ...], declared: Declared) -> None:
    here = declared.here
    match items:
        case (ast.OutOf(number, of),):
            for one in (number, of):
                if one.value != one.value.to_integral_value() or one.value < 1:
                    message = "`passes` counts whole tries, at least one"
                    flow.reports.add(here, "out-of-range", message, one.span)
                    return
            if number.value > of.value:
                message = f"{number.value} of {of.value} tries can't pass"
                flow.reports.add(here, "out-of-range", message, Span(number.span.start, of.span.end))
        case _:
            flow.reports.add(here, "wrong-value", "`passes` takes `4 of 5`", items[0].span if items else key.span)
