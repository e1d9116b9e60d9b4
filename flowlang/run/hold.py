"""What somebody who looks on has to do with a run: pins values, and hears how each step and let comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..language.values import Value
from .outcome import Outcome

Ended = Callable[[str, Outcome], None]


def _unheard(name: str, outcome: Outcome) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Hold:
    """`pinned`: values of steps of the main flow that stand whatever they would be asked; `ended` hears of each."""

    pinned: Mapping[str, Value] = field(default_factory=dict)
    ended: Ended = _unheard


NOTHING_HELD = Hold()
