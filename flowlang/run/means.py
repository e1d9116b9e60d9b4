"""What a run has at hand: who answers, who carries tools out, how calls wait for their turn, what they cost."""

from collections.abc import Awaitable, Callable
from dataclasses import field
from decimal import Decimal

from ..models.chat import Complete
from ..models.cost import Prices
from ..record import record
from .calling import AT_ONCE, Between, Gate, PlaceFor, no_place
from .event import Emit
from .keeping import Keeping
from .staying import Staying, StayingGate
from .tools import PerformTool, refuse_tools
from .waiting import Waiting
from .warming import Warming
from .words import Tell


async def _nothing() -> None:
    return None


@record
class Means:
    """`close` ends what is open once the run has ended. Without `prices` no call costs anything.

    `remark` is what is to be said when a run is over. `staying` is what the runs of a session share.
    `max_cost_usd` holds beside the flow's own limit, and for all rows of `--each` together.
    """

    complete: Complete
    place: PlaceFor = no_place
    waiting: Waiting = field(default_factory=Waiting)
    warming: Warming = field(default_factory=Warming)
    close: Callable[[], Awaitable[None]] = _nothing
    perform_tool: PerformTool = refuse_tools
    prices: Prices | None = None
    max_cost_usd: Decimal | None = None
    at_once: int = AT_ONCE
    offline: bool = False
    keeping: Keeping | None = None
    between: Between | None = None
    remark: Callable[[], str] = str
    tell: Tell | None = None  # why a question is asked, where something is kept
    staying: Staying | None = None

    def gate(self, emit: Emit, clock: Callable[[], float]) -> Gate:
        """The gate through which all calls of one run go."""
        kind = Gate if self.staying is None else StayingGate
        gate = kind(
            self.complete,
            emit,
            clock,
            self.at_once,
            self.prices,
            self.place,
            self.warming,
            self.keeping,
            self.between,
            self.tell,
        )
        if self.staying is not None and isinstance(gate, StayingGate):
            gate.join(self.staying)
        return gate
