"""What a step or a run needs: calls, tokens and money, added and multiplied."""

from dataclasses import dataclass, replace
from decimal import Decimal

from .sizes import add


@dataclass(frozen=True, slots=True)
class Need:
    """What a step or a run needs, probably and at most. None: nobody can know before it runs."""

    calls: int | None = 0
    most_calls: int | None = 0
    tokens_in: int | None = 0
    likely_usd: Decimal | None = Decimal(0)
    most_usd: Decimal | None = Decimal(0)

    def __add__(self, other: "Need") -> "Need":
        return Need(
            add(self.calls, other.calls),
            add(self.most_calls, other.most_calls),
            add(self.tokens_in, other.tokens_in),
            add_usd(self.likely_usd, other.likely_usd),
            add_usd(self.most_usd, other.most_usd),
        )


NOBODY_KNOWS = Need(None, None, None, None, None)


def scaled(need: Need, times: int, by: int) -> Need:
    """The need of so many, by that of `by`."""
    return Need(
        None if need.calls is None else need.calls * times // by,
        None if need.most_calls is None else need.most_calls * times // by,
        None if need.tokens_in is None else need.tokens_in * times // by,
        None if need.likely_usd is None else need.likely_usd * times / by,
        None if need.most_usd is None else need.most_usd * times / by,
    )


def many(each: Need, calls: int | None, usual: int, most: int | None) -> Need:
    """The need of a step that repeats over what nobody knows; `calls` is what the flow alone tells."""
    likely = scaled(each, usual if calls is None else calls, 1 if calls is None else max(1, each.calls or 1))
    at_most = scaled(each, most, 1) if most is not None else NOBODY_KNOWS
    return replace(likely, calls=calls, most_calls=at_most.most_calls, most_usd=at_most.most_usd)


def add_usd(one: Decimal | None, two: Decimal | None) -> Decimal | None:
    """The sum; None where one of them is."""
    return None if one is None or two is None else one + two
