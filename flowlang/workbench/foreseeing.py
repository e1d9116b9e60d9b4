"""What a save would ask, and cost, if it ran: the plan carried out over the session's own store, and nothing sent."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from ..language.values import Value
from ..models.catalog import catalogue_of
from ..models.chat import ChatRequest
from ..models.cost import Prices
from ..plan.estimate import estimate
from ..plan.graph import PlannedStep
from ..plan.remaining import Status, remaining
from ..plan.seen import Seen
from ..record import record
from ..run.hold import Hold
from ..run.keeping import Keeping
from ..run.looking import look
from ..run.staying import Place, place_of
from ..show.because import of_step
from ..show.numbers import money
from .deciding import Need
from .ready import Ready


@record
class Foreseen:
    """`values` are those that are known already, by step; `statuses` say of each step whether it would ask.

    `because` says why, in a few words, and what it probably costs.
    """

    need: Need
    statuses: Mapping[str, str]
    values: Mapping[str, Value]
    because: Mapping[str, str]


# How a question differs from the last one in its place, in a few words.
Differs = Callable[[Place, ChatRequest], str]


async def foresee(ready: Ready, keeping: Keeping, hold: Hold, is_free: bool, differs: Differs) -> Foreseen:
    """What a run would do. `keeping` finds, and keeps nothing."""
    looked = await look(ready.plan, ready.inputs, keeping, hold)
    prices = ready.prices or Prices(catalogue_of(ready.settings.models), lambda model: True)

    def because(node: PlannedStep, seen: Seen, status: Status) -> str:
        place = ("", node.name) if node.kind != "run" else looked.first_below(node.name) or ("", node.name)
        asked = looked.steps.get(place, Seen()).asked
        if not asked:
            return of_step(node, seen, status, "")
        first = asked[0]
        return of_step(node, seen, status, differs(place_of((*place, first.item), first.request), first.request))

    left = remaining(estimate(ready.plan, looked.values, prices), looked, prices, because)
    nodes = {name: node for name, node in left.plan.nodes.items() if name not in hold.pinned}
    calls, cost = 0, Decimal(0)
    is_counted = is_priced = True
    for node in nodes.values():
        is_counted = is_counted and (node.calls is not None or node.status == "cached")
        calls += node.calls or 0
        if node.calls and node.kind != "call":
            is_priced = is_priced and node.cost_usd is not None
            cost += node.cost_usd or 0
    works = any(node.kind == "call" and node.status != "cached" for node in nodes.values())
    told = calls if is_counted and not (works and not calls) else None
    need = Need(told, cost if is_priced else None, is_free, cost)
    statuses: dict[str, str] = dict.fromkeys(hold.pinned, "cached")
    statuses |= {name: node.status for name, node in nodes.items()}
    return Foreseen(need, statuses, looked.values, {name: _told(node, is_free) for name, node in nodes.items()})


def _told(node: PlannedStep, is_free: bool) -> str:
    if is_free or not node.calls or not node.cost_usd:
        return node.because
    return f"about {money(node.cost_usd)}: {node.because}"
