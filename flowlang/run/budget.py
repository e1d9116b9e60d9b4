"""The limits of a run: what may still be started."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from ..language.checked import CheckedLimits
from .outcome import LimitReached

MAX_COST = "`--max-cost`"  # as it is named where it is the limit that was reached


class Budget:
    """What one run of a flow may use. A sub-flow's run has its own, and counts against all above it.

    `name` is that of a limit which no flow sets.
    """

    def __init__(
        self,
        limits: CheckedLimits,
        clock: Callable[[], float],
        above: "Budget | None" = None,
        flow: str = "",
        name: str = "",
    ) -> None:
        self.limits = limits
        self._name = name
        self._whose = f" of flow `{flow}`" if flow else ""
        self.clock = clock
        self.above = above
        self.calls = 0
        self.spent_usd = Decimal(0)
        self.reserved_usd = Decimal(0)  # the most that calls under way may cost
        self.is_spent = False  # whether a call was refused because it could pass the limit of cost
        self.started = clock()
        self._waiting: list[Callable[[], None]] = []

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

    def limits_cost(self) -> bool:
        """Whether this budget or one above it has a limit of cost."""
        return any(one.limits.cost_usd is not None for one in self._chain())

    def reserve(self, most_usd: Decimal | None, model: str) -> bool:
        """Sets the most aside that a call to a model can cost; False: not before a call under way has ended.

        Raises LimitReached if what is left will never be enough, or if nobody knows what the call can cost; from then
        on no call starts any more.
        """
        self.check_all()
        for one in self._chain():
            if (limit := one.limits.cost_usd) is None:
                continue
            if most_usd is None:
                raise LimitReached(f"nobody knows what `{model}` costs, so the limit of {dollars(limit)} can't be kept")
            if one.spent_usd + most_usd > limit:
                one.is_spent = True
                left = f"{dollars(one.spent_usd)} of {one.cost_limit(limit)} is spent"
                call = f"a call to `{model}` may cost {dollars(most_usd)} if its answer is as long as it can be"
                raise LimitReached(f"{left}, and {call}: a smaller `max_tokens` makes that less")
        chain = list(self._chain())
        for one in chain:
            limit = one.limits.cost_usd
            if limit is not None and most_usd is not None and one.spent_usd + one.reserved_usd + most_usd > limit:
                return False
        for one in chain:
            one.reserved_usd += most_usd or 0
        return True

    def settle(self, most_usd: Decimal | None, cost_usd: Decimal) -> None:
        """Gives back what was set aside for a call, and counts what it cost."""
        for one in self._chain():
            one.reserved_usd -= most_usd or 0
            one.spent_usd += cost_usd
            waiting, one._waiting = one._waiting, []
            for wake in waiting:
                wake()

    def when_settled(self, wake: Callable[[], None]) -> None:
        """Calls `wake` once, when the next call has ended that counts against the same limits.

        It may be one of another run: tests and rows that are tried at the same time share the budget above them all.
        """
        *_, top = self._chain()
        top._waiting.append(wake)

    def cost_limit(self, limit: Decimal) -> str:
        """A limit of cost in words, with the option that sets it."""
        return f"{dollars(limit)} ({self._name})" if self._name else dollars(limit)

    def _chain(self) -> Iterator["Budget"]:
        one: Budget | None = self
        while one is not None:
            yield one
            one = one.above

    def time_left_s(self) -> float | None:
        """What is left of the time that this run, and each one above it, may take; None if there is no limit."""
        left = [
            float(one.limits.time_s) - (one.clock() - one.started)
            for one in self._chain()
            if one.limits.time_s is not None
        ]
        return min(left, default=None)

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
            raise LimitReached(f"the limit of {calls}{self._whose} is reached")
        if self.is_spent and limits.cost_usd is not None:
            raise LimitReached(f"the limit of {self.cost_limit(limits.cost_usd)} is reached")
        self._check_time()

    def _check_time(self) -> None:
        limits = self.limits
        if limits.time_s is not None and self.clock() - self.started >= limits.time_s:
            raise LimitReached(f"the limit of {in_words(float(limits.time_s))}{self._whose} is reached")


def max_cost_budget(max_cost_usd: Decimal | None, clock: Callable[[], float]) -> Budget:
    """What `--max-cost` allows: it holds above the limits of all flows."""
    return Budget(CheckedLimits(max_cost_usd), clock, name=MAX_COST)


def dollars(amount: Decimal) -> str:
    """Money for people, in full: `$2.00`, `$1.9673`, `$0.00003`."""
    places = 4 if amount == 0 or amount >= Decimal("0.001") else 1 - amount.adjusted()
    whole, _, part = f"{amount:.{places}f}".partition(".")
    return f"${whole}.{part.rstrip('0').ljust(2, '0')}"


def in_words(seconds: float) -> str:
    """A time for people: `2 minutes`, `1 second`."""
    if seconds >= 60 and seconds % 60 == 0:
        minutes = int(seconds // 60)
        return f"{minutes} minute" if minutes == 1 else f"{minutes} minutes"
    return f"{seconds:g} second" if seconds == 1 else f"{seconds:g} seconds"
