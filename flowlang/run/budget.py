"""The limits of a run: what may still be started."""

from collections.abc import Callable

from ..language.checked import CheckedLimits
from .outcome import LimitReached


class Budget:
    """What one run of a flow may use. A sub-flow's run has its own, and counts against all above it."""

    def __init__(self, limits: CheckedLimits, clock: Callable[[], float], above: "Budget | None" = None) -> None:
        self.limits = limits
        self.clock = clock
        self.above = above
        self.calls = 0
        self.started = clock()

    def take_call(self) -> None:
        """Counts a call that is about to start. Raises LimitReached, and counts nothing, if it may not."""
        self.check_all()
        one: Budget | None = self
        while one is not None:
            one.calls += 1
            one = one.above

    def give_back_call(self) -> None:
        """The call was none: its answer came from the store."""
        one: Budget | None = self
        while one is not None:
            one.calls -= 1
            one = one.above

    def check_all(self) -> None:
        """Raises LimitReached if no call may start under this budget and those above it."""
        one: Budget | None = self
        while one is not None:
            one._check()
            one = one.above

    def check_time(self) -> None:
        """Raises LimitReached if there is no time left, for what is no call to a model."""
        one: Budget | None = self
        while one is not None:
            one._check_time()
            one = one.above

    def _check(self) -> None:
        limits = self.limits
        if limits.calls is not None and self.calls >= limits.calls:
            calls = f"{limits.calls} call" if limits.calls == 1 else f"{limits.calls} calls"
            raise LimitReached(f"the limit of {calls} is reached")
        self._check_time()

    def _check_time(self) -> None:
        limits = self.limits
        if limits.time_s is not None and self.clock() - self.started >= limits.time_s:
            raise LimitReached(f"the limit of {in_words(float(limits.time_s))} is reached")


def in_words(seconds: float) -> str:
    """A time for people: `2 minutes`, `1 second`."""
    if seconds >= 60 and seconds % 60 == 0:
        minutes = int(seconds // 60)
        return f"{minutes} minute" if minutes == 1 else f"{minutes} minutes"
    return f"{seconds:g} second" if seconds == 1 else f"{seconds:g} seconds"
