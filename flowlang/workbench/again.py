"""What a run is given that repeats another: the inputs of that one out of the store, secrets from the command line."""

from collections.abc import Mapping
from dataclasses import replace

from ..language.checked import CheckedFlow
from ..language.types import SecretType
from ..language.values import EMPTY, Value
from ..record import record
from ..run.exit import WRONG_INPUT
from ..run.fetched import Fetch
from ..run.fitting import Misfit, fitted
from ..run.row_inputs import RowInputs
from ..store.frozen import Gone, thawed
from ..store.history import History, PastRun
from .given import Given
from .opening import open_inputs
from .refusal import Refusal, all_in_one
from .screen import Screen


@record
class Again:
    """A run that repeats others, `numbers`, the last one first. `values`: the inputs that it has from them."""

    numbers: tuple[int, ...]
    values: Mapping[str, Value]

    def inputs(self, flow: CheckedFlow, given: Given, screen: Screen, fetch: Fetch) -> Mapping[str, Value]:
        """The inputs of the run: secrets as they are given now. Ends the command for one that is missing."""
        now = open_inputs(flow, given, screen, complete=False, fetch=fetch)
        values = {**now, **self.values}
        slips = [_missing(name, flow, self.numbers[0]) for name in flow.inputs if name not in values]
        if slips:
            raise all_in_one(slips)
        return {name: values[name] for name in flow.inputs}

    def rows(self, rows: RowInputs) -> RowInputs:
        """The same rows with what was given beside them."""
        beside = {name: value for name, value in self.values.items() if name not in rows.columns}
        wrong = tuple(one for one in rows.mistakes if one.rule != "missing-input" or one.input not in beside)
        return replace(rows, fixed={**rows.fixed, **beside}, mistakes=wrong)


def values_again(history: History, run: PastRun, flow: CheckedFlow) -> Mapping[str, Value]:
    """The inputs that a run had, as the flow takes them now, but for secrets. Ends the command for what is gone."""
    kept = run.body.get("inputs")
    values: dict[str, Value] = {}
    slips: list[Refusal] = []
    for name, told in kept.items() if isinstance(kept, Mapping) else ():
        one = flow.inputs.get(name)
        if one is None or (isinstance(one.type, SecretType) and told is not None):
            continue
        try:
            value = thawed(told, history.text)
            values[name] = value if value is EMPTY and one.optional else fitted(value, one.type)
        except (Gone, ValueError, ArithmeticError, RecursionError):
            hint = f"run it anew: flowlang run {flow.source.path} --{name} …"
            slips.append(
                Refusal(
                    WRONG_INPUT, f"the input `{name}` of run {run.number} is not kept any more", (hint,), "not-found"
                )
            )
        except Misfit as misfit:
            message = f"the flow has changed since run {run.number}: its input {misfit.sentence(name)}"
            hint = f"run it anew: flowlang run {flow.source.path} --{name} …"
            slips.append(Refusal(WRONG_INPUT, message, (hint,), "wrong-value"))
    if slips:
        raise all_in_one(slips)
    return values


def _missing(name: str, flow: CheckedFlow, number: int) -> Refusal:
    if isinstance(flow.inputs[name].type, SecretType):
        message = f"`{name}` is a secret, and secrets are not kept"
        return Refusal(
            WRONG_INPUT, message, (f"give it again: flowlang retry {number} --{name} @FILE",), "missing-input"
        )
    message = f"the flow has a new input since run {number}: `{name}`"
    return Refusal(WRONG_INPUT, message, (f"run it anew: flowlang run {flow.source.path} --{name} …",), "missing-input")
