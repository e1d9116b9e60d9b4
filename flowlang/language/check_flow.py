"""Checks one flow: its names, its steps and lets, what waits for what, and what nobody uses."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from . import ast, types
from .book import Declared, FlowBook, Here, Reports, did_you_mean
from .check_limits import check_limits
from .check_settings import SettingReader, check_lines
from .check_step import StepCheck
from .check_test import check_test
from .checked import CheckedFlow, CheckedInput, CheckedLet, CheckedOutput, Parameter, Place
from .loader import LoadedText
from .names import name_mistake
from .scalars import check_bounds
from .settings import SETTINGS
from .typed import Snippet, Typer, fits, in_words
from .types import Type, Unknown, bare, spelled

if TYPE_CHECKING:
    from .check import FileCheck

UNKNOWN = Unknown()
_Reads = dict[str, tuple[Here, Span]]


class FlowCheck:
    """One flow of a file. Answers what a name stands for; each declaration is looked at once."""

    def __init__(self, file: "FileCheck", book: FlowBook) -> None:
        self.file = file
        self.book = book
        self.reports: Reports = file.reports
        self.presets: Mapping[str, Mapping[str, Parameter]] = {}
        self.waits: dict[str, _Reads] = {}  # `after:`, by step
        self._read: set[str] = set()
        self._typing: set[str] = set()
        self._let_found: dict[str, tuple[ast.Value, Type, _Reads]] = {}
        self._presets: dict[str, tuple[dict[str, Parameter], tuple[Mapping[str, Parameter], ...], _Reads]] = {}

    # ── What names stand for ──

    @cached_property
    def steps(self) -> dict[int, StepCheck]:
        """The steps, by where they stand; a second step of one name is looked at, too."""
        return {declared.here.start: StepCheck(self, declared) for declared in self.book.steps}

    def find(self, name: str) -> tuple[Type, bool] | Snippet | None:
        """The type of an input, let or step and whether it counts as read; a snippet; None if nothing is called that."""
        declared = self.book.names.get(name)
        if declared is None:
            return None
        match declared.section.header:
            case ast.Snippet():
                return self.file.snippet(declared)
            case ast.Import():
                return UNKNOWN, False
        self._read.add(name)
        if name in self._typing:
            return UNKNOWN, True  # a circle, which is told where it closes
        self._typing.add(name)
        kind = self._type_of(declared)
        self._typing.discard(name)
        return kind, True

    def _type_of(self, declared: Declared) -> Type:
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

    def _let(self, declared: Declared) -> tuple[ast.Value, Type, _Reads]:
        header = declared.section.header
        assert isinstance(header, ast.Let)
        key = str(declared.here.start)
        if key not in self._let_found:
            if header.value is None or declared.section.unclosed:
                return ast.Text((), Span(0, 0)), UNKNOWN, {}
            typer = Typer(self, declared.here)
            value, kind = typer.value(header.value)
            self._let_found[key] = value, kind, typer.reads
        return self._let_found[key]

    def member(self, alias: str, name: str) -> Snippet | None | bool:
        """The snippet of an imported file; None if it has none of that name, False if there is no such import."""
        if alias not in self.file.book.imports or alias not in self.book.names:
            return False
        other = self.file.imports.get(alias)
        if other is None:
            return Snippet((), self.file.here)  # the file could not be read, which was told
        declared = other.book.snippets.get(name)
        return None if declared is None else other.snippet(declared)

    def candidates(self) -> dict[str, Declared]:
        """Every declared name."""
        return self.book.names

    def is_swallowed(self, name: str) -> bool:
        """Whether a name's declaration is lost in a text that is never closed."""
        return name in self.book.swallowed

    def text_of(self, file: ast.FileText, here: Here) -> LoadedText | None:
        """What `file "…"` reads, if it could be read."""
        return self.file.text_of(file, here)

    def find_step(self, word: ast.Word, here: Here) -> StepCheck | None:
        """The step that `continues:` or `after:` names."""
        declared = self.book.names.get(word.text)
        if declared is not None and isinstance(declared.section.header, ast.Step):
            self._read.add(word.text)
            return self.steps[declared.here.start]
        if self.is_swallowed(word.text):
            return None
        if declared is not None:
            message = f"`{word.text}` is {'an' if declared.kind[0] in 'aeiou' else 'a'} {declared.kind}, not a step"
            self.reports.add(here, "wrong-type", message, word.span)
            return None
        steps = {d.name.text: d for d in self.book.steps}
        hint = did_you_mean(word.text, steps)
        self.reports.add(
            here, "unknown-name", f"there is no step called `{word.text}`", word.span, *((hint,) if hint else ())
        )
        return None

    def find_flow(self, word: ast.Word, here: Here) -> "FlowCheck | None":
        """The flow that `run:` names: of this file, or of an imported one."""
        return self.file.find_flow(word, here)

    # ── Presets ──

    def preset(self, word: ast.Word, here: Here, typer: Typer) -> Mapping[str, Parameter] | None:
        """The parameters of the preset that a word names; None if it names a model."""
        alias, dot, name = word.text.partition(".")
        declared = self.file.book.presets.get(word.text)
        if declared is None and dot and alias in self.file.imports:
            declared = self.file.imports[alias].book.presets.get(name)
            if declared is None:
                near = nearest(name, list(self.file.imports[alias].book.presets))
                hints = (f"did you mean `{alias}.{near}`?",) if near else ()
                self.reports.add(here, "unknown-name", f"`{alias}` has no preset called `{name}`", word.span, *hints)
                return {}
        if declared is None:
            if dot and alias in self.file.book.imports:
                return {}
            self._warn_of_model(word, here)
            return None
        parameters, _, reads = self._preset(word.text, declared)
        for read, place in reads.items():
            typer.reads.setdefault(read, place)
        return parameters

    def fallback_of(self, parameters: Mapping[str, Parameter]) -> tuple[Mapping[str, Parameter], ...]:
        """The fallback of the preset whose parameters these are."""
        for own, fallback, _ in self._presets.values():
            if fallback and own and own.items() <= parameters.items():
                return fallback
        return ()

    def _preset(
        self, name: str, declared: Declared
    ) -> tuple[dict[str, Parameter], tuple[Mapping[str, Parameter], ...], _Reads]:
        if name not in self._presets:
            typer = Typer(self, declared.here)
            self._presets[name] = {}, (), typer.reads  # a preset that falls back to itself brings nothing
            reader = SettingReader(typer, {})
            parameters: dict[str, Parameter] = {}
            fallback: list[Mapping[str, Parameter]] = []
            for line in check_lines(declared.section, "preset", declared.here, self.reports):
                if isinstance(line, ast.Extra):
                    values = tuple(_plain(item) for item in line.items)
                    value = values[0] if len(values) == 1 else values
                    parameters[f"extra.{line.name.text}"] = Parameter(value, reader.place(line.span))
                if not isinstance(line, ast.Setting):
                    continue
                row = SETTINGS[("preset", line.key.text)]
                if row.takes == "model":
                    item = line.items[0]
                    if isinstance(item, ast.Word) and item.text and item.text in self.file.book.presets:
                        message = "a preset's `model:` is a model id, not another preset"
                        self.reports.add(declared.here, "wrong-value", message, item.span)
                    else:
                        parameters.update(reader.model(item, "model") or {})
                elif row.takes == "models":
                    for item in line.items:
                        word = item if isinstance(item, ast.Word) and item.text else None
                        found = self.preset(word, declared.here, typer) if word else None
                        if found is None:
                            found = reader.model(item, "fallback")
                        if found:
                            fallback.append(found)
                elif (parameter := reader.read(line, row)) is not None:
                    parameters[line.key.text] = parameter
            self._presets[name] = parameters, tuple(fallback), typer.reads
        return self._presets[name]

    def check_presets(self) -> None:
        """Looks at every preset of the file, also at those that no step uses."""
        for declared in self.file.book.all_presets:
            if not declared.section.unclosed:
                self._preset(f"{declared.name.text}" if self._is_first(declared) else f"@{declared.here.start}", declared)

    def _is_first(self, declared: Declared) -> bool:
        return self.file.book.presets.get(declared.name.text) is declared

    def _warn_of_model(self, word: ast.Word, here: Here) -> None:
        near = nearest(word.text, list(self.file.book.presets))
        if near is not None and "/" not in word.text:
            told = self.file.book.presets[near]
            message = f"`{word.text}` is no preset of this file, so it is taken for a model"
            hint = f"did you mean `{near}`? {told.told()}"
            self.reports.add(here, "unknown-model", message, word.span, hint, severity="warning")

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

    @cached_property
    def outputs_type(self) -> Type:
        """The type of a step that runs this flow: its one output's, or a record of them."""
        fields: list[types.FieldType] = []
        if "" in self._typing:
            return UNKNOWN
        self._typing.add("")
        for name, _, kind, _ in self.outputs():
            fields.append(types.FieldType(name, kind))
        self._typing.discard("")
        return fields[0].type if len(fields) == 1 else types.RecordType(self.book.name or "flow", tuple(fields))

    def outputs(self) -> Iterator[tuple[str, ast.Value, Type, _Reads]]:
        """Each output's name, value, type and what it reads; without any, each step that nothing reads."""
        for declared in self.book.outputs:
            header = declared.section.header
            assert isinstance(header, ast.Output)
            if declared.section.broken or declared.section.unclosed:
                yield header.name.text, ast.Text((), Span(0, 0)), UNKNOWN, {}
                continue
            typer = Typer(self, declared.here)
            value: ast.Value = header.value or ast.Ref((header.name,), header.name.span)
            # An output may be empty: it is `null` then, so nothing has to be dealt with.
            resolved, kind = typer.value(value, dealt=True)
            yield header.name.text, resolved, kind, typer.reads
        if not self.book.outputs:
            unread = self._unread_steps()
            for declared in self.book.steps:
                name = declared.name
                if name.text in unread and self.book.names.get(name.text) is declared:
                    found = self.find(name.text)
                    kind = found[0] if isinstance(found, tuple) else UNKNOWN
                    here = (declared.here, name.span)
                    yield name.text, ast.Ref((name,), name.span), kind, {name.text: here}

    def _unread_steps(self) -> set[str]:
        """The steps that no step or let reads."""
        read: set[str] = set()
        for step in self.steps.values():
            read |= {name for name in self._reads_of_step(step) if name != step.name.text}
        for declared in self.book.lets:
            read |= set(self._let(declared)[2])
        return {d.name.text for d in self.book.steps} - read

    def _reads_of_step(self, step: StepCheck) -> _Reads:
        self.file.check_step(step)
        return step.typer.reads

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
        for test in self.book.tests:
            check_test(self, test)
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
            tests=tuple(test.section for test in self.book.tests),
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
        typer = Typer(self, declared.here)
        if isinstance(inner, types.SecretType):
            message = "a secret has no default: it would stand in the file for all to read"
            self.reports.add(declared.here, "wrong-value", message, default.span)
            return None
        if isinstance(inner, types.MediaType) or inner == types.TABLE:
            message = f"{in_words(inner)} has no default"
            self.reports.add(declared.here, "wrong-type", message, default.span, "give it when the flow is run")
            return None
        return self.fit_plain(default, inner, typer)

    def fit_plain(self, value: ast.Atom, kind: Type, typer: Typer) -> ast.Atom | None:
        """A plain value where a type is wanted: a default, a test's input. What does not fit is told."""
        here = typer.here
        if isinstance(value, ast.ListValue) and isinstance(kind, types.ListOf):
            items = tuple(done for item in value.items if (done := self.fit_plain(item, bare(kind.item), typer)))
            low, high = kind.low, kind.high
            if low is not None and len(value.items) < low or high is not None and len(value.items) > high:
                message = f"this list has {len(value.items)} items, and `{spelled(kind)}` is wanted"
                self.reports.add(here, "out-of-range", message, value.span)
            return ast.ListValue(items, value.span)
        if isinstance(value, ast.Ref):
            word = str(value)
            if isinstance(kind, types.ChoiceType):
                resolved, _ = typer.against(value, kind)
                return resolved if isinstance(resolved, ast.Text) else None
            if isinstance(kind, Unknown):
                return None
            message = f"`{word}` is a bare word, and {in_words(kind)} is wanted"
            hint = f'a text stands in quotes: `"{word}"`' if isinstance(kind, types.TextType) else ""
            self.reports.add(here, "wrong-type", message, value.span, *((hint,) if hint else ()))
            return None
        if isinstance(value, ast.Text | ast.FileText):
            resolved, found = typer.value(value)
            assert isinstance(resolved, ast.Text)
            return resolved if self.check_plain(resolved, kind, here) else None
        resolved, found = typer.against(value, kind)
        if isinstance(kind, types.ChoiceType) and isinstance(resolved, ast.Text):
            return resolved
        if not fits(found, kind):
            message = f"{in_words(kind)} is wanted here, and this is {in_words(found)}"
            hint = ()
            if isinstance(kind, types.TextType) and isinstance(value, ast.Number):
                hint = (f'put it in quotes: `"{value.value}"`',)
            self.reports.add(here, "wrong-type", message, value.span, *hint)
            return None
        return resolved if self.check_plain(value, kind, here) else None  # type: ignore[return-value]

    def check_plain(self, value: ast.Value, kind: Type, here: Here) -> bool:
        """Whether a written value is within its type's bounds and choices; what is not is told."""
        if isinstance(value, ast.Text):
            if any(not isinstance(part, str) for part in value.parts):
                return True
            text = "".join(part for part in value.parts if isinstance(part, str))
            match kind:
                case types.ChoiceType(choices):
                    if not any(text.strip().casefold() == choice.strip().casefold() for choice in choices):
                        near = nearest(text, list(choices))
                        hints = (f"did you mean `{near}`?",) if near else ()
                        message = f"`{text}` is none of the choices {', '.join(f'`{c}`' for c in choices)}"
                        self.reports.add(here, "wrong-value", message, value.span, *hints)
                        return False
                    return True
                case types.DateType():
                    try:
                        date.fromisoformat(text.strip())
                    except ValueError:
                        hint = 'a date is written `"2026-03-11"`'
                        self.reports.add(here, "wrong-value", f"`{text}` is no date", value.span, hint)
                        return False
                    return True
                case types.TextType():
                    return self._check_bounds(text, kind, value.span, here)
                case types.DocumentType() | types.JsonType() | Unknown():
                    return True
            message = f"{in_words(kind)} is wanted here, and this is a text"
            plain = text.strip().lstrip("-").replace(".", "", 1)
            hint = (f"write it without quotes: `{text.strip()}`",) if isinstance(kind, types.NumberType) and plain.isdigit() else ()
            self.reports.add(here, "wrong-type", message, value.span, *hint)
            return False
        if isinstance(value, ast.Number) and isinstance(kind, types.NumberType):
            return self._check_bounds(value.value, kind, value.span, here)
        return True

    def _check_bounds(self, value: object, kind: Type, span: Span, here: Here) -> bool:
        why = check_bounds(value, kind)  # type: ignore[arg-type]
        if why is None:
            return True
        rule = "wrong-type" if "whole" in why else "out-of-range"
        self.reports.add(here, rule, f"this {why}", span)
        return False

    # ── Outputs ──

    def _check_outputs(self) -> tuple[CheckedOutput, ...]:
        outputs: list[CheckedOutput] = []
        paths: dict[str, Declared] = {}
        by_name = {d.name.text: d for d in self.book.outputs}
        for name, value, kind, reads in self.outputs():
            declared = by_name.get(name)
            path = ""
            place = Place(self.file.loaded.source, Span(0, 0))
            if declared is not None:
                self.check_nothing_below(declared)
                header = declared.section.header
                assert isinstance(header, ast.Output)
                place = self._place(declared, header.name.span)
                path = self._check_path(declared, header, paths)
                if kind_has_no_form(kind, path):
                    assert header.path is not None
                    message = f"`{path}` holds plain fields, and this is {in_words(kind)}"
                    self.reports.add(declared.here, "wrong-type", message, header.path.span, "write it to a `.json` file")
                self._warn_skipped(declared, header, value)
            elif (step := self.book.names.get(name)) is not None:
                place = self._place(step, step.name.span)
            outputs.append(CheckedOutput(name, value, kind, path, tuple(reads), place))
        return tuple(outputs)

    def _check_path(self, declared: Declared, header: ast.Output, paths: dict[str, Declared]) -> str:
        if header.path is None:
            return ""
        path = "".join(part for part in header.path.parts if isinstance(part, str))
        why = path_mistake(path)
        if why is not None:
            rule, message = why
            self.reports.add(declared.here, rule, message, header.path.span, 'write a plain path like `to "brief.md"`')
            return ""
        key = path.casefold()
        if key in paths:
            message = f"another output is written to `{path}` already"
            hint = f"it stands on line {paths[key].line()}"
            self.reports.add(declared.here, "duplicate-name", message, header.path.span, hint)
            return ""
        paths[key] = declared
        return path

    def _warn_skipped(self, declared: Declared, header: ast.Output, value: ast.Value) -> None:
        """An output of a step with a `when` is `null` where that does not hold."""
        if not isinstance(value, ast.Ref):
            return
        step = self.book.names.get(value.parts[0].text)
        if step is None or not isinstance(step.section.header, ast.Step):
            return
        if any(isinstance(line, ast.When) for line in step.section.lines) and not any(
            isinstance(line, ast.RepeatEach) for line in step.section.lines
        ):
            name = value.parts[0].text
            span = header.value.span if header.value is not None else header.name.span
            message = f"`{name}` runs only when its condition holds, so this output may be empty"
            hint = f"say what stands in for it: `output {header.name.text}: {name} | default \"…\"`"
            self.reports.add(declared.here, "may-be-skipped", message, span, hint, severity="warning")

    # ── The graph ──

    def _check_order(self) -> None:
        """Tells of steps and lets that wait for each other: one report for each circle."""
        edges: dict[str, _Reads] = {}
        for step in self.steps.values():
            name = step.name.text
            if self.book.names.get(name) is step.declared:
                reads = {**step.typer.reads, **self.waits.get(name, {})}
                edges[name] = _in_order(reads, step.here)
        for declared in self.book.lets:
            if self.book.names.get(declared.name.text) is declared:
                edges[declared.name.text] = _in_order(self._let(declared)[2], declared.here)
        order = sorted(edges, key=lambda name: self.book.names[name].here.start)
        done: set[str] = set()
        told: set[str] = set()
        for first in order:
            if first in done:
                continue
            chain: list[str] = [first]
            on_chain = {first}
            waiting = [iter(edges[first].items())]
            while waiting:
                for target, place in waiting[-1]:
                    if target not in edges or target in done:
                        continue
                    if target in on_chain:
                        circle = chain[chain.index(target) :]
                        if not told & set(circle):
                            self._tell_circle([*circle, target], place)
                        told |= set(circle)
                        continue
                    chain.append(target)
                    on_chain.add(target)
                    waiting.append(iter(edges[target].items()))
                    break
                else:
                    waiting.pop()
                    last = chain.pop()
                    on_chain.discard(last)
                    done.add(last)

    def _tell_circle(self, circle: list[str], place: tuple[Here, Span]) -> None:
        here, span = place
        names = circle if len(circle) <= 8 else [*circle[:6], "…", circle[-1]]
        steps = any(isinstance(self.book.names[name].section.header, ast.Step) for name in circle)
        what = "these steps wait for each other, so none can start"
        if len(circle) == 2:
            what = f"`{circle[0]}` waits for itself, so it can't start"
        elif not steps:
            what = "these lets wait for each other, so none can be worked out"
        hint = f"leave `{circle[-1]}` out here, or use `repeat until` for a loop"
        self.reports.add(here, "cycle", what, span, " -> ".join(names), hint)

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


def _in_order(reads: _Reads, here: Here) -> _Reads:
    """What a declaration reads, as it stands in it; what pasted texts read comes last."""
    mine = sorted((n for n, (h, _) in reads.items() if h == here), key=lambda n: reads[n][1].start)
    return {name: reads[name] for name in (*mine, *(n for n in reads if reads[n][0] != here))}


def _plain(item: ast.Item) -> str:
    match item:
        case ast.Word(text):
            return text
        case ast.Number(number):
            return str(number)
        case ast.Text(parts):
            return "".join(part for part in parts if isinstance(part, str))
    return ""


def path_mistake(path: str) -> tuple[str, str] | None:
    """Rule and message for an output path that can't be; None if it can."""
    shown = f"`{path}`"
    if not path.strip():
        return "wrong-value", "an output's file needs a name"
    if path.startswith(("/", "\\", "~")) or path[1:2] == ":":
        return "not-allowed", f"{shown} is no path below the output folder"
    if "\\" in path or any(ord(c) < 32 or ord(c) == 127 for c in path):
        return "wrong-value", f"{shown} has a character that no file's name should have"
    parts = path.removesuffix("/").split("/")
    if ".." in parts:
        return "not-allowed", f"{shown} leads out of the output folder"
    if any(part.startswith(".") for part in parts):
        return "not-allowed", f"{shown} is a hidden file or folder"
    if any(not part.strip() for part in parts):
        return "wrong-value", f"{shown} has an empty part"
    if any(len(part.encode()) > 255 for part in parts):
        return "wrong-value", "this file's name is too long"
    return None


def kind_has_no_form(kind: Type, path: str) -> bool:
    """Whether a value of this type can't be written as `path` asks: only records of plain fields make a CSV."""
    if not path.endswith(".csv"):
        return False
    inner = bare(kind)
    if isinstance(inner, types.JsonType | Unknown):
        return False
    if not isinstance(inner, types.ListOf):
        return not isinstance(inner, types.RecordType)
    item = bare(inner.item)
    if isinstance(item, types.RecordType):
        return any(isinstance(bare(one.type), types.ListOf | types.RecordType) for one in item.fields)
    return isinstance(item, types.ListOf | types.MediaType)


