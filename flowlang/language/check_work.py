"""Checks what a step does: one of `prompt`, `run` and `call`, with the lines that belong to it and no others."""

from ..diagnostics.source import Span
from . import ast
from .check_messages import MESSAGES
from .check_settings import may_have_meant
from .settings import SETTINGS
from .step_lines import StepLines

_ONLY_PROMPT = (*MESSAGES, "continues", "returns", "samples", "uses", "rounds", "ensure", "model")
_OF_NO_MODEL = ("tries", "timeout", "cache")  # parameters that a tool's call can have, too


def check_work(step: StepLines) -> None:
    """One of `prompt`, `run` and `call`, with what belongs to it."""
    name = step.name
    work = [step.setting(key) for key in ("prompt", "run", "call")]
    present = [one for one in work if one is not None]
    if not present:
        if not step.section.broken and not may_have_meant(step.declared, "prompt", "run", "call"):
            message = f"the step `{name.text}` has nothing to do"
            hint = "it needs a `prompt:`, or a flow to `run:`, or a tool to `call:`"
            step.reports.add(step.here, "missing-setting", message, name.span, hint)
        return
    if step.kind != "prompt":
        for line in step.lines:
            _check_no_model(step, line)
        for more in present[0].items[1:2]:
            message = f"`{step.kind}` takes one {'flow' if step.kind == 'run' else 'tool'}"
            step.reports.add(step.here, "wrong-value", message, more.span, "give the other one a step of its own")
    elif not step.section.broken:
        for with_line in (line for line in step.lines if isinstance(line, ast.With)):
            message = "`with` hands a value to a flow or tool, and this step asks a model"
            hint = "it goes with `run:` and `call:`; a prompt names what it needs in `{{ }}`"
            span = Span(with_line.span.start, with_line.span.start + 4)
            step.reports.add(step.here, "unknown-setting", message, span, hint)
    if not step.section.broken:
        _check_partner(step, "failures", step.repeats, "`repeat for each`")
        _check_partner(step, "rounds", step.setting("uses") is not None, "`uses:`")


def _check_no_model(step: StepLines, line: ast.Line) -> None:
    """A line that is about a model's answer, in a step that asks none."""
    if isinstance(line, ast.Extra):
        key = ast.Name("extra", Span(line.span.start, line.span.start + len("extra")))
    elif isinstance(line, ast.Setting | ast.Returns | ast.Ensure):
        key = line.key
    else:
        return
    row = SETTINGS.get(("step", key.text))
    parameter = key.text == "extra" or (row is not None and row.parameter and key.text not in _OF_NO_MODEL)
    if parameter or key.text in _ONLY_PROMPT or key.text == "call" != step.kind:
        message = f"a step with `{step.kind}:` asks no model, so it takes no `{key.text}`"
        step.reports.add(step.here, "unknown-setting", message, key.span, "leave one of them out")


def _check_partner(step: StepLines, key: str, there: bool, words: str) -> None:
    setting = step.setting(key)
    if setting is not None and not there:
        message = f"`{key}` goes with {words}, which is not here"
        step.reports.add(step.here, "unknown-setting", message, setting.key.span, "leave it out, or add that")
