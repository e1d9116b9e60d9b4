"""What is known of a flow's values before it runs, and how much of it may be looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..language import ast
from ..language.expression import Scope, evaluate, truth
from ..language.values import Value, ValueMistake

_MOST_TURNS = 1_000  # of a loop that are looked at one by one; the others are like them
_MOST_LOOKED_AT = 10_000  # turns of all loops of steps, also in flows that are run in a loop
_MOST_FILLED_IN = 100_000  # turns of all loops in texts


class Unknown(Exception):
    """Something is needed that nobody knows yet."""


class Names(dict[str, Value]):
    """The values that are known. To ask for another name of the flow is no mistake: nobody knows it yet."""

    def __missing__(self, name: str) -> Value:
        raise Unknown

    def get(self, name: str, default: object = None) -> Value:
        return self[name]


@dataclass
class Looks:
    """How many turns of loops may still be looked at: loops in loops have no end of them.

    `keeps`: what is answered is kept, so that equal turns ask once.
    """

    steps: int = _MOST_LOOKED_AT
    texts: int = _MOST_FILLED_IN
    keeps: bool = False

    def of_step(self, turns: int) -> int:
        """How many of a step's turns to look at: one at least."""
        taken = max(1, min(turns, _MOST_TURNS, self.steps))
        self.steps -= taken
        return taken

    def of_text(self, turns: int) -> int:
        """How many turns of a loop in a text to look at: one at least, if there is one."""
        taken = min(turns, max(1, self.texts))
        self.texts -= taken
        return taken


def value_of(value: ast.Value, names: Mapping[str, Value]) -> Value | None:
    """The value, if all that it reads is known."""
    try:
        return evaluate(value, Scope(names))
    except (Unknown, KeyError, ValueMistake):
        return None


def holds(condition: ast.Condition, names: Mapping[str, Value]) -> bool | None:
    """Whether a condition holds, if all that it reads is known; one that hangs on something empty does not."""
    try:
        return truth(condition, Scope(names)) is True
    except (Unknown, KeyError, ValueMistake):
        return None
