"""`flowlang.toml`: what a project sets for all its flows. Found upwards from the flow."""

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from .diagnostics.diagnostic import Diagnostic, nearest
from .diagnostics.source import SourceFile, Span
from .language.address import entry_mistake
from .language.loader import Denied
from .models.catalog import PARTS, Model, Price
from .models.providers import Provider
from .pattern import pattern
from .project import CONFIGURATION as FILE
from .project import find_root, has_configuration, read_below
from .record import record
from .run.permits import Allow

LARGEST = 64 * 1024  # bytes
DEEPEST = 8  # parts of a key, and brackets in brackets: reading many takes time and memory without end
MOST_MISTAKES = 50  # that are told of one file
MOST_WHOLE = 10**15

T = TypeVar("T")


@record
class Offline:
    """How the built-in model behaves: seconds that an answer takes, and the part of answers (0 to 1) that go wrong."""

    latency: float = 0.0
    failure_rate: float = 0.0
    cut_off_rate: float = 0.0


@record
class Settings:
    """`provider` answers for model ids without one in front (None: nobody says); `model` where a step names none."""

    path: str = ""
    provider: str | None = None
    model: str | None = None
    providers: Mapping[str, Provider] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    allow: Allow = Allow()
    offline: Offline = Offline()


def find_settings(flow: Path) -> Path | None:
    """The nearest `flowlang.toml`: in the flow's folder or in one above it."""
    root = find_root(flow)
    return root / FILE if has_configuration(root) else None


def load_settings(path: Path, shown: str) -> tuple[Settings, list[Diagnostic]]:
    """The settings in a file, and every mistake in it, also that it cannot be read; `shown` is its path in them."""
    nowhere = SourceFile(shown, "")
    data = read_below(path.parent, path.name, LARGEST)
    if isinstance(data, Denied):
        return Settings(shown), [Diagnostic(data.rule, data.message, nowhere, Span(0, 0), data.hints)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"`{shown}` is not UTF-8: byte {error.start + 1} cannot be read"
        return Settings(shown), [Diagnostic("bad-file", message, nowhere, Span(0, 0), ("save it as UTF-8",))]
    if len(data) > LARGEST:
        message = f"`{shown}` has more than {LARGEST:,} bytes"
        return Settings(shown), [Diagnostic("bad-file", message, nowhere, Span(0, 0))]
    return read_settings(text, shown)


def read_settings(text: str, path: str) -> tuple[Settings, list[Diagnostic]]:
    """The settings of a file, and every mistake in it. What has a mistake keeps its default."""
    import tomllib  # few commands need it, and most projects have no such file

    source = SourceFile(path, text.replace("\r\n", "\n"))
    if (deep := _too_deep(source.text)) is not None:
        return Settings(path), [Diagnostic("out-of-range", deep[0], source, deep[1])]
    try:
        data = tomllib.loads(source.text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        return Settings(path), [_unreadable(source, str(error))]
    except (ValueError, ArithmeticError):
        message = "a number in this file has more digits than can be read"
        return Settings(path), [Diagnostic("out-of-range", message, source, Span(0, 0))]
    slips: list[Diagnostic] = []
    reading = _Reading(source, slips, _keys_of(source.text))
    top = reading.table(data, (), {"project": _any, "providers": _any, "models": _any, "allow": _any, "offline": _any})
    project = reading.table(top.get("project", {}), ("project",), {"provider": _text, "model": _text})
    offline = {"latency": _between(0, 600), "failure_rate": _between(0, 1), "cut_off_rate": _between(0, 1)}
    powers = {"hosts": _hosts, "commands": _texts, "python": _texts, "read": _texts}
    settings = Settings(
        path=path,
        **project,
        providers=reading.tables(top, "providers", _PROVIDER, lambda given: Provider(**given)),
        models=reading.tables(top, "models", _MODEL, _model),
        allow=Allow(**reading.table(top.get("allow", {}), ("allow",), powers)),
        offline=Offline(**reading.table(top.get("offline", {}), ("offline",), offline)),
    )
    return settings, sorted(slips, key=Diagnostic.key)


class _Wrong(Exception):
    """A value that does not fit; the text says what would, and `key` where in the value."""

    def __init__(self, needed: str, rule: str = "wrong-type", key: str = "") -> None:
        super().__init__(needed)
        self.rule = rule
        self.key = key


_Kind = Callable[[object], Any]


@record
class _Reading:
    source: SourceFile
    slips: list[Diagnostic]
    keys: "tuple[_Key, ...]"

    def table(self, data: object, path: tuple[str, ...], kinds: Mapping[str, _Kind]) -> dict[str, Any]:
        """The values of a table that fit; a report for each key that is unknown or does not."""
        if not isinstance(data, dict):
            self._report("wrong-type", f"`{path[-1]}` is a table: its keys stand below `[{path[-1]}]`", path)
            return {}
        given: dict[str, Any] = {}
        for key, value in data.items():
            kind = kinds.get(key)
            if kind is None:
                if len(self.slips) >= MOST_MISTAKES:
                    continue
                near = nearest(key, list(kinds))
                hint = f"did you mean `{near}`?" if near else "there is " + ", ".join(f"`{one}`" for one in kinds)
                where = f"`[{'.'.join(path)}]`" if path else f"`{FILE}`"
                self._report("unknown-setting", f"there is no setting `{key}` in {where}", (*path, key), hint)
                continue
            try:
                given[key] = kind(value)
            except _Wrong as wrong:
                at = (*path, key, wrong.key) if wrong.key else (*path, key)
                self._report(wrong.rule, f"`{at[-1]}` {wrong}", at)
        return given

    def tables(
        self, top: Mapping[str, Any], name: str, kinds: Mapping[str, _Kind], make: Callable[[dict[str, Any]], T]
    ) -> dict[str, T]:
        """A table for each name of a table of tables."""
        data = top.get(name, {})
        if not isinstance(data, dict):
            self._report("wrong-type", f"`{name}` is a table: write `[{name}.NAME]`", (name,))
            return {}
        return {key: make(self.table(value, (name, key), kinds)) for key, value in data.items()}

    def _report(self, rule: str, message: str, path: tuple[str, ...], *hints: str) -> None:
        if len(self.slips) < MOST_MISTAKES:
            self.slips.append(Diagnostic(rule, message, self.source, _place(self.keys, path), hints))


def _any(value: object) -> object:
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Wrong("must be a text in quotes")
    if not value.strip():
        raise _Wrong("must not be empty", "wrong-value")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _Wrong('must be a list of texts, ["like", "this"]')
    return tuple(value)


def _hosts(value: object) -> tuple[str, ...]:
    for text in (texts := _texts(value)):
        if why := entry_mistake(text):
            raise _Wrong(f"has `{text}`, which {why}", "wrong-value")
    return texts


def _some_of(*words: str) -> _Kind:
    def kind(value: object) -> tuple[str, ...]:
        for word in (texts := _texts(value)):
            if word not in words:
                near = nearest(word, list(words))
                meant = f"; did you mean `{near}`?" if near else ""
                raise _Wrong(f"cannot hold `{word}`, only {', '.join(words)}{meant}", "wrong-value")
        return texts

    return kind


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong("must be a whole number")
    if value < 1:
        raise _Wrong("must be at least 1", "out-of-range")
    if value > MOST_WHOLE:
        raise _Wrong(f"must be at most {MOST_WHOLE:,}", "out-of-range")
    return value


def _number(value: object) -> Decimal:
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise _Wrong("must be a number")
    number = Decimal(value)
    if not number.is_finite() or number < 0:
        raise _Wrong("must be at least 0", "out-of-range")
    return number


def _between(low: int, high: int) -> _Kind:
    def kind(value: object) -> float:
        number = _number(value)
        if number > high:
            raise _Wrong(f"must be a number from {low} to {high}", "out-of-range")
        return float(number)

    return kind


def _price(value: object) -> Price:
    if not isinstance(value, dict):
        raise _Wrong("is a table: { input = 2.00, output = 12.00 }")
    prices: dict[str, Decimal] = {}
    for key, amount in value.items():
        if key not in PARTS:
            near = nearest(key, list(PARTS))
            meant = f"; did you mean `{near}`?" if near else f": it has {', '.join(PARTS[:-1])} and {PARTS[-1]}"
            raise _Wrong(f"is no part of a price{meant}", "unknown-setting", key)
        try:
            prices[key] = _number(amount)
        except _Wrong as wrong:
            raise _Wrong(str(wrong), wrong.rule, key) from None
    return Price(**prices)


_PROVIDER: Mapping[str, _Kind] = {"base_url": _text, "key_env": _text, "at_once": _whole, "extras": _texts}
_MODEL: Mapping[str, _Kind] = {
    "window": _whole,
    "max_output": _whole,
    "takes": _some_of("image", "audio", "video"),
    "can": _some_of("tools", "schema", "grounding", "thinking", "json", "logprobs"),
    "price": _price,
}


def _model(given: dict[str, Any]) -> Model:
    return Model(**given)


def _unreadable(source: SourceFile, told: str) -> Diagnostic:
    """tomllib's message, at the place that it names at its end."""
    message, _, place = told.partition(" (at ")
    found = re.match(r"line (\d+), column (\d+)", place)
    start = len(source.text)
    if found:
        lines = source.text.split("\n")
        start = sum(len(line) + 1 for line in lines[: int(found[1]) - 1]) + int(found[2]) - 1
    hint = "the form of this file is described at https://toml.io"
    return Diagnostic("syntax", message[:1].lower() + message[1:], source, Span(start, start + 1), (hint,))


_PART = r'(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|\'[^\']*\')'
_HEADER = pattern(rf"\s*\[\[?\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]")
_KEY_IN_LINE = pattern(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
# A text, closed or not; a comment; a mark; a part of a key or of a value.
_SIGN = pattern(
    r'"""(?:[^"\\]|\\.|""?(?!"))*(?:"{3,5}|$)|\'\'\'(?:[^\']|\'\'?(?!\'))*(?:\'{3,5}|$)'
    r'|"(?:[^"\\\n]|\\.)*"?|\'[^\'\n]*\'?|#[^\n]*|[\[\]{}.\n=,]|[^\s"\'#\[\]{}.=,]+',
    re.DOTALL,
)


def _too_deep(text: str) -> tuple[str, Span] | None:
    """What nests deeper than it may, and where: found without making anything of it."""
    brackets = parts = 0
    begin = 0  # of the key that may be here
    for sign in _SIGN.finditer(text):
        match sign[0]:
            case "[" | "{":
                brackets, parts = brackets + 1, 0
            case "]" | "}":
                brackets, parts = max(0, brackets - 1), 0
            case "\n" | "=" | ",":
                parts = 0
            case ".":
                parts += 1
            case _:
                begin = begin if parts else sign.start()
        if brackets > DEEPEST:
            return f"this nests deeper than {DEEPEST} brackets", Span(sign.start(), sign.end())
        if parts >= DEEPEST:
            return f"this key has more than {DEEPEST} parts", Span(begin, sign.end())
    return None


@record
class _Key:
    """A key or a table's header as it stands in the file: its whole path, its place, and what follows in its line."""

    path: tuple[str, ...]
    span: Span
    rest: str  # empty behind a header
    rest_start: int


def _keys_of(text: str) -> tuple[_Key, ...]:
    """The keys and headers of a file, line by line."""
    keys: list[_Key] = []
    table: tuple[str, ...] = ()
    start = 0
    for line in text.split("\n"):
        if found := _HEADER.match(line):
            table = _parts(found[1])
            keys.append(_Key(table, Span(start + found.start(1), start + found.end(1)), "", start + found.end()))
        elif found := _KEY_IN_LINE.match(line):
            path = (*table, *_parts(found[1]))
            span = Span(start + found.start(1), start + found.end(1))
            keys.append(_Key(path, span, line[found.end() :], start + found.end()))
        start += len(line) + 1
    return tuple(keys)


def _place(keys: tuple[_Key, ...], path: tuple[str, ...]) -> Span:
    """Where a key stands; the nearest table that can be found, if the key itself can't."""
    best, depth = Span(0, 0), 0
    for key in keys:
        common = 0
        while common < min(len(key.path), len(path)) and key.path[common] == path[common]:
            common += 1
        if (common == len(key.path) and common > depth) or common == len(path) > depth:
            best, depth = key.span, common
            if common == len(path) - 1 and key.rest:
                inner = re.search(rf"(?<![\w-]){re.escape(path[-1])}(?![\w-])", key.rest)
                if inner:
                    best = Span(key.rest_start + inner.start(), key.rest_start + inner.end())
                    depth = len(path)
    return best


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))
