"""`flowlang run FLOW --each ROWS`: the flow once for every row, a line of JSON for each."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from ..language.checked import CheckedFlow
from ..plan.graph import Plan
from ..run.each import Tally, diagnostic_of, execute_each
from ..run.event import Emit
from ..run.exit import DONE, OF_RULE, STORE, WRONG_INPUT
from ..run.fetched import Fetch
from ..run.files import FileMistake
from ..run.keeping import Keeping
from ..run.means import Means
from ..run.row_inputs import RowInputs, read_row_inputs
from ..run.secrets import Secrets
from ..show.numbers import count
from ..show.redaction import redacted_value
from ..show.reports import as_github
from ..show.rows import rows_summary, tell_failed_rows, tell_passed_over, tell_rows_end
from ..show.terminal import visible, visible_line
from .again import Again
from .changed import told_changes
from .given import Given
from .hiding import hide_inputs
from .opening import piped_in, refuse_no_text, tell_wrong_inputs
from .past import kept_of
from .placing import open_events, open_lines
from .refusal import Refusal
from .running import carry_out
from .screen import Screen
from .storing import how_to_go_on, not_kept, told_left
from .viewing import start_view


def open_rows(flow: CheckedFlow, given: Given, screen: Screen, fetch: Fetch, again: Again | None = None) -> RowInputs:
    """The rows, and what is given beside them; tells what is wrong with the whole of it and ends."""
    refuse_no_text(given)
    rows_file = given.flag("each") or ""
    stdin = piped_in(screen) if again is None else None
    rows = read_row_inputs(flow, given.inputs, stdin, rows_file, values_file=given.flag("inputs"), fetch=fetch)
    if again is not None:
        rows = again.rows(rows)
    if (path := given.flag("output")) is not None and _is_one_file(path, rows_file):
        raise Refusal(
            WRONG_INPUT, f"`-o`: `{path}` holds the rows, and would be lost", ("name another file",), "bad-file"
        )
    tell_wrong_inputs([*rows.mistakes, *hide_inputs(rows.fixed, screen)], flow, screen)
    screen.err(tell_passed_over(rows.passed_over, rows.table.name))
    return rows


def run_rows(
    plan: Plan,
    rows: RowInputs,
    means: Means,
    given: Given,
    screen: Screen,
    *,
    out: Path,
    secrets: Secrets,
) -> int:
    """Runs the flow for every row, writes a line for each in their order, tells how it went; returns the exit code."""
    path, tally, began_at = given.flag("output"), Tally(), time.time()
    result, events = _open_result(path), open_events(given.flag("events"))
    # Lines that appear on the terminal all the time, and a view that is redrawn there, cannot both be read.
    choice = given.flag("console") or "auto"
    shown_here = path is None and screen.reads_out
    view = start_view("plain" if shown_here and choice in ("auto", "live") else choice, screen, by_row=True)

    async def start(emit: Emit) -> None:
        deliver = _delivery(result, screen, secrets)
        clean = partial(redacted_value, secrets=secrets) if secrets else None
        try:
            await execute_each(plan, rows, means, emit, deliver, tally, out=out, clean=clean)
        finally:
            await means.close()

    try:
        ran = carry_out(start, view, events, secrets, keeps_events=False, keeping=means.keeping)
    finally:
        for file in (result, events):
            if file is not None:
                with suppress(OSError):
                    file.close()
    unkept = not_kept(means.keeping)
    code = ran.stopped_by or (STORE if unkept is not None else tally.exit_code())
    _tell(tally, code, plan, given, screen, out, means.keeping)
    screen.err(told_changes(plan, began_at))
    if ran.stopped_by:
        if not means.offline:
            screen.err(told_left(ran.left))
        screen.err(how_to_go_on(means.keeping))
        return code
    if unkept is not None:
        raise unkept
    if tally.unwritten is not None:
        slip = tally.unwritten
        raise Refusal(OF_RULE.get(slip.rule, STORE), slip.message, slip.hints, slip.rule)
    if ran.unwritten:
        raise Refusal(STORE, f"the events could not be written: {ran.unwritten}", rule="bad-file")
    return code


def _is_one_file(path: str, other: str) -> bool:
    try:
        return Path(path).samefile(other.removeprefix("@"))
    except (OSError, ValueError):
        return False


def _open_result(path: str | None) -> TextIO | None:
    """The file for the results; it grows line by line, so that what is done is there whatever happens."""
    return None if path is None else open_lines(path, "-o")


def _delivery(file: TextIO | None, screen: Screen, secrets: Secrets) -> Callable[[str], None]:
    """Takes each row's line to where the results go."""

    def to_file(line: str) -> None:
        assert file is not None
        try:
            file.write(secrets.redact(line))
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            raise FileMistake(f"the results could not be written: {reason}") from None

    def to_screen(line: str) -> None:
        try:
            screen.out(visible(line) if screen.reads_out else line)
        except Refusal as refused:
            raise FileMistake(refused.message, *refused.hints) from None

    return to_screen if file is None else to_file


def _tell(
    tally: Tally, code: int, plan: Plan, given: Given, screen: Screen, out: Path, keeping: Keeping | None
) -> None:
    if tally.files:
        screen.err(f"wrote {count(tally.files, 'file')} below {visible_line(str(out))}")
    if (path := given.flag("output")) is not None:
        screen.err(f"wrote {visible_line(path)}")
    screen.err(tell_failed_rows(tally, screen.width, screen.colour_err))
    if code != DONE or given.flag("console") != "none":
        screen.err(tell_rows_end(tally, code, given.has("offline")))
        if code != DONE and (kept := kept_of(keeping, plan.flow.source.path, given, screen)) is not None:
            screen.err(kept.commands())
    if screen.github:
        found = [one for error in tally.first_failed if (one := diagnostic_of(error)) is not None]
        if found:
            screen.err(as_github(found, screen.folder_in_job()), orders=True)
        screen.add_summary(rows_summary(tally, plan.flow.source.path, code))
