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
from .record import record
from .run.permits import Allow

FILE = "flowlang.toml"
LARGEST = 1_000_000  # bytes

T = TypeVar("T")


@record
class Provider:
    """`at_once`: calls open at the same time, at first. `extras`: vendor fields that may be sent."""

    base_url: str = ""
    key_env: str = ""
    at_once: int = 5
    extras: tuple[str, ...] = ()


@record
class Price:
    """US dollars per million tokens."""

    input: Decimal | None = None
    output: Decimal | None = None
    cached: Decimal | None = None


@record
class Model:
    """What the project adds to a model's entry; sizes in tokens."""

    window: int | None = None
    max_output: int | None = None
    takes: tuple[str, ...] | None = None
    can: tuple[str, ...] | None = None
    price: Price = Price()


@record
class Offline:
    """How the built-in model behaves: seconds that an answer takes, and the part of answers (0 to 1) that go wrong."""

    latency: float = 0.0
    failure_rate: float = 0.0
    cut_off_rate: float = 0.0


@record
class Settings:
    """`provider` answers for model ids without a provider in front; `model` is asked where a step names none."""

    path: str = ""
    provider: str = "bytespike"
    model: str | None = None
    providers: Mapping[str, Provider] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    allow: Allow = Allow()
    offline: Offline = Offline()


def find_settings(flow: Path) -> Path | None:
    """The nearest `flowlang.toml`: in the flow's folder or in one above it."""
    for folder in flow.resolve().parents:
        if (path := folder / FILE).is_file():
            return path
    return None


def load_settings(path: Path, shown: str) -> tuple[Settings, list[Diagnostic]]:
    """The settings in a file, and every mistake in it, also that it cannot be read; `shown` is its path in them."""
    nowhere = SourceFile(shown, "")
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        return Settings(shown), [Diagnostic("bad-file", f"`{shown}` cannot be read: {reason}", nowhere, Span(0, 0))]
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
    try:
        data = tomllib.loads(source.text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        return Settings(path), [_unreadable(source, str(error))]
    except RecursionError:
        return Settings(path), [Diagnostic("syntax", "this nests too deeply", source, Span(0, 1))]
    slips: list[Diagnostic] = []
    reading = _Reading(source, slips)
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

    def table(self, data: object, path: tuple[str, ...], kinds: Mapping[str, _Kind]) -> dict[str, Any]:
        """The values of a table that fit; a report for each key that is unknown or does not."""
        if not isinstance(data, dict):
            self._report("wrong-type", f"`{path[-1]}` is a table: its keys stand below `[{path[-1]}]`", path)
            return {}
        given: dict[str, Any] = {}
        for key, value in data.items():
            kind = kinds.get(key)
            if kind is None:
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
        self.slips.append(Diagnostic(rule, message, self.source, _place(self.source.text, path), hints))


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
        if key not in ("input", "output", "cached"):
            near = nearest(key, ["input", "output", "cached"])
            meant = f"; did you mean `{near}`?" if near else ": it has input, output and cached"
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
_HEADER = re.compile(rf"\s*\[\[?\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]")
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")


def _place(text: str, path: tuple[str, ...]) -> Span:
    """Where a key stands; the nearest table that can be found, if the key itself can't."""
    table: tuple[str, ...] = ()
    best, depth = Span(0, 0), 0
    start = 0
    for line in text.split("\n"):
        found = _HEADER.match(line)
        if found:
            table = _parts(found[1])
            whole = table
        elif found := _KEY.match(line):
            whole = (*table, *_parts(found[1]))
        if found:
            common = 0
            while common < min(len(whole), len(path)) and whole[common] == path[common]:
                common += 1
            if (common == len(whole) and common > depth) or common == len(path) > depth:
                best, depth = Span(start + found.start(1), start + found.end(1)), common
                inner = re.search(rf"(?<![\w-]){re.escape(path[-1])}(?![\w-])", line[found.end() :])
                if common == len(path) - 1 and not _HEADER.match(line) and inner:
                    best = Span(start + found.end() + inner.start(), start + found.end() + inner.end())
                    depth = len(path)
        start += len(line) + 1
    return best


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))
