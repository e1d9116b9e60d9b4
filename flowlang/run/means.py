"""What a run has at hand: who answers, who carries tools out, how calls wait for their turn, what they cost."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..models.chat import Complete
from ..models.cost import Prices
from .calling import AT_ONCE, PlaceFor, no_place
from .tools import PerformTool, refuse_tools
from .waiting import Waiting
from .warming import Warming


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Means:
    """`close` ends what is open once the run has ended. Without `prices` no call costs anything."""

    complete: Complete
    place: PlaceFor = no_place
    waiting: Callable[[], Waiting] = Waiting
    warming: Callable[[], Warming] = Warming
    close: Callable[[], Awaitable[None]] = _nothing
    perform_tool: PerformTool = refuse_tools
    prices: Prices | None = None
    max_cost_usd: Decimal | None = None
    at_once: int = AT_ONCE
    offline: bool = False

    def options(self) -> dict[str, Any]:
        """What `execute` and `execute_each` take of it, by name."""
        return {
            "place": self.place,
            "waiting": self.waiting(),
            "warming": self.warming(),
            "perform_tool": self.perform_tool,
            "prices": self.prices,
            "max_cost_usd": self.max_cost_usd,
            "at_once": self.at_once,
            "offline": self.offline,
        }
