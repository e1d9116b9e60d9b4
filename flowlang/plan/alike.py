"""Which turns of a step ask the very same: where answers are kept, a run asks each question once."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

from ..language.checked import CheckedStep
from ..language.lookup import refs_in, refs_of
from ..language.values import Value, bare
from .graph import PlannedStep
from .known import value_of

T = TypeVar("T", bound=Mapping[str, Value])


def asked_once(node: PlannedStep, step: CheckedStep, turns: Sequence[T]) -> list[T]:
    """The turns, given by their names, with one for each question.

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
        different.setdefault(hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest(), turn)
    return list(different.values())
