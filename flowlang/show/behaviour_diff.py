"""Two pictures of what a flow does, held against each other."""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal

from ..record import record
from ..run.outcome import UNMET
from ..run.recorder import MISSING
from ..run.trial import Tried
from ..run.unrecorded import OUTDATED
from .behaviour import Asked, Behaviour, CaseName, returned
from .comparing import Change, StepDiff
from .numbers import money
from .request import parameter_text
from .trials import WORDS


@record
class Reason:
    """What went wrong in a test, and the values that show it."""

    words: str
    values: tuple[str, ...] = ()


@record
class Flip:
    """A case of a test that comes out differently; an outcome is empty where there is no such test.

    `began` is what goes wrong only after, `ended` what went wrong only before.
    """

    case: CaseName
    before: str
    after: str
    began: tuple[Reason, ...]
    ended: tuple[Reason, ...] = ()


@record
class BehaviourDiff:
    """Two pictures of a flow, and what is different; None for one that is not there.

    `figures`: what each is as a whole, by name, before and after.
    """

    path: str
    before: Behaviour | None
    after: Behaviour | None
    inputs: Mapping[str, tuple[str | None, str | None]]
    steps: tuple[StepDiff, ...]
    only_before: tuple[str, ...]  # steps
    only_after: tuple[str, ...]
    flips: tuple[Flip, ...]
    figures: tuple[tuple[str, str, str], ...]
    costs_usd: tuple[Decimal | None, Decimal | None]  # of the tests' questions, asked once

    @property
    def is_complete(self) -> bool:
        """Whether both sides are there, and without mistakes."""
        return all(one is not None and not one.mistakes for one in (self.before, self.after))

    @property
    def is_same(self) -> bool:
        """Whether both do the same."""
        parted = any(one.changes or one.only_before or one.only_after for one in self.steps)
        told = self.inputs or parted or self.only_before or self.only_after or self.flips
        return self.is_complete and not told


def compare(path: str, before: Behaviour | None, after: Behaviour | None) -> BehaviourDiff:
    """What is different between two pictures of the flow at `path`."""
    one, other = before or Behaviour({}), after or Behaviour({})
    costs = _cost(one, other), _cost(other, one)
    figures = tuple(_figures(before, after, costs))
    if before is None or after is None or before.mistakes or after.mistakes:
        wrong = one.mistakes or other.mistakes
        return BehaviourDiff(path, before, after, {}, (), (), (), (), () if wrong else figures, costs)
    names = [name for name in one.steps if name in other.steps]
    # A judge of a test asks under the name of what it judges, which need not be a step.
    names += [name for name in dict.fromkeys(key.step for key in (*one.asked, *other.asked))]
    steps = tuple(_step_diff(name, one, other) for name in dict.fromkeys(names) if _is_in_both(name, one, other))
    return BehaviourDiff(
        path,
        before,
        after,
        _changed(one.inputs, other.inputs),
        tuple(step for step in steps if step.changes or step.only_before or step.only_after),
        tuple(name for name in one.steps if name not in other.steps),
        tuple(name for name in other.steps if name not in one.steps),
        tuple(_flips(one.tried, other.tried)),
        figures,
        costs,
    )


def _is_in_both(name: str, before: Behaviour, after: Behaviour) -> bool:
    return (name in before.steps) == (name in after.steps)


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    names = dict.fromkeys([*before, *after])
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def _step_diff(name: str, before: Behaviour, after: Behaviour) -> StepDiff:
    was, now = before.steps.get(name, {}), after.steps.get(name, {})
    static = [
        Change(what, "", old if old is not None else "not set", new if new is not None else "not set")
        for what, (old, new) in _changed(was, now).items()
    ]
    told = {(one.what, one.before, one.after) for one in static}
    first = {key: one for key, one in before.asked.items() if key.step == name}
    second = {key: one for key, one in after.asked.items() if key.step == name}
    changes: list[Change] = []
    same = 0
    for key, one in first.items():
        if key in second:
            found = list(_differences(one, second[key], key.where()))
            changes += [each for each in found if (each.what, each.before, each.after) not in told]
            same += not found and not one.is_given
    both = before.tried.keys() & after.tried.keys()
    # What a test answers itself is shown where it changed, and counts as no question.
    return StepDiff(
        name,
        (*static, *changes),
        tuple(key.where() for key, one in first.items() if key not in second and key.case in both and not one.is_given),
        tuple(key.where() for key, one in second.items() if key not in first and key.case in both and not one.is_given),
        sum(key in second and not one.is_given for key, one in first.items()),
        same,
    )


def _differences(before: Asked, after: Asked, where: str) -> Iterator[Change]:
    one, other = before.request, after.request
    if one.model != other.model:
        yield Change("model", where, one.model, other.model)
    for name in dict.fromkeys([*one.parameters, *other.parameters]):
        old, new = one.parameters.get(name), other.parameters.get(name)
        if old != new:
            yield Change(name, where, *("not set" if each is None else parameter_text(each) for each in (old, new)))
    if one.schema != other.schema and one.answer != other.answer:
        old_type, new_type = ("text" if each.answer is None else returned(each.answer) for each in (one, other))
        yield Change("returns", where, old_type, new_type)
    if (asked := before.prompt()) != (asks := after.prompt()):
        yield Change("prompt as sent", where, asked, asks)
    if before.answer() != after.answer():
        yield Change("answer", where, before.answer(), after.answer())


def _flips(before: Mapping[CaseName, Tried], after: Mapping[CaseName, Tried]) -> Iterator[Flip]:
    for case in dict.fromkeys([*before, *after]):
        one, other = before.get(case), after.get(case)
        was, now = (WORDS[each.outcome] if each is not None else "" for each in (one, other))
        began, ended = _reasons(other, one), _reasons(one, other)
        if was != now or (one is not None and other is not None and _messages(one) != _messages(other)):
            is_known = other is not None and not other.misses and all(each.rule == UNMET for each in other.failures)
            yield Flip(case, was, now, began, ended if is_known else ())


def _reasons(tried: Tried | None, other: Tried | None) -> tuple[Reason, ...]:
    """What went wrong in one and not in the other."""
    told = {each.message for each in other.failures} if other is not None else set[str]()
    found = (each for each in (tried.failures if tried is not None else ()) if each.message not in told)
    # How to record an answer is no value.
    return tuple(Reason(each.message, each.hints if each.rule == UNMET else ()) for each in found)


def _messages(tried: Tried) -> list[str]:
    # Why an answer is not recorded is told beside its step.
    wrong = [one.message for one in tried.failures if one.rule not in (MISSING, OUTDATED)]
    return wrong if tried.outcome == "failed" else []


def _cost(own: Behaviour, other: Behaviour) -> Decimal | None:
    """What it would cost to ask all questions of the tests once; None where that is not known."""
    if own.prices is None:
        return None
    costs = [one.cost_usd(own.prices, other.asked.get(key)) for key, one in own.asked.items() if not one.is_given]
    known = [one for one in costs if one is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def _figures(
    before: Behaviour | None, after: Behaviour | None, costs: tuple[Decimal | None, Decimal | None]
) -> Iterator[tuple[str, str, str]]:
    told = [_told(side, cost) for side, cost in zip((before, after), costs, strict=True)]
    for name in dict.fromkeys([*told[0], *told[1]]):
        yield name, told[0].get(name, "-"), told[1].get(name, "-")


def _told(side: Behaviour | None, cost: Decimal | None) -> dict[str, str]:
    if side is None:
        return {}
    return {
        "tests": _outcomes(side.tried),
        "calls of a run": "the data decide" if side.calls is None else f"{side.calls:,}",
        "calls of the tests": f"{side.calls_of_tests:,}",
        "their cost, about": "unknown" if cost is None else money(cost),
    }


def _outcomes(tried: Mapping[CaseName, Tried]) -> str:
    counts = Counter[str](one.outcome for one in tried.values())
    return ", ".join(f"{counts[outcome]:,} {words}" for outcome, words in WORDS.items() if counts[outcome]) or "none"
