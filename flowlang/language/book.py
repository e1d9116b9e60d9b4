"""The names of a file and of its flows: what is declared where, and what is declared twice."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..diagnostics.diagnostic import Diagnostic, Severity, nearest
from ..diagnostics.source import SourceFile, Span
from . import ast
from .loader import LoadedFile
from .names import name_mistake, suggest_name

BUILT_IN_TYPES = (
    "text",
    "number",
    "whole number",
    "yes/no",
    "date",
    "json",
    "document",
    "image",
    "audio",
    "table",
    "secret text",
)
KINDS = {
    ast.Input: "input",
    ast.Let: "let",
    ast.Step: "step",
    ast.Snippet: "snippet",
    ast.Import: "import",
    ast.Preset: "preset",
    ast.Schema: "schema",
    ast.Tool: "tool",
    ast.Flow: "flow",
    ast.Output: "output",
}

MAX_REPORTS = 1_000  # nobody reads more, and telling of a hundred thousand takes longer than finding them

_NAMED = ast.Input | ast.Let | ast.Step | ast.Snippet | ast.Tool | ast.Preset | ast.Schema | ast.Flow


class Here(NamedTuple):
    """Where spans count from: the start of a section, or of a file that `file "…"` named."""

    source: SourceFile
    start: int


class Declared(NamedTuple):
    """A declaration: its section and where that stands."""

    section: ast.Section
    here: Here
    end: int  # where the next section starts

    @property
    def kind(self) -> str:
        return KINDS[type(self.section.header)]

    @property
    def name(self) -> ast.Name:
        return self.section.header.name  # type: ignore[union-attr]

    def line(self) -> int:
        """The line of its header, from 1."""
        return self.here.source.position(self.here.start)[0]

    def told(self) -> str:
        """`It is a step, on line 27.`"""
        article = "an" if self.kind[0] in "aeiou" else "a"
        return f"It is {article} {self.kind}, on line {self.line()}."


@dataclass
class Reports:
    """Collects what is wrong, each place once per rule."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    _seen: set[tuple[str, int, int, str]] = field(default_factory=set)
    _told: Counter[Severity] = field(default_factory=Counter)
    _unreadable: set[tuple[str, int]] = field(default_factory=set)  # where a line could not be read from there on
    _looks: int = 300_000  # candidates that are still compared for did-you-mean: a file of noise has no end of them

    def __post_init__(self) -> None:
        self._seen.update((one.source.path, one.span.start, one.span.end, one.rule) for one in self.diagnostics)
        self._unreadable.update((one.source.path, one.span.start) for one in self.diagnostics if one.rule == "syntax")

    def nearest(self, word: str, candidates: Sequence[str]) -> str | None:
        """What was probably meant; None if nothing is near, and when too much was asked already."""
        return nearest(word, list(candidates)) if self.may_look(len(candidates)) else None

    def may_look(self, cost: int) -> bool:
        """Whether there is time for a hint that costs as much as comparing so many candidates."""
        self._looks -= cost
        return self._looks > 0

    def add(self, here: Here, rule: str, message: str, span: Span, *hints: str, severity: Severity = "error") -> None:
        """Tells of a mistake; the same rule at the same place is told once."""
        found = Diagnostic(rule, message, here.source, span.moved(here.start), hints, severity)
        if self._told[severity] >= MAX_REPORTS:
            return
        key = (found.source.path, found.span.start, found.span.end, rule)
        if key not in self._seen and (found.source.path, found.span.start) not in self._unreadable:
            self._seen.add(key)
            self._told[severity] += 1
            self.diagnostics.append(found)


@dataclass(eq=False)
class FlowBook:
    """What one flow declares. `names` has its inputs, lets and steps, and the file's snippets and imports."""

    name: str
    declared: Declared | None  # the `flow NAME` line; None for the main flow
    description: str
    names: dict[str, Declared] = field(default_factory=dict)
    inputs: list[Declared] = field(default_factory=list)
    lets: list[Declared] = field(default_factory=list)
    steps: list[Declared] = field(default_factory=list)
    outputs: list[Declared] = field(default_factory=list)
    limits: list[Declared] = field(default_factory=list)
    tests: list[Declared] = field(default_factory=list)
    titles: dict[str, int] = field(default_factory=dict)  # of the tests, each with its line
    outputs_by_name: dict[str, Declared] = field(default_factory=dict)
    # Steps whose header stands in a text that is never closed, so that nobody is told they do not exist.
    swallowed: frozenset[str] = frozenset()

    def everything(self) -> Iterator[Declared]:
        """Inputs, lets, steps, outputs, limits and tests, in the file's order per kind."""
        for kind in (self.inputs, self.lets, self.steps, self.outputs, self.limits, self.tests):
            yield from kind


@dataclass(eq=False)
class FileBook:
    """What one file declares for all its flows."""

    loaded: LoadedFile
    presets: dict[str, Declared] = field(default_factory=dict)
    schemas: dict[str, Declared] = field(default_factory=dict)
    tools: dict[str, Declared] = field(default_factory=dict)
    snippets: dict[str, Declared] = field(default_factory=dict)
    imports: dict[str, Declared] = field(default_factory=dict)
    flows: dict[str, FlowBook] = field(default_factory=dict)  # the main flow under ""
    bad_names: set[str] = field(default_factory=set)  # told once, however often they are used
    all_snippets: list[Declared] = field(default_factory=list)
    all_presets: list[Declared] = field(default_factory=list)
    all_schemas: list[Declared] = field(default_factory=list)
    all_tools: list[Declared] = field(default_factory=list)


def keep_book(loaded: LoadedFile, reports: Reports) -> FileBook:
    """The book of a file; doubled and impossible names are told."""
    book = FileBook(loaded)
    main = flow = FlowBook("", None, loaded.file.description)
    book.flows[""] = main
    sections = loaded.file.sections
    ends = [*(placed.start for placed in sections[1:]), len(loaded.source.text)]
    for index, placed in enumerate(sections):
        declared = Declared(placed.section, Here(loaded.source, placed.start), ends[index])
        header = placed.section.header
        if isinstance(header, _NAMED) and name_mistake(header.name.text) is not None:
            book.bad_names.update((header.name.text, *header.name.text.replace("(", " ").split()))
        match header:
            case ast.Edition(number):
                if index:
                    _tell_edition_place(declared, reports)
                elif number.value != 1:
                    message = f"edition {number.value} of the language is not known to this version"
                    reports.add(declared.here, "wrong-value", message, number.span, "write `flowlang 1`")
                if placed.section.lines:
                    line = placed.section.lines[0]
                    reports.add(declared.here, "stray-text", "this line belongs to no section", line.span)
            case ast.Flow(name):
                flow = FlowBook(name.text, declared, placed.section.description)
                if _is_new(name, declared, book.flows, book, reports):
                    book.flows[name.text] = flow
            case ast.Preset(name):
                book.all_presets.append(declared)
                _declare(name, declared, book.presets, reports)
            case ast.Schema(name):
                book.all_schemas.append(declared)
                if name.text in BUILT_IN_TYPES:
                    message = f"`{name.text}` is a type of the language, so no schema can be called that"
                    reports.add(declared.here, "bad-name", message, name.span)
                else:
                    _declare(name, declared, book.schemas, reports)
            case ast.Tool(name):
                book.all_tools.append(declared)
                _declare(name, declared, book.tools, reports)
            case ast.Snippet(name):
                book.all_snippets.append(declared)
                _declare(name, declared, book.snippets, reports)
            case ast.Import(_, name):
                if name.text:
                    _declare(name, declared, book.imports, reports)
            case ast.Input(name):
                flow.inputs.append(declared)
                _declare(name, declared, flow.names, reports)
            case ast.Let(name):
                flow.lets.append(declared)
                _declare(name, declared, flow.names, reports)
            case ast.Step(name):
                flow.steps.append(declared)
                _declare(name, declared, flow.names, reports)
            case ast.Output(name):
                flow.outputs.append(declared)
                if name.text not in book.bad_names:
                    _declare(name, declared, flow.outputs_by_name, reports)
            case ast.Limits():
                flow.limits.append(declared)
                if len(flow.limits) > 1:
                    hint = f"the first is on line {flow.limits[0].line()}; put both into one"
                    span = Span(0, len("limits"))
                    reports.add(declared.here, "duplicate-name", "this flow has `limits` already", span, hint)
            case ast.Test(title, span):
                if title in flow.titles:
                    hint = f"the first is on line {flow.titles[title]}; give this one another title"
                    reports.add(declared.here, "duplicate-name", "there is a test with this title already", span, hint)
                flow.titles.setdefault(title, declared.line())
                flow.tests.append(declared)
    for flow in book.flows.values():
        _share_names(book, flow, reports)
    return book


def _share_names(book: FileBook, flow: FlowBook, reports: Reports) -> None:
    """Snippets and imports stand in every flow's book of names, too."""
    for shared in (book.snippets, book.imports):
        for name, declared in shared.items():
            other = flow.names.get(name)
            if other is None:
                flow.names[name] = declared
            elif other.here.start > declared.here.start:
                _tell_double(other.name, other, declared, reports)
            else:
                _tell_double(declared.name, declared, other, reports)
    for declared in (*flow.everything(), *book.all_snippets):
        if declared.section.unclosed:
            flow.swallowed |= _swallowed(declared)


def _swallowed(declared: Declared) -> frozenset[str]:
    """The names whose declarations an unclosed text has swallowed, roughly."""
    text = declared.here.source.text[declared.here.start :]
    words = (line.split() for line in text.split("\n")[1:])
    return frozenset(w[1].rstrip(":") for w in words if len(w) > 1 and w[0] in ("step", "let", "input", "snippet"))


def _declare(name: ast.Name, declared: Declared, book: dict[str, Declared], reports: Reports) -> None:
    if not name.text:
        return
    if _can_be_name(name, declared, reports):
        first = book.get(name.text)
        if first is None:
            book[name.text] = declared
        else:
            _tell_double(name, declared, first, reports)


def _is_new(name: ast.Name, declared: Declared, flows: dict[str, FlowBook], book: FileBook, reports: Reports) -> bool:
    if not _can_be_name(name, declared, reports):
        return False
    other = flows.get(name.text)
    if other is not None and other.declared is not None:
        _tell_double(name, declared, other.declared, reports)
        return False
    if name.text in book.imports:
        _tell_double(name, declared, book.imports[name.text], reports)
        return False
    return True


def _can_be_name(name: ast.Name, declared: Declared, reports: Reports) -> bool:
    """Whether a name can be one; a name whose header could not be read was told already."""
    why = name_mistake(name.text)
    if why is None:
        return True
    if not declared.section.broken:
        tell_bad_name(name, why, declared.here, reports)
    return False


def tell_bad_name(name: ast.Name, why: str, here: Here, reports: Reports) -> None:
    """Tells that a name can't be one, and what could stand instead."""
    better = suggest_name(name.text)
    hints = (f"write `{better}`",) if better and better != name.text and name_mistake(better) is None else ()
    reports.add(here, "bad-name", f"`{name.text}` {why}, so it can't be a name", name.span, *hints)


def _tell_double(name: ast.Name, declared: Declared, first: Declared, reports: Reports) -> None:
    article = "an" if first.kind[0] in "aeiou" else "a"
    same = "" if first.here.source is declared.here.source else f" of {first.here.source.path}"
    message = f"there is {article} {first.kind} called `{name.text}` already"
    hint = f"it stands on line {first.line()}{same}; give one of them another name"
    reports.add(declared.here, "duplicate-name", message, name.span, hint)


def _tell_edition_place(declared: Declared, reports: Reports) -> None:
    message = "the edition of the language stands on the first line of a file"
    reports.add(declared.here, "syntax", message, declared.section.header_span, "move this line to the top")


def did_you_mean(word: str, candidates: dict[str, Declared]) -> str | None:
    """A hint that names the nearest of what is declared, and where it stands."""
    near = nearest(word, list(candidates))
    return None if near is None else f"did you mean `{near}`? {candidates[near].told()}"
