"""`flowlang describe FLOW`: the flow read back in plain sentences."""

import re
import textwrap

from ..language.checked import CheckedFlow
from ..run.exit import DONE
from ..show.describe import describe
from .given import Given
from .screen import Screen


def perform(given: Given, flow: CheckedFlow, screen: Screen) -> int:
    """Prints the sentences, in lines that fit the screen."""
    told = describe(flow, given.word("FLOW"))
    screen.out("".join(f"{_fitted(line, screen.width)}\n" for line in told.split("\n")[:-1]))
    return DONE


def _fitted(line: str, width: int) -> str:
    """The line, broken before the screen ends; further lines stand below its first word."""
    lead = re.match(r"\s*(?:- |\d+\. )?", line)
    indent = " " * len(lead[0]) if lead else ""
    room = max(min(width - 1, 100), len(indent) + 10)
    return textwrap.fill(line, room, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True)
