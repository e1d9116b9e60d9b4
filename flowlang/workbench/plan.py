"""`flowlang plan FLOW`: what a run would do."""

from ..language.address import Hosts
from ..language.checked import CheckedFlow
from ..plan.build import build
from ..run.exit import DONE
from ..show.plan import plan_json, plan_prompts, plan_table
from .asking import hide_keys
from .given import Given
from .opening import defaults_of, fetch_from, open_inputs, open_settings, pick_step
from .screen import Screen


def perform(given: Given, flow: CheckedFlow, screen: Screen) -> int:
    """Prints the plan."""
    only = given.flag("only")
    settings = open_settings(flow.source.path, screen)
    hide_keys(settings, screen)
    plan = build(flow, defaults_of(settings), pick_step(flow, only) if only else None)
    hosts = Hosts(settings.allow.hosts, given.has("offline"))
    names = open_inputs(flow, given, screen, complete=False, fetch=fetch_from(hosts))
    if given.has("json"):
        screen.out(plan_json(plan))
        return DONE
    screen.out(plan_table(plan, screen.width))
    if given.has("full"):
        screen.out("\n" + plan_prompts(plan, names))
    return DONE
