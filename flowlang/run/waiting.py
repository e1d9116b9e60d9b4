"""Waiting before a call is sent again: never past the time that the run has, and never in silence."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from ..models.errors import ModelError
from .budget import Budget, in_words
from .event import Emit, Noted
from .outcome import LimitReached
from .question import Asker

TOLD_FROM_S = 2.0  # a shorter wait is nobody's concern

Delay = Callable[[int, ModelError], float]  # how long, after so many failures; raises ModelError for too long a wait
Sleep = Callable[[float], Awaitable[object]]


def at_once(attempt: int, error: ModelError) -> float:
    """No time at all, as for a model that needs no network."""
    return 0.0


class Waiting:
    """How the steps of one run wait. They share it, so that a wait that all have in common is told once."""

    def __init__(self, delay_s: Delay = at_once, sleep: Sleep = asyncio.sleep) -> None:
        self._delay_s = delay_s
        self._sleep = sleep
        self._told_until = -math.inf
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Nobody needs to wait any more: no call can do better."""
        self._stopped.set()

    async def wait(self, attempt: int, error: ModelError, asker: Asker, budget: Budget, emit: Emit) -> None:
        """Waits until a call may be sent again that has failed `attempt` times.

        Raises ModelError where that takes too long, and LimitReached at once where the run's time ends before it.
        """
        seconds = self._delay_s(attempt, error)
        if seconds <= 0:
            return
        left_s = budget.time_left_s()
        if left_s is not None and seconds >= left_s:
            budget.check_time()
            raise LimitReached(
                f"{error.message}; there is no time left to wait {_whole_seconds(seconds)} and ask again"
            )
        until = budget.clock() + seconds
        if seconds > TOLD_FROM_S and until > self._told_until + TOLD_FROM_S:
            self._told_until = until
            emit(Noted(asker.path, asker.step, f"waits {math.ceil(seconds)} s: {error.message}"))
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        stopping = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait((sleeping, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()


def _whole_seconds(seconds: float) -> str:
    return in_words(float(math.ceil(seconds)))
