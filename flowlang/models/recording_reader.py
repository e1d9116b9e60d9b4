"""`NAME.answers`, read: the answers that stand in it, and what is wrong with each line that can't be read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..diagnostics.diagnostic import Diagnostic, nearest
from ..diagnostics.source import SourceFile, Span
from ..language.checked import Place
from ..language.cut import LogicalLine, cut
from ..language.mistake import Mistake
from ..language.parser import Node, Token, Unreadable, the_parser
from ..language.texts import Places, Tag, TextReader
from ..pattern import pattern
from .recording import VERSION, Recorded, Which

# At the beginning of a line, where no answer can have it: blocks have a margin.
_CONFLICT = pattern("^<<<<<<< .*$", re.MULTILINE)
_PLACES = ("place", "round")
_NUMBERS = ("sample", "run", "try")
_WORDS = ("flow", "tool")
KNOWN = (*_WORDS, *_PLACES, *_NUMBERS, "judge", "request", "tokens", "calls", "text", "failed")


@dataclass
class _Section:
    """An `answer` and the lines below it, as they are read."""

    step: str
    span: Span
    values: dict[str, object] = field(default_factory=dict)
    places: dict[str, Span] = field(default_factory=dict)


class _Slip(Exception):
    """A line that can't be read."""

    def __init__(self, rule: str, message: str, span: Span, *hints: str) -> None:
        super().__init__(message)
        self.told = (rule, message, span, hints)


def read_recordings(
    source: SourceFile, files: Mapping[str, str] | None = None
) -> tuple[list[Recorded], list[Diagnostic]]:
    """The answers of a file, and what is wrong in it. A text that stands beside it comes from `files`, by its path."""
    if (conflict := _CONFLICT.search(source.text)) is not None:
        message = "git has left both sides of a conflict here"
        hints = ("keep one side, and record again what is missing", f"git checkout --ours -- {source.path}")
        return [], [Diagnostic("syntax", message, source, Span(*conflict.span()), hints)]
    reader = _Reader(source, files)
    for line in cut(source.text):
        if isinstance(line, LogicalLine):
            try:
                reader.take(line)
            except _Slip as slip:
                reader.tell(slip)
            if reader.is_newer:
                break
    reader.end()
    return reader.found, reader.mistakes


def files_named(source: SourceFile) -> list[tuple[str, Span]]:
    """The files beside it that it names."""
    return [(path, span) for name, path, span in _Reader(source, {}).named() if name in ("text", "failed")]


class _Reader:
    """Reads one line after the other; a mistake costs its answer, and no other."""

    def __init__(self, source: SourceFile, files: Mapping[str, str] | None) -> None:
        self.source = source
        self.files = files
        self.found: list[Recorded] = []
        self.mistakes: list[Diagnostic] = []
        self.is_newer = False
        self._version_seen = False
        self._now: _Section | None = None
        self._broken = False  # the answer that is read now has a mistake
        self._seen: dict[tuple[Which, str], int] = {}

    def named(self) -> "list[tuple[str, str, Span]]":
        """Every `name: file "…"` of the file."""
        found: list[tuple[str, str, Span]] = []
        for line in cut(self.source.text):
            if isinstance(line, LogicalLine) and not line.header and line.unclosed is None:
                tree = the_parser().parse("line", self.source.text, line.start, line.end)
                if isinstance(tree, Node) and tree.rule == "setting" and (file := _file_of(tree)) is not None:
                    name = tree.children[0]
                    assert isinstance(name, Token)
                    found.append((name.text, *file))
        return found

    def tell(self, slip: _Slip) -> None:
        rule, message, span, hints = slip.told
        self._broken = True
        self.mistakes.append(Diagnostic(rule, message, self.source, span, tuple(hints)))

    def take(self, line: LogicalLine) -> None:
        """Takes the next line. Raises _Slip."""
        text = self.source.text[line.start : line.end]
        whole = Span(line.start, max(line.start + 1, line.start + len(text.partition("\n")[0])))
        word = re.match(r"answers?(?![\w-])(?![^\S\n]*:)", text)
        if line.unclosed is not None:
            message = "this text is opened and never closed"
            raise _Slip("unclosed-text", message, line.unclosed, "close it with as many quotes on a line of their own")
        if word is not None and word.group() == "answers":
            self._version(text, whole)
        elif not self._version_seen:
            self._version_seen = True
            message = "a file of recorded answers begins with `answers 1`"
            raise _Slip("syntax", message, whole, "write `answers 1` above it, or delete the file and record again")
        elif word is not None:
            self._header(text, line.start, whole)
        else:
            self._setting(line, whole)

    def _version(self, text: str, whole: Span) -> None:
        found = re.fullmatch(r"answers\s+(\d{1,9})", text)
        if found is None or self._version_seen or int(found.group(1)) < 1:
            raise _Slip("syntax", "`answers 1` stands once, on the first line", whole, "write `answers 1`")
        self._version_seen = True
        if int(found.group(1)) > VERSION:
            self.is_newer = True
            message = f"this file is of version {found.group(1)}, and this flowlang reads up to {VERSION}"
            raise _Slip("wrong-value", message, whole, "use a newer flowlang; nothing in the file was touched")

    def _header(self, text: str, start: int, whole: Span) -> None:
        self.end()
        before = "answers 1\n"
        tree = the_parser().parse("answers", f"{before}{text}\n")
        path = _first(tree, "PATH")
        if path is None:
            self._now, self._broken = None, True
            raise _Slip("syntax", "`answer` names one step here", whole, "write it like `answer topic`")
        self._now = _Section(path.text, Span(start + path.start - len(before), start + path.end - len(before)))
        self._broken = False

    def _setting(self, line: LogicalLine, whole: Span) -> None:
        tree = the_parser().parse("line", self.source.text, line.start, line.end)
        if self._now is None:
            if self._broken:
                return  # below an `answer` that can't be read
            raise _Slip("stray-text", "this stands below no answer", whole, "`answer STEP` begins one")
        if not isinstance(tree, Node) or tree.rule != "setting":
            at = Span(tree.offset, whole.end) if isinstance(tree, Unreadable) and tree.offset < whole.end else whole
            raise _Slip("syntax", "this line can't be read", at, 'a line is like `place: 3` or `text: "billing"`')
        name, *items = tree.children
        assert isinstance(name, Token)
        key, span = name.text, Span(name.start, name.end)
        if key not in KNOWN:
            near = nearest(key, list(KNOWN))
            hint = f"did you mean `{near}`?" if near else f"there are {', '.join(KNOWN)}"
            raise _Slip("unknown-setting", f"a recorded answer has no `{key}`", span, hint)
        if key in self._now.values:
            raise _Slip("duplicate-setting", f"`{key}` stands twice", span, "leave one of them out")
        value_span = Span(tree.children[1].start, tree.end)
        self._now.places[key] = value_span
        self._now.values[key] = self._value(key, items, value_span)

    def _value(self, key: str, items: "list[Node | Token]", span: Span) -> object:
        if key in _PLACES or key in _NUMBERS or key == "tokens":
            lowest = 0 if key == "tokens" else 1
            numbers = [int(one.text) for one in items if isinstance(one, Token) and re.fullmatch(r"\d{1,9}", one.text)]
            wanted = 2 if key == "tokens" else 1 if key in _NUMBERS else len(items)
            if len(numbers) != len(items) or len(items) != wanted or min(numbers) < lowest:
                what = "two numbers, as in `812, 64`" if key == "tokens" else "a whole number, from 1"
                raise _Slip("wrong-value", f"`{key}` takes {what}", span)
            return numbers[0] if key in _NUMBERS else tuple(numbers)
        if len(items) != 1:
            raise _Slip("wrong-value", f"`{key}` takes one value", span)
        if key in _WORDS or key == "request":
            if not isinstance(items[0], Token) or items[0].type not in ("WORD", "NAME", "NUMBER", "PATH"):
                raise _Slip("wrong-value", f"`{key}` takes a bare word", span)
            return items[0].text
        text = self._read_text(items[0], span)
        return _calls(text, span) if key == "calls" else text

    def _read_text(self, item: "Node | Token", span: Span) -> str:
        if isinstance(item, Node) and item.rule == "function":
            return _from_json(item, span)
        if not isinstance(item, Node) or item.rule != "text":
            raise _Slip("wrong-type", "a text is wanted here", span, "put it in quotes")
        if (file := _file_of_text(item)) is not None:
            path, place = file
            if self.files is not None and path not in self.files:
                raise _Slip("not-found", f"there is no file `{path}`", place, "delete this answer and record again")
            return "" if self.files is None else self.files[path]
        token = item.children[0]
        assert isinstance(token, Token)
        mistakes: list[Mistake] = []
        reader = TextReader(_no_tag, mistakes)
        read = reader.block if token.type == "BLOCK" else reader.string
        return "".join(part for part in read(token.text, 0, False).parts if isinstance(part, str))

    def end(self) -> None:
        """The answer that was read is complete: it is kept, or what is wrong with it as a whole is told."""
        section, self._now = self._now, None
        if section is None or self._broken:
            return
        try:
            self._keep(section)
        except _Slip as slip:
            self.tell(slip)

    def _keep(self, section: _Section) -> None:
        values = section.values
        which = _which(section.step, values)
        if "request" not in values:
            message = f"this answer of `{section.step}` has no `request:`, so nobody knows what it answers"
            raise _Slip("missing-setting", message, section.span, "record it with --record, or answer it in the test")
        if not which.tool and "text" not in values and "calls" not in values:
            raise _Slip("missing-setting", f"this answer of `{section.step}` has no `text:`", section.span)
        request = str(values["request"])
        if (which, request) in self._seen:
            line = self.source.position(self._seen[which, request])[0]
            message = f"this answer of `{section.step}` stands here twice; the other one is on line {line}"
            raise _Slip("duplicate-name", message, section.span, "leave one of them out")
        self._seen[which, request] = section.span.start
        text, failed, tokens, calls = (values.get(name) for name in ("text", "failed", "tokens", "calls"))
        place = Place(self.source, section.places.get("text", section.span))
        if place.span.end - place.span.start > 400 or "\n" in self.source.text[slice(*place.span)]:
            place = Place(self.source, section.span)
        self.found.append(
            Recorded(
                which,
                request,
                text if isinstance(text, str) else None,
                calls if isinstance(calls, tuple) else (),
                failed if isinstance(failed, str) else "",
                (tokens[0], tokens[1]) if isinstance(tokens, tuple) else None,
                place,
            )
        )


def _which(step: str, values: Mapping[str, object]) -> Which:
    def numbers(name: str) -> tuple[int, ...]:
        found = values.get(name, ())
        assert isinstance(found, tuple)
        return found

    def number(name: str) -> int:
        found = values.get(name, 0)
        assert isinstance(found, int)
        return found

    flow = str(values.get("flow", ""))
    return Which(
        step,
        tuple(flow.split(".")) if flow else (),
        numbers("place"),
        number("sample"),
        numbers("round"),
        number("run"),
        number("try"),
        str(values.get("judge", "")),
        str(values.get("tool", "")),
    )


def _calls(text: str, span: Span) -> tuple[tuple[str, str], ...]:
    calls = []
    for line in text.split("\n"):
        line = line.strip()
        try:
            name, rest = _called(line)
            read = json.loads(rest)
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict | str):
            raise _Slip("wrong-value", 'a call is like `search {"text": "tax"}`, one on each line', span)
        calls.append((name, read if isinstance(read, str) else rest))
    return tuple(calls)


def _called(line: str) -> tuple[str, str]:
    """The name of a call, and the JSON behind it. Raises ValueError, RecursionError."""
    if line.startswith('"'):
        name, end = json.JSONDecoder().raw_decode(line)
        return str(name), line[end:].strip()
    name, _, rest = line.partition(" ")
    return name, rest.strip()


def _from_json(item: Node, span: Span) -> str:
    string, word = item.children
    assert isinstance(string, Token) and isinstance(word, Token)
    try:
        text = json.loads(string.text) if word.text == "json" else None
    except ValueError:
        text = None
    if not isinstance(text, str):
        raise _Slip("wrong-value", 'this is no text: `"…" json` holds the escapes of JSON', span)
    return text


def _file_of(setting: Node) -> tuple[str, Span] | None:
    items = setting.children[1:]
    return _file_of_text(items[0]) if len(items) == 1 and isinstance(items[0], Node) else None


def _file_of_text(item: Node) -> tuple[str, Span] | None:
    """The file that `file "…"` names, and where."""
    if item.rule != "text" or len(item.children) != 2:
        return None
    path = item.children[1]
    assert isinstance(path, Token)
    return path.text[1:-1], Span(path.start, path.end)


def _first(tree: object, type_: str) -> Token | None:
    if isinstance(tree, Token):
        return tree if tree.type == type_ else None
    children = tree.children if isinstance(tree, Node) else []
    return next((found for child in children if (found := _first(child, type_)) is not None), None)


def _no_tag(tree: Node | Token, places: Places) -> Tag:
    raise AssertionError("nothing is filled into a recorded answer")
