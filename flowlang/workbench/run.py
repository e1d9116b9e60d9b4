"""`flowlang run FLOW`: runs it. Whatever can be found wrong is found before anything is sent."""

import time
from contextlib import suppress
from pathlib import Path

from ..language.checked import CheckedFlow
from ..language.values import ValueMistake
from ..plan.build import build
from ..plan.graph import Plan
from ..run.exit import DONE, LIMIT, OF_RULE, STORE, WRONG_INPUT
from ..run.files import FileMistake
from ..run.keeping import Keeping
from ..run.outcome import Failed, Result
from ..run.outputs import check_out_dir, shown, write_outputs
from ..run.report import Report, fold
from ..show.ending import failures, last_line, run_summary, tell_failures, told_files
from ..show.redaction import redacted_result
from ..show.reports import as_github
from ..show.terminal import visible, visible_line
from .again import Again
from .answering import open_means
from .asking import hide_keys
from .changed import told_changes
from .given import Given
from .hiding import hidden_by
from .opening import defaults_of, fetch_from, open_inputs, open_settings, pick_step
from .past import kept_of
from .permitting import open_tools
from .placing import open_events, refuse_unless_writable, write_result
from .refusal import Refusal
from .reporting import reports_of, write_junit, write_reports
from .running import run_plan
from .screen import Screen
from .storing import fresh_steps, how_to_go_on, not_kept, told_left
from .viewing import start_view


def perform(given: Given, flow: CheckedFlow, screen: Screen, again: Again | None = None) -> int:
    """Runs the flow, prints its result, tells what went wrong, and returns the run's exit code."""
    began_at = time.time()
    only = pick_step(flow, given.flag("only") or "") if given.has("only") else None
    settings = open_settings(flow.source.path, screen)
    hide_keys(settings, screen)
    plan = build(flow, defaults_of(settings), only)
    out = Path(given.flag("out") or "out")
    _refuse_bad_places(plan, out, given)
    fresh_steps(given, plan)  # a wrong name is told before a missing key or input
    reports = reports_of(given)
    tools, hosts = open_tools(flow, plan, settings, given, screen)
    fetch = fetch_from(hosts)
    numbers = again.numbers if again is not None else ()
    if given.has("each"):
        from .each import open_rows, run_rows  # most runs have no rows

        rows = open_rows(flow, given, screen, fetch, again)
        means = open_means(plan, rows.fixed, settings, tools, given, screen, numbers)
        code = run_rows(plan, rows, means, given, screen, out=out, secrets=hidden_by(screen))
        write_reports(reports.pages, means.keeping, screen)
        return code
    inputs = (
        open_inputs(flow, given, screen, fetch=fetch) if again is None else again.inputs(flow, given, screen, fetch)
    )
    means, secrets = open_means(plan, inputs, settings, tools, given, screen, numbers), hidden_by(screen)
    events = open_events(given.flag("events"))
    view = start_view(given.flag("console") or "auto", screen)
    try:
        ran = run_plan(plan, inputs, means, view=view, events=events, secrets=secrets)
    finally:
        if events is not None:
            with suppress(OSError):
                events.close()
    report = fold(ran.events)
    unkept = not_kept(means.keeping)
    code = ran.stopped_by or (STORE if unkept is not None else report.exit_code)
    result = redacted_result(ran.result, secrets) if ran.result is not None else None
    slip = _give_back(result, plan, out, given, screen) if result is not None else None
    screen.err(means.remark())
    _tell(report, code, plan, given, screen, means.keeping)
    screen.err(told_changes(plan, began_at))
    write_junit(reports.junit, plan, report, ran.events, screen)
    write_reports(reports.pages, means.keeping, screen)
    if ran.stopped_by:
        if not means.offline:
            screen.err(told_left(ran.left))
        screen.err(how_to_go_on(means.keeping))
        return code
    if unkept is not None:
        raise unkept
    if ran.unwritten:
        raise Refusal(STORE, f"the events could not be written: {ran.unwritten}", rule="bad-file")
    if slip is not None:
        raise slip
    return code


def _refuse_bad_places(plan: Plan, out: Path, given: Given) -> None:
    """Whatever is to be written must be writable before anything is asked."""
    if any(output.path for output in plan.outputs) and (mistake := check_out_dir(out)) is not None:
        raise Refusal(OF_RULE.get(mistake.rule, WRONG_INPUT), mistake.message, mistake.hints, mistake.rule)
    if (path := given.flag("output")) is not None:
        refuse_unless_writable(path, "-o")


def _give_back(result: Result, plan: Plan, out: Path, given: Given, screen: Screen) -> Refusal | None:
    """Writes the flow's files and the result; returns what kept a file from being written."""
    slip: Refusal | None = None
    try:
        written = write_outputs(plan.outputs, result.outputs, out)
        screen.err(told_files([visible_line(str(out / path)) for path in written]))
    except FileMistake as mistake:
        slip = Refusal(STORE, mistake.message, mistake.hints, mistake.rule)
    except ValueMistake as mistake:
        return _too_large(mistake)
    as_json, path = given.has("json"), given.flag("output")
    if not as_json and all(isinstance(outcome, Failed) for outcome in result.outputs.values()):
        return slip
    try:
        text = shown(result.outputs, as_json)
    except ValueMistake as mistake:
        return slip or _too_large(mistake)
    if path is None:
        screen.out(visible(text) if screen.reads_out else text)
        return slip
    try:
        write_result(path, text)
        screen.err(f"wrote {visible_line(path)}")
    except Refusal as refused:
        slip = refused
    return slip


def _too_large(mistake: ValueMistake) -> Refusal:
    return Refusal(LIMIT, f"the result is too large to be written: {mistake.message}", rule="limit-reached")


def _tell(report: Report, code: int, plan: Plan, given: Given, screen: Screen, keeping: Keeping | None) -> None:
    path, offline = plan.flow.source.path, given.has("offline")
    kept = kept_of(keeping, path, given, screen)
    screen.err(tell_failures(report, screen.width, screen.colour_err, kept))
    if code != DONE or given.flag("console") != "none":
        screen.err(last_line(report, code, visible_line(path), offline, plan, kept))
    if screen.github:
        if found := failures(report):
            screen.err(as_github(found, screen.folder_in_job()), orders=True)
        screen.add_summary(run_summary(report, path, code))
