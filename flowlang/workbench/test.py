"""`flowlang test PATH…`: the tests that stand in flows, run on recorded answers, or asking for them."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic
from ..models.cost import Prices
from ..models.providers import providers_of
from ..pipeline import compile_flow, files_beside
from ..plan.build import build
from ..run.exit import DIFFERENCES, DONE, FAILED, LIMIT, MISTAKES, NOT_ALLOWED, OF_RULE, PROVIDER, STORE, WRONG_INPUT
from ..run.recorder import Recorder
from ..run.trial import Trials, try_tests
from ..run.trial_values import MOST_BYTES, TestFiles
from ..run.unrecorded import explained, unused_of
from ..show.numbers import count
from ..show.reports import as_github
from ..show.snippet import summary, tell
from ..show.terminal import visible_line
from ..show.tested import Tested
from ..show.trials import counted, diagnostics_of, tell_tried, test_page, tests_as_json
from .asking import hide_keys
from .costing import prices_of
from .finding import find_flows
from .given import Given
from .last_failed import failed_last_time, remember_failed
from .opening import defaults_of, open_settings
from .outside import outside_of
from .recording import open_answers, write_answers
from .refusal import Refusal
from .screen import Screen
from .test_reports import open_reports
from .testing import FlowFile, hide_secrets


def perform(given: Given, screen: Screen) -> int:
    """Tells how each test came out; the exit code is that of mistakes, else of failures, else of missing answers."""
    _refuse_contradictions(given)
    paths = find_flows(given.words.get("PATH", ()))
    reports = open_reports(given)
    found, mistakes, names = _find(paths, given, screen)
    if not found and not mistakes:
        raise _nothing(paths, given, names)
    as_json = given.has("json")
    for one in mistakes:
        (screen.err if as_json else screen.out)(tell(one, screen.width, screen.colour_out and not as_json) + "\n\n")
    if mistakes:
        screen.err(summary(mistakes))
    tested = Tested(mistakes=mistakes)
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
    return _exit_code(tested, asked=given.has("record") or given.has("live"))


def _refuse_contradictions(given: Given) -> None:
    asking = [name for name in ("record", "live") if given.has(name)]
    if len(asking) > 1:
        hint = "--record writes what comes, --live does not"
        raise Refusal(WRONG_INPUT, "`--record` and `--live` exclude each other", (hint,))
    for name in ("fresh", "trust", "allow", "max-cost", "at-once", "store", "no-store"):
        if given.has(name) and not asking:
            hint = "without --record or --live no model is asked and no tool runs"
            raise Refusal(WRONG_INPUT, f"`--{name}` has no meaning here", (hint,))


def _find(paths: Sequence[str], given: Given, screen: Screen) -> tuple[list[FlowFile], list[Diagnostic], list[str]]:
    """The flow files with tests that are wanted, what is wrong with flows and recordings, and all tests' names."""
    found: list[FlowFile] = []
    mistakes: dict[tuple[str, int, int, str], Diagnostic] = {}
    names: list[str] = []
    wanted = (given.flag("match") or "").casefold()
    for path in paths:
        checked = compile_flow(Path(path), outside=outside_of)
        if checked.flow is None:
            for one in checked.diagnostics:
                mistakes.setdefault(one.key(), one)
            continue
        flows = [checked.flow, *checked.flows.values()]
        tests = [(flow, test) for flow in flows for test in flow.tests]
        names += [test.name for _, test in tests]
        picked = [number for number, (_, test) in enumerate(tests) if wanted in test.name.casefold()]
        if given.has("failed"):
            failed = failed_last_time(path)
            picked = [number for number in picked if (tests[number][0].name, tests[number][1].name) in failed]
        if not picked:
            continue
        answers = open_answers(Path(path))
        if answers.mistakes:
            mistakes.update((one.key(), one) for one in answers.mistakes if one.key() not in mistakes)
            continue
        settings = open_settings(path, screen)
        files = TestFiles(*files_beside(Path(path), MOST_BYTES, outside_of))
        found.append(FlowFile(path, flows, tests, picked, files, settings, defaults_of(settings), answers))
    return found, list(mistakes.values()), names


def _nothing(paths: Sequence[str], given: Given, tests: Sequence[str]) -> Refusal:
    """A green result for nothing at all would be a lie."""
    wanted = given.flag("match") or ""
    if tests and given.has("failed"):
        hints = ("what failed is remembered in `.flowlang`, where a project has that folder: a run makes it",)
        return Refusal(WRONG_INPUT, "no test is known to have failed last time", hints)
    if tests:
        names = ", ".join(f'"{name}"' for name in tests[:5]) + (" and more" if len(tests) > 5 else "")
        return Refusal(WRONG_INPUT, f"no test has `{wanted}` in its name", (f"the tests: {names}",))
    where = f"`{paths[0]}`" if len(paths) == 1 else f"these {len(paths):,} files"
    return Refusal(WRONG_INPUT, f"there is no test in {where}", ('a test begins with a line like `test "it works"`',))


# ── One file ──


def _test_file(file: FlowFile, tested: Tested, given: Given, screen: Screen) -> None:
    """Tries the tests of a file, records where that is asked for, and tells how they came out."""
    hide_secrets(file.tests, file.files, screen)
    hide_keys(file.settings, screen)
    live, records = given.has("live"), given.has("record")
    recorder = Recorder(file.answers.recordings, screen.redact, serves=not live and not given.has("fresh"))
    trials = Trials(recorder, file.defaults)
    if not live:
        _try(file, file.picked, trials)
    lacking = [number for number in file.picked if live or any(one.lacks for one in file.tried[number])]
    if (lacking or records) and not live:
        # What other tests of the file use is not outdated, and keeps its place in it.
        _try(file, [number for number in range(len(file.tests)) if number not in file.tried], trials)
    if lacking and (live or records):
        from .test_asking import ask_for  # tests on recordings have no use for providers

        ask_for(file, lacking, trials, given, screen)
    if records:
        _write(file, recorder, screen)
    plans = {flow.name: build(flow, file.defaults) for flow in file.flows}
    picked = [one for number in file.picked for one in file.tried[number]]
    picked = explained(picked, [plans[one.flow.name] for one in picked], recorder, file.command())
    told = [one.failures for one in picked if one.outcome == "not-recorded"]
    complete = len(file.tried) == len(file.tests) and not told and not live
    warnings = unused_of(recorder, file.flows, file.command()) if complete and not records else []
    tested.add(picked, warnings, _prices(file, screen))
    if not given.has("json"):
        for one in picked:
            screen.out(tell_tried(one, screen.width, screen.colour_out))
    for warning in warnings:
        screen.err(tell(warning, screen.width, screen.colour_err) + "\n")


def _try(file: FlowFile, numbers: Sequence[int], trials: Trials) -> None:
    """Tries these tests of a file on what is recorded."""
    for flow in file.flows:
        tests = [(number, test) for number, (own, test) in enumerate(file.tests) if own is flow and number in numbers]
        for number, test in tests:
            file.tried[number] = []
            asyncio.run(try_tests(flow, [(number, test)], file.files, file.tried[number].append, trials))


def _write(file: FlowFile, recorder: Recorder, screen: Screen) -> None:
    """Writes the recordings. What nothing asks for is dropped, unless some test did not get that far."""
    everything = [one for tried in file.tried.values() for one in tried]
    stuck = any(one.lacks or any(each.rule != "unmet-expectation" for each in one.failures) for one in everything)
    ordered = recorder.ordered(keeps_unused=stuck)
    if write_answers(file.answers, ordered):
        screen.err(f"wrote {visible_line(file.answers.shown)}: {count(len(ordered), 'recorded answer')}")


def _prices(file: FlowFile, screen: Screen) -> Prices:
    settings = file.settings
    return prices_of(settings, providers_of(settings.providers, settings.provider, screen.environment))


# ── The end ──


def _report(tested: Tested, screen: Screen) -> None:
    """Annotations at the flows' lines, and the summary page of a job."""
    if not screen.github:
        return
    wrong = [*tested.mistakes, *(each for one in tested.tried for each in diagnostics_of(one)), *tested.warnings]
    if wrong:
        screen.err(as_github(wrong, "`flowlang test`"), orders=True)
    screen.add_summary(test_page(tested))


def _exit_code(tested: Tested, asked: bool) -> int:
    outcomes = {one.outcome for one in tested.tried}
    if tested.mistakes:
        return MISTAKES
    codes = {OF_RULE.get(each.rule, FAILED) for one in tested.tried for each in one.failures}
    for code in (STORE, NOT_ALLOWED, LIMIT, PROVIDER, MISTAKES):
        if asked and code in codes and "failed" in outcomes:
            return code
    return FAILED if "failed" in outcomes else DIFFERENCES if "not-recorded" in outcomes else DONE
