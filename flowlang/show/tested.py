"""What came of all tests of a command: what every report of them is made from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ..diagnostics.diagnostic import Diagnostic
from ..models.chat import Usage
from ..models.cost import Prices
from ..models.recording import Recorded
from ..run.trial import Tried


@dataclass
class Tested:
    """All tests, in their order, with what stands beside them.

    `saved_usd` is what the recorded answers would have cost, each once, where their prices are known; `cost_usd` what
    was paid for new ones. `recorded` and `calls` count both. `saved_by` has the same of single tests, by their place in
    `tried`; an answer that several use counts for each of them.
    """

    tried: list[Tried] = field(default_factory=list)
    mistakes: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    recorded: int = 0
    saved_usd: Decimal = Decimal(0)
    saved_by: dict[int, Decimal] = field(default_factory=dict)
    calls: int = 0
    cost_usd: Decimal | None = None
    seconds: float = 0.0

    def add(self, tried: Sequence[Tried], warnings: Sequence[Diagnostic], prices: Prices) -> None:
        """Adds the tests of one file."""
        for number, one in enumerate(tried, len(self.tried)):
            own = {id(recorded): _cost(model, recorded, prices) for model, recorded in one.used}
            self.saved_by[number] = sum(own.values(), Decimal(0))
        self.tried += tried
        self.warnings += warnings
        used: dict[int, tuple[str, Recorded]] = {}
        for one in tried:
            for model, recorded in one.used:
                used.setdefault(id(recorded), (model, recorded))
            for call in one.calls:
                self.calls += not call.cached
                if call.cost_usd is not None:
                    self.cost_usd = (self.cost_usd or Decimal(0)) + call.cost_usd
        self.recorded += len(used)
        self.saved_usd += sum((_cost(model, recorded, prices) for model, recorded in used.values()), Decimal(0))


def _cost(model: str, recorded: Recorded, prices: Prices) -> Decimal:
    """What an answer would cost, as far as that is known; that of a tool costs nothing."""
    if not model or recorded.tokens is None:
        return Decimal(0)
    return prices.cost_usd(model, Usage(*recorded.tokens)) or Decimal(0)
