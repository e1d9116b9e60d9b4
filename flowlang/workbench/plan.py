"""`flowlang plan FLOW`: what a run would do, and what of it is answered already."""

from collections.abc import Mapping

from ..language.checked import CheckedFlow
from ..language.values import Value
from ..models.cost import Prices
from ..models.providers import Providers, providers_of
from ..plan.build import build
from ..plan.estimate import Estimate, estimate
from ..plan.graph import Plan
from ..plan.remaining import Saved, remaining, saved_by
from ..run.exit import DONE
from ..show.plan import plan_json, plan_prompts, plan_table
from ..store.history import History
from .asking import hide_keys
from .costing import prices_of
from .given import Given
from .opening import defaults_of, open_inputs, open_settings, pick_step, read_no_address
from .screen import Screen
from .storing import open_history


def perform(given: Given, flow: CheckedFlow, screen: Screen) -> int:
    """Prints the plan."""
    only = given.flag("only")
    settings = open_settings(flow.source.path, screen)
    hide_keys(settings, screen)
    plan = build(flow, defaults_of(settings), pick_step(flow, only) if only else None)
    names = open_inputs(flow, given, screen, complete=False, fetch=read_no_address)
    providers = providers_of(settings.providers, settings.provider, screen.environment)
    prices = prices_of(settings, providers)
    history = open_history(flow.source.path, given, screen)
    saved: Saved | None = None
    try:
        if history is not None and history.has_answers():
            estimated, saved = _looked_up(plan, names, prices, providers, history, given, screen)
        else:
            estimated = estimate(plan, names, prices, keeps=not given.has("no-store"))
    finally:
        if history is not None:
            history.close()
    if given.has("json"):
        screen.out(plan_json(estimated.plan))
        return DONE
    screen.out(plan_table(estimated, screen.width, saved))
    if given.has("full"):
        screen.out("\n" + plan_prompts(plan, names))
    return DONE


def _looked_up(
    plan: Plan,
    names: Mapping[str, Value],
    prices: Prices,
    providers: Providers,
    history: History,
    given: Given,
    screen: Screen,
) -> tuple[Estimate, Saved]:
    """The estimate of what the store does not answer, and what it saves."""
    from .looking import Because, looked_up  # asyncio comes with it, and a plan without a store needs none

    looked = looked_up(plan, names, providers, history, given)
    because = Because(plan, names, looked, history, providers, screen)
    estimated = estimate(plan, looked.values, prices, looked.items())
    return remaining(estimated, looked, prices, because.in_short), saved_by(looked, prices)
