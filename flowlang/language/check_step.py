"""Checks one step: its lines, the types that flow through it, and what it waits for."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import TypeVar

from ..diagnostics.source import Span
from ..record import record
from . import ast, types
from .book import Declared
from .check_continues import check_continues
from .check_parameters import ParameterCheck, is_parameter
from .check_settings import SettingReader, check_lines, may_have_meant, tell_no_text
from .check_shared import shared_text_last
from .check_with import check_with
from .checked import CheckedStep, CheckedTool, Ensured, Loop, Message, Parameter, Place
from .lookup import NO_FACTS, UNKNOWN, Facts
from .matching import in_words, with_article
from .neighbours import Around, Flow, Reads
from .settings import SETTINGS
from .typed import Typer
from .types import Type, Unknown, bare

_L = TypeVar("_L")
_TEXT = types.TextType()
_PLACE: tuple[str, Type] = ("place", types.NumberType(whole=True))
_MOST_ROUNDS = 10_000
_MESSAGES = ("system", "user", "assistant", "prompt")
_ONLY_PROMPT = (*_MESSAGES, "continues", "returns", "samples", "uses", "rounds", "ensure", "model")
_OF_NO_MODEL = ("tries", "timeout", "cache")  # parameters that a tool's call can have, too


@record
class Frame:
    """The lines of a step, put in order: what they are hangs on nothing else."""

    lines: list[ast.Line]
    firsts: dict[object, ast.Line]
    kind: str
    parameters: list[ast.Line]


# What a step has of others: the type of one answer, those of its loops' items, and what its flow or tool takes.
Given = tuple[Type, tuple[Type, ...], dict[str, tuple[Type, bool]] | None]


class StepCheck:
    """One step of a flow. Types are worked out when somebody asks, so the order in the file means nothing."""

    def __init__(self, flow: Around, declared: Declared, frame: "Frame | None" = None) -> None:
        self.flow = flow
        self.declared = declared
        self.section = declared.section
        self.here = declared.here
        self.name = declared.name
        self.typer = Typer.at(flow, self.here)
        self.look = self.typer.look
        self._reports = flow.reports
        self._settings_read = SettingReader(self.typer)
        self._parameters = ParameterCheck(flow, self.here, self.typer, self._settings_read)
        if frame is not None:
            found = {"lines": frame.lines, "_firsts": frame.firsts, "kind": frame.kind}
            self.__dict__.update(found, _parameter_lines=frame.parameters)

    # ── The lines, by what they are ──

    @cached_property
    def lines(self) -> list[ast.Line]:
        """The lines that may stand here, each once."""
        if self.section.unclosed:
            return []
        return check_lines(self.section, "step", self.here, self._reports)

    @cached_property
    def _firsts(self) -> dict[object, ast.Line]:
        """The first line of each kind: settings by their key, the others by their class."""
        found: dict[object, ast.Line] = {}
        for line in self.lines:
            found.setdefault(line.key.text if isinstance(line, ast.Setting) else type(line), line)
        return found

    @cached_property
    def _parameter_lines(self) -> list[ast.Line]:
        """The lines that say what a model is asked with."""
        return [line for line in self.lines if is_parameter(line)]

    def setting(self, key: str) -> ast.Setting | None:
        """The setting of that name."""
        found = self._firsts.get(key)
        return found if isinstance(found, ast.Setting) else None

    def _line(self, kind: type[_L]) -> _L | None:
        found = self._firsts.get(kind)
        return found if isinstance(found, kind) else None

    @property
    def repeats(self) -> bool:
        """Whether it is a `repeat for each`."""
        return self._line(ast.RepeatEach) is not None

    @cached_property
    def kind(self) -> str:
        """What it does: "prompt", "run" or "call"."""
        return "run" if self.setting("run") else "call" if self.setting("call") else "prompt"

    @property
    def frame(self) -> Frame:
        """Its lines, put in order."""
        return Frame(self.lines, self._firsts, self.kind, self._parameter_lines)

    # ── Types ──

    @cached_property
    def given(self) -> Given:
        """What it has of others."""
        return self.answer_type, tuple(item for _, item in self.loops), self._wanted()

    @cached_property
    def answer_type(self) -> Type:
        """The type of one answer: of one call, one run of the flow, or one call of the tool."""
        if self.section.unclosed:
            return UNKNOWN
        match self.kind:
            case "run":
                return UNKNOWN if self.target is None else self.target.outputs_type
            case "call":
                return UNKNOWN if self.tool is None else self.tool.returns or _TEXT
        returns = self._line(ast.Returns)
        if returns is None:
            # The line that says so may be among those that can't be read.
            return UNKNOWN if may_have_meant(self.declared, "returns") else _TEXT
        return self.flow.file.types.resolve(returns.type, self.here, answer=True)

    @cached_property
    def loops(self) -> tuple[tuple[ast.Each, Type], ...]:
        """Each `X in LIST` with the type of X."""
        repeat = self._line(ast.RepeatEach)
        found: list[tuple[ast.Each, Type]] = []
        for each in repeat.each if repeat else ():
            if not each.items.parts[0].text:  # a list that can't be read, which was told
                found.append((each, UNKNOWN))
                self.look.locals[each.name.text] = UNKNOWN
                continue
            quiet = Typer.at(self.flow, self.here, dict(self.look.locals))
            _, kind = quiet.value(each.items, dealt=True)
            item = self._item_of(kind, each)
            found.append((each, item))
            self.look.locals[each.name.text] = item
        return tuple(found)

    def _item_of(self, kind: Type, each: ast.Each) -> Type:
        listed = bare(kind)
        if isinstance(listed, types.ListOf):
            return listed.item
        if not isinstance(listed, types.JsonType | Unknown) and not self.section.broken:
            message = f"`{each.items}` is {in_words(listed)}, not a list"
            hints = ("make it a list first: `let parts = … | lines`",) if _is_text(listed) else ()
            self._reports.add(self.here, "wrong-type", message, each.items.span, *hints)
            return UNKNOWN
        return listed

    @cached_property
    def value_type(self) -> Type:
        """The type of the step's value: the answer, or lists of it under `samples` and `repeat for each`."""
        kind = self.answer_type
        if self.setting("samples") is not None:
            kind = types.ListOf(kind)
        if self._line(ast.RepeatEach) is not None:
            memory = tuple((each.name.text, item) for each, item in self.loops)
            kind = types.ListOf(types.Remembering(kind, (*memory, _PLACE)))
        return kind

    @cached_property
    def target(self) -> Flow | None:
        """The flow that `run:` names."""
        setting = self.setting("run")
        item = setting.items[0] if setting else None
        if not isinstance(item, ast.Word):
            if item is not None:
                message = "`run` takes a flow's name"
                self._reports.add(self.here, "wrong-value", message, item.span, "write it without quotes")
            return None
        return self.flow.file.find_flow(item, self.here)

    @cached_property
    def tool(self) -> CheckedTool | None:
        """The tool that `call:` names."""
        setting = self.setting("call")
        return None if setting is None else self._tool(setting.items[0])

    def _tool(self, item: ast.Item) -> CheckedTool | None:
        if isinstance(item, ast.Word):
            tool = self.flow.file.find_tool(item, self.here)
            own = self.flow.wanted_inputs()
            for name in tool.secrets if tool is not None else ():
                if name not in own or not isinstance(bare(own[name][0]), types.SecretType):
                    flow = f"flow `{self.flow.flow_name}`" if self.flow.flow_name else "this flow"
                    message = f"the tool `{item.text}` needs the secret input `{name}`, and {flow} has none"
                    hint = f"add `input {name}: secret text` to it; a step that runs the flow hands it on by `with`"
                    self._reports.add(self.here, "unknown-name", message, item.span, hint)
            return tool
        self._reports.add(self.here, "wrong-value", "a tool's name stands here", item.span, "write it without quotes")
        return None

    # ── The check ──

    def check(self) -> CheckedStep | None:
        """The step, checked; None if it has a mistake that leaves nothing to plan."""
        if self.section.unclosed:
            return None
        typer = self.typer
        self._check_work()
        loops = self._check_loops()
        when = self._line(ast.When)
        when_done: ast.Condition | None = None
        if when is not None:
            typed = typer.condition(when.condition)
            when_done = typed.condition
            typer.look.facts |= typed.holding
        for each, _ in self.loops:
            if each.items.parts[0].text:
                typer.value(each.items)
        typer.look.used.clear()
        messages = self._check_messages()
        self._warn_unnamed()
        self._warn_shared_last()
        parameters, fallback = self._parameters.check(self._parameter_lines)
        with_ = self._check_with()
        until, until_place, times = self._check_until()
        lists = tuple(each.items for each, _ in self.loops)
        continues = check_continues(self.setting("continues"), lists, self.flow, typer)
        tools, rounds = self._check_uses(), self._number_or_slot("rounds")
        repeat = self._line(ast.RepeatEach)
        at_a_time = self._count(repeat.at_a_time, 1, None, "N at a time") if repeat and repeat.at_a_time else None
        after = self._check_after()
        returns = self._line(ast.Returns)
        samples = self._number_or_slot("samples")
        ensures = self._check_ensures()
        failures = self._check_failures()
        kind = self.value_type
        if self.section.broken:
            return None
        reads = self._reads_in_order()
        return CheckedStep(
            name=self.name.text,
            kind=self.kind,
            place=self._place(self.name.span),
            description=self.section.description,
            messages=messages,
            settings={
                line.key.text: self._place(line.items[0].span if line.items else line.key.span)
                for line in self.section.lines
                if isinstance(line, ast.Setting)
            },
            answer=None if returns is None else self.answer_type,
            answer_place=self._place(returns.span if returns else self.name.span),
            type=kind,
            parameters=parameters,
            fallback=fallback,
            continues=continues,
            ensures=ensures,
            loops=loops,
            at_a_time=at_a_time,
            until=until,
            until_place=until_place,
            times=times,
            when=when_done,
            samples=samples,
            tools=tools,
            rounds=8 if rounds is None else rounds,
            run=None,  # linked when every flow is checked
            call=self.tool,
            with_=with_,
            failures=failures,
            reads=reads,
            waits_for=(*reads, *(name for name in after if name not in reads)),
        )

    def check_again(self, before: CheckedStep, by: int, facts: Facts, reads: Reads) -> CheckedStep | None:
        """The step, whose lines mean what they meant `before`, so many characters further on (again.py).

        Presets, tools and steps that it names are looked at anew; None if a preset makes it read more. `facts` and
        `reads` are what its lines came to.
        """
        known = len(reads)
        self.look.reads, self.look.facts = reads, facts
        loops = self._check_loops()
        parameters, fallback = self._parameters.check(self._parameter_lines)
        continues = check_continues(self.setting("continues"), tuple(one.items for one in loops), self.flow, self.typer)
        tools = self._check_uses()
        after = self._check_after()
        usings = [self._using(line.rule) for line in self.lines if isinstance(line, ast.Ensure)]
        if len(reads) > known:
            self.look.reads, self.look.facts = {}, NO_FACTS
            return None
        source = self.here.source

        def moved(place: Place) -> Place:
            start, end = place.span
            return Place(source, Span(start + by, end + by))

        names = before.reads
        checked = CheckedStep.__new__(CheckedStep)
        checked.__dict__.update(
            before.__dict__,
            place=moved(before.place),
            messages=tuple([Message(one.role, one.text, moved(one.place)) for one in before.messages]),
            settings={key: moved(place) for key, place in before.settings.items()},
            answer=None if before.answer is None else self.answer_type,
            answer_place=moved(before.answer_place),
            type=self.value_type,
            parameters=parameters,
            fallback=fallback,
            continues=continues,
            ensures=tuple(
                [
                    Ensured(one.rule, one.judged, using, one.words, moved(one.place))
                    for one, using in zip(before.ensures, usings, strict=True)
                ]
            ),
            until_place=None if before.until_place is None else moved(before.until_place),
            tools=tools,
            call=self.tool,
            waits_for=(*names, *(name for name in after if name not in names)),
        )
        return checked

    def _place(self, span: Span) -> Place:
        return Place(self.here.source, span.moved(self.here.start))

    def _reads_in_order(self) -> tuple[str, ...]:
        """The names it reads, as they stand in the step; those of pasted texts last."""
        end = len(self.here.source.text)
        reads = self.look.reads
        places = {n: span.start if here == self.here else end + i for i, (n, (here, span)) in enumerate(reads.items())}
        return tuple(sorted((n for n in reads if n != self.name.text), key=places.__getitem__))

    def _check_work(self) -> None:
        """One of `prompt`, `run` and `call`, with what belongs to it."""
        name = self.name
        work = [self.setting(key) for key in ("prompt", "run", "call")]
        present = [one for one in work if one is not None]
        if not present:
            if not self.section.broken and not may_have_meant(self.declared, "prompt", "run", "call"):
                message = f"the step `{name.text}` has nothing to do"
                hint = "it needs a `prompt:`, or a flow to `run:`, or a tool to `call:`"
                self._reports.add(self.here, "missing-setting", message, name.span, hint)
            return
        if self.kind != "prompt":
            for line in self.lines:
                self._check_no_model(line)
            for more in present[0].items[1:2]:
                message = f"`{self.kind}` takes one {'flow' if self.kind == 'run' else 'tool'}"
                self._reports.add(self.here, "wrong-value", message, more.span, "give the other one a step of its own")
        elif not self.section.broken:
            for with_line in (line for line in self.lines if isinstance(line, ast.With)):
                message = "`with` hands a value to a flow or tool, and this step asks a model"
                hint = "it goes with `run:` and `call:`; a prompt names what it needs in `{{ }}`"
                span = Span(with_line.span.start, with_line.span.start + 4)
                self._reports.add(self.here, "unknown-setting", message, span, hint)
        if not self.section.broken:
            self._check_partner("failures", self.repeats, "`repeat for each`")
            self._check_partner("rounds", self.setting("uses") is not None, "`uses:`")

    def _check_no_model(self, line: ast.Line) -> None:
        """A line that is about a model's answer, in a step that asks none."""
        if isinstance(line, ast.Extra):
            key = ast.Name("extra", Span(line.span.start, line.span.start + len("extra")))
        elif isinstance(line, ast.Setting | ast.Returns | ast.Ensure):
            key = line.key
        else:
            return
        row = SETTINGS.get(("step", key.text))
        parameter = key.text == "extra" or (row is not None and row.parameter and key.text not in _OF_NO_MODEL)
        if parameter or key.text in _ONLY_PROMPT or key.text == "call" != self.kind:
            message = f"a step with `{self.kind}:` asks no model, so it takes no `{key.text}`"
            self._reports.add(self.here, "unknown-setting", message, key.span, "leave one of them out")

    def _check_partner(self, key: str, there: bool, words: str) -> None:
        setting = self.setting(key)
        if setting is not None and not there:
            message = f"`{key}` goes with {words}, which is not here"
            self._reports.add(self.here, "unknown-setting", message, setting.key.span, "leave it out, or add that")

    def _check_loops(self) -> tuple[Loop, ...]:
        fields = bare(self.answer_type)
        names = {one.name for one in fields.fields} if isinstance(fields, types.RecordType) else set()
        seen: set[str] = set()
        for each, _ in self.loops:
            name = each.name
            self.look.check_name(name)
            if name.text in names:
                message = f"`{name.text}` is also a field of the answer, which would hide it"
                self._reports.add(self.here, "duplicate-name", message, name.span, "give the item another name")
            elif (declared := self.flow.declared(name.text)) is not None:
                message = f"there is {with_article(declared.kind)} called `{name.text}` already"
                hint = f"it stands on line {declared.line()}; give the item another name"
                self._reports.add(self.here, "duplicate-name", message, name.span, hint)
            elif name.text in seen:
                message = f"`{name.text}` is the name of another list's item already"
                self._reports.add(self.here, "duplicate-name", message, name.span)
            seen.add(name.text)
        if self.loops:
            self.look.locals["place"] = types.NumberType(whole=True)
        return tuple(Loop(each.name.text, each.items) for each, _ in self.loops)

    def _check_messages(self) -> tuple[Message, ...]:
        messages: list[Message] = []
        prompt: Message | None = None
        for line in self.lines:
            if not isinstance(line, ast.Setting) or line.key.text not in _MESSAGES:
                continue
            key = line.key.text
            text = self._text(line, media=key in ("prompt", "user"))
            if text is None:
                continue
            if key == "prompt":
                prompt = Message("user", text, self._place(line.span))
                if _is_blank(line.items[0]) and not self.section.broken:
                    self._reports.add(self.here, "wrong-value", "this prompt is empty", line.items[0].span)
            else:
                messages.append(Message(key, text, self._place(line.span)))
        return (*messages, prompt) if prompt else tuple(messages)

    def _text(self, line: ast.Setting, media: bool = False) -> ast.Text | None:
        item = line.items[0]
        if len(line.items) > 1 or not isinstance(item, ast.Text | ast.FileText):
            tell_no_text(line, self.here, self._reports)
            return None
        self.typer.media = media
        resolved = self.typer.text(item)
        self.typer.media = False
        return resolved

    def _warn_unnamed(self) -> None:
        repeat = self._line(ast.RepeatEach)
        names = {each.name.text for each, _ in self.loops}
        if repeat is None or self.kind != "prompt" or self.section.broken or self.setting("continues"):
            return
        if not self.look.used & (names | {"place"}):
            shown = " and ".join(f"`{{{{ {name} }}}}`" for name in sorted(names))
            message = f"the prompt never names {shown}, so every item gets the same question"
            span = Span(repeat.span.start, repeat.span.start + len("repeat"))
            hint = "for the same question several times write `samples: 5`"
            self._reports.add(self.here, "not-named-item", message, span, hint, severity="warning")

    def _warn_shared_last(self) -> None:
        if not self.repeats or self.kind != "prompt" or self.section.broken or self.setting("continues"):
            return
        lines = [line for line in self.lines if isinstance(line, ast.Setting) and line.key.text in _MESSAGES]
        lines.sort(key=lambda line: line.key.text == "prompt")  # it is sent last
        texts = [item for line in lines for item in line.items[:1] if isinstance(item, ast.Text | ast.FileText)]
        items = frozenset(("place", *(each.name.text for each, _ in self.loops)))
        found = shared_text_last(texts, items, self.flow, self.here)
        if found is not None:
            shared, span = found
            message = f"what changes from call to call stands before `{shared}`, which is the same in all of them"
            put = f"`{{{{ {shared} }}}}`" if not shared.startswith("file ") else f"`{shared}`"
            hint = f"put {put} first, and the provider's cache can serve it"
            self._reports.add(self.here, "shared-text-last", message, span, hint, severity="warning")

    def _number_or_slot(self, key: str) -> int | ast.Value | None:
        setting = self.setting(key)
        if setting is None:
            return None
        parameter = self._settings_read.read(setting, SETTINGS[("step", key)])
        if parameter is None:
            return None
        value = parameter.value
        return int(value) if isinstance(value, Decimal) else value  # type: ignore[return-value]

    def _count(self, number: ast.Number, low: int, high: int | None, what: str) -> int | None:
        value = number.value
        if value == value.to_integral_value() and value >= low and (high is None or value <= high):
            return int(value)
        allowed = f"at least {low}" if high is None else f"from {low} to {high}"
        self._reports.add(self.here, "out-of-range", f"`{what}` takes a whole number {allowed}", number.span)
        return None

    # ── Flows and tools ──

    def _check_with(self) -> tuple[tuple[str, ast.Value], ...]:
        lines = tuple(line for line in self.lines if isinstance(line, ast.With))
        wanted = self._wanted()
        target = setting.items[0] if self.kind != "prompt" and (setting := self.setting(self.kind)) else None
        if wanted is not None and isinstance(target, ast.Word):
            return check_with(lines, wanted, target, self.kind, not self.section.broken, self.typer)
        return tuple((line.name.text, self.typer.value(line.value, dealt=True)[0]) for line in lines)

    def _wanted(self) -> dict[str, tuple[Type, bool]] | None:
        """What the flow or tool takes: type, and whether it can be left out. None if it is not known."""
        if self.kind == "run":
            return None if self.target is None else self.target.wanted_inputs()
        if self.kind == "call" and self.tool is not None:
            return {name: (kind, isinstance(kind, types.Optional)) for name, kind, _ in self.tool.takes}
        return None

    def _check_until(self) -> tuple[ast.Condition | None, Place | None, int]:
        repeat = self._line(ast.RepeatUntil)
        if repeat is None:
            return None, None, 1
        span = Span(repeat.span.start, repeat.span.start + len("repeat until"))
        if self.kind != "run" and not self.section.broken:
            message = "`repeat until` repeats a flow, so it goes with `run:`"
            hint = "put the steps of one round into a `flow`, and run that"
            self._reports.add(self.here, "unknown-setting", message, span, hint)
        self.look.locals[self.name.text] = self.answer_type
        condition = self.typer.condition(repeat.condition).condition
        del self.look.locals[self.name.text]
        times = self._count(repeat.times, 1, _MOST_ROUNDS, "at most N times") or 1
        return condition, self._place(repeat.span), times

    def _check_uses(self) -> tuple[CheckedTool, ...]:
        setting = self.setting("uses")
        return tuple([tool for item in setting.items if (tool := self._tool(item))]) if setting else ()

    def _check_after(self) -> tuple[str, ...]:
        setting = self.setting("after")
        names: list[str] = []
        for item in setting.items if setting else ():
            if not isinstance(item, ast.Word):
                self._reports.add(self.here, "wrong-value", "`after` takes steps' names", item.span)
            elif self.flow.find_step(ast.Name(item.text, item.span), self.here) is not None:
                names.append(item.text)
                self.flow.wait(self.name.text, item.text, self.here, item.span)
        return tuple(names)

    def _check_ensures(self) -> tuple[Ensured, ...]:
        ensures: list[Ensured] = []
        own = self.name.text
        for line in self.lines:
            if not isinstance(line, ast.Ensure):
                continue
            words = self._source(line.rule.span)
            if isinstance(line.rule, ast.Judgement):
                judged = self.typer.text(line.rule.rule)
                using = self._using(line.rule)
                ensures.append(Ensured(judged, True, using, words, self._place(line.rule.span)))
                continue
            self.look.locals[own] = self.answer_type
            condition = self.typer.condition(line.rule).condition
            del self.look.locals[own]
            ensures.append(Ensured(condition, False, {}, words, self._place(line.rule.span)))
        return tuple(ensures)

    def _using(self, rule: ast.Condition | ast.Judgement) -> Mapping[str, Parameter]:
        """What the judge of a rule is asked with; empty for the step's own model."""
        if not isinstance(rule, ast.Judgement) or rule.using is None:
            return {}
        using = self._parameters.model(rule.using, "using") or {}
        self._parameters.read_slots(using)
        return using

    def _source(self, span: Span) -> str:
        return " ".join(self.here.source.text[self.here.start + span.start : self.here.start + span.end].split())

    def _check_failures(self) -> int | None:
        setting = self.setting("failures")
        if setting is None:
            return 0
        match setting.items:
            case (ast.Word(text="stop"),):
                return 0
            case (ast.Word(text="skip"),):
                return None
            case (ast.AtMost(number),):
                return self._count(number, 0, None, "at most N") or 0
        message = "`failures` takes `stop`, `skip` or `at most 3`"
        self._reports.add(self.here, "wrong-value", message, setting.items[0].span)
        return 0


def _is_text(kind: Type) -> bool:
    return isinstance(kind, types.TextType | types.DocumentType)


def _is_blank(item: ast.Item) -> bool:
    """Whether a text has nothing in it, as it is written."""
    return isinstance(item, ast.Text) and all(isinstance(part, str) and not part.strip() for part in item.parts)
