"""Checks what a test's `answer` lines say, as far as that needs no run: records, lists, and the rules of the step.

How an answer is read is the business of whoever reads models' answers (`AnswerIn`).
"""

from collections.abc import Mapping

from . import ast, types
from .book import Here, Reports
from .checked import AnswerIn, AnswerLine, CheckedFlow, CheckedStep
from .expression import Scope, evaluate, holds
from .lookup import refs_of
from .matching import plain_text
from .reading import read_json
from .types import Type, bare, spelled
from .values import Value, ValueMistake


def check_answers(flow: CheckedFlow, answer_in: AnswerIn, reports: Reports) -> None:
    """Tells of answers that do not fit their step, or break a condition of it that needs nothing else."""
    for test in flow.tests:
        for line in test.answers:
            _check_answer(flow, line, answer_in, reports)


def _check_answer(flow: CheckedFlow, line: AnswerLine, answer_in: AnswerIn, reports: Reports) -> None:
    here, span, name = Here(line.place.source, 0), line.place.span, ".".join(line.path)
    match line.value:
        case ast.Text():
            text = plain_text(line.value)
            value, why = answer_in(text, line.type)
            if line.type is not None and why:
                message = f"this answer does not fit `{spelled(line.type)}`"
                reports.add(here, "bad-answer", message, span, why)
                return
            if (strange := _strange_field(text, line.type)) is not None:
                field, known = strange
                near = reports.nearest(field, known)
                hint = f"did you mean `{near}`?" if near else f"there is {', '.join(f'`{one}`' for one in known[:8])}"
                message = f"this answer has a field `{field}`, and step `{name}` returns none of that name"
                reports.add(here, "bad-answer", message, span, hint)
                return
        case ast.Number() | ast.YesNo() | ast.ListValue():
            value = evaluate(line.value, Scope({}))
        case _:
            return
    step = flow.steps.get(line.path[0]) if len(line.path) == 1 else None
    if step is not None and (words := _broken(step, value, flow)):
        reports.add(here, "bad-answer", f"this answer breaks a rule of step `{name}`", span, f"its rule: `{words}`")


def _strange_field(text: str, of: Type | None) -> tuple[str, list[str]] | None:
    """A field of the answer that its record does not have, and those that it has."""
    inner = None if of is None else bare(of)
    record = bare(inner.item) if isinstance(inner, types.ListOf) else inner
    if not isinstance(record, types.RecordType) or record.open:
        return None
    try:
        found = read_json(text)
    except ValueMistake:
        return None  # in a fence, which a model's answer may be
    known = [one.name for one in record.fields]
    for item in found if isinstance(found, tuple) else (found,):
        for field in item if isinstance(item, Mapping) else ():
            if field not in known and not (field == "answer" and isinstance(inner, types.ListOf)):
                return field, known
    return None


def _broken(step: CheckedStep, value: Value, flow: CheckedFlow) -> str:
    """The words of the first condition that the answer breaks; empty if that takes more than the answer to know."""
    other = {*flow.inputs, *flow.steps, *flow.lets, *(loop.name for loop in step.loops), "place"} - {step.name}
    for ensured in step.ensures:
        if isinstance(ensured.rule, ast.Text) and ensured.judged:
            continue
        if any(ref.parts[0].text in other for ref in refs_of(ensured.rule)):
            continue
        try:
            if not holds(ensured.rule, Scope({step.name: value})):
                return ensured.words
        except ValueMistake:
            continue
    return ""
