"""`flowlang test PATH…`: the tests that stand in flows, run on recorded answers, or asking for them."""

import time

from ..models.cost import Prices
from ..models.providers import providers_of
from ..plan.build import build
from ..run.exit import WRONG_INPUT
from ..run.outcome import UNMET
from ..run.recorder import Recorder
from ..run.trial import Trials
from ..run.unrecorded import explained, unused_of
from ..show.numbers import count
from ..show.reports import as_github
from ..show.snippet import summary, tell
from ..show.terminal import visible_line
from ..show.tested import Tested
from ..show.trials import all_wrong, counted, tell_tried, test_page, tests_as_json
from .asking import hide_keys
from .costing import prices_of
from .finding import find_flows
from .given import Given
from .last_failed import remember_failed
from .recording import write_answers
from .refusal import Refusal
from .screen import Screen
from .test_finding import find_tests, nothing_to_test
from .test_reports import open_reports
from .testing import FlowFile, exit_code, hide_secrets, try_on_recordings

# Instead of what a model has answered, another one's answers are asked for.
_OF_REHEARSALS = ("model", "swap")


def perform(given: Given, screen: Screen) -> int:
    """Tells how each test came out; the exit code is that of mistakes, else of failures, else of missing answers."""
    _refuse_contradictions(given)
    paths = find_flows(given.words.get("PATH", ()))
    reports = open_reports(given)
    rehearses = any(given.has(name) for name in _OF_REHEARSALS)
    found, mistakes, names = find_tests(paths, given, screen)
    if not found and not mistakes:
        raise nothing_to_test(paths, given, names)
    as_json = given.has("json")
    for one in mistakes:
        (screen.err if as_json else screen.out)(tell(one, screen.width, screen.colour_out and not as_json) + "\n\n")
    if mistakes:
        screen.err(summary(mistakes))
    tested = Tested(mistakes=mistakes)
    if rehearses:
        from .rehearsal import rehearse  # tests on recordings have no use for providers

        return rehearse(found, tested, reports, given, screen)
    started = time.monotonic()
    for file in found:
        _test_file(file, tested, given, screen)
    tested.seconds = time.monotonic() - started
    screen.out(tests_as_json(tested.tried) + "\n" if as_json else counted(tested) + "\n")
    if as_json:
        screen.err(counted(tested))
    remember_failed(found)
    _report(tested, screen)
    reports.write(tested, screen)
    return exit_code(tested, asked=given.has("record") or given.has("live"))


def _refuse_contradictions(given: Given) -> None:
    asking = [name for name in ("record", "live", *_OF_REHEARSALS) if given.has(name)]
    if len(asking) > 1:
        hints = {"record": "--record writes what comes", "live": "--live asks as the flow says, and writes nothing"}
        hint = hints.get(asking[0], "--model takes the place of all models, --swap of some")
        raise Refusal(WRONG_INPUT, f"`--{asking[0]}` and `--{asking[1]}` exclude each other", (hint,))
    for name in ("fresh", "trust", "allow", "max-cost", "at-once", "store", "no-store"):
        if given.has(name) and not asking:
            hint = "without --record, --live, --model or --swap no model is asked and no tool runs"
            raise Refusal(WRONG_INPUT, f"`--{name}` has no meaning here", (hint,))


# ── One file ──


def _test_file(file: FlowFile, tested: Tested, given: Given, screen: Screen) -> None:
    """Tries the tests of a file, records where that is asked for, and tells how they came out."""
    hide_secrets(file.tests, file.files, screen)
    hide_keys(file.settings, screen)
    live, records = given.has("live"), given.has("record")
    recorder = Recorder(file.answers.recordings, screen.redact, serves=not live and not given.has("fresh"))
    trials = Trials(recorder, file.defaults)
    if not live:
        try_on_recordings(file, file.picked, trials)
    lacking = [number for number in file.picked if live or any(one.lacks for one in file.tried[number])]
    if (lacking or records) and not live:
        # What other tests of the file use is not outdated, and keeps its place in it.
        try_on_recordings(file, [number for number in range(len(file.tests)) if number not in file.tried], trials)
    if lacking and (live or records):
        from .test_asking import ask_and_save, ask_for  # tests on recordings have no use for providers

        (ask_and_save if records else ask_for)(file, lacking, trials, given, screen)
    if records:
        _write(file, recorder, screen)
    plans = {flow.name: build(flow, file.defaults) for flow in file.flows}
    picked = [one for number in file.picked for one in file.tried[number]]
    picked = explained(picked, [plans[one.flow.name] for one in picked], recorder, file.command())
    complete = len(file.tried) == len(file.tests) and not _is_stuck(file) and not live
    warnings = unused_of(recorder, file.flows, file.command()) if complete and not records else []
    tested.add(picked, warnings, _prices(file, screen))
    if not given.has("json"):
        for one in picked:
            screen.out(tell_tried(one, screen.width, screen.colour_out))
    for warning in warnings:
        screen.err(tell(warning, screen.width, screen.colour_err) + "\n")


def _write(file: FlowFile, recorder: Recorder, screen: Screen) -> None:
    """Writes the recordings. What nothing asks for is dropped, unless some test did not get that far."""
    ordered = recorder.ordered(keeps_unused=_is_stuck(file))
    if write_answers(file.answers, ordered):
        screen.err(f"wrote {visible_line(file.answers.shown)}: {count(len(ordered), 'recorded answer')}")


def _is_stuck(file: FlowFile) -> bool:
    """Whether some test did not get to ask for all that it would."""
    everything = [one for tried in file.tried.values() for one in tried]
    return any(one.lacks or any(each.rule != UNMET for each in one.failures) for one in everything)


def _prices(file: FlowFile, screen: Screen) -> Prices:
    settings = file.settings
    return prices_of(settings, providers_of(settings.providers, settings.provider, screen.environment))


# ── The end ──


def _report(tested: Tested, screen: Screen) -> None:
    """Annotations at the flows' lines, and the summary page of a job."""
    if not screen.github:
        return
    if wrong := all_wrong(tested):
        screen.err(as_github(wrong, screen.folder_in_job(), "`flowlang test`"), orders=True)
    screen.add_summary(test_page(tested))
