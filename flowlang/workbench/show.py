"""`flowlang show RUN [STEP]`: what an earlier run began with, asked and was answered, and how it came out."""

import shlex

from ..run.exit import DONE, WRONG_INPUT
from ..show.past import diagnostic_of, misfits_in, run_page, step_page
from ..show.past_json import run_json, step_json
from ..show.snippet import tell
from ..show.terminal import visible
from ..show.told import Teller
from ..store.history import History, PastRun
from ..store.past import name_of, whole
from .given import Given
from .past import LAST, is_run, no_runs, opened, pick_exchanges, pick_run, place_in
from .placing import refuse_unless_writable
from .refusal import Refusal
from .reporting import write_page
from .screen import Screen


def perform(given: Given, screen: Screen) -> int:
    """Prints the run or the step, or writes the report of the run."""
    page = given.flag("html")
    if page is not None:
        refuse_unless_writable(page, "--html")
    with opened(given, screen) as history:
        if history is None:
            raise no_runs(given, screen)
        run, step = _meant(history, given)
        if page is not None:
            if step:
                hint = f"flowlang show {run.number} --html {page}"
                raise Refusal(WRONG_INPUT, "the report is of a whole run: leave the step out", (hint,), "wrong-value")
            write_page(page, history, run, screen)
            screen.err(f"wrote {page}")
            return DONE
        if step:
            _show_step(history, run, step, given, screen)
        else:
            _refuse_pickers(given)
            _show_run(history, run, given, screen)
    return DONE


def _meant(history: History, given: Given) -> tuple[PastRun, str]:
    """The run and the step; a single word that has not the form of a run is a step of the last one."""
    word, step = given.word("RUN") or LAST, given.word("STEP")
    if not step and not is_run(word):
        return pick_run(history, LAST), word
    return pick_run(history, word), step


def _refuse_pickers(given: Given) -> None:
    for name in ("item", "row"):
        if given.has(name):
            raise Refusal(WRONG_INPUT, f"`--{name}` is of a step: name it, too", rule="missing-input")


def _show_run(history: History, run: PastRun, given: Given, screen: Screen) -> None:
    teller = Teller(history)
    told = whole(history, run)
    if given.has("json"):
        screen.out(run_json(told, teller))
        return
    store = f" --store {shlex.quote(given.flag('store') or '')}" if given.has("store") else ""
    screen.out(run_page(told, teller, screen.width, screen.colour_out, store))


def _show_step(history: History, run: PastRun, step: str, given: Given, screen: Screen) -> None:
    teller = Teller(history)
    found = pick_exchanges(history, run, step, given)
    if given.has("json"):
        screen.out(step_json(run, step, found, teller))
        return
    by_row, item = run.body.get("each") is not None, given.number("item", 1)
    failed = [
        one
        for one in history.steps(run.number)
        if one.body.get("outcome") == "failed"
        and name_of(one.path, one.step, by_row) == step
        and (item is None or item in (one.body.get("item"), place_in(one.path, by_row)))
    ]
    failures = [tell(diagnostic_of(one, run, teller), screen.width, False) + "\n" for one in failed]
    for part in step_page(found, failures, teller, misfits_in(found, failed, teller)):
        screen.out(visible(part) if screen.reads_out else part)
