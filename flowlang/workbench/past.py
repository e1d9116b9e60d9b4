"""Opens the store for commands that look back, and finds the run that is meant."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from ..diagnostics.diagnostic import nearest
from ..run.exit import STORE, WRONG_INPUT
from ..run.keeping import Keeping
from ..show.ending import KeptRun
from ..show.terminal import visible_line
from ..store.file import NAME
from ..store.history import History, PastRun
from ..store.past import Exchange, exchanges, graph_of, name_of, row_of
from ..store.problems import StoreUnusable
from .given import Given
from .refusal import Refusal
from .screen import Screen
from .storing import store_folder

LAST = "last"
_HERE = "any.flow"  # the project is the one around the current folder
FORMS = "a run is a number, `last`, or `last-1` for the one before"


@contextmanager
def opened(given: Given, screen: Screen) -> Iterator[History | None]:
    """The store as `run` finds it; None if nothing was kept here yet. Ends the command if it cannot be read."""
    folder = store_folder(_HERE, given, screen)
    if not (folder / NAME).exists():
        yield None
        return
    try:
        history = History(folder)
    except StoreUnusable as problem:
        raise Refusal(STORE, problem.message, problem.hints, "store-failed") from None
    try:
        yield history
    finally:
        history.close()


def runs_here(most: int = 20) -> list[tuple[int, str]]:
    """The newest runs of the project around the current folder, each with its flow and outcome; none in doubt."""
    try:
        with opened(Given({}, {}), _Silent(Screen(os.environ))) as history:
            runs = islice(history.runs(), most) if history is not None else ()
            return [(run.number, visible_line(f"{run.flow}, {run.outcome or 'not ended'}")) for run in runs]
    except Refusal:
        return []


def no_runs(given: Given, screen: Screen) -> Refusal:
    """What to say where nothing was kept yet."""
    folder = visible_line(str(store_folder(_HERE, given, screen)))
    hints = ("flowlang run FLOW keeps what it asks and is answered", "a store elsewhere is named with --store DIR")
    return Refusal(WRONG_INPUT, f"there is no run yet: nothing is kept in `{folder}`", hints, "not-found")


def pick_run(history: History, word: str) -> PastRun:
    """The run that a word of the command line means. Raises Refusal."""
    number = _number_in(history, word)
    run = history.run(number) if number is not None else None
    if run is not None:
        return run
    newest = next(history.runs(), None)
    if newest is None:
        raise Refusal(WRONG_INPUT, "there is no run yet", ("flowlang run FLOW makes one",), "not-found")
    if number is None and not is_run(word):
        near = LAST if nearest(word, [LAST]) else ""
        hint = f"did you mean `{near}`?" if near else FORMS
        raise Refusal(WRONG_INPUT, f"`{word}` is no run", (hint,), "wrong-value")
    hints = (f"the newest is run {newest.number}; all of them: flowlang runs",)
    raise Refusal(WRONG_INPUT, f"there is no run `{word}`", hints, "not-found")


def is_run(word: str) -> bool:
    """Whether a word has the form of a run: `7`, `last`, `last-2`."""
    first, dash, back = word.partition("-")
    return _is_number(word) or word == LAST or (first == LAST and bool(dash) and _is_number(back))


def pick_exchanges(history: History, run: PastRun, step: str, given: Given) -> list[Exchange]:
    """What a step was asked, of one item or row if that is said. Raises Refusal."""
    by_row = run.body.get("each") is not None
    item, row = given.number("item", 1), given.number("row", 1)
    names: dict[str, None] = {}
    found: list[Exchange] = []
    for one in exchanges(history, run):
        name = name_of(one.path, one.step, by_row)
        names[name] = None
        is_item = item is None or item in (one.item, place_in(one.path, by_row))
        if name == step and is_item and row in (None, row_of(one.path)):
            found.append(one)
    if found:
        return found
    if step in names:
        what = f"item {item}" if item is not None else f"row {row}"
        raise Refusal(WRONG_INPUT, f"step `{step}` was asked nothing for {what} in run {run.number}", rule="not-found")
    raise _no_step(run, step, list(names))


def _no_step(run: PastRun, step: str, asked: list[str]) -> Refusal:
    inner = [name for name in asked if name.startswith(f"{step}.")]
    kinds = {name: kind for name, kind, *_ in graph_of(run) if kind != "output"}
    if inner:
        hints = ("its own steps: " + ", ".join(inner),)
        return Refusal(WRONG_INPUT, f"step `{step}` runs another flow, and asks nothing itself", hints, "wrong-value")
    if kinds.get(step) in ("prompt", "run"):
        message = f"step `{step}` was asked nothing in run {run.number}"
        return Refusal(WRONG_INPUT, message, (f"how it came out: flowlang show {run.number}",), "not-found")
    if step in kinds:
        return Refusal(WRONG_INPUT, f"`{step}` asks no model", (f"flowlang show {run.number}",), "wrong-value")
    near = nearest(step, asked)
    hint = f"did you mean `{near}`?" if near else "the steps that were asked: " + ", ".join(asked)
    return Refusal(
        WRONG_INPUT, f"there is no step `{step}` in run {run.number}", (hint,) if asked else (), "unknown-name"
    )


def kept_of(keeping: Keeping | None, flow: str, given: Given, screen: Screen) -> KeptRun | None:
    """Under which number a run was kept, and how commands find its store from here; None where nothing was."""
    if keeping is None or keeping.store.failure is not None:
        return None
    return KeptRun(keeping.store.run, store_words(flow, given, screen), _allowed_words(given))


def _allowed_words(given: Given) -> str:
    """What a run was allowed on its command line, to go behind the one that runs it again; mostly nothing."""
    powers = (f" --allow {shlex.quote(visible_line(power))}" for power in given.flags.get("allow", ()))
    return "".join(powers) + (" --trust" if given.has("trust") else "")


def store_words(flow: str, given: Given, screen: Screen) -> str:
    """What goes behind a command so that it finds the store of a flow from here; mostly nothing."""
    folder = store_folder(flow, given, _Silent(screen))
    if Path(folder).resolve() == store_folder(_HERE, Given({}, {}), _Silent(screen)).resolve():
        return ""
    near = os.path.relpath(folder)
    return f" --store {shlex.quote(visible_line(str(folder) if near.startswith('..') else near))}"


class _Silent(Screen):
    """A screen on which nothing is told a second time."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen.environment)

    def err(self, text: str, orders: bool = False) -> None:
        """Tells nothing."""


def _number_in(history: History, word: str) -> int | None:
    """The number that a word stands for; None if there is none."""
    if _is_number(word):
        return int(word)
    if not is_run(word):
        return None
    back = int(word.partition("-")[2] or 0)
    for place, run in enumerate(history.runs()):
        if place == back:
            return run.number
    return None


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 12


def place_in(path: str, by_row: bool) -> int | None:
    """The item or round of the flow's innermost part of a path; of a run `by_row`, the row is none."""
    if by_row and "/" not in path:
        return None
    number = path.rpartition("[")[2].removesuffix("]")
    return int(number) if path.endswith("]") and _is_number(number) else None
