"""Settings: which may stand where, what each takes, and what they come to as plain data."""

import re
from decimal import Decimal

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from ..pattern import pattern
from . import ast, types
from .book import Declared, Here, Reports
from .checked import Parameter, Place
from .matching import looks_like_number, plain_text
from .settings import CONTROLS, SETTINGS, Row, homes_of, keys_of
from .typed import Typer
from .types import Unknown, bare, spelled

_UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_DURATION = pattern(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = pattern(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_CONTROL_WORDS = {
    "RepeatEach": "repeat",
    "RepeatUntil": "repeat",
    "When": "when",
    "With": "with",
    "Takes": "takes",
    "HeaderLine": "header",
    "Extra": "extra",
    "Expect": "expect",
    "JudgeLine": "judge",
    "Answer": "answer",
    "ForEachRow": "for each",
}
_REPEATABLE = frozenset(("With", "Takes", "HeaderLine", "Extra", "Expect", "JudgeLine", "Answer"))


def check_lines(section: ast.Section, word: str, here: Here, reports: Reports) -> list[ast.Line]:
    """The lines that may stand in a section of this kind, each once where once is enough; the others are told."""
    kept: list[ast.Line] = []
    seen: dict[str, Span] = {}
    for line in section.lines:
        match line:
            case ast.Setting(key) | ast.Returns(key=key) | ast.Ensure(key=key):
                name = key.text
                row = SETTINGS.get((word, name))
                if row is None:
                    _tell_setting(line, key, word, here, reports)
                    continue
                label, span, many = name, key.span, row.many
            case ast.Field():
                continue
            case _:
                kind = type(line).__name__
                label = _CONTROL_WORDS[kind]
                span = Span(line.span.start, line.span.start + len(label))
                if word not in CONTROLS[kind]:
                    _tell_control(label, span, CONTROLS[kind], word, here, reports)
                    continue
                many = kind in _REPEATABLE
                if isinstance(line, ast.Extra | ast.HeaderLine):
                    label, span, many = f"{label} {line.name.text}", line.name.span, False
        if not many and label in seen:
            line_number, _ = here.source.position(here.start + seen[label].start)
            hint = f"the first is on line {line_number}; leave one of them out"
            what = f"this {word} has" if word != "limits" else "these limits have"
            reports.add(here, "duplicate-setting", f"{what} `{label}` already", span, hint)
            continue
        seen.setdefault(label, span)
        kept.append(line)
    return kept


def _tell_setting(line: ast.Line, key: ast.Name, word: str, here: Here, reports: Reports) -> None:
    name = key.text
    homes = homes_of(name)
    if homes:
        where = " or a ".join(homes)
        article = "an" if where[0] in "aeiou" else "a"
        place = "`limits`" if homes == ("limits",) else f"{article} {where}"
        mine = "these limits take" if word == "limits" else f"{'an' if word[0] in 'aeiou' else 'a'} {word} takes"
        reports.add(here, "unknown-setting", f"{mine} no `{name}`", key.span, f"it belongs in {place}")
        return
    known = keys_of(word)
    near = reports.nearest(name, [*known, *(w for k, w in _CONTROL_WORDS.items() if word in CONTROLS[k])])
    hints: tuple[str, ...] = ()
    if near:
        hints = (f"did you mean `{near}`?",)
    elif known:
        hints = (f"{'an' if word[0] in 'aeiou' else 'a'} {word} takes {', '.join(known)}",)
    else:
        hints = (f"nothing stands below {'an' if word[0] in 'aeiou' else 'a'} {word}",)
    reports.add(here, "unknown-setting", f"there is no setting called `{name}`", key.span, *hints)


def _tell_control(label: str, span: Span, homes: tuple[str, ...], word: str, here: Here, reports: Reports) -> None:
    article = "an" if word[0] in "aeiou" else "a"
    message = f"`{label}` can't stand in {'`limits`' if word == 'limits' else f'{article} {word}'}"
    reports.add(here, "unknown-setting", message, span, f"it belongs in a {' or a '.join(homes)}")


def may_have_meant(declared: Declared, *keys: str) -> bool:
    """Whether a line of this section that has a mistake may have been one of these settings."""
    section, here = declared.section, declared.here
    word = declared.kind
    lost = [one for one in section.lines if isinstance(one, ast.Setting) and (word, one.key.text) not in SETTINGS]
    for line in lost:
        near = nearest(line.key.text, list(keys_of(word)))
        text = isinstance(line.items[0], ast.Text | ast.FileText)
        if near in keys or (near is None and text and "prompt" in keys):
            return True
    if not section.broken:
        return False
    kept = [one.span for one in section.lines]
    start = section.header_span.end
    for line_of_text in here.source.text[here.start + start : declared.end].split("\n"):
        first = re.match(r"\s*([\w-]+)", line_of_text)
        inside = any(span.start <= start + len(line_of_text) - len(line_of_text.lstrip()) < span.end for span in kept)
        if first is not None and not inside and nearest(first[1], list(keys)) is not None:
            return True
        start += len(line_of_text) + 1
    return False


def tell_no_text(line: ast.Setting, here: Here, reports: Reports) -> None:
    """Tells what is wrong with a setting that takes one text and has something else."""
    first, last = line.items[0], line.items[-1]
    if isinstance(first, ast.Function):
        message, span = "the text ends before this", first.name.span
        hint = 'a quote inside a text is written `\\"`; a comment begins with `#`'
    elif isinstance(first, ast.Text | ast.FileText):
        message, span = f"`{line.key.text}` takes one text, and this is another", line.items[1].span
        hint = "write both as one text, or on a line of its own each"
    else:
        message, span = "a text stands in quotes", Span(first.span.start, last.span.end)
        hint = 'put quotes around it, or `"""` on the lines before and after a text of several lines'
    reports.add(here, "syntax", message, span, hint)


def read_duration(text: str) -> Decimal | None:
    """Seconds of `30s`, `5m`, `1h30m`, `7d`; None if it is no duration."""
    if not _DURATION.fullmatch(text):
        return None
    return sum((Decimal(n) * _UNITS[unit] for n, unit in _PART.findall(text)), Decimal(0))


class SettingReader:
    """Turns settings into parameters: plain data, or a reference in braces."""

    def __init__(self, typer: Typer) -> None:
        self._typer = typer

    def place(self, span: Span) -> Place:
        """Where a span of the present section stands."""
        return Place(self._typer.look.here.source, span.moved(self._typer.look.here.start))

    def read(self, setting: ast.Setting, row: Row) -> Parameter | None:
        """What a parameter's setting comes to; None if it has a mistake, which is told."""
        if row.takes == "texts":
            return self._texts(setting)
        item = self.only(setting, row)
        if item is None:
            return None
        if isinstance(item, ast.Slot):
            return self._slot(item, row)
        match row.takes:
            case "number" | "whole" | "money":
                return self._number(item, row, setting.key.text)
            case "duration":
                return self._duration(item, setting.key.text)
            case "age":
                if isinstance(item, ast.Word) and item.text == "no":
                    return Parameter(False, self.place(item.span))
                return self._duration(item, setting.key.text, " or `no`")
            case "yes/no":
                if isinstance(item, ast.Word) and item.text in ("yes", "no"):
                    return Parameter(item.text == "yes", self.place(item.span))
                self._typer.tell("wrong-value", f"`{setting.key.text}` takes `yes` or `no`", item.span)
            case "choice":
                if isinstance(item, ast.Word) and item.text in row.choices:
                    return Parameter(item.text, self.place(item.span))
                near = nearest(item.text, list(row.choices)) if isinstance(item, ast.Word) else None
                hint = f"did you mean `{near}`?" if near else f"it takes {', '.join(row.choices)}"
                self._typer.tell("wrong-value", f"`{setting.key.text}` does not take this", item.span, hint)
        return None

    def only(self, setting: ast.Setting, row: Row) -> ast.Item | None:
        """The one value of a setting; None if there are several, which is told."""
        first = setting.items[0]
        if len(setting.items) == 1:
            return first
        message, second = f"`{setting.key.text}` takes one value", setting.items[1]
        if isinstance(first, ast.Number) and isinstance(second, ast.Number) and second.span.start == first.span.end + 1:
            span = Span(first.span.start, second.span.end)
            comma = f"{first.value}.{second.value}"
            if row.takes == "whole" and second.span.end - second.span.start == 3:
                comma = f"{first.value}{int(second.value):03}"
            self._typer.tell("wrong-value", "a number is written without a comma", span, f"write `{comma}`")
        else:
            self._typer.tell("wrong-value", message, second.span, "leave out what stands behind the comma")
        return None

    def _slot(self, slot: ast.Slot, row: Row) -> Parameter | None:
        value, kind = self._typer.value(slot.value)
        inner = bare(kind)
        wanted = {"number": "number", "whole": "number", "money": "number", "yes/no": "yes/no"}.get(row.takes, "text")
        found = "any"
        match inner:
            case types.NumberType():
                found = "number"
            case types.YesNoType():
                found = "yes/no"
            case types.TextType() | types.ChoiceType():
                found = "text"
            case types.JsonType() | Unknown():
                found = wanted
        if found != wanted:
            message = f"`{row.name}` takes a {wanted}, and this is {spelled(inner)}"
            self._typer.tell("wrong-type", message, slot.value.span)
            return None
        return Parameter(value, self.place(slot.span))

    def _number(self, item: ast.Item, row: Row, key: str) -> Parameter | None:
        if not isinstance(item, ast.Number):
            plain = _text_of(item)
            hint: tuple[str, ...] = ()
            if isinstance(item, ast.Text) and looks_like_number(plain):
                hint = (f"write it without quotes: `{key}: {plain}`",)
            elif isinstance(item, ast.Word) and self._typer.look.knows(plain):
                hint = (f"a reference wears braces: `{key}: {{{{ {plain} }}}}`",)
            self._typer.tell("wrong-type", f"`{key}` takes a number", item.span, *hint)
            return None
        number = item.value
        if row.takes == "whole" and number != number.to_integral_value():
            self._typer.tell("wrong-type", f"`{key}` takes a whole number", item.span)
            return None
        if (row.low is not None and number < row.low) or (row.high is not None and number > row.high):
            allowed = f"at least {row.low}" if row.high is None else f"from {row.low} to {row.high}"
            self._typer.tell("out-of-range", f"`{key}` is a number {allowed}", item.span)
            return None
        return Parameter(number, self.place(item.span))

    def _duration(self, item: ast.Item, key: str, also: str = "") -> Parameter | None:
        if isinstance(item, ast.Word) and (seconds := read_duration(item.text)) is not None:
            if seconds > 0:
                return Parameter(seconds, self.place(item.span))
            self._typer.tell("out-of-range", f"`{key}` must be longer than nothing", item.span)
            return None
        message = f"`{key}` takes a time like `30s`, `5m`, `2h` or `7d`{also}"
        hint = (f"write `{item.value}s` for seconds",) if isinstance(item, ast.Number) else ()
        self._typer.tell("wrong-value", message, item.span, *hint)
        return None

    def _texts(self, setting: ast.Setting) -> Parameter | None:
        texts: list[str] = []
        for item in setting.items:
            if not isinstance(item, ast.Text):
                self._typer.tell(
                    "wrong-type", f"`{setting.key.text}` takes texts in quotes", item.span, 'write `"END"`'
                )
                return None
            texts.append(_text_of(item))
        if len(texts) > 4:
            self._typer.tell("out-of-range", f"`{setting.key.text}` takes four texts at most", setting.items[4].span)
            return None
        return Parameter(tuple(texts), self.place(setting.items[0].span))

    def model(self, item: ast.Item, key: str) -> dict[str, Parameter] | None:
        """The parameter that a model id brings; None if it is none, which is told."""
        if isinstance(item, ast.Word) and item.text:
            return {"model": Parameter(item.text, self.place(item.span))}
        if not (isinstance(item, ast.Word) and not item.text):
            hint = "write it without quotes" if isinstance(item, ast.Text) else "for example `gemini-3-1-pro`"
            self._typer.tell("wrong-value", f"`{key}` takes a preset's name or a model id", item.span, hint)
        return None


def _text_of(item: ast.Item) -> str:
    match item:
        case ast.Text():
            return plain_text(item)
        case ast.Word(text):
            return text
    return ""
