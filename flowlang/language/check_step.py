"""Checks one step: its lines, the types that flow through it, and what it waits for."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from . import ast, types
from .book import Declared
from .check_settings import SettingReader, check_lines
from .checked import CheckedStep, CheckedTool, Ensured, Loop, Message, Parameter, Place
from .settings import SETTINGS
from .typed import Typer, fits, in_words
from .types import Type, Unknown, bare, spelled

if TYPE_CHECKING:
    from .check_flow import FlowCheck

UNKNOWN = Unknown()
_L = TypeVar("_L")
_MOST_ROUNDS = 10_000
_MESSAGES = ("system", "user", "assistant", "prompt")
_ONLY_PROMPT = (*_MESSAGES, "continues", "returns", "samples", "uses", "rounds", "ensure", "model")
_PICKS = frozenset(("where", "sort by", "first", "last", "unique"))


class StepCheck:
    """One step of a flow. Types are worked out when somebody asks, so the order in the file means nothing."""

    def __init__(self, flow: "FlowCheck", declared: Declared) -> None:
        self.flow = flow
        self.declared = declared
        self.section = declared.section
        self.here = declared.here
        self.name = declared.name
        self.typer = Typer(flow, self.here)
        self._reports = flow.reports
        self._settings_read = SettingReader(self.typer, flow.presets)

    # ── The lines, by what they are ──

    @cached_property
    def lines(self) -> list[ast.Line]:
        """The lines that may stand here, each once."""
        return check_lines(self.section, "step", self.here, self._reports)

    def setting(self, key: str) -> ast.Setting | None:
        """The setting of that name."""
        return next((one for one in self.lines if isinstance(one, ast.Setting) and one.key.text == key), None)

    def _line(self, kind: type[_L]) -> _L | None:
        return next((one for one in self.lines if isinstance(one, kind)), None)

    @cached_property
    def kind(self) -> str:
        """"prompt", "run" or "call"."""
        return "run" if self.setting("run") else "call" if self.setting("call") else "prompt"

    # ── Types ──

    @cached_property
    def answer_type(self) -> Type:
        """The type of one answer: of one call, one run of the flow, or one call of the tool."""
        if self.section.unclosed:
            return UNKNOWN
        match self.kind:
            case "run":
                return UNKNOWN if self.target is None else self.target.outputs_type
            case "call":
                return UNKNOWN if self.tool is None else self.tool.returns or types.TextType()
        returns = self._line(ast.Returns)
        if returns is None:
            # The line that says so may be among those that can't be read.
            return UNKNOWN if self._lost("returns") else types.TextType()
        return self.flow.file.types.resolve(returns.type, self.here, answer=True)

    def _lost(self, key: str) -> bool:
        """Whether a broken line of this step may have been the setting `key`."""
        if not self.section.broken:
            return False
        source = self.here.source.text
        end = self.section.lines[-1].span.end if self.section.lines else 0
        return f"{key}" in source[self.here.start : self.here.start + max(end, self.section.header_span.end) + 400]

    @cached_property
    def loops(self) -> tuple[tuple[ast.Each, Type], ...]:
        """Each `X in LIST` with the type of X."""
        repeat = self._line(ast.RepeatEach)
        found: list[tuple[ast.Each, Type]] = []
        for each in repeat.each if repeat else ():
            quiet = Typer(self.flow, self.here, dict(self.typer.locals))
            _, kind = quiet.ref(each.items, dealt=True)
            item = self._item_of(kind, each)
            found.append((each, item))
            self.typer.locals[each.name.text] = item
        return tuple(found)

    def _item_of(self, kind: Type, each: ast.Each) -> Type:
        listed = bare(kind)
        if isinstance(listed, types.ListOf):
            return listed.item
        if not isinstance(listed, types.JsonType | Unknown):
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
            place: tuple[str, Type] = ("place", types.NumberType(whole=True))
            kind = types.ListOf(types.Remembering(kind, (*memory, place)))
        return kind

    @cached_property
    def target(self) -> "FlowCheck | None":
        """The flow that `run:` names."""
        setting = self.setting("run")
        item = setting.items[0] if setting else None
        if not isinstance(item, ast.Word):
            if item is not None:
                message = "`run` takes a flow's name"
                self._reports.add(self.here, "wrong-value", message, item.span, "write it without quotes")
            return None
        return self.flow.find_flow(item, self.here)

    @cached_property
    def tool(self) -> CheckedTool | None:
        """The tool that `call:` names."""
        setting = self.setting("call")
        return None if setting is None else self._tool(setting.items[0])

    def _tool(self, item: ast.Item) -> CheckedTool | None:
        if isinstance(item, ast.Word):
            return self.flow.file.find_tool(item, self.here)
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
            when_done, holding, _ = typer.condition(when.condition)
            typer.facts |= holding
        for each, _ in self.loops:
            typer.ref(each.items)
        used_before = set(typer.used)
        typer.used.clear()
        messages = self._check_messages()
        self._warn_unnamed(used_before)
        parameters, fallback = self._check_parameters()
        with_ = self._check_with()
        until, until_place, times = self._check_until()
        continues = self._check_continues()
        tools, rounds = self._check_tools()
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

    def _place(self, span: Span) -> Place:
        return Place(self.here.source, span.moved(self.here.start))

    def _reads_in_order(self) -> tuple[str, ...]:
        """The names it reads, as they stand in the step; those of pasted texts last."""
        end = len(self.here.source.text)
        reads = self.typer.reads
        places = {n: span.start if here == self.here else end + i for i, (n, (here, span)) in enumerate(reads.items())}
        return tuple(sorted((n for n in reads if n != self.name.text), key=places.__getitem__))

    def _check_work(self) -> None:
        """One of `prompt`, `run` and `call`, with what belongs to it."""
        name = self.name
        work = [self.setting(key) for key in ("prompt", "run", "call")]
        present = [one for one in work if one is not None]
        if not present:
            if not self.section.broken:
                message = f"the step `{name.text}` has nothing to do"
                hint = "it needs a `prompt:`, or a flow to `run:`, or a tool to `call:`"
                self._reports.add(self.here, "missing-setting", message, name.span, hint)
            return
        if self.kind != "prompt":
            for line in self.lines:
                key = line.key if isinstance(line, ast.Setting | ast.Returns | ast.Ensure) else None
                if key is not None and (key.text in _ONLY_PROMPT or key.text == "call" != self.kind):
                    message = f"a step with `{self.kind}:` asks no model, so it takes no `{key.text}`"
                    self._reports.add(self.here, "unknown-setting", message, key.span, "leave one of them out")
        if self.kind == "prompt":
            for with_line in self.lines:
                if isinstance(with_line, ast.With):
                    message = "`with` hands a value to a flow or tool, and this step asks a model"
                    hint = "it goes with `run:` and `call:`; a prompt names what it needs in `{{ }}`"
                    span = Span(with_line.span.start, with_line.span.start + 4)
                    self._reports.add(self.here, "unknown-setting", message, span, hint)
        self._check_partner("failures", ast.RepeatEach, "`repeat for each`")
        if self.setting("rounds") and not self.setting("uses"):
            self._tell_partner("rounds", "`uses:`")

    def _check_partner(self, key: str, partner: type[ast.Line], words: str) -> None:
        if self.setting(key) is not None and self._line(partner) is None and not self.section.broken:
            self._tell_partner(key, words)

    def _tell_partner(self, key: str, words: str) -> None:
        setting = self.setting(key)
        assert setting is not None
        self._reports.add(self.here, "missing-setting", f"`{key}` goes with {words}, which is not here", setting.key.span)

    def _check_loops(self) -> tuple[Loop, ...]:
        fields = bare(self.answer_type)
        names = {one.name for one in fields.fields} if isinstance(fields, types.RecordType) else set()
        seen: set[str] = set()
        for each, _ in self.loops:
            name = each.name
            self.typer.check_name(name)
            if name.text in names:
                message = f"`{name.text}` is also a field of the answer, which would hide it"
                self._reports.add(self.here, "duplicate-name", message, name.span, "give the item another name")
            elif name.text in self.flow.book.names:
                declared = self.flow.book.names[name.text]
                article = "an" if declared.kind[0] in "aeiou" else "a"
                message = f"there is {article} {declared.kind} called `{name.text}` already"
                hint = f"it stands on line {declared.line()}; give the item another name"
                self._reports.add(self.here, "duplicate-name", message, name.span, hint)
            elif name.text in seen:
                message = f"`{name.text}` is the name of another list's item already"
                self._reports.add(self.here, "duplicate-name", message, name.span)
            seen.add(name.text)
        if self.loops:
            self.typer.locals["place"] = types.NumberType(whole=True)
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
                if not text.parts and not self.section.broken:
                    self._reports.add(self.here, "wrong-value", "this prompt is empty", line.items[0].span)
            else:
                messages.append(Message(key, text, self._place(line.span)))
        return (*messages, prompt) if prompt else tuple(messages)

    def _text(self, line: ast.Setting, media: bool = False) -> ast.Text | None:
        item = line.items[0]
        if len(line.items) > 1 or not isinstance(item, ast.Text | ast.FileText):
            span = Span(item.span.start, line.items[-1].span.end)
            hint = 'put quotes around it, or `"""` on the lines before and after a text of several lines'
            self._reports.add(self.here, "syntax", "a text stands in quotes", span, hint)
            return None
        before, self.typer.media = self.typer.media, media
        resolved, _ = self.typer.value(item)
        self.typer.media = before
        assert isinstance(resolved, ast.Text)
        return resolved

    def _warn_unnamed(self, used_before: set[str]) -> None:
        repeat = self._line(ast.RepeatEach)
        names = {each.name.text for each, _ in self.loops}
        if repeat is None or self.kind != "prompt" or self.section.broken or self.setting("continues"):
            return
        if not self.typer.used & (names | {"place"}):
            shown = " and ".join(f"`{{{{ {name} }}}}`" for name in sorted(names))
            message = f"the prompt never names {shown}, so every item gets the same question"
            span = Span(repeat.span.start, repeat.span.start + len("repeat"))
            hint = "for the same question several times write `samples: 5`"
            self._reports.add(self.here, "not-named-item", message, span, hint, severity="warning")

    def _check_parameters(self) -> tuple[Mapping[str, Parameter], tuple[Mapping[str, Parameter], ...]]:
        merged: dict[str, Parameter] = {}
        own: dict[str, Parameter] = {}
        fallback: list[Mapping[str, Parameter]] = []
        for line in self.lines:
            if isinstance(line, ast.Extra):
                own[f"extra.{line.name.text}"] = self._extra(line)
            if not isinstance(line, ast.Setting):
                continue
            row = SETTINGS[("step", line.key.text)]
            if not row.parameter:
                continue
            if row.takes == "model":
                if len(line.items) > 1:
                    message = "a step asks one model"
                    hint = "further ones stand in `fallback:`"
                    self._reports.add(self.here, "wrong-value", message, line.items[1].span, hint)
                merged.update(self._model(line.items[0], "model") or {})
            elif row.takes == "models":
                fallback = [found for item in line.items if (found := self._model(item, "fallback"))]
            elif (parameter := self._settings_read.read(line, row)) is not None:
                own[line.key.text] = parameter
        inherited = self.flow.fallback_of(merged)
        return {**merged, **own}, tuple(fallback) or inherited

    def _model(self, item: ast.Item, key: str) -> Mapping[str, Parameter] | None:
        if isinstance(item, ast.Word) and item.text:
            preset = self.flow.preset(item, self.here, self.typer)
            if preset is not None:
                return preset
        return self._settings_read.model(item, key)

    def _extra(self, line: ast.Extra) -> Parameter:
        values: list[str | Decimal] = []
        for item in line.items:
            match item:
                case ast.Word(text):
                    values.append(text)
                case ast.Number(number):
                    values.append(number)
                case ast.Text():
                    values.append("".join(part for part in item.parts if isinstance(part, str)))
                case ast.Slot(value):
                    resolved, _ = self.typer.value(value)
                    return Parameter(resolved, self._place(item.span))
                case _:
                    message = f"`{line.name.text}` takes a word, a number or a text in quotes"
                    self._reports.add(self.here, "wrong-value", message, item.span)
        only = values[0] if len(values) == 1 else tuple(values)
        if only in ("yes", "no") and isinstance(line.items[0], ast.Word):
            only = only == "yes"  # type: ignore[assignment]
        return Parameter(only, self._place(line.span))

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
        given: list[tuple[str, ast.Value]] = []
        wanted = self._wanted()
        seen: set[str] = set()
        for line in self.lines:
            if not isinstance(line, ast.With):
                continue
            name = line.name
            kind = None if wanted is None else wanted.get(name.text)
            if wanted is not None and kind is None and self.kind != "prompt":
                near = nearest(name.text, list(wanted))
                hints = (f"did you mean `{near}`?",) if near else (f"it takes {_listed(list(wanted))}",)
                what = "flow" if self.kind == "run" else "tool"
                message = f"the {what} has no {'input' if what == 'flow' else 'value'} called `{name.text}`"
                self._reports.add(self.here, "unknown-name", message, name.span, *hints)
            if name.text in seen:
                self._reports.add(self.here, "duplicate-setting", f"`{name.text}` is given already", name.span)
            seen.add(name.text)
            optional, secret = kind is not None and kind[1], kind is not None and isinstance(bare(kind[0]), types.SecretType)
            self.typer.secrets, before = secret, self.typer.secrets
            resolved, found = self.typer.value(line.value, dealt=optional)
            self.typer.secrets = before
            given.append((name.text, resolved))
            if kind is not None:
                self._check_given(line, found, kind[0], name.text)
        if wanted is not None and self.kind != "prompt" and not self.section.broken:
            missing = [name for name, (_, optional) in wanted.items() if not optional and name not in seen]
            if missing:
                key = self.setting(self.kind)
                assert key is not None
                message = f"`{_word(key.items[0])}` needs a value for {_listed(missing)}"
                hint = f"add a line `with {missing[0]}: …`"
                self._reports.add(self.here, "missing-input", message, key.items[0].span, hint)
        return tuple(given)

    def _wanted(self) -> dict[str, tuple[Type, bool]] | None:
        """What the flow or tool takes: type, and whether it can be left out. None if it is not known."""
        if self.kind == "run":
            return None if self.target is None else self.target.wanted_inputs()
        if self.kind == "call" and self.tool is not None:
            return {name: (kind, isinstance(kind, types.Optional)) for name, kind, _ in self.tool.takes}
        return None

    def _check_given(self, line: ast.With, found: Type, kind: Type, name: str) -> None:
        value = line.value
        if isinstance(value, ast.Text) and isinstance(bare(kind), types.ChoiceType | types.DateType):
            self.flow.check_plain(value, bare(kind), self.here)
        elif not fits(found, kind) and not isinstance(bare(found), Unknown):
            message = f"`{name}` takes {in_words(kind)}, and this is {in_words(found)}"
            self._reports.add(self.here, "wrong-type", message, value.span)
        elif isinstance(value, ast.Number):
            self.flow.check_plain(value, bare(kind), self.here)

    def _check_until(self) -> tuple[ast.Condition | None, Place | None, int]:
        repeat = self._line(ast.RepeatUntil)
        if repeat is None:
            return None, None, 1
        span = Span(repeat.span.start, repeat.span.start + len("repeat until"))
        if self.kind != "run" and not self.section.broken:
            message = "`repeat until` repeats a flow, so it goes with `run:`"
            hint = "put the steps of one round into a `flow`, and run that"
            self._reports.add(self.here, "missing-setting", message, span, hint)
        self.typer.locals[self.name.text] = self.answer_type
        condition, _, _ = self.typer.condition(repeat.condition)
        del self.typer.locals[self.name.text]
        times = self._count(repeat.times, 1, _MOST_ROUNDS, "at most N times") or 1
        return condition, self._place(repeat.span), times

    def _check_continues(self) -> str | None:
        setting = self.setting("continues")
        item = setting.items[0] if setting else None
        if setting is None or item is None:
            return None
        if not isinstance(item, ast.Word) or len(setting.items) > 1:
            message = "`continues` takes one step's name"
            self._reports.add(self.here, "wrong-value", message, setting.items[-1].span)
            return None
        step = self.flow.find_step(item, self.here)
        if step is None:
            return None
        self.typer.reads.setdefault(item.text, (self.here, item.span))
        if step.kind != "prompt":
            message = f"`{item.text}` asks no model, so there is no conversation to go on with"
            self._reports.add(self.here, "wrong-type", message, item.span)
        elif step.setting("samples") is not None:
            message = f"`{item.text}` is asked several times (`samples`), so it has no one conversation"
            self._reports.add(self.here, "wrong-value", message, item.span)
        elif step._line(ast.RepeatEach) is not None and not self._goes_over(step.name.text):
            message = f"`{item.text}` repeats, so there is a conversation for each of its answers"
            hint = f"add `repeat for each answer in {item.text}`"
            self._reports.add(self.here, "wrong-type", message, item.span, hint)
        return item.text

    def _goes_over(self, name: str) -> bool:
        """Whether this step repeats over that step's answers, or over lets that only pick or order them."""
        return any(len(each.items.parts) == 1 and self._leads_to(each.items.parts[0].text, name, 0) for each, _ in self.loops)

    def _leads_to(self, name: str, step: str, depth: int) -> bool:
        if name == step:
            return True
        declared = self.flow.book.names.get(name)
        header = declared.section.header if declared else None
        if not isinstance(header, ast.Let) or depth > 64:
            return False
        match header.value:
            case ast.Ref(parts=(only,)):
                return self._leads_to(only.text, step, depth + 1)
            case ast.Piped(head=ast.Ref(parts=(only,)), filters=filters):
                picks = all(f.name in _PICKS and (f.arguments or f.name not in ("first", "last")) for f in filters)
                return picks and self._leads_to(only.text, step, depth + 1)
        return False

    def _check_tools(self) -> tuple[tuple[CheckedTool, ...], int | ast.Value | None]:
        setting = self.setting("uses")
        tools = [tool for item in setting.items if (tool := self._tool(item))] if setting else []
        return tuple(tools), self._number_or_slot("rounds")

    def _check_after(self) -> tuple[str, ...]:
        setting = self.setting("after")
        names: list[str] = []
        for item in setting.items if setting else ():
            if not isinstance(item, ast.Word):
                self._reports.add(self.here, "wrong-value", "`after` takes steps' names", item.span)
            elif self.flow.find_step(item, self.here) is not None:
                names.append(item.text)
                self.flow.waits.setdefault(self.name.text, {}).setdefault(item.text, (self.here, item.span))
        return tuple(names)

    def _check_ensures(self) -> tuple[Ensured, ...]:
        ensures: list[Ensured] = []
        own = self.name.text
        for line in self.lines:
            if not isinstance(line, ast.Ensure):
                continue
            words = self._source(line.rule.span)
            if isinstance(line.rule, ast.Judgement):
                judged, _ = self.typer.value(line.rule.rule)
                using: Mapping[str, Parameter] = {}
                if line.rule.using is not None:
                    using = self._model(line.rule.using, "using") or {}
                assert isinstance(judged, ast.Text)
                ensures.append(Ensured(judged, True, using, words, self._place(line.span)))
                continue
            self.typer.locals[own] = self.answer_type
            condition, _, _ = self.typer.condition(line.rule)
            del self.typer.locals[own]
            if own not in self.typer.used and not self.section.broken:
                message = f"this rule says nothing of the answer, which is called `{own}` here"
                self._reports.add(self.here, "unknown-name", message, line.rule.span, f"write for example `{own} is not empty`")
            ensures.append(Ensured(condition, False, {}, words, self._place(line.span)))
        return tuple(ensures)

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


def _word(item: ast.Item) -> str:
    return item.text if isinstance(item, ast.Word) else spelled(UNKNOWN)


def _listed(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "nothing"


