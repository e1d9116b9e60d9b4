"""Checks a `test`: its inputs, the answers it gives in a model's stead, and what it expects."""

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from . import ast, types
from .book import Declared, did_you_mean
from .check_limits import outputs_by_name
from .check_settings import check_lines
from .matching import in_words, plain_text
from .neighbours import Flow
from .plain import check_plain, fit_plain
from .scalars import read_number, read_yes_no
from .typed import Typer
from .types import Type, Unknown, bare


def check_test(flow: Flow, declared: Declared) -> None:
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
    typer = Typer.at(flow, here, names, lenient=True)
    given: set[str] = set()
    answered: set[str] = set()
    for line in lines:
        match line:
            case ast.With():
                _check_with(flow, line, typer, given)
            case ast.Answer():
                _check_answer(flow, line, typer, answered)
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
    inputs = flow.wanted_inputs()
    strange = given - inputs.keys()
    missing = [name for name, (_, optional) in inputs.items() if not optional and name not in given]
    # A misspelt name is told once.
    missing = [name for name in missing if not any(nearest(word, [name]) for word in strange)]
    if missing:
        message = f"this test gives no value for the input `{missing[0]}`"
        hint = f"add a line `with {missing[0]}: …`"
        flow.reports.add(here, "missing-input", message, header.title_span, hint)


def _check_with(flow: Flow, line: ast.With, typer: Typer, given: set[str]) -> None:
    name, value = line.name, line.value
    wanted = flow.wanted_inputs()
    if name.text in given:
        typer.tell("duplicate-setting", f"`{name.text}` is given already", name.span)
    given.add(name.text)
    if name.text not in wanted:
        hint = did_you_mean(name.text, {one.name.text: one for one in flow.book.inputs})
        typer.tell("unknown-name", f"there is no input called `{name.text}`", name.span, *((hint,) if hint else ()))
        return
    kind = bare(wanted[name.text][0])
    match value:
        case ast.Piped():
            typer.value(value)
            return
        case ast.Ref(parts=(first, *more)) if more or first.text in typer.look.locals:
            typer.value(value)
            return
    files = types.DocumentType | types.MediaType | types.ListOf | types.SecretType
    if isinstance(kind, types.SecretType | Unknown) or (_is_file(value) and isinstance(kind, files)):
        return  # a file is read as the input's flag would read it, when the test runs
    if isinstance(kind, types.MediaType):
        message = f"{in_words(kind)} comes from a file"
        typer.tell("wrong-type", message, value.span, f'write `with {name.text}: file "…"`')
    elif kind != types.TABLE:
        fit_plain(value, kind, typer)


def _is_file(value: ast.Value) -> bool:
    if isinstance(value, ast.ListValue):
        return all(_is_file(item) for item in value.items)
    return isinstance(value, ast.FileText)


def _check_answer(flow: Flow, line: ast.Answer, typer: Typer, answered: set[str]) -> None:
    first = line.step.parts[0]
    step = flow.find_step(first, typer.look.here)
    if step is None:
        return
    if str(line.step) in answered:
        typer.tell("duplicate-setting", f"`{line.step}` is answered already", first.span)
    answered.add(str(line.step))
    kind, value = bare(step.answer_type), line.value
    match value:
        case ast.Text():
            _check_text_answer(value, kind, typer)
        case ast.Ref(parts=(only,)) if only.text not in typer.look.locals:
            fit_plain(value, kind, typer)
        case ast.Number() | ast.YesNo() | ast.ListValue():
            if not isinstance(kind, types.RecordType):
                fit_plain(value, kind, typer)
        case _:
            typer.value(value)


def _check_text_answer(value: ast.Text, kind: Type, typer: Typer) -> None:
    """A text that stands in for a model's answer, and is read as one."""
    here, reports, text = typer.look.here, typer.look.names.reports, plain_text(value)
    try:
        match kind:
            case types.ChoiceType() | types.DateType() | types.TextType():
                check_plain(value, kind, here, reports)
            case types.NumberType():
                check_plain(ast.Number(read_number(text), value.span), kind, here, reports)
            case types.YesNoType():
                read_yes_no(text)
    except ValueError as why:
        typer.tell("wrong-type", str(why), value.span)


def _check_passes(flow: Flow, key: ast.Name, items: tuple[ast.Item, ...], declared: Declared) -> None:
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
