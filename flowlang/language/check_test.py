"""Checks a `test`: its inputs, the answers it gives in a model's stead, and what it expects."""

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from . import ast, types
from .book import Declared, did_you_mean
from .check_judges import check_rule
from .check_limits import outputs_by_name
from .check_settings import check_lines
from .checked import AnswerLine, CaseRows, CheckedTest, Expectation, GivenLine, JudgeLine, Place
from .matching import in_words, plain_text
from .neighbours import Flow, Step
from .plain import check_plain, fit_plain
from .scalars import read_number, read_yes_no
from .typed import Typer
from .types import Type, Unknown, bare


def check_test(flow: Flow, declared: Declared) -> CheckedTest | None:
    """The test, and tells what is wrong with it; None if it is lost in a text that is never closed."""
    if declared.section.unclosed:
        return None
    return _TestCheck(flow, declared).check()


class _TestCheck:
    """One test under way."""

    def __init__(self, flow: Flow, declared: Declared) -> None:
        self.flow = flow
        self.section = declared.section
        self.here = declared.here
        self.outputs = outputs_by_name(flow)
        self.typer = Typer.at(flow, self.here, dict(self.outputs), lenient=True)
        self.typer.verbatim = True
        self.given: list[GivenLine] = []
        self.answers: list[AnswerLine] = []
        self.expects: list[Expectation] = []
        self.judges: list[JudgeLine] = []
        self.rows: CaseRows | None = None
        self.passes = self.tries = 1
        self._given: set[str] = set()
        self._answered: set[tuple[str, ...]] = set()

    def check(self) -> CheckedTest:
        """The test, as far as it is right."""
        header = self.section.header
        assert isinstance(header, ast.Test)
        lines = check_lines(self.section, "test", self.here, self.flow.reports)
        for line in lines:
            if isinstance(line, ast.ForEachRow):
                self._rows(line)
        for line in lines:
            match line:
                case ast.With():
                    self._with(line)
                case ast.Answer():
                    self._answer(line)
                case ast.Expect(condition):
                    self._expect(condition)
                case ast.JudgeLine():
                    self._judge(line)
                case ast.Setting(key, items):
                    self._passes(key, items)
        if not self.section.broken:
            self._tell_missing(header, lines)
        return CheckedTest(
            name=header.title,
            given=tuple(self.given),
            answers=tuple(self.answers),
            expects=tuple(self.expects),
            judges=tuple(self.judges),
            rows=self.rows,
            passes=self.passes,
            tries=self.tries,
            place=self._place(header.title_span),
        )

    def _place(self, span: Span) -> Place:
        return Place(self.here.source, span.moved(self.here.start))

    def _tell_missing(self, header: ast.Test, lines: list[ast.Line]) -> None:
        tell = self.flow.reports.add
        if not any(isinstance(line, ast.Expect | ast.JudgeLine) for line in lines):
            message = "this test expects nothing, so it can't fail"
            hint = "add a line like `expect brief is not empty`"
            tell(self.here, "missing-setting", message, header.title_span, hint)
        inputs = self.flow.wanted_inputs()
        strange = self._given - inputs.keys()
        missing = [name for name, (_, optional) in inputs.items() if not optional and name not in self._given]
        # A misspelt name is told once.
        missing = [name for name in missing if not any(nearest(word, [name]) for word in strange)]
        if missing:
            message = f"this test gives no value for the input `{missing[0]}`"
            hint = f"add a line `with {missing[0]}: …`"
            tell(self.here, "missing-input", message, header.title_span, hint)

    def _rows(self, line: ast.ForEachRow) -> None:
        name = line.name
        if name.text in self.flow.book.names:
            message = f"`{name.text}` is the name of something else already"
            self.flow.reports.add(self.here, "duplicate-name", message, name.span)
        self.typer.look.locals[name.text] = types.RecordType("row", (), open=True)
        self.rows = CaseRows(name.text, line.path.path, self._place(line.path.span))

    # ── What goes in ──

    def _with(self, line: ast.With) -> None:
        name, typer = line.name, self.typer
        wanted = self.flow.wanted_inputs()
        if name.text in self._given:
            typer.tell("duplicate-setting", f"`{name.text}` is given already", name.span)
        self._given.add(name.text)
        if name.text not in wanted:
            hint = did_you_mean(name.text, {one.name.text: one for one in self.flow.book.inputs})
            message = f"there is no input called `{name.text}`"
            typer.tell("unknown-name", message, name.span, *((hint,) if hint else ()))
            return
        value = self._given_value(line, bare(wanted[name.text][0]))
        if value is not None:
            self.given.append(GivenLine(name.text, value, self._place(line.value.span)))

    def _given_value(self, line: ast.With, kind: Type) -> ast.Value | None:
        """The value; None if it does not fit, which is told."""
        typer, value = self.typer, line.value
        if self._is_worked_out(value):
            return self._worked_out(value)
        files = types.DocumentType | types.MediaType | types.ListOf | types.SecretType
        if isinstance(kind, types.SecretType | Unknown) or (_is_file(value) and isinstance(kind, files)):
            return value  # a file is read as the input's flag would read it, when the test runs
        if isinstance(kind, types.MediaType):
            message = f"{in_words(kind)} comes from a file"
            typer.tell("wrong-type", message, value.span, f'write `with {line.name.text}: file "…"`')
            return None
        if kind == types.TABLE:
            message = "a table comes from a file"
            typer.tell("wrong-type", message, value.span, f'write `with {line.name.text}: file "…"`')
            return None
        assert not isinstance(value, ast.Piped)
        if isinstance(value, ast.FileText) and self.flow.text_of(value, self.here) is None:
            return value  # what is wrong with the file is told when the test runs
        return fit_plain(value, kind, typer)

    def _is_worked_out(self, value: ast.Value) -> bool:
        """Whether it is made from the columns of the test's table, and no plain value."""
        match value:
            case ast.Piped():
                return True
            case ast.Ref(parts=(first, *more)):
                return bool(more) or first.text in self.typer.look.locals
            case _:
                return False

    def _worked_out(self, value: ast.Value) -> ast.Value | None:
        """A value that is made from columns; one that names what only a run can tell is told."""
        look = self.typer.look
        look.reads, look.used = {}, set()
        resolved, _ = self.typer.value(value)
        names = [*look.reads, *(name for name in look.used if name in self.outputs)]
        if names:
            message = f"`{names[0]}` is not known before the test runs"
            hint = 'write the value out, or take it from a column: `for each row in "cases.csv"`'
            self.typer.tell("wrong-value", message, value.span, hint)
            return None
        return resolved

    # ── What stands in for calls ──

    def _answer(self, line: ast.Answer) -> None:
        found = self._answered_step(line.step)
        if found is None:
            return
        path = tuple(part.text for part in line.step.parts)
        if path in self._answered:
            self.typer.tell("duplicate-setting", f"`{line.step}` is answered already", line.step.parts[0].span)
        for other in self._answered:
            if path != other and (path[: len(other)] == other or other[: len(path)] == path):
                whole = ".".join(path if len(path) < len(other) else other)
                message = f"`{whole}` is answered as a whole, so none of its steps is asked"
                self.typer.tell("duplicate-setting", message, line.step.parts[0].span)
        self._answered.add(path)
        several = found.target is not None and len(list(found.target.outputs())) > 1
        kind = _answerable(found.answer_type, several)
        if kind is None:
            message = f"`{line.step}` is {in_words(found.answer_type)}, which no answer can stand in for"
            self.typer.tell("wrong-type", message, line.value.span)
            return
        value = self._answer_value(line.value, kind)
        if value is not None:
            plain = found.kind == "prompt" and found.answer_type == types.TextType()
            self.answers.append(AnswerLine(path, value, None if plain else kind, self._place(line.value.span)))

    def _answered_step(self, ref: ast.Ref) -> Step | None:
        """The step that is meant: one of the flow, or over a step that runs a flow one of that flow."""
        flow: Flow | None = self.flow
        step: Step | None = None
        for part in ref.parts:
            if step is not None:
                flow = step.target
                if step.kind != "run":
                    message = f"`{step.name.text}` runs no flow, so there is no step in it"
                    self.typer.tell("wrong-type", message, part.span)
                    return None
            if flow is None or (step := flow.find_step(part, self.here)) is None:
                return None
        return step

    def _answer_value(self, value: ast.Value, kind: Type) -> ast.Value | None:
        inner = bare(kind)
        if self._is_worked_out(value):
            return self._worked_out(value)
        assert not isinstance(value, ast.Piped)
        if isinstance(value, ast.FileText):
            if self.flow.text_of(value, self.here) is None:
                return value  # what is wrong with the file is told when the test runs
            value = self.typer.text(value)
        if isinstance(value, ast.Text):
            return value if self._check_text_answer(value, inner) else None
        return fit_plain(value, inner, self.typer)

    def _check_text_answer(self, value: ast.Text, kind: Type) -> bool:
        """Whether a text that stands in for a plain answer is one; records and lists are told by check_answers.py."""
        reports, text = self.flow.reports, plain_text(value)
        try:
            match kind:
                case types.ChoiceType() | types.DateType() | types.TextType():
                    return check_plain(value, kind, self.here, reports)
                case types.NumberType():
                    return check_plain(ast.Number(read_number(text), value.span), kind, self.here, reports)
                case types.YesNoType():
                    read_yes_no(text)
        except ValueError as why:
            self.typer.tell("wrong-type", str(why), value.span)
            return False
        return True

    # ── What is to come out ──

    def _expect(self, condition: ast.Condition) -> None:
        look = self.typer.look
        look.reads, look.used = {}, set()
        resolved = self.typer.condition(condition).condition
        words = self.here.source.text[self.here.start + condition.span.start : self.here.start + condition.span.end]
        place = self._place(condition.span)
        self.expects.append(Expectation(resolved, " ".join(words.split()), tuple(look.reads), self._used(), place))

    def _judge(self, line: ast.JudgeLine) -> None:
        look, judgement = self.typer.look, line.judgement
        look.reads, look.used = {}, set()
        resolved, _ = self.typer.value(line.value)
        reads, outputs = tuple(look.reads), self._used()
        check_rule(judgement, self.here, self.flow.reports)
        using = None if judgement.using is None else self.flow.preset(judgement.using, self.here, self.typer)
        place = self._place(line.span)
        self.judges.append(JudgeLine(resolved, judgement.rule, using or {}, reads, outputs, place))

    def _used(self) -> tuple[str, ...]:
        return tuple(name for name in self.outputs if name in self.typer.look.used)

    def _passes(self, key: ast.Name, items: tuple[ast.Item, ...]) -> None:
        tell = self.flow.reports.add
        match items:
            case (ast.OutOf(number, of),):
                for one in (number, of):
                    if one.value != one.value.to_integral_value() or one.value < 1:
                        message = "`passes` counts whole tries, at least one"
                        tell(self.here, "out-of-range", message, one.span)
                        return
                if number.value > of.value:
                    message = f"{number.value} of {of.value} tries can't pass"
                    tell(self.here, "out-of-range", message, Span(number.span.start, of.span.end))
                elif of.value > MOST_TRIES:
                    tell(self.here, "out-of-range", f"a case is tried {MOST_TRIES} times at most", of.span)
                else:
                    self.passes, self.tries = int(number.value), int(of.value)
            case _:
                tell(self.here, "wrong-value", "`passes` takes `4 of 5`", items[0].span if items else key.span)


MOST_TRIES = 1_000  # of one case


def _is_file(value: ast.Value) -> bool:
    if isinstance(value, ast.ListValue):
        return all(_is_file(item) for item in value.items)
    return isinstance(value, ast.FileText)


def _answerable(kind: Type, outputs: bool = False) -> Type | None:
    """The type of an answer that stands in for a step's; None if nothing can. `outputs` of a flow may be skipped."""
    while isinstance(kind, types.Remembering):
        kind = kind.item
    match kind:
        case types.Optional():
            item = _answerable(kind.item)
            return None if item is None else types.Optional(item)
        case types.SecretType() | types.MediaType():
            return None
        case types.DocumentType():
            return types.TextType()
        case types.ListOf():
            item = _answerable(kind.item)
            return None if item is None else types.ListOf(item, kind.low, kind.high)
        case types.RecordType():
            fields: list[types.FieldType] = []
            for one in kind.fields:
                field = _answerable(one.type)
                if field is None:
                    return None
                if outputs and not isinstance(field, types.Optional):
                    field = types.Optional(field)
                fields.append(types.FieldType(one.name, field, one.description))
            return types.RecordType(kind.name, tuple(fields), kind.open)
        case _:
            return kind
