"""What a run still needs, where the store answers a part of it: what is answered already costs nothing.

What is new is counted exactly, from the very requests. What hangs on new answers is taken from the estimate.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from ..language.checked import CheckedStep
from ..models.chat import Usage
from ..models.cost import Prices, tokens_of_request, worst_case_usd
from .estimate import Estimate
from .graph import PlannedStep
from .need import Need
from .seen import Asked, Looked, Seen
from .sizes import likely_answer

Status = Literal["cached", "new", "unknown"]
Because = Callable[[PlannedStep, Seen, Status], str]  # why a step has its status, in a few words

_TURNS = 2  # of a model that may call tools
_RULE = 80  # tokens around a rule that a judge is told
_VERDICT = 30  # tokens that a judge says


@dataclass(frozen=True, slots=True)
class Saved:
    """What the answers from before save: how many calls, and what they cost when they were made."""

    calls: int = 0
    cost_usd: Decimal | None = Decimal(0)


def status_of(node: PlannedStep, looked: Looked) -> Status:
    """Whether a run would ask nothing for a step, ask something, or nobody can say."""
    if node.kind == "let":
        return "unknown" if node.name in looked.unsettled else "cached"
    seen = looked.of(node.name)
    if seen.asked or seen.tools:
        return "new"
    return "unknown" if seen.open else "cached"


def remaining(estimated: Estimate, looked: Looked, prices: Prices, because: Because) -> Estimate:
    """The estimate of what is left to ask. `estimated` is made with the values that are known from before."""
    needs: dict[str, Need] = {}
    nodes: dict[str, PlannedStep] = {}
    for name, node in estimated.plan.nodes.items():
        seen, status = looked.of(name), status_of(node, looked)
        needs[name] = need = _need_of(node, seen, estimated.needs[name], prices)
        without = _without_asking(seen) if status == "cached" else ""
        told = replace(node, status=status, without_asking=without, because=because(node, seen, status))
        nodes[name] = told
        if node.kind in ("prompt", "run"):
            nodes[name] = replace(told, calls=need.calls, tokens_in=need.tokens_in, cost_usd=need.likely_usd)
    total = sum(needs.values(), Need())
    plan = replace(estimated.plan, nodes=nodes, calls=total.calls, cost_usd=total.likely_usd)
    return Estimate(plan, needs, total)


def _without_asking(seen: Seen) -> str:
    """How a step comes out that never gets to ask; nothing where its answers are there."""
    return "skipped" if seen.skipped else "fails" if seen.failed else ""


def saved_by(looked: Looked, prices: Prices) -> Saved:
    """What the answers from before save."""
    calls, cost = 0, Decimal(0)
    is_known = True
    for seen in looked.steps.values():
        in_vain = {one.item for one in seen.asked if one.why == "led nowhere"}
        for one in seen.from_before:
            if one.item in in_vain:
                continue
            calls += 1
            paid = prices.cost_usd(one.model, one.usage)
            is_known = is_known and paid is not None
            cost += paid or 0
    return Saved(calls, cost if is_known else None)


def _need_of(node: PlannedStep, seen: Seen, whole: Need, prices: Prices) -> Need:
    """What a step still needs; `whole` is its need if nothing were answered."""
    if node.kind not in ("prompt", "run") or not (seen.asked or seen.open):
        return Need()
    if any(one.item is None for one in seen.open) and not seen.asked and not seen.from_before:
        return whole
    asked = [one for one in seen.asked if not one.again]
    if node.kind == "prompt":
        assert isinstance(node.of, CheckedStep)
        new = sum((_need_of_call(one, node, node.of, prices) for one in asked), Need())
        return new + _open_part(seen, whole)
    return _need_of_sub(node, seen, len(asked), whole)


def _need_of_call(asked: Asked, node: PlannedStep, step: CheckedStep, prices: Prices) -> Need:
    """What a call needs, and those that follow when it is answered: turns of tools, and judges of the answer."""
    entry = prices.entry(asked.request.model)
    tokens_in = tokens_of_request(asked.request)
    written = asked.request.parameters.get("max_tokens")
    most_out = int(written) if isinstance(written, Decimal) else entry.max_output
    is_answer = asked.role != "judge"
    usual = likely_answer(step.answer) if is_answer else _VERDICT
    answer = usual if most_out is None else min(usual, most_out)
    turns = _TURNS if step.tools and is_answer else 1
    cost = prices.cost_usd(asked.request.model, Usage(tokens_in * turns, answer * turns))
    most = None if step.tools and is_answer else worst_case_usd(entry, tokens_in, most_out)
    rounds = step.rounds if isinstance(step.rounds, int) else None
    most_calls = 1 if turns == 1 else None if rounds is None else rounds + 1
    need = Need(1, most_calls, tokens_in * turns, cost, most)
    if is_answer:
        for judge in (judge for judge in node.judges if judge is not None):
            read, judging = tokens_in + answer + _RULE, prices.entry(judge.model)
            longest = None if most_out is None else tokens_in + most_out + _RULE
            most = None if longest is None else worst_case_usd(judging, longest, judging.max_output)
            need += Need(1, 1, read, prices.cost_usd(judge.model, Usage(read, _VERDICT)), most)
    return need


def _open_part(seen: Seen, whole: Need) -> Need:
    """What the items need of which nobody can say yet what they ask: each as much as any item."""
    places = {one.item for one in seen.open} - {one.item for one in seen.asked}
    if not places:
        return Need()
    if seen.items is None or not seen.items:
        return whole
    return _part(whole, len(places), seen.items)


def _need_of_sub(node: PlannedStep, seen: Seen, asked: int, whole: Need) -> Need:
    """What a step still needs that runs a flow, by the part of its calls that is left."""
    step = node.of
    assert isinstance(step, CheckedStep)
    is_exact = not seen.open
    if not is_exact and step.until is not None and step.times > 1:
        calls: int | None = None
    elif is_exact:
        calls = asked
    else:
        done = len(seen.from_before)
        calls = None if whole.calls is None else max(asked, whole.calls - done)
    if calls is None or not whole.calls:
        return replace(whole, calls=calls)
    return replace(_part(whole, calls, whole.calls), calls=calls)


def _part(whole: Need, part: int, of: int) -> Need:
    """So much of a need."""

    def scaled(amount: int | None) -> int | None:
        return None if amount is None else -(-amount * part // of)

    def priced(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else amount * part / of

    return Need(
        scaled(whole.calls),
        scaled(whole.most_calls),
        scaled(whole.tokens_in),
        priced(whole.likely_usd),
        priced(whole.most_usd),
    )
