"""A flow file with its tests and its recordings, as `test` goes through them."""

import shlex
from dataclasses import dataclass, field

from ..language.checked import CheckedFlow, CheckedTest
from ..plan.graph import Defaults
from ..run.trial import Tried
from ..run.trial_values import TestFiles
from ..settings import Settings
from ..show.terminal import visible_line
from .recording import AnswersFile


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
        return f"flowlang test {shlex.quote(visible_line(self.path))} --record"
