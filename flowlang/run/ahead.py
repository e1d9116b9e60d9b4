"""Settings in braces that hang on inputs alone: what is wrong with them is found before anything is asked."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from ..language import ast
from ..language.checked import CheckedStep, Place
from ..language.expression import Scope, evaluate
from ..language.lookup import refs_of
from ..language.unsettled import Unsettled
from ..language.values import EMPTY, Value, ValueMistake, bare, kind_of
from ..language.writing import number_text
from ..plan.graph import Plan, PlannedStep
from ..plan.requests import EmptyParameter, settled_one
from .outcome import Failure

MOST_SAMPLES = 1_000


def wrong_settings(plan: Plan, inputs: Mapping[str, Value]) -> dict[str, Failure]:
    """What is wrong with a setting, by step: of the steps that will be carried out whatever the models say."""
    found: dict[str, Failure] = {}
    for node in plan.steps():
        if isinstance(node.of, CheckedStep) and node.of.when is None:
            for failure in _wrong(node, node.of, inputs):
                found.setdefault(node.name, failure)
    return found


def wrong_count(setting: str, found: Value, place: Place) -> Failure | None:
    """What is wrong with a number of samples or rounds; None if nothing is."""
    if isinstance(found, Decimal) and found == found.to_integral_value() and 1 <= found <= MOST_SAMPLES:
        return None
    shown = number_text(found) if isinstance(found, Decimal) else kind_of(found)
    message = f"`{setting}` must be a whole number from 1 to {MOST_SAMPLES:,}, not {shown}"
    return Failure("out-of-range", message, place)


def _wrong(node: PlannedStep, step: CheckedStep, inputs: Mapping[str, Value]) -> Iterator[Failure]:
    scope = Scope(inputs)
    for ask in (*node.asks, *(judge for judge in node.judges if judge is not None)):
        for name, parameter in ask.parameters.items():
            if not isinstance(parameter.value, str | Decimal | bool | tuple) and _is_known(parameter.value, inputs):
                try:
                    settled_one(name, parameter.value, scope)
                except ValueMistake as mistake:
                    yield Failure("wrong-value", mistake.message, parameter.place)
                except EmptyParameter:
                    pass  # the step is skipped
    for name, written in (("samples", step.samples), ("rounds", step.rounds)):
        if written is not None and not isinstance(written, int) and _is_known(written, inputs):
            place = step.settings[name]
            try:
                value = bare(evaluate(written, scope))
            except ValueMistake as mistake:
                yield Failure("wrong-value", mistake.message, place)
                continue
            if value is not EMPTY and (failure := wrong_count(name, value, place)) is not None:
                yield failure


def _is_known(value: ast.Value, inputs: Mapping[str, Value]) -> bool:
    names = [ref.parts[0].text for ref in refs_of(value)]
    return all(name in inputs and not isinstance(inputs[name], Unsettled) for name in names)
