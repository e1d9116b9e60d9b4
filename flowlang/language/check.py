"""Checks a loaded flow file with everything it imports: every mistake of every file, in one go.

Names are kept per file and flow (book.py), types are worked out when somebody asks for them (typed.py,
check_step.py), and what a flow waits for is looked at last (check_flow.py). Nothing is executed.
"""

from collections.abc import Callable
from dataclasses import replace

from ..diagnostics.diagnostic import Diagnostic, nearest
from ..diagnostics.source import Span
from . import ast
from .again import Memory
from .book import Declared, FileBook, Here, Reports, did_you_mean, keep_book
from .check_flow import FlowCheck
from .check_judges import check_judges
from .check_step import StepCheck
from .check_tool import check_tool
from .checked import AnswerIn, CheckedFile, CheckedFlow, CheckedStep, CheckedTool
from .circles import find_circles, shortened, what_is_needed_first
from .facts import NO_MODELS, Models, check_models
from .loader import Denied, LoadedFile, LoadedText, Loader
from .lookup import Snippet, refs_in
from .matching import listed
from .type_names import TypeNames
from .typed import Typer

MAX_STEPS = 100_000  # of a flow and the flows that it runs, each counted as often as it is run

Forbids = Callable[[CheckedTool], Denied | None]  # why a tool may not be used; None if it may


def check(
    loader: Loader,
    loaded: LoadedFile | None,
    models: Models = NO_MODELS,
    forbids: Forbids | None = None,
    answer_in: AnswerIn | None = None,
    memory: Memory | None = None,
) -> CheckedFile:
    """What is wrong with a file and its imports; the checked flow, if nothing is.

    `models` are those that the project may ask, `forbids` says what it allows, `answer_in` how answers are read:
    without them nothing is said of that. `memory` is what the last check left, and gets what this one leaves.
    """
    reports = Reports(list(loader.diagnostics))
    main: FileCheck | None = None
    flows: list[FlowCheck] = []
    if loaded is not None:
        files: dict[str, FileCheck] = {}
        main = FileCheck.open(loaded, reports, files, memory)
        flows = [flow for file in files.values() for flow in file.flows.values()]
        for file in files.values():
            file.check_schemas()
        for flow in what_is_needed_first(flows, _runs):
            flow.look_ahead()
        for file in files.values():
            file.check()
        _check_runs(flows, reports)
        _check_size(flows, reports)
        if forbids is not None:
            for file in files.values():
                file.check_powers(forbids)
        for flow in flows:
            if flow.checked is not None:
                check_models(flow.checked, models, reports)
                if models is not NO_MODELS:
                    check_judges(flow.checked, models, reports)
            if flow.checked is not None and answer_in is not None and any(test.answers for test in flow.checked.tests):
                from .check_answers import check_answers  # it works values out, which nothing else here does

                check_answers(flow.checked, answer_in, reports)
        if memory is not None:
            memory.flows = {
                (path, name): flow.again.after()
                for path, file in files.items()
                for name, flow in file.flows.items()
                if flow.again is not None
            }
    diagnostics = sorted(reports.diagnostics, key=_in_file_order(loader))
    errors = any(one.severity == "error" for one in diagnostics)
    if errors:
        diagnostics = [one for one in diagnostics if one.severity == "error"]
    linked = {} if main is None or errors else _linked(main)
    own = linked.pop("", None)
    if memory is not None:
        _let_go(flows)
    return CheckedFile(
        flow=None if own is None else replace(own, files=tuple(loader.sources)),
        flows=linked,
        diagnostics=tuple(diagnostics),
        sources=tuple(loader.sources),
    )


def _let_go(flows: list[FlowCheck]) -> None:
    """Takes apart what has done the check: flows, files and steps hold each other, and would stay until all is looked
    through for circles."""
    for flow in flows:
        vars(flow.file).clear()
        vars(flow).clear()


def _in_file_order(loader: Loader) -> Callable[[Diagnostic], tuple[int, int, int, str]]:
    order = {id(source): number for number, source in enumerate(loader.sources)}

    def key(one: Diagnostic) -> tuple[int, int, int, str]:
        return order.get(id(one.source), -1), one.span.start, one.span.end, one.rule

    return key


class FileCheck:
    """One file: its flows, and what serves all of them."""

    def __init__(self, loaded: LoadedFile, reports: Reports, memory: Memory | None) -> None:
        self.loaded = loaded
        self.reports = reports
        self.here = Here(loaded.source, 0)
        self.book: FileBook = keep_book(loaded, reports)
        self.imports: dict[str, FileCheck] = {}
        self.types = TypeNames(self.book, reports, {})
        self.flows: dict[str, FlowCheck] = {
            name: FlowCheck(self, book, None if memory is None else memory.of(loaded.path, name))
            for name, book in self.book.flows.items()
        }
        self._tools: dict[str, CheckedTool | None] = {}
        self._steps: dict[int, CheckedStep | None] = {}

    @classmethod
    def open(
        cls, loaded: LoadedFile, reports: Reports, files: "dict[str, FileCheck]", memory: Memory | None
    ) -> "FileCheck":
        """The check of a file and, in `files`, of everything it imports; each once."""
        if loaded.path not in files:
            files[loaded.path] = check = cls(loaded, reports, memory)
            check.imports = {alias: cls.open(other, reports, files, memory) for alias, other in loaded.imports.items()}
            check.types = TypeNames(check.book, reports, {alias: other.types for alias, other in check.imports.items()})
        return files[loaded.path]

    # ── What serves every flow ──

    def snippet(self, declared: Declared) -> Snippet:
        """A snippet's text, as it stands."""
        header = declared.section.header
        assert isinstance(header, ast.Snippet)
        match header.text:
            case ast.Text(parts):
                return Snippet(parts, declared.here)
            case ast.FileText() as file:
                loaded = self.text_of(file, declared.here)
                if loaded is not None:
                    return Snippet(loaded.parts or (), Here(loaded.source, 0))
        return Snippet((), declared.here)

    def member(self, alias: str, name: str) -> Snippet | None:
        """The snippet of an imported file, None if it has none of that name; empty if the file could not be read."""
        other = self.imports.get(alias)
        if other is None:
            return Snippet((), self.here)
        declared = other.book.snippets.get(name)
        return None if declared is None else other.snippet(declared)

    def beside(self, name: str, here: Here) -> Snippet | None:
        """The snippet of that name in the imported file where a pasted text stands."""
        for other in self.imports.values():
            if other.loaded.source is here.source and name in other.book.snippets:
                return other.snippet(other.book.snippets[name])
            if (found := other.beside(name, here)) is not None:
                return found
        return None

    def text_of(self, file: ast.FileText, here: Here) -> LoadedText | None:
        """What `file "…"` reads, in whichever of the loaded files it stands."""
        if here.source is self.loaded.source:
            return self.loaded.texts.get(file.path)
        for other in self.imports.values():
            if (found := other.text_of(file, here)) is not None:
                return found
        return None

    def find_flow(self, word: ast.Word, here: Here) -> FlowCheck | None:
        """The flow that a word names: `improve`, `house` for an imported file's main flow, `house.verify`."""
        alias, _dot, name = word.text.partition(".")
        if alias in self.book.imports:
            other = self.imports.get(alias)
            if other is None:
                return None
            if name in other.flows:
                found = other.flows[name]
                if not name and not found.book.steps and not found.book.outputs:
                    message = f"`{alias}` has no steps: there is no flow to run in it"
                    named = [f"{alias}.{flow}" for flow in other.flows if flow]
                    hints = (f"its other flows are {listed(named)}",) if named else ()
                    self.reports.add(here, "unknown-name", message, word.span, *hints)
                    return None
                return found
            near = nearest(name, [flow for flow in other.flows if flow])
            hints = (f"did you mean `{alias}.{near}`?",) if near else ()
            span = Span(word.span.start + len(alias) + 1, word.span.end)
            self.reports.add(here, "unknown-name", f"`{alias}` has no flow called `{name}`", span, *hints)
            return None
        if word.text in self.flows and word.text:
            return self.flows[word.text]
        if word.text in self.book.bad_names:
            return None
        known = {n: f.declared for n, f in self.book.flows.items() if f.declared is not None}
        hint = did_you_mean(word.text, {**known, **self.book.imports})
        message = f"there is no flow called `{word.text}`"
        more = hint or "a flow begins with a line like `flow improve`; another file's comes with `import`"
        self.reports.add(here, "unknown-name", message, word.span, more)
        return None

    def find_tool(self, word: ast.Word, here: Here) -> CheckedTool | None:
        """The tool that a word names."""
        alias, dot, name = word.text.partition(".")
        if dot and alias in self.book.imports:
            other = self.imports.get(alias)
            if other is None or name in other.book.tools:
                return None if other is None else other.tool(name)
            near = nearest(name, list(other.book.tools))
            hints = (f"did you mean `{alias}.{near}`?",) if near else ()
            span = Span(word.span.start + len(alias) + 1, word.span.end)
            self.reports.add(here, "unknown-name", f"`{alias}` has no tool called `{name}`", span, *hints)
            return None
        if word.text in self.book.tools:
            return self.tool(word.text)
        if word.text in self.book.bad_names:
            return None
        hint = did_you_mean(word.text, self.book.tools)
        message = f"there is no tool called `{word.text}`"
        self.reports.add(here, "unknown-name", message, word.span, *((hint,) if hint else ()))
        return None

    def tool(self, name: str) -> CheckedTool | None:
        """A tool of this file, checked once."""
        if name not in self._tools:
            self._tools[name] = check_tool(self, self.book.tools[name])
        return self._tools[name]

    def check_step(self, step: StepCheck) -> CheckedStep | None:
        """A step, checked once."""
        key = step.here.start
        if key not in self._steps:
            self._steps[key] = None
            again = self.flows[step.flow.flow_name].again
            self._steps[key] = step.check() if again is None else again.step(step)
        return self._steps[key]

    # ── The check ──

    def check_schemas(self) -> None:
        """Looks at every schema, in the file's order: that decides where a circle closes."""
        for declared in self.book.all_schemas:
            if self.book.schemas.get(declared.name.text) is declared:
                self.types.schema(declared.name.text)
            else:
                self.types.of_schema(declared)

    def check(self) -> None:
        """Looks at everything else in this file."""
        main = self.flows[""]
        main.presets.check(Typer.at(main, self.here))
        for declared in self.book.all_tools:
            if self.book.tools.get(declared.name.text) is declared:
                self.tool(declared.name.text)
            else:
                check_tool(self, declared)
        for flow in self.flows.values():
            flow.checked = flow.check()
        self._check_snippets(main)

    def check_powers(self, forbids: Forbids) -> None:
        """Tells of tools that may not be used."""
        for tool in self._tools.values():
            if tool is not None and (denied := forbids(tool)) is not None:
                here = Here(tool.target_place.source, 0)
                self.reports.add(here, denied.rule, denied.message, tool.target_place.span, *denied.hints)

    def _check_snippets(self, main: FlowCheck) -> None:
        """A snippet's names are read where it is pasted; here only what stands below it is looked at."""
        for declared in self.book.all_snippets:
            main.check_nothing_below(declared)
        for declared in self.book.imports.values():
            if declared.section.lines:
                line = declared.section.lines[0]
                self.reports.add(declared.here, "unknown-setting", "nothing stands below an import", line.span)

        edges = {name: _snippets_in(declared, self.book) for name, declared in self.book.snippets.items()}
        for circle, (here, span) in find_circles(edges):
            message = "these snippets are pasted into each other"
            self.reports.add(here, "cycle", message, span, shortened(circle), "leave one of them out")


def _runs(flow: FlowCheck) -> dict[FlowCheck, tuple[Here, Span]]:
    """The flows that a flow runs, with the first place of each."""
    found: dict[FlowCheck, tuple[Here, Span]] = {}
    for step in flow.running:
        setting, target = step.setting("run"), step.target
        if setting is not None and isinstance(target, FlowCheck):
            found.setdefault(target, (step.here, setting.items[0].span))
    return found


def _check_runs(flows: list[FlowCheck], reports: Reports) -> None:
    """Tells of flows that run themselves, also over others."""
    for circle, (here, span) in find_circles({flow: _runs(flow) for flow in flows}):
        names = [one.book.name or one.file.loaded.source.path for one in circle]
        message = "these flows run each other, so none would ever end"
        if len(circle) == 2:
            message = "this flow runs itself, so it would never end"
        reports.add(here, "cycle", message, span, shortened(names), "use `repeat until` for a loop")


def _check_size(flows: list[FlowCheck], reports: Reports) -> None:
    """Tells of the first flow with too many steps: a few flows that run each other twice would never end."""
    sizes: dict[FlowCheck, int] = {}
    for flow in what_is_needed_first(flows, _runs):
        # On a circle, which was told, a flow has no size.
        inner = {id(step): sizes.get(step.target, 0) for step in flow.running if isinstance(step.target, FlowCheck)}
        sizes[flow] = len(flow.steps) + sum(inner.values())
        size = 0
        for step in flow.steps.values() if sizes[flow] > MAX_STEPS else ():
            size += 1 + inner.get(id(step), 0)
            if size > MAX_STEPS:
                setting = step.setting("run")
                span = step.name.span if setting is None else setting.items[0].span
                message = (
                    f"with this step the flow has more than {MAX_STEPS:,} steps, those of the flows it runs included"
                )
                reports.add(step.here, "out-of-range", message, span, "a flow that is run twice counts twice")
                return


def _linked(main: FileCheck) -> dict[str, CheckedFlow]:
    """The flows of a file, whose `run:` steps hold the flows that they run."""
    done: dict[FlowCheck, CheckedFlow] = {}
    for flow in what_is_needed_first(main.flows.values(), _runs):
        checked = flow.checked
        assert checked is not None
        steps = dict(checked.steps)
        for step in flow.running:
            if isinstance(step.target, FlowCheck):
                steps[step.name.text] = replace(steps[step.name.text], run=done[step.target])
        done[flow] = replace(checked, steps=steps)
    return {name: done[flow] for name, flow in main.flows.items()}


def _snippets_in(declared: Declared, book: FileBook) -> dict[str, tuple[Here, Span]]:
    """The snippets of the same file that a snippet names, with the first place of each."""
    header = declared.section.header
    assert isinstance(header, ast.Snippet)
    found: dict[str, tuple[Here, Span]] = {}
    for ref in refs_in(header.text.parts) if isinstance(header.text, ast.Text) else ():
        name = ref.parts[0]
        if len(ref.parts) == 1 and name.text in book.snippets:
            found.setdefault(name.text, (declared.here, ref.span))
    return found
