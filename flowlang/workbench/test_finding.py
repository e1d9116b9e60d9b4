"""The tests that a command line means, with all that trying them takes."""

from collections.abc import Sequence
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic
from ..pipeline import compile_flow, files_beside
from ..run.exit import WRONG_INPUT
from ..run.trial_values import MOST_BYTES, TestFiles
from .given import Given
from .last_failed import failed_last_time
from .opening import defaults_of, open_settings
from .outside import outside_of
from .recording import open_answers
from .refusal import Refusal
from .screen import Screen
from .testing import FlowFile


def find_tests(
    paths: Sequence[str], given: Given, screen: Screen
) -> tuple[list[FlowFile], list[Diagnostic], list[str]]:
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


def nothing_to_test(paths: Sequence[str], given: Given, tests: Sequence[str]) -> Refusal:
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
