"""`--report html=FILE` and `show --html FILE`: the page of a run, in a file."""

from pathlib import Path

from ..diagnostics.diagnostic import nearest
from ..run.exit import STORE, WRONG_INPUT
from ..run.keeping import Keeping
from ..store.history import History, PastRun
from ..store.problems import StoreUnusable
from .given import Given
from .placing import refuse_unless_writable, write_result
from .refusal import Refusal
from .screen import Screen

KINDS = ("html",)


def reports_of(given: Given) -> tuple[str, ...]:
    """The files for the page that the command line names. Ends the command if one cannot be written."""
    paths = []
    for word in given.flags.get("report", ()):
        kind, equals, path = word.partition("=")
        if not equals or kind not in KINDS or not path:
            near = nearest(kind, list(KINDS)) or KINDS[0]
            raise Refusal(
                WRONG_INPUT,
                f"`--report` cannot be `{word}`",
                (f"write it like this: --report {near}=FILE",),
                "wrong-value",
            )
        refuse_unless_writable(path, "--report")
        paths.append(path)
    if paths and given.has("no-store"):
        message = "`--report` tells what the store has of a run, and `--no-store` keeps nothing"
        raise Refusal(WRONG_INPUT, message, ("leave one of them out",), "wrong-value")
    return tuple(paths)


def write_reports(paths: tuple[str, ...], keeping: Keeping | None, screen: Screen) -> None:
    """Writes the pages of a run that is over. Raises Refusal."""
    if not paths:
        return
    if keeping is None:
        raise Refusal(STORE, "the report could not be written: nothing was kept of the run", rule="bad-file")
    try:
        history = History(keeping.store.folder)
    except StoreUnusable as problem:
        raise Refusal(STORE, problem.message, problem.hints, "store-failed") from None
    try:
        run = history.run(keeping.store.run)
        if run is None:
            raise Refusal(STORE, "the report could not be written: the run was not kept", rule="bad-file")
        for path in paths:
            write_page(path, history, run, screen)
            screen.err(f"wrote {path}")
    finally:
        history.close()


def write_page(path: str, history: History, run: PastRun, screen: Screen) -> None:
    """Writes the page of a run to a file."""
    from ..show.page import page_of  # few runs end with a page

    write_result(str(Path(path)), screen.redact("".join(page_of(history, run))))
