"""`flowlang diff RUN RUN`: what is different between two runs; of revisions, diff_flows.py tells it."""

from ..diagnostics.diagnostic import nearest
from ..run.exit import DONE, WRONG_INPUT
from ..show.comparing import compare, steps_of
from ..show.diff import diff_json, diff_text
from .given import Given
from .past import FORMS, LAST, is_run, no_runs, opened, pick_run
from .refusal import Refusal
from .screen import Screen

RANGE = ".."  # between two revisions of git's


def perform(given: Given, screen: Screen) -> int:
    """Prints the differences."""
    if given.has("against") or RANGE in given.word("RUN"):
        from .diff_flows import perform as perform_revisions  # two runs have no use for git, nor for tests

        return perform_revisions(given, screen)
    _refuse_words_of_revisions(given)
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


def _refuse_words_of_revisions(given: Given) -> None:
    """Raises Refusal for what has a meaning only between revisions, and where nothing is said at all."""
    word = given.word("RUN")
    if not word:
        about = "the earlier run (its number, last, or last-1), or two revisions of git's"
        how = ("write it like this: flowlang diff RUN", "or like this: flowlang diff main..HEAD")
        raise Refusal(WRONG_INPUT, f"RUN is missing: {about}", how, "missing-input")
    for name in ("format", "flow"):
        if given.has(name):
            hint = "it belongs to revisions, as in: flowlang diff main..HEAD"
            raise Refusal(WRONG_INPUT, f"`--{name}` has no meaning for runs", (hint,))
    if not is_run(word) and not word[:1].isdigit() and nearest(word, [LAST]) is None:
        hints = (f"since the revision `{word}`: flowlang diff --against {word}", FORMS)
        raise Refusal(WRONG_INPUT, f"`{word}` is no run", hints, "wrong-value")
