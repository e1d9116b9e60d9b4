"""`flowlang cache`: how much is kept, and how to forget some or all of it."""

import time
from pathlib import Path

from ..diagnostics.diagnostic import nearest
from ..language.check_settings import read_duration
from ..run.exit import DONE, STORE, WRONG_INPUT
from ..show.cache import told_size, told_tidied
from ..show.terminal import visible_line
from ..store.problems import StoreUnusable
from ..store.tidying import size_of, tidy
from .given import Given
from .permitting import asks_a_person, says_yes
from .refusal import Refusal
from .screen import Screen
from .storing import store_folder

_WHAT = ("size", "prune", "clear")
_OLDER = "30d"


def perform(given: Given, screen: Screen) -> int:
    """Tells how much is kept in the project's store, or takes some of it out."""
    what = given.word("WHAT")
    _refuse_wrong_words(what, given)
    before = time.time() - _age_s(given) if what == "prune" else None
    folder = store_folder("any.flow", given, screen)
    try:
        size = size_of(folder)
        if what == "size" or not size.disk_bytes:
            screen.out(told_size(size, str(folder)))
            return DONE
        if what == "clear" and not _may_clear(given, folder, screen):
            screen.err("nothing was removed")
            return DONE
        screen.out(told_tidied(tidy(folder, before, screen.err)))
    except StoreUnusable as problem:
        raise Refusal(STORE, problem.message, problem.hints, "store-failed") from None
    return DONE


def _refuse_wrong_words(what: str, given: Given) -> None:
    if what not in _WHAT:
        near = nearest(what, list(_WHAT))
        hint = f"did you mean `flowlang cache {near}`?" if near else f"it takes one of {', '.join(_WHAT)}"
        raise Refusal(WRONG_INPUT, f"`flowlang cache` cannot `{what}`", (hint,), "wrong-value")
    for flag, of in (("older", "prune"), ("yes", "clear")):
        if given.has(flag) and what != of:
            raise Refusal(WRONG_INPUT, f"`--{flag}` belongs to `flowlang cache {of}`", rule="wrong-value")


def _age_s(given: Given) -> float:
    text = given.flag("older") or _OLDER
    age = read_duration(text)
    if age is None:
        raise Refusal(WRONG_INPUT, f"`--older` takes a time like 12h or 30d, not `{text}`", rule="wrong-value")
    return float(age)


def _may_clear(given: Given, folder: Path, screen: Screen) -> bool:
    if given.has("yes"):
        return True
    if not asks_a_person(screen):
        message = f"all answers and runs in {visible_line(str(folder))} would be gone, and nobody is there to be asked"
        raise Refusal(WRONG_INPUT, message, ("if that is meant: flowlang cache clear --yes",))
    return says_yes(f"Remove all answers and runs in {visible_line(str(folder))}?", screen)
