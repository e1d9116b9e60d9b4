"""Checks `limits`: the most that a run may cost, and what must hold in the end."""

from decimal import Decimal

from ..diagnostics.source import Span
from . import ast
from .check_settings import SettingReader, check_lines
from .checked import CheckedLimits, Expectation
from .neighbours import Flow
from .settings import SETTINGS
from .typed import Typer
from .types import Type


def check_limits(flow: Flow) -> CheckedLimits:
    """The limits of a flow; empty without a `limits` section."""
    found: dict[str, Decimal] = {}
    expects: list[Expectation] = []
    for declared in flow.book.limits:
        section, here = declared.section, declared.here
        if section.unclosed:
            continue
        typer = Typer.at(flow, here, outputs_by_name(flow), lenient=True)
        reader = SettingReader(typer)
        lines = check_lines(section, "limits", here, flow.reports)
        if not lines and not section.broken and not section.lines:
            message = "these limits are empty"
            flow.reports.add(here, "missing-setting", message, Span(0, 6), "for example `cost: 2.00`, `time: 10m`")
        for line in lines:
            if isinstance(line, ast.Expect):
                typer.look.reads = {}
                typer.look.used = set()
                condition = typer.condition(line.condition).condition
                span = line.condition.span
                words = here.source.text[here.start + span.start : here.start + span.end]
                reads, outputs = tuple(typer.look.reads), tuple(sorted(typer.look.used))
                expects.append(Expectation(condition, " ".join(words.split()), reads, outputs, reader.place(span)))
            elif isinstance(line, ast.Setting):
                parameter = reader.read(line, SETTINGS[("limits", line.key.text)])
                if parameter is not None and isinstance(parameter.value, Decimal):
                    found[line.key.text] = parameter.value
    calls = found.get("calls")
    return CheckedLimits(found.get("cost"), None if calls is None else int(calls), found.get("time"), tuple(expects))


def outputs_by_name(flow: Flow) -> dict[str, Type]:
    """The types of outputs whose name is nothing else's: what a test may name besides inputs, lets and steps."""
    return {name: kind for name, _, kind, _ in flow.outputs() if name not in flow.book.names}
