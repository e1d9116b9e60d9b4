"""The lines of one step, by what they are: nothing here knows a type."""

from functools import cached_property
from typing import TypeVar

from ..diagnostics.source import Span
from ..record import record
from . import ast
from .book import Declared, Reports
from .check_parameters import is_parameter
from .check_settings import check_lines
from .checked import Place

_L = TypeVar("_L")


@record
class Frame:
    """The lines of a step, put in order: what they are hangs on nothing else."""

    lines: list[ast.Line]
    firsts: dict[object, ast.Line]
    kind: str
    parameters: list[ast.Line]


class StepLines:
    """One step of a flow, as it is written. `frame`: what its lines came to before, where that is known."""

    def __init__(self, declared: Declared, reports: Reports, frame: Frame | None = None) -> None:
        self.declared = declared
        self.section = declared.section
        self.here = declared.here
        self.name = declared.name
        self.reports = reports
        if frame is not None:
            found = {"lines": frame.lines, "firsts": frame.firsts, "kind": frame.kind}
            self.__dict__.update(found, parameter_lines=frame.parameters)

    @cached_property
    def lines(self) -> list[ast.Line]:
        """The lines that may stand here, each once."""
        if self.section.unclosed:
            return []
        return check_lines(self.section, "step", self.here, self.reports)

    @cached_property
    def firsts(self) -> dict[object, ast.Line]:
        """The first line of each kind: settings by their key, the others by their class."""
        found: dict[object, ast.Line] = {}
        for line in self.lines:
            found.setdefault(line.key.text if isinstance(line, ast.Setting) else type(line), line)
        return found

    @cached_property
    def parameter_lines(self) -> list[ast.Line]:
        """The lines that say what a model is asked with."""
        return [line for line in self.lines if is_parameter(line)]

    def setting(self, key: str) -> ast.Setting | None:
        """The setting of that name."""
        found = self.firsts.get(key)
        return found if isinstance(found, ast.Setting) else None

    def line(self, kind: type[_L]) -> _L | None:
        """The line of that kind."""
        found = self.firsts.get(kind)
        return found if isinstance(found, kind) else None

    @property
    def repeats(self) -> bool:
        """Whether it is a `repeat for each`."""
        return self.line(ast.RepeatEach) is not None

    @cached_property
    def kind(self) -> str:
        """What it does: "prompt", "run" or "call"."""
        return "run" if self.setting("run") else "call" if self.setting("call") else "prompt"

    @property
    def frame(self) -> Frame:
        """Its lines, put in order."""
        return Frame(self.lines, self.firsts, self.kind, self.parameter_lines)

    def place(self, span: Span) -> Place:
        """Where something of it stands in the file."""
        return Place(self.here.source, span.moved(self.here.start))
