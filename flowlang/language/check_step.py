"""Checks one step: its lines, the types that flow through it, and what it waits for."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property

from ..diagnostics.source import Span
from . import ast, types
from .book import Declared
from .check_continues import check_continues
from .check_judges import check_rule
from .check_messages import check_messages, warn_shared_last, warn_unnamed
from .check_parameters import ParameterCheck
from .check_settings import SettingReader, may_have_meant
from .check_with import check_with
from .check_work import check_work
from .checked import CheckedStep, CheckedTool, Ensured, Loop, Message, Parameter, Place
from .lookup import NO_FACTS, UNKNOWN, Facts
from .matching import in_words, with_article
from .neighbours import Around, Flow, Reads
from .settings import SETTINGS
from .step_lines import Frame, StepLines
from .typed import Typer
from .types import Type, Unknown, bare

_TEXT = types.TextType()
_PLACE: tuple[str, Type] = ("place", types.NumberType(whole=True))
_MOST_ROUNDS = 10_000


# What a step has of others: the type of one answer, those of its loops' items, and what its flow or tool takes.
Given = tuple[Type, tuple[Type, ...], dict[str, tuple[Type, bool]] | None]


class StepCheck(StepLines):
    """One step of a flow. Types are worked out when somebody asks, so the order in the file means nothing."""

    def __init__(self, flow: Around, declared: Declared, frame: Frame | None = None) -> None:
        super().__init__(declared, flow.reports, frame)
        self.flow = flow
        self.typer = Typer.at(flow, self.here)
        self.look = self.typer.look
        self._settings_read = SettingReader(self.typer)
        self._parameters = ParameterCheck(flow, self.here, self.typer, self._settings_read)

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
        returns = self.line(ast.Returns)
        if returns is None:
            # The line that says so may be among those that can't be read.
            return UNKNOWN if may_have_meant(self.declared, "returns") else _TEXT
        return self.flow.file.types.resolve(returns.type, self.here, answer=True)

    @cached_property
    def loops(self) -> tuple[tuple[ast.Each, Type], ...]:
        """Each `X in LIST` with the type of X."""
        repeat = self.line(ast.RepeatEach)
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
            self.reports.add(self.here, "wrong-type", message, each.items.span, *hints)
            return UNKNOWN
        return listed

    @cached_property
    def value_type(self) -> Type:
        """The type of the step's value: the answer, or lists of it under `samples` and `repeat for each`."""
        kind = self.answer_type
        if self.setting("samples") is not None:
            kind = types.ListOf(kind)
        if self.line(ast.RepeatEach) is not None:
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
                self.reports.add(self.here, "wrong-value", message, item.span, "write it without quotes")
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
                    self.reports.add(self.here, "unknown-name", message, item.span, hint)
            return tool
        self.reports.add(self.here, "wrong-value", "a tool's name stands here", item.span, "write it without quotes")
        return None

    # ── The check ──

    def check(self) -> CheckedStep | None:
        """The step, checked; None if it has a mistake that leaves nothing to plan."""
        if self.section.unclosed:
            return None
        typer = self.typer
        check_work(self)
        loops = self._check_loops()
        when = self.line(ast.When)
        when_done: ast.Condition | None = None
        if when is not None:
            typed = typer.condition(when.condition)
            when_done = typed.condition
            typer.look.facts |= typed.holding
        for each, _ in self.loops:
            if each.items.parts[0].text:
                typer.value(each.items)
        typer.look.used.clear()
        messages = check_messages(self, typer)
        names = [each.name.text for each, _ in self.loops]
        warn_unnamed(self, names, self.look.used)
        warn_shared_last(self, names, self.flow)
        parameters, fallback = self._parameters.check(self.parameter_lines)
        with_ = self._check_with()
        until, until_place, times = self._check_until()
        lists = tuple(each.items for each, _ in self.loops)
        continues = check_continues(self.setting("continues"), lists, self.flow, typer)
        tools, rounds = self._check_uses(), self._number_or_slot("rounds")
        repeat = self.line(ast.RepeatEach)
        at_a_time = self._count(repeat.at_a_time, 1, None, "N at a time") if repeat and repeat.at_a_time else None
        after = self._check_after()
        returns = self.line(ast.Returns)
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
            place=self.place(self.name.span),
            description=self.section.description,
            messages=messages,
            settings={
                line.key.text: self.place(line.items[0].span if line.items else line.key.span)
                for line in self.section.lines
                if isinstance(line, ast.Setting)
            },
            answer=None if returns is None else self.answer_type,
            answer_place=self.place(returns.span if returns else self.name.span),
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
        parameters, fallback = self._parameters.check(self.parameter_lines)
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

    def _reads_in_order(self) -> tuple[str, ...]:
        """The names it reads, as they stand in the step; those of pasted texts last."""
        end = len(self.here.source.text)
        reads = self.look.reads
        places = {n: span.start if here == self.here else end + i for i, (n, (here, span)) in enumerate(reads.items())}
        return tuple(sorted((n for n in reads if n != self.name.text), key=places.__getitem__))

    def _check_loops(self) -> tuple[Loop, ...]:
        fields = bare(self.answer_type)
        names = {one.name for one in fields.fields} if isinstance(fields, types.RecordType) else set()
        seen: set[str] = set()
        for each, _ in self.loops:
            name = each.name
            self.look.check_name(name)
            if name.text in names:
                message = f"`{name.text}` is also a field of the answer, which would hide it"
                self.reports.add(self.here, "duplicate-name", message, name.span, "give the item another name")
            elif (declared := self.flow.declared(name.text)) is not None:
                message = f"there is {with_article(declared.kind)} called `{name.text}` already"
                hint = f"it stands on line {declared.line()}; give the item another name"
                self.reports.add(self.here, "duplicate-name", message, name.span, hint)
            elif name.text in seen:
                message = f"`{name.text}` is the name of another list's item already"
                self.reports.add(self.here, "duplicate-name", message, name.span)
            seen.add(name.text)
        if self.loops:
            self.look.locals["place"] = types.NumberType(whole=True)
        return tuple(Loop(each.name.text, each.items) for each, _ in self.loops)

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
        self.reports.add(self.here, "out-of-range", f"`{what}` takes a whole number {allowed}", number.span)
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
        repeat = self.line(ast.RepeatUntil)
        if repeat is None:
            return None, None, 1
        span = Span(repeat.span.start, repeat.span.start + len("repeat until"))
        if self.kind != "run" and not self.section.broken:
            message = "`repeat until` repeats a flow, so it goes with `run:`"
            hint = "put the steps of one round into a `flow`, and run that"
            self.reports.add(self.here, "unknown-setting", message, span, hint)
        self.look.locals[self.name.text] = self.answer_type
        condition = self.typer.condition(repeat.condition).condition
        del self.look.locals[self.name.text]
        times = self._count(repeat.times, 1, _MOST_ROUNDS, "at most N times") or 1
        return condition, self.place(repeat.span), times

    def _check_uses(self) -> tuple[CheckedTool, ...]:
        setting = self.setting("uses")
        return tuple([tool for item in setting.items if (tool := self._tool(item))]) if setting else ()

    def _check_after(self) -> tuple[str, ...]:
        setting = self.setting("after")
        names: list[str] = []
        for item in setting.items if setting else ():
            if not isinstance(item, ast.Word):
                self.reports.add(self.here, "wrong-value", "`after` takes steps' names", item.span)
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
                check_rule(line.rule, self.here, self.reports)
                judged = self.typer.text(line.rule.rule)
                using = self._using(line.rule)
                ensures.append(Ensured(judged, True, using, words, self.place(line.rule.span)))
                continue
            self.look.locals[own] = self.answer_type
            condition = self.typer.condition(line.rule).condition
            del self.look.locals[own]
            ensures.append(Ensured(condition, False, {}, words, self.place(line.rule.span)))
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
        self.reports.add(self.here, "wrong-value", message, setting.items[0].span)
        return 0


def _is_text(kind: Type) -> bool:
    return isinstance(kind, types.TextType | types.DocumentType)
