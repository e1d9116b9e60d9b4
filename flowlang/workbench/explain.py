"""`flowlang explain [RULE]`: what a rule means, with a wrong and a right example."""

from ..diagnostics.diagnostic import nearest
from ..diagnostics.rules import RULES
from ..run.exit import DONE, WRONG_INPUT
from ..show.explain import explain, list_rules
from .given import Given
from .refusal import Refusal
from .screen import Screen


def perform(given: Given, screen: Screen) -> int:
    """Prints the page of a rule, or the list of all."""
    name = given.word("RULE").removeprefix("error[").removeprefix("warning[").removesuffix("]")
    if not name:
        screen.out(list_rules(screen.colour_out) + "\n")
    elif name in RULES:
        screen.out(explain(name, screen.width, screen.colour_out) + "\n")
    else:
        near = nearest(name, list(RULES))
        hint = f"did you mean `{near}`?" if near else "all rules: flowlang explain"
        raise Refusal(WRONG_INPUT, f"there is no rule `{name}`", (hint,), "unknown-name")
    return DONE
