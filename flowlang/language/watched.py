"""A flow as one step or let of it asks it: every question is handed on and written down (again.py)."""

from collections.abc import Iterable
from typing import Protocol

from ..diagnostics.diagnostic import Severity
from ..diagnostics.source import Span
from . import ast
from .book import Declared, Here, Reports
from .loader import LoadedText
from .lookup import Snippet
from .neighbours import Around, File, Parameters, Reads, Step
from .typed import Typer
from .types import Type

# "find NAME" (and whether that is an import), "member ALIAS NAME" of one, "declared NAME", "text PATH".
Question = tuple[str, ...]
KeptReads = tuple[tuple[str, Question | None, Span], ...]  # the text in which a name is read; None: in the section


class Asked(Around, Protocol):
    """What is asked of a flow here beside what its steps ask."""

    @property
    def here(self) -> Here:
        """The flow's file."""

    def look_up(self, name: str) -> tuple[Type, bool] | Snippet | None:
        """As `find`, but the name does not count as used."""

    def is_open(self, name: str) -> bool:
        """Whether the type of a name is being worked out, so that it is not known yet."""

    def use(self, names: Iterable[str]) -> None:
        """Notes that these names are used."""


class Watched:
    """A flow, as one step or let of it asks it. What is no question of again.py makes it doubtful, or is asked anew."""

    def __init__(self, flow: Asked) -> None:
        self._flow = flow
        self._reports = _Heard(flow.reports)
        self._texts: dict[Here, Question] = {}
        self._is_doubtful = False
        self.asked: dict[Question, None] = {}
        self.used: dict[str, None] = {}

    @property
    def is_doubtful(self) -> bool:
        """Whether a question can't be asked again, or anything was told."""
        return self._is_doubtful or self._reports.has_told

    def without_places(self, reads: Reads, own: Here) -> KeptReads | None:
        """What was read, in which text; None if that is no text that an answer was."""
        if any(here != own and here not in self._texts for here, _ in reads.values()):
            return None
        return tuple((name, self._texts.get(here), span) for name, (here, span) in reads.items())

    # ── Questions that are noted ──

    def find(self, name: str) -> tuple[Type, bool] | Snippet | None:
        found = self._flow.find(name)
        self.asked[("find", name)] = None
        if isinstance(found, Snippet):
            self._texts.setdefault(found.here, ("find", name))
        elif found is not None and found[1]:
            self.used[name] = None
        return found

    def member(self, alias: str, name: str) -> Snippet | bool | None:
        found = self._flow.member(alias, name)
        if found is False:
            self.asked[("find", alias)] = None
            return found
        self.asked[("member", alias, name)] = None
        if isinstance(found, Snippet):
            self._texts.setdefault(found.here, ("member", alias, name))
        return found

    def declared(self, name: str) -> Declared | None:
        self.asked[("declared", name)] = None
        return self._flow.declared(name)

    def text_of(self, file: ast.FileText, here: Here) -> LoadedText | None:
        found = self._flow.text_of(file, here)
        if here.source is not self._flow.here.source:
            self._is_doubtful = True
        self.asked[("text", file.path)] = None
        if found is not None:
            self._texts.setdefault(Here(found.source, 0), ("text", file.path))
        return found

    # ── Questions that make it doubtful ──

    def candidates(self) -> dict[str, Declared]:
        self._is_doubtful = True
        return self._flow.candidates()

    def beside(self, name: str, here: Here) -> Snippet | None:
        self._is_doubtful = True
        return self._flow.beside(name, here)

    def is_swallowed(self, name: str) -> bool:
        self._is_doubtful = True
        return self._flow.is_swallowed(name)

    # ── What is the same in every check, or asked anew in each ──

    @property
    def reports(self) -> Reports:
        return self._reports

    @property
    def flow_name(self) -> str:
        return self._flow.flow_name

    @property
    def file(self) -> File:
        return self._flow.file

    def find_step(self, name: ast.Name, here: Here) -> Step | None:
        self.asked[("declared", name.text)] = None
        return self._flow.find_step(name, here)

    def preset(self, word: ast.Word, here: Here, typer: Typer) -> Parameters | None:
        return self._flow.preset(word, here, typer)

    def fallback_of(self, parameters: Parameters) -> tuple[Parameters, ...]:
        return self._flow.fallback_of(parameters)

    def wait(self, step: str, target: str, here: Here, span: Span) -> None:
        self._flow.wait(step, target, here, span)

    def wanted_inputs(self) -> dict[str, tuple[Type, bool]]:
        return self._flow.wanted_inputs()


class _Heard(Reports):
    """The same reports, and whether anything was told to them."""

    def __init__(self, reports: Reports) -> None:
        self._all = reports  # all of them are there: nothing is collected here
        self.has_told = False

    def nearest(self, word: str, candidates: "list[str] | tuple[str, ...]") -> str | None:  # type: ignore[override]
        self.has_told = True
        return self._all.nearest(word, candidates)

    def may_look(self, cost: int) -> bool:
        self.has_told = True
        return self._all.may_look(cost)

    def add(self, here: Here, rule: str, message: str, span: Span, *hints: str, severity: Severity = "error") -> None:
        self.has_told = True
        self._all.add(here, rule, message, span, *hints, severity=severity)
