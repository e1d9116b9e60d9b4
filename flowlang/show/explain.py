"""The pages of `flowlang explain`, laid out for a terminal."""

import textwrap

from ..diagnostics.pages import load_pages
from ..diagnostics.rules import RULES
from .terminal import visible

MOST_COLUMNS = 88  # longer lines are hard to read

_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


def explain(name: str, width: int = 80, colour: bool = False) -> str:
    """The page of a rule in the catalogue, without a final line break."""
    rule, page = RULES[name], load_pages()[name]
    room = min(max(width, 20), MOST_COLUMNS)
    kind = "warning" if rule.severity == "warning" else "error"
    by = "found by `check`" if rule.when == "check" else "met by `run`"
    parts = [f"{_headline(name, colour)}: {rule.title}\n{kind}, {by}"]
    if page.raised:
        parts.append(f"{_headline('What raises it', colour)}\n{_wrapped(page.raised, room)}")
    parts.append(f"{_headline('Why', colour)}\n{_wrapped(page.why, room)}")
    parts.append(f"{_headline('What to do', colour)}\n{_wrapped(page.fix, room)}")
    parts.append(f"{_headline('Wrong', colour)}\n{_example(page.wrong, page.wrong_run)}")
    parts.append(f"{_headline('Right', colour)}\n{_example(page.right, page.right_run)}")
    return "\n\n".join(parts)


def list_rules(colour: bool = False) -> str:
    """Every rule with its title, a line each."""
    longest = max(map(len, RULES))
    return "\n".join(
        f"{_headline(name, colour)}{' ' * (longest - len(name))}  {rule.title}" for name, rule in RULES.items()
    )


def _headline(text: str, colour: bool) -> str:
    return f"{_BOLD}{text}{_PLAIN}" if colour else text


def _wrapped(text: str, room: int) -> str:
    return textwrap.fill(text, room, break_long_words=False, break_on_hyphens=False)


def _example(flow: str, command: str) -> str:
    told = [textwrap.indent(visible(part), "    ") for part in (flow, f"$ {command}" if command else "") if part]
    return "\n\n".join(told)
