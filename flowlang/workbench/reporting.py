"""`--report` of a run and `show --html FILE`: the page of a run, or its JUnit XML, in a file."""

from collections.abc import Sequence
from pathlib import Path

from ..diagnostics.diagnostic import nearest
from ..plan.graph import Plan
from ..record import record
from ..run.event import Event
from ..run.exit import STORE, WRONG_INPUT
from ..run.keeping import Keeping
from ..run.report import Report
from ..show.terminal import visible_line
from ..store.history import History, PastRun
from ..store.problems import StoreUnusable
from .given import Given
from .placing import refuse_unless_writable, report_slip, write_result
from .refusal import Refusal
from .screen import Screen

KINDS = ("html", "junit")


@record
class Reports:
    """The files that the command line names: for the page, and for the JUnit XML."""

    pages: tuple[str, ...]
    junit: tuple[str, ...]


def reports_of(given: Given) -> Reports:
    """The reports that are wanted. Ends the command if one cannot be written."""
    paths: dict[str, list[str]] = {kind: [] for kind in KINDS}
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
        if (slip := report_slip(word, path, [*paths["html"], *paths["junit"]])) is not None:
            raise slip
        paths[kind].append(path)
    if paths["junit"] and given.has("each"):
        message = "a JUnit report tells of one run, and `--each` makes one for every row"
        raise Refusal(WRONG_INPUT, message, ("the results themselves have a line for each row",), "wrong-value")
    if paths["html"] and given.has("no-store"):
        message = "`--report html` tells what the store has of a run, and `--no-store` keeps nothing"
        raise Refusal(WRONG_INPUT, message, ("leave one of them out",), "wrong-value")
    return Reports(tuple(paths["html"]), tuple(paths["junit"]))


def write_junit(paths: tuple[str, ...], plan: Plan, report: Report, events: Sequence[Event], screen: Screen) -> None:
    """Writes what a run came to as JUnit XML. Raises Refusal."""
    for path in paths:
        from ..show.run_junit import run_as_junit  # few runs end with it

        write_result(str(Path(path)), screen.redact(run_as_junit(plan, report, events)))
        screen.err(f"wrote {visible_line(path)}")


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
