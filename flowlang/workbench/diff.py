"""`flowlang diff RUN RUN`: what is different between two runs."""

from ..diagnostics.diagnostic import nearest
from ..run.exit import DONE, WRONG_INPUT
from ..show.comparing import compare, steps_of
from ..show.diff import diff_json, diff_text
from .given import Given
from .past import LAST, no_runs, opened, pick_run
from .refusal import Refusal
from .screen import Screen


def perform(given: Given, screen: Screen) -> int:
    """Prints the differences."""
    with opened(given, screen) as history:
        if history is None:
            raise no_runs(given, screen)
        before = pick_run(history, given.word("RUN"))
        after = pick_run(history, given.word("OTHER") or LAST)
        step = given.flag("step") or ""
        found = compare(history, before, after, step)
        if step and step not in steps_of(found):
            known = list(steps_of(compare(history, before, after)))
            near = nearest(step, known)
            hint = f"did you mean `{near}`?" if near else "the steps that were asked: " + ", ".join(known)
            message = f"step `{step}` was asked nothing in run {before.number} and run {after.number}"
            raise Refusal(WRONG_INPUT, message, (hint,), "unknown-name")
        if given.has("json"):
            screen.out(diff_json(found))
            return DONE
        screen.out("".join(diff_text(found, in_full=bool(step), colour=screen.colour_out)))
    return DONE
