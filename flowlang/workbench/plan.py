"""`flowlang plan FLOW`: what a run would do."""

from ..language.checked import CheckedFlow
from ..models.providers import providers_of
from ..plan.build import build
from ..plan.estimate import estimate
from ..run.exit import DONE
from ..show.plan import plan_json, plan_prompts, plan_table
from .asking import hide_keys
from .costing import prices_of
from .given import Given
from .opening import defaults_of, open_inputs, open_settings, pick_step, read_no_address
from .screen import Screen


def perform(given: Given, flow: CheckedFlow, screen: Screen) -> int:
    """Prints the plan."""
    only = given.flag("only")
    settings = open_settings(flow.source.path, screen)
    hide_keys(settings, screen)
    plan = build(flow, defaults_of(settings), pick_step(flow, only) if only else None)
    names = open_inputs(flow, given, screen, complete=False, fetch=read_no_address)
    providers = providers_of(settings.providers, settings.provider, screen.environment)
    estimated = estimate(plan, names, prices_of(settings, providers))
    if given.has("json"):
        screen.out(plan_json(estimated.plan))
        return DONE
    screen.out(plan_table(estimated, screen.width))
    if given.has("full"):
        screen.out("\n" + plan_prompts(plan, names))
    return DONE
