"""What somebody who looks on has to do with a run: pins values, hears how steps come out, says which come first."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field

from ..language.values import Value
from ..record import record
from .outcome import Outcome

AT_A_TURN = 8  # steps that start before others may go on

Ended = Callable[[str, Outcome], None]


def _unheard(name: str, outcome: Outcome) -> None:
    return None


@record
class Hold:
    """`pinned`: values of steps of the main flow that stand whatever they would be asked; `ended` hears of each.

    `first` steps start before the others, which then start a few at a time, so that calls get under way between them.
    """

    pinned: Mapping[str, Value] = field(default_factory=dict)
    ended: Ended = _unheard
    first: frozenset[str] = frozenset()
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_A_TURN))

    def ordered(self, names: Iterable[str]) -> Iterable[str]:
        """The names, with those that come first before the others."""
        return sorted(names, key=lambda name: name not in self.first) if self.first else names

    async def turn(self, name: str) -> None:
        """Waits until it is the turn of a step."""
        if self.first and name not in self.first:
            async with self._turns:
                await asyncio.sleep(0)


NOTHING_HELD = Hold()
