"""Checks `judge`: what a model is to decide, and that the judge of a test has a model to ask."""

from collections.abc import Iterable

from . import ast
from .book import Here, Reports
from .checked import CheckedFlow, JudgeLine
from .facts import Models


def check_rule(judgement: ast.Judgement, here: Here, reports: Reports) -> None:
    """Tells of a rule without words: whatever a model answers to it, it means nothing."""
    if not any(not isinstance(part, str) or part.strip() for part in judgement.rule.parts):
        message = "this rule is empty, so there is nothing to judge by"
        reports.add(here, "missing-setting", message, judgement.rule.span, 'say what must hold: `judge "Is polite"`')


def check_judges(flow: CheckedFlow, models: Models, reports: Reports) -> None:
    """Warns of judges in tests for which no line, no step before them and no project names a model.

    The test is going to fail; the flow itself may be run, with a model that the command line names.
    """
    if models.model:
        return
    for test in flow.tests:
        for judge in test.judges:
            if "model" in judge.using or (not judge.using and _has_model(flow, judge)):
                continue
            message = "no model is named that could judge this"
            hints = ("name one behind the rule: `using PRESET`", "or add [project] model to flowlang.toml")
            here, span = Here(judge.place.source, 0), judge.place.span
            reports.add(here, "missing-setting", message, span, *hints, severity="warning")


def _has_model(flow: CheckedFlow, judge: JudgeLine) -> bool:
    """Whether some step that the judged value comes from names one."""
    outputs = {output.name: output.reads for output in flow.outputs}
    left: list[str] = [*judge.reads, *_all(outputs.get(name, ()) for name in judge.outputs)]
    seen: set[str] = set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if (step := flow.steps.get(name)) is not None:
            if "model" in step.parameters:
                return True
            left += step.waits_for
        elif (let := flow.lets.get(name)) is not None:
            left += let.reads
    return False


def _all(groups: Iterable[Iterable[str]]) -> list[str]:
    return [one for group in groups for one in group]
