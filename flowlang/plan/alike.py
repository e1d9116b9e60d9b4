"""Which turns of a step ask the very same: where answers are kept, a run asks each question once."""

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from ..language.checked import CheckedStep
from ..language.lookup import refs_in, refs_of
from ..language.values import Value, bare
from .graph import PlannedStep
from .known import value_of

T = TypeVar("T", bound=Mapping[str, Value])


def asked_once(node: PlannedStep, step: CheckedStep, turns: Sequence[T]) -> list[T]:
    """The turns, given by their names, with one for each question: of several, the one that asks it most often.

    Only what the turns' own names fill in is looked at; the rest is the same in each.
    """
    cache = node.asks[0].parameters.get("cache") if node.asks else None
    if node.kind != "prompt" or step.continues is not None or (cache is not None and cache.value is False):
        return list(turns)
    own = {"place", *(loop.name for loop in step.loops)}
    refs = [ref for message in step.messages for ref in refs_in(message.text.parts)]
    refs += [ref for ensured in step.ensures if ensured.judged for ref in refs_of(ensured.rule)]
    for ask in (*node.asks, *(judge for judge in node.judges if judge is not None)):
        for one in ask.parameters.values():
            if not isinstance(one.value, str):
                refs += refs_of(one.value)  # type: ignore[arg-type]
    refs = [ref for ref in refs if ref.parts[0].text in own]
    different: dict[bytes, T] = {}
    for turn in turns:
        told = repr([bare(value) if (value := value_of(ref, turn)) is not None else None for ref in refs])
        digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()
        different[digest] = max(different.get(digest, turn), turn, key=lambda one: _times(step, one))
    return list(different.values())


def _times(step: CheckedStep, turn: Mapping[str, Value]) -> tuple[Decimal, ...]:
    """How often a turn asks: its samples, and the rounds of its tools; 0 for what is the same in each turn."""
    counts = [None if isinstance(one, int | None) else value_of(one, turn) for one in (step.samples, step.rounds)]
    return tuple([one if isinstance(one, Decimal) else Decimal(0) for one in counts])
