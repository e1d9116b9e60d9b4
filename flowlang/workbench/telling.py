"""A refusal as people read it, in the form that every report has."""

from ..show.terminal import visible_line
from .refusal import Refusal

_RED, _PLAIN = "\x1b[1;31m", "\x1b[0m"


def told(refusal: Refusal, colour: bool) -> str:
    """A refusal, and those told with it."""
    head = f"error[{refusal.rule}]" if refusal.rule else "error"
    if colour:
        head = f"{_RED}{head}{_PLAIN}"
    lines = [f"{head}: {visible_line(refusal.message)}", *(f"   = {visible_line(hint)}" for hint in refusal.hints)]
    return "\n".join(lines + [told(other, colour) for other in refusal.others])
