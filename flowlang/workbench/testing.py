"""A flow file with its tests and its recordings, as `test` goes through them."""

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..language.checked import CheckedFlow, CheckedTest
from ..language.types import SecretType
from ..language.values import Secret
from ..plan.graph import Defaults
from ..run.exit import DIFFERENCES, DONE, FAILED, LIMIT, MISTAKES, NOT_ALLOWED, OF_RULE, PROVIDER, STORE
from ..run.outcome import StepFailure
from ..run.trial import Trials, Tried, try_tests
from ..run.trial_values import TestFiles, cases_of, inputs_of
from ..settings import Settings
from ..show.terminal import visible_line
from ..show.tested import Tested
from .hiding import hide
from .recording import AnswersFile
from .screen import Screen


@dataclass
class FlowFile:
    """A flow file with all its tests, by their numbers in it; `picked` are those to be told of."""

    path: str
    flows: list[CheckedFlow]
    tests: list[tuple[CheckedFlow, CheckedTest]]
    picked: list[int]
    files: TestFiles
    settings: Settings
    defaults: Defaults
    answers: AnswersFile
    tried: dict[int, list[Tried]] = field(default_factory=dict)

    def command(self) -> str:
        """What to type to record its answers."""
        path = f"./{self.path}" if self.path.startswith("-") else self.path
        return f"flowlang test {shlex.quote(visible_line(path))} --record"


def hide_secrets(tests: Sequence[tuple[CheckedFlow, CheckedTest]], files: TestFiles, screen: Screen) -> None:
    """Keeps the secrets that tests give to flows out of all that is shown and written."""
    for flow, test in tests:
        if not any(isinstance(one.type, SecretType) for one in flow.inputs.values()):
            continue
        try:
            cases = cases_of(test, files)
        except StepFailure:
            continue
        for case in cases:
            values, _ = inputs_of(flow, test, case, files)
            if own := {name: one.value for name, one in values.items() if isinstance(one, Secret)}:
                hide(own, screen)


def try_on_recordings(file: FlowFile, numbers: Sequence[int], trials: Trials) -> None:
    """Tries these tests of a file on what is recorded."""
    for flow in file.flows:
        tests = [(number, test) for number, (own, test) in enumerate(file.tests) if own is flow and number in numbers]
        for number, test in tests:
            file.tried[number] = []
            asyncio.run(try_tests(flow, [(number, test)], file.files, file.tried[number].append, trials))


def exit_code(tested: Tested, asked: bool) -> int:
    """That of mistakes, else of failures, else of missing answers; `asked`: models were asked."""
    outcomes = {one.outcome for one in tested.tried}
    if tested.mistakes:
        return MISTAKES
    codes = {OF_RULE.get(each.rule, FAILED) for one in tested.tried for each in one.failures}
    for code in (STORE, NOT_ALLOWED, LIMIT, PROVIDER, MISTAKES):
        if asked and code in codes and "failed" in outcomes:
            return code
    return FAILED if "failed" in outcomes else DIFFERENCES if "not-recorded" in outcomes else DONE
