"""`flowlang test PATH…`: the tests that stand in flows, run on the answers that they give."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic
from ..language.checked import CheckedFlow, CheckedTest
from ..pipeline import compile_flow, files_beside
from ..run.exit import DIFFERENCES, DONE, FAILED, MISTAKES, WRONG_INPUT
from ..run.trial import Tried, try_tests
from ..run.trial_values import MOST_BYTES, TestFiles
from ..show.reports import as_github
from ..show.snippet import summary, tell
from ..show.trials import counted, diagnostics_of, tell_tried, tests_as_json
from .finding import find_flows
from .given import Given
from .outside import outside_of
from .refusal import Refusal
from .screen import Screen


@dataclass
class _Found:
    """What is to be tested: the tests of each flow; `names` has those of all tests, picked or not."""

    flows: list[tuple[CheckedFlow, tuple[CheckedTest, ...], TestFiles]] = field(default_factory=list)
    mistakes: list[Diagnostic] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def perform(given: Given, screen: Screen) -> int:
    """Tells how each test came out; the exit code is that of mistakes, else of failures, else of missing answers."""
    paths = find_flows(given.words.get("PATH", ()))
    wanted = given.flag("match") or ""
    found = _find(paths, wanted)
    if not found.flows and not found.mistakes:
        raise _nothing(paths, wanted, found)
    as_json = given.has("json")
    for one in found.mistakes:
        (screen.err if as_json else screen.out)(tell(one, screen.width, screen.colour_out and not as_json) + "\n\n")
    if found.mistakes:
        screen.err(summary(found.mistakes))
    tried: list[Tried] = []

    def told(one: Tried) -> None:
        tried.append(one)
        if not as_json:
            screen.out(tell_tried(one, screen.width, screen.colour_out))

    asyncio.run(_try_all(found, told))
    screen.out(tests_as_json(tried) + "\n" if as_json else counted(tried) + "\n")
    if as_json:
        screen.err(counted(tried))
    if screen.github and (wrong := [*found.mistakes, *(each for one in tried for each in diagnostics_of(one))]):
        screen.err(as_github(wrong), orders=True)
    return _exit_code(found, tried)


async def _try_all(found: _Found, told: Callable[[Tried], None]) -> None:
    for flow, tests, files in found.flows:
        await try_tests(flow, tests, files, told)


def _find(paths: Sequence[str], wanted: str) -> _Found:
    found = _Found()
    told: set[tuple[str, int, int, str]] = set()
    for path in paths:
        checked = compile_flow(Path(path), outside=outside_of)
        if checked.flow is None:
            found.mistakes += [one for one in checked.diagnostics if one.key() not in told]
            told.update(one.key() for one in checked.diagnostics)
            continue
        files = TestFiles(*files_beside(Path(path), MOST_BYTES, outside_of))
        for flow in (checked.flow, *checked.flows.values()):
            found.names += [test.name for test in flow.tests]
            tests = tuple(test for test in flow.tests if wanted.casefold() in test.name.casefold())
            if tests:
                found.flows.append((flow, tests, files))
    return found


def _nothing(paths: Sequence[str], wanted: str, found: _Found) -> Refusal:
    """A green result for nothing at all would be a lie."""
    if found.names:
        names = ", ".join(f'"{name}"' for name in found.names[:5]) + (" and more" if len(found.names) > 5 else "")
        return Refusal(WRONG_INPUT, f"no test has `{wanted}` in its name", (f"the tests: {names}",))
    where = f"`{paths[0]}`" if len(paths) == 1 else f"these {len(paths):,} files"
    return Refusal(WRONG_INPUT, f"there is no test in {where}", ('a test begins with a line like `test "it works"`',))


def _exit_code(found: _Found, tried: Sequence[Tried]) -> int:
    outcomes = {one.outcome for one in tried}
    if found.mistakes:
        return MISTAKES
    return FAILED if "failed" in outcomes else DIFFERENCES if "not-recorded" in outcomes else DONE
