"""`flowlang graph FLOW`: the steps as a picture."""

from ..language.checked import CheckedFlow
from ..run.exit import DONE
from ..show.graph import dot, draw, mermaid
from .given import Given
from .screen import Screen


def perform(given: Given, flow: CheckedFlow, screen: Screen) -> int:
    """Prints the picture."""
    match given.flag("format") or "terminal":
        case "mermaid":
            picture = mermaid(flow)
        case "dot":
            picture = dot(flow)
        case _:
            picture = draw(flow, screen.width)
    screen.out(picture)
    return DONE
