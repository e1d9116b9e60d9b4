"""What a flow does on one side of a comparison: compiled from there, its tests tried on the recordings of there.

Nothing is sent, no tool runs, and nothing is written.
"""

import asyncio
import posixpath
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic
from ..diagnostics.source import SourceFile, Span
from ..language.checked import CheckedFlow, CheckedTest
from ..language.loader import STANDARD, Denied
from ..models.chat import ChatRequest, Reply
from ..models.cost import Prices
from ..models.providers import providers_of
from ..pipeline import compile_from
from ..plan.build import build
from ..plan.graph import Defaults
from ..project import CONFIGURATION
from ..run.outcome import StepFailure
from ..run.question import Asker
from ..run.recorder import Recorder, Turn
from ..run.trial import Trials, Tried, try_tests
from ..run.trial_values import TestFiles, cases_of
from ..run.unrecorded import explained
from ..settings import LARGEST, Settings, read_settings
from ..show.behaviour import Behaviour, CaseName, Hearing, inputs_of, settings_of
from .asking import hide_keys
from .costing import prices_of
from .opening import defaults_of
from .recording import answers_from
from .revisions import Side, Sides
from .screen import Screen
from .testing import hide_secrets

Tests = Sequence[tuple[CheckedFlow, CheckedTest]]


def observe(sides: Sides, side: Side, path: str, screen: Screen) -> Behaviour | None:
    """What the flow at a path does on a side; None if it is not there. Raises Refusal if it cannot be read."""
    if not side.has(path):
        return None
    root = side.root_of(path)
    key = posixpath.relpath(path, root or ".")

    def read(name: str) -> bytes | Denied:
        return side.read(posixpath.join(root, name))

    def show(name: str) -> str:
        return name if name.startswith(STANDARD) else sides.shown(posixpath.join(root, name))

    settings, slips = _settings(read(CONFIGURATION), show(CONFIGURATION))
    checked = compile_from(read, key, show, settings)
    answers = answers_from(Path(sides.shown(path)), read, key)
    mistakes = [*slips, *(one for one in checked.diagnostics if one.severity == "error"), *answers.mistakes]
    if checked.flow is None or mistakes:
        data = read(key)
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else ""
        return Behaviour({show(key): text, answers.shown: answers.text}, tuple(mistakes))
    sources = {source.path: source.text for source in checked.flow.files} | {answers.shown: answers.text}
    flows = [checked.flow, *checked.flows.values()]
    tests = [(flow, test) for flow in flows for test in flow.tests]
    files = TestFiles(read, key)
    hide_keys(settings, screen)
    hide_secrets(tests, files, screen)
    defaults = defaults_of(settings)
    hearing = Hearing()
    recorder = Recorder(answers.recordings, screen.redact, hear=heard_by(hearing, tests, files))
    tried = _tried(tests, files, Trials(recorder, defaults))
    plans = {flow.name: build(flow, defaults) for flow in flows}
    tried = explained(tried, [plans[one.flow.name] for one in tried], recorder, "flowlang test --record")
    return pictured(sources, flows, defaults, tried, hearing, prices_in(settings, screen))


def pictured(
    sources: Mapping[str, str],
    flows: Sequence[CheckedFlow],
    defaults: Defaults,
    tried: Sequence[Tried],
    hearing: Hearing,
    prices: Prices,
) -> Behaviour:
    """The picture of a flow file out of what its tests have shown; the first flow is the main one."""
    plans = [build(flow, defaults) for flow in flows]
    return Behaviour(
        sources,
        (),
        inputs_of(flows[0]),
        settings_of(plans),
        plans[0].calls,
        hearing.asked,
        {CaseName(one.flow.name, one.test.name, one.case): one for one in tried},
        prices,
    )


def heard_by(
    hearing: Hearing, tests: Tests, files: TestFiles
) -> Callable[[Turn, Asker, ChatRequest, Reply | None], None]:
    """Takes down what the tests of a file ask, under their names."""
    rows: dict[int, tuple[str, ...]] = {}

    def hear(turn: Turn, asker: Asker, request: ChatRequest, reply: Reply | None) -> None:
        flow, test = tests[turn.test]
        if turn.test not in rows:
            rows[turn.test] = _rows(test, files)
        hearing.hear(CaseName(flow.name, test.name, rows[turn.test][turn.case]), turn.run, asker, request, reply)

    return hear


def _rows(test: CheckedTest, files: TestFiles) -> tuple[str, ...]:
    try:
        return tuple(case.row for case in cases_of(test, files))
    except StepFailure:
        return ("",)


def prices_in(settings: Settings, screen: Screen) -> Prices:
    """What calls cost in a project."""
    return prices_of(settings, providers_of(settings.providers, settings.provider, screen.environment))


def _settings(data: bytes | Denied, shown: str) -> tuple[Settings, list[Diagnostic]]:
    nowhere = SourceFile(shown, "")
    if isinstance(data, Denied):
        wrong = [] if data.rule == "not-found" else [Diagnostic(data.rule, data.message, nowhere, Span(0, 0))]
        return Settings(), wrong
    try:
        if len(data) <= LARGEST:
            return read_settings(data.decode("utf-8-sig"), shown)
    except UnicodeDecodeError:
        pass
    message = f"`{shown}` is not UTF-8, or has more than {LARGEST:,} bytes"
    return Settings(), [Diagnostic("bad-file", message, nowhere, Span(0, 0))]


def _tried(tests: Tests, files: TestFiles, trials: Trials) -> list[Tried]:
    tried: list[Tried] = []
    for number, (flow, test) in enumerate(tests):
        asyncio.run(try_tests(flow, [(number, test)], files, tried.append, trials))
    return tried
