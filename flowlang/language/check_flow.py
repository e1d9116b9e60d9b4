"""Checks one flow: its names, its steps and lets, what waits for what, and what nobody uses."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import PurePosixPath
from typing import Protocol

from ..diagnostics.source import Span
from . import ast, types
from .again import Again, FlowMemory
from .book import Declared, FlowBook, Here, Reports, did_you_mean
from .check_limits import check_limits
from .check_output import check_path, warn_if_skipped
from .check_preset import Presets
from .check_settings import check_lines
from .check_step import StepCheck
from .check_test import check_test
from .checked import CheckedFlow, CheckedInput, CheckedLet, CheckedOutput, CheckedStep, Place
from .circles import find_circles, shortened, what_is_needed_first
from .loader import LoadedText
from .lookup import UNKNOWN, Snippet, refs_of
from .matching import in_words, with_article
from .names import name_mistake
from .neighbours import File, Parameters, Reads
from .plain import fit_plain
from .typed import Typer
from .types import Type, bare


class Surroundings(File, Protocol):
    """What only a flow asks of its file."""

    def snippet(self, declared: Declared) -> Snippet:
        """A snippet's text, as it stands."""

    def beside(self, name: str, here: Here) -> Snippet | None:
        """The snippet of that name in the imported file where a pasted text stands."""

    def member(self, alias: str, name: str) -> Snippet | None:
        """The snippet of an imported file, None if it has none of that name; empty if the file could not be read."""

    def text_of(self, file: ast.FileText, here: Here) -> LoadedText | None:
        """What `file "…"` reads, if it could be read."""

    def check_step(self, step: StepCheck) -> CheckedStep | None:
        """A step, checked once."""


class FlowCheck:
    """One flow of a file. Answers what a name stands for; each declaration is looked at once."""

    def __init__(self, file: Surroundings, book: FlowBook, before: FlowMemory | None = None) -> None:
        self.file = file
        self.book = book
        self.reports: Reports = file.reports
        self.checked: CheckedFlow | None = None  # after check()
        self.presets = Presets(file)
        self._waits: dict[str, Reads] = {}  # `after:`, by step
        self._read: set[str] = set()
        self._typing: set[str] = set()
        self._outputs_type: Type = UNKNOWN  # until look_ahead() has been here: of a flow on a circle
        self._let_found: dict[int, tuple[ast.Value, Type, Reads]] = {}
        self.here = Here(file.loaded.source, 0)
        self.again = None if before is None else Again(self, before)

    @property
    def flow_name(self) -> str:
        """The flow's name; empty for a main flow."""
        return self.book.name

    # ── What names stand for ──

    @cached_property
    def steps(self) -> dict[int, StepCheck]:
        """The steps, by where they stand; a second step of one name is looked at, too."""
        if (again := self.again) is None:
            return {one.here.start: StepCheck(self, one) for one in self.book.steps}
        return {one.here.start: StepCheck(again.watched(), one, again.frame(one.section)) for one in self.book.steps}

    @cached_property
    def running(self) -> list[StepCheck]:
        """The steps that run a flow."""
        return [step for step in self.steps.values() if step.kind == "run"]

    def find(self, name: str) -> tuple[Type, bool] | Snippet | None:
        """The type of an input, let or step and whether it counts as read; a snippet; None for no such name."""
        found = self.look_up(name)
        if isinstance(found, tuple) and found[1]:
            self._read.add(name)
        return found

    def look_up(self, name: str) -> tuple[Type, bool] | Snippet | None:
        """As `find`, but the name does not count as used."""
        declared = self.book.names.get(name)
        if declared is None:
            return None
        match declared.section.header:
            case ast.Snippet():
                return self.file.snippet(declared)
            case ast.Import():
                return UNKNOWN, False
        return self._type_of(name, declared), True

    def is_open(self, name: str) -> bool:
        """Whether the type of a name is being worked out, so that it is not known yet."""
        return name in self._typing

    def use(self, names: Iterable[str]) -> None:
        """Notes that these names are used."""
        self._read.update(names)

    def _type_of(self, name: str, declared: Declared) -> Type:
        if name in self._typing:
            return UNKNOWN  # a circle, which is told where it closes
        self._typing.add(name)
        kind = self._type_declared(declared)
        self._typing.discard(name)
        return kind

    def _type_declared(self, declared: Declared) -> Type:
        header = declared.section.header
        if isinstance(header, ast.Input):
            kind = self._input_type(declared)
            # An input with a default is never empty.
            return kind.item if isinstance(kind, types.Optional) and header.default is not None else kind
        if isinstance(header, ast.Let):
            return self._let(declared)[1]
        return self.steps[declared.here.start].value_type

    def _input_type(self, declared: Declared) -> Type:
        header = declared.section.header
        assert isinstance(header, ast.Input)
        return UNKNOWN if header.type is None else self.file.types.resolve(header.type, declared.here)

    def look_ahead(self) -> None:
        """Works out the types that types hang on, the innermost first, so that a long chain needs no deep stack."""
        order = what_is_needed_first(self.book.names, self._type_needs)
        self._typing.update(order)  # what is needed and not done yet stands on a circle
        for name in order:
            self._typing.discard(name)
            declared = self.book.names[name]
            if isinstance(declared.section.header, ast.Let | ast.Step):
                self._type_of(name, declared)
        self._outputs_type = self._type_of_outputs()

    def _type_needs(self, name: str) -> Iterator[str]:
        """The names that the type of a let or step hangs on."""
        header, lines = self.book.names[name].section.header, self.book.names[name].section.lines
        refs: list[ast.Ref] = []
        if isinstance(header, ast.Let) and header.value is not None:
            refs = list(refs_of(header.value))
        for line in lines:
            if isinstance(line, ast.RepeatEach):
                refs += [each.items for each in line.each]
        for ref in refs:
            if ref.parts[0].text in self.book.names:
                yield ref.parts[0].text

    def _let(self, declared: Declared) -> tuple[ast.Value, Type, Reads]:
        header = declared.section.header
        assert isinstance(header, ast.Let)
        key = declared.here.start
        if key not in self._let_found:
            if header.value is None or declared.section.unclosed:
                return ast.Text((), Span(0, 0)), UNKNOWN, {}
            if self.again is not None:
                self._let_found[key] = self.again.let(declared, header.value)
            else:
                typer = Typer.at(self, declared.here)
                value, kind = typer.value(header.value)
                self._let_found[key] = value, kind, typer.look.reads
        return self._let_found[key]

    def member(self, alias: str, name: str) -> Snippet | bool | None:
        """The snippet of an imported file; None if it has none of that name, False if there is no such import."""
        if alias not in self.file.book.imports or alias not in self.book.names:
            return False
        return self.file.member(alias, name)

    def declared(self, name: str) -> Declared | None:
        """The declaration of a name."""
        return self.book.names.get(name)

    def candidates(self) -> dict[str, Declared]:
        """Every declared name."""
        return self.book.names

    def beside(self, name: str, here: Here) -> Snippet | None:
        """The snippet of that name in the file where a pasted text stands: its own flow's names go first."""
        return self.file.beside(name, here)

    def is_swallowed(self, name: str) -> bool:
        """Whether a name's declaration is lost: in a text that is never closed, or because it can't be a name."""
        return name in self.book.swallowed or name in self.file.book.bad_names

    def text_of(self, file: ast.FileText, here: Here) -> LoadedText | None:
        """What `file "…"` reads, if it could be read."""
        return self.file.text_of(file, here)

    def find_step(self, name: ast.Name, here: Here) -> StepCheck | None:
        """The step that `continues:`, `after:` or a test's `answer` names."""
        declared = self.book.names.get(name.text)
        if declared is not None and isinstance(declared.section.header, ast.Step):
            self._read.add(name.text)
            return self.steps[declared.here.start]
        if self.is_swallowed(name.text):
            return None
        if declared is not None:
            message = f"`{name.text}` is {with_article(declared.kind)}, not a step"
            self.reports.add(here, "wrong-type", message, name.span)
            return None
        hint = did_you_mean(name.text, {one.name.text: one for one in self.book.steps})
        message = f"there is no step called `{name.text}`"
        self.reports.add(here, "unknown-name", message, name.span, *((hint,) if hint else ()))
        return None

    def wait(self, step: str, target: str, here: Here, span: Span) -> None:
        """Notes that a step waits for another without reading it."""
        self._waits.setdefault(step, {}).setdefault(target, (here, span))

    def preset(self, word: ast.Word, here: Here, typer: Typer) -> Parameters | None:
        """The parameters of the preset that a word names; None if it names a model."""
        return self.presets.find(word, typer)

    def fallback_of(self, parameters: Parameters) -> tuple[Parameters, ...]:
        """The fallback of the preset whose parameters these are."""
        return self.presets.fallback_of(parameters)

    # ── What a flow takes and gives ──

    def wanted_inputs(self) -> dict[str, tuple[Type, bool]]:
        """The inputs: type, and whether they can be left out."""
        found: dict[str, tuple[Type, bool]] = {}
        for declared in self.book.inputs:
            header = declared.section.header
            assert isinstance(header, ast.Input)
            kind = self._input_type(declared)
            found[header.name.text] = kind, isinstance(kind, types.Optional) or header.default is not None
        return found

    @property
    def outputs_type(self) -> Type:
        """The type of a step that runs this flow: its one output's, or a record of them."""
        return self._outputs_type

    def _type_of_outputs(self) -> Type:
        fields = tuple(types.FieldType(name, kind) for name, _, kind, _ in self.outputs())
        if len(fields) == 1:
            return fields[0].type
        return types.RecordType(self.book.name or PurePosixPath(self.file.loaded.path).stem, fields)

    def outputs(self) -> Iterator[tuple[str, ast.Value, Type, Reads]]:
        """Each output's name, value, type and what it reads; without any, each step that nothing reads."""
        for declared in self.book.outputs:
            header = declared.section.header
            assert isinstance(header, ast.Output)
            if declared.section.broken or declared.section.unclosed:
                yield header.name.text, ast.Text((), Span(0, 0)), UNKNOWN, {}
                continue
            typer = Typer.at(self, declared.here)
            value: ast.Value = header.value or ast.Ref((header.name,), header.name.span)
            # An output may be empty: it is `null` then, so nothing has to be dealt with.
            resolved, kind = typer.value(value, dealt=True)
            yield header.name.text, resolved, kind, typer.look.reads
        if not self.book.outputs:
            unread = self._unread_steps
            for declared in self.book.steps:
                name = declared.name
                if name.text in unread and self.book.names.get(name.text) is declared:
                    found = self.find(name.text)
                    kind = found[0] if isinstance(found, tuple) else UNKNOWN
                    here = (declared.here, name.span)
                    yield name.text, ast.Ref((name,), name.span), kind, {name.text: here}

    @cached_property
    def _unread_steps(self) -> set[str]:
        """The steps that no step or let reads."""
        read: set[str] = set()
        for step in self.steps.values():
            read |= {name for name in self._reads_of_step(step) if name != step.name.text}
        for declared in self.book.lets:
            read |= set(self._let(declared)[2])
        return {d.name.text for d in self.book.steps} - read

    def _reads_of_step(self, step: StepCheck) -> Reads:
        self.file.check_step(step)
        return step.look.reads

    # ── The check ──

    def check(self) -> CheckedFlow | None:
        """The flow, checked; None if a mistake leaves nothing to plan."""
        inputs = self._check_inputs()
        steps = {step.name.text: checked for step in self.steps.values() if (checked := self.file.check_step(step))}
        lets: dict[str, CheckedLet] = {}
        for declared in self.book.lets:
            value, kind, reads = self._let(declared)
            self.check_nothing_below(declared)
            name = declared.name
            place = self._place(declared, name.span)
            lets[name.text] = CheckedLet(name.text, value, kind, tuple(reads), place)
        self._check_order()
        outputs = self._check_outputs()
        limits = check_limits(self)
        tests = tuple(done for test in self.book.tests if (done := check_test(self, test)) is not None)
        self._warn_unused()
        return CheckedFlow(
            name=self.book.name,
            description=self.book.description,
            inputs=inputs,
            steps=steps,
            lets=lets,
            outputs=outputs,
            limits=limits,
            source=self.file.loaded.source,
            tests=tests,
        )

    def _place(self, declared: Declared, span: Span) -> Place:
        return Place(declared.here.source, span.moved(declared.here.start))

    def check_nothing_below(self, declared: Declared) -> None:
        """Inputs, lets, outputs and their like are one line."""
        if not declared.section.unclosed:
            check_lines(declared.section, declared.kind, declared.here, self.reports)

    def _check_inputs(self) -> dict[str, CheckedInput]:
        inputs: dict[str, CheckedInput] = {}
        for declared in self.book.inputs:
            header = declared.section.header
            assert isinstance(header, ast.Input)
            self.check_nothing_below(declared)
            kind = self._input_type(declared)
            default = self._check_default(declared, header, kind)
            inner = kind.item if isinstance(kind, types.Optional) else kind
            optional = isinstance(kind, types.Optional)
            place = self._place(declared, header.name.span)
            if header.name.text not in inputs:
                inputs[header.name.text] = CheckedInput(
                    header.name.text, inner, optional, default, declared.section.description, place
                )
        return inputs

    def _check_default(self, declared: Declared, header: ast.Input, kind: Type) -> ast.Atom | None:
        default = header.default
        if default is None:
            return None
        inner = bare(kind)
        typer = Typer.at(self, declared.here)
        typer.verbatim = True
        if isinstance(inner, types.SecretType):
            message = "a secret has no default: it would stand in the file for all to read"
            self.reports.add(declared.here, "wrong-value", message, default.span)
            return None
        if isinstance(inner, types.MediaType) or inner == types.TABLE:
            message = f"{in_words(inner)} has no default"
            self.reports.add(declared.here, "wrong-type", message, default.span, "give it when the flow is run")
            return None
        return fit_plain(default, inner, typer)

    # ── Outputs ──

    def _check_outputs(self) -> tuple[CheckedOutput, ...]:
        outputs: list[CheckedOutput] = []
        paths: dict[str, Declared] = {}
        for index, (name, value, kind, reads) in enumerate(self.outputs()):
            declared = self.book.outputs[index] if self.book.outputs else None
            path = ""
            place = Place(self.file.loaded.source, Span(0, 0))
            if declared is not None:
                self.check_nothing_below(declared)
                header = declared.section.header
                assert isinstance(header, ast.Output)
                place = self._place(declared, header.name.span)
                path = check_path(declared, kind, paths, self.reports)
                warn_if_skipped(self, declared, value, self.reports)
            elif (step := self.book.names.get(name)) is not None:
                place = self._place(step, step.name.span)
            outputs.append(CheckedOutput(name, value, kind, path, tuple(reads), place))
        return tuple(outputs)

    # ── The graph ──

    def _check_order(self) -> None:
        """Tells of steps and lets that wait for each other: one report for each circle."""
        edges: dict[str, Reads] = {}
        for step in self.steps.values():
            name = step.name.text
            if self.book.names.get(name) is step.declared:
                edges[name] = {**step.look.reads, **self._waits.get(name, {})}
        for declared in self.book.lets:
            if self.book.names.get(declared.name.text) is declared:
                edges[declared.name.text] = self._let(declared)[2]
        if next(find_circles(edges), None) is None:
            return
        in_order = sorted(edges, key=lambda name: self.book.names[name].here.start)
        ordered = {name: _in_order(edges[name], self.book.names[name].here) for name in in_order}
        for circle, place in find_circles(ordered):
            self._tell_circle(circle, place)

    def _tell_circle(self, circle: list[str], place: tuple[Here, Span]) -> None:
        here, span = place
        steps = any(isinstance(self.book.names[name].section.header, ast.Step) for name in circle)
        what = "these steps wait for each other, so none can start"
        if len(circle) == 2:
            what = f"`{circle[0]}` waits for itself, so it can't start"
        elif not steps:
            what = "these lets wait for each other, so none can be worked out"
        hint = f"leave `{circle[-1]}` out here, or use `repeat until` for a loop"
        self.reports.add(here, "cycle", what, span, shortened(circle), hint)

    def _warn_unused(self) -> None:
        """Inputs, lets and steps that nothing uses."""
        used = set(self._read)
        for kind, rule, hint in (
            (self.book.inputs, "unused-input", "name it in a prompt, or take it out"),
            (self.book.lets, "unused-let", "name it somewhere, or take it out"),
            (self.book.steps, "unused-step", "name it in an output or another step, or take it out"),
        ):
            if kind is self.book.steps and not self.book.outputs:
                continue
            for declared in kind:
                name = declared.name
                if name.text not in used and name_mistake(name.text) is None:
                    message = f"nothing uses the {declared.kind} `{name.text}`"
                    self.reports.add(declared.here, rule, message, name.span, hint, severity="warning")


def _in_order(reads: Reads, here: Here) -> Reads:
    """What a declaration reads, as it stands in it; what pasted texts read comes last."""
    mine = sorted((n for n, (h, _) in reads.items() if h == here), key=lambda n: reads[n][1].start)
    return {name: reads[name] for name in (*mine, *(n for n in reads if reads[n][0] != here))}
