"""Texts as they stand in a file, turned into parts: what is said, and what is filled in.

Quotes, margins and escapes end here; from here on a text is what the model gets.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ..diagnostics.source import Span
from . import ast
from .mistake import Mistake
from .parser import Node, Token, Unreadable, the_parser
from .slips import explain_tag

MAX_DEPTH = 64

_OPENING = re.compile(r"\\?\{\{")
_TAG = re.compile(r'\{\{(?:"(?:[^"\\\n]|\\[^\n])*"|[^"\n}{]|\}(?!\}))*\}\}')
_ESCAPE = re.compile(r'\\(["\\nt]|\{\{)')
_PLAIN_OF = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "{{": "\\{{"}
_VERBATIM = re.compile(r'"+[^\S\n]*verbatim(?![\w-])')


class Places:
    """Where the characters of a piece of text stand: at `base` and on, or as `places` lists them."""

    __slots__ = ("base", "places")

    def __init__(self, base: int, places: list[int] | None = None) -> None:
        self.base = base
        self.places = places

    def span(self, start: int, end: int) -> Span:
        if self.places is None:
            return Span(self.base + start, self.base + end)
        return Span(self.places[self.base + start], self.places[self.base + end])

    def moved(self, by: int) -> "Places":
        return Places(self.base + by, self.places)


class ForTag(NamedTuple):
    name: ast.Name
    items: ast.Value
    span: Span


class IfTag(NamedTuple):
    condition: ast.Condition
    span: Span


class ElseTag(NamedTuple):
    span: Span


class EndTag(NamedTuple):
    span: Span


class BrokenTag(NamedTuple):
    """A tag with a mistake, which was reported."""


Tag = ast.Slot | ForTag | IfTag | ElseTag | EndTag | BrokenTag
LowerTag = Callable[[Node | Token, Places], Tag]


class TextReader:
    """Reads texts. `lower_tag` turns the tree of a tag into what it says; mistakes are added to `mistakes`."""

    def __init__(self, lower_tag: LowerTag, mistakes: list[Mistake]) -> None:
        self._lower_tag = lower_tag
        self._mistakes = mistakes

    def string(self, raw: str, start: int, templated: bool) -> ast.Text:
        """The text of `"…"`; `raw` includes the quotes and stands at `start`."""
        span = Span(start, start + len(raw))
        inner = raw[1:-1]
        if not templated or "{{" not in inner:
            text = _ESCAPE.sub(_unescaped, inner).replace("\\{{", "{{") if "\\" in inner else inner
            return ast.Text((text,) if text else (), span)
        # A tag may have escaped quotes in it, so remember where each character stood.
        chars: list[str] = []
        places: list[int] = []
        position = 0
        for found in _ESCAPE.finditer(inner):
            chars += inner[position : found.start()], _PLAIN_OF[found.group(1)]
            places += range(start + 1 + position, start + 1 + found.start())
            places += [start + 1 + found.start()] * len(chars[-1])
            position = found.end()
        chars.append(inner[position:])
        places += range(start + 1 + position, start + len(raw))
        assembly = _Assembly(self._mistakes)
        assembly.add_line(self._read_line("".join(chars), Places(0, places)), "")
        return ast.Text(assembly.finish(), span)

    def block(self, raw: str, start: int, templated: bool) -> ast.Text:
        """The text of a block; `raw` runs from its opening to its closing quotes."""
        span = Span(start, start + len(raw))
        verbatim = _VERBATIM.match(raw) is not None
        first, last = raw.index("\n"), raw.rindex("\n")
        if first == last:
            return ast.Text((), span, verbatim)
        lines = raw[first + 1 : last].split("\n")
        margin = _margin(lines)
        if verbatim or not templated or "{{" not in raw:
            text = "\n".join(_without(line, margin) for line in lines)
            return ast.Text((text,) if text else (), span, verbatim)
        return ast.Text(self._read_lines(lines, start + first + 1, margin), span)

    def file(self, text: str) -> tuple[ast.Part, ...]:
        """The parts of a text that was read from a file; spans count from the start of that file."""
        if "{{" not in text:
            return (text,) if text else ()
        return self._read_lines(text.split("\n"), 0, "")

    def _read_lines(self, lines: list[str], start: int, margin: str) -> tuple[ast.Part, ...]:
        assembly = _Assembly(self._mistakes)
        last = len(lines) - 1
        for index, line in enumerate(lines):
            kept = _without(line, margin)
            line_break = "" if index == last else "\n"
            if "{{" in kept:
                assembly.add_line(self._read_line(kept, Places(start + len(line) - len(kept))), line_break)
            else:
                assembly.add_text(kept + line_break)
            start += len(line) + 1
        return assembly.finish()

    def _read_line(self, line: str, places: Places) -> list[str | Tag]:
        pieces: list[str | Tag] = []
        position = 0
        while (opening := _OPENING.search(line, position)) is not None:
            begin = opening.start()
            pieces.append(line[position:begin])
            if opening.group()[0] == "\\":
                pieces.append("{{")
                position = opening.end()
                continue
            tag = _TAG.match(line, begin)
            end = tag.end() if tag else line.find("}}", begin) + 2
            if end < 2 or (tag is None and "{{" in line[begin + 2 : end]):
                message = "`{{` opens here and is not closed on its line"
                hint = "close it with `}}`; two plain braces are written `\\{{`"
                self._mistakes.append(Mistake("unclosed-tag", message, places.span(begin, begin + 2), (hint,)))
                pieces.append(BrokenTag())
                return pieces
            pieces.append(self.tag(line[begin:end], places.moved(begin)))
            position = end
        pieces.append(line[position:])
        return pieces

    def tag(self, tag: str, places: Places) -> Tag:
        content = tag[2:-2].strip()
        left = tag.index(content, 2)
        tree = the_parser().parse("tag", content)
        if isinstance(tree, Unreadable):
            span = places.span(left, left + len(content)) if content else places.span(0, len(tag))
            message, hints = explain_tag(content)
            self._mistakes.append(Mistake("bad-reference", message, span, hints))
            return BrokenTag()
        return self._lower_tag(tree, places.moved(left))


class _Open:
    """A `for` or `if` whose `end` is still to come."""

    __slots__ = ("body", "other", "tag")

    def __init__(self, tag: ForTag | IfTag) -> None:
        self.tag = tag
        self.body: list[ast.Part] = []
        self.other: list[ast.Part] | None = None

    def close(self) -> ast.Part:
        body = _joined(self.body)
        if isinstance(self.tag, ForTag):
            return ast.For(self.tag.name, self.tag.items, body, self.tag.span)
        return ast.If(self.tag.condition, body, _joined(self.other or []), self.tag.span)


class _Assembly:
    """Puts the pieces of one text together: nesting, and lines that hold nothing but tags."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self._mistakes = mistakes
        self._parts: list[ast.Part] = []
        self._open: list[_Open] = []
        self._told_depth = False
        self._broken = False

    def add_text(self, text: str) -> None:
        if self._open:
            opened = self._open[-1]
            (opened.body if opened.other is None else opened.other).append(text)
        else:
            self._parts.append(text)

    def add_line(self, pieces: list[str | Tag], line_break: str) -> None:
        """Adds a line that has tags; with nothing but `for`, `if`, `else` and `end` in it, it goes with its break."""
        blank = True
        control = False
        for piece in pieces:
            if isinstance(piece, str):
                blank = blank and not piece.strip()
            else:
                control = control or not isinstance(piece, ast.Slot | BrokenTag)
                blank = blank and not isinstance(piece, ast.Slot | BrokenTag)
        goes = blank and control
        for piece in pieces:
            match piece:
                case str():
                    if not goes:
                        self.add_text(piece)
                case ast.Slot():
                    self._add(piece)
                case ForTag() | IfTag():
                    self._open_tag(piece)
                case ElseTag():
                    self._turn(piece)
                case EndTag():
                    self._end(piece)
                case BrokenTag():
                    self._broken = True
        if not goes:
            self.add_text(line_break)
        elif not line_break:
            self._add(ast.NoBreak())

    def finish(self) -> tuple[ast.Part, ...]:
        for opened in self._open:
            word = "for" if isinstance(opened.tag, ForTag) else "if"
            hint = "put `{{ end }}` where it is over"
            self._tell("unclosed-tag", f"this `{word}` has no `{{{{ end }}}}`", opened.tag.span, hint)
        return _joined(self._parts)

    def _add(self, part: ast.Part) -> None:
        if self._open:
            opened = self._open[-1]
            (opened.body if opened.other is None else opened.other).append(part)
        else:
            self._parts.append(part)

    def _open_tag(self, tag: ForTag | IfTag) -> None:
        if len(self._open) >= MAX_DEPTH and not self._told_depth:
            self._told_depth = True
            self._tell("syntax", f"this is nested deeper than {MAX_DEPTH}", tag.span)
        self._open.append(_Open(tag))

    def _turn(self, tag: ElseTag) -> None:
        if self._open and isinstance(self._open[-1].tag, IfTag) and self._open[-1].other is None:
            self._open[-1].other = []
        elif not self._broken:
            self._tell("unclosed-tag", "this `else` belongs to no `{{ if … }}`", tag.span)

    def _end(self, tag: EndTag) -> None:
        if self._open:
            part = self._open.pop().close()
            if len(self._open) < MAX_DEPTH:
                self._add(part)
        elif not self._broken:
            self._tell("unclosed-tag", "this `end` closes nothing", tag.span)

    def _tell(self, rule: str, message: str, span: Span, *hints: str) -> None:
        self._mistakes.append(Mistake(rule, message, span, hints))


def _joined(parts: list[ast.Part]) -> tuple[ast.Part, ...]:
    """The parts with neighbouring texts made one."""
    joined: list[ast.Part] = []
    run: list[str] = []
    for part in parts:
        if isinstance(part, str):
            run.append(part)
            continue
        if run and (text := "".join(run)):
            joined.append(text)
        run.clear()
        joined.append(part)
    if run and (text := "".join(run)):
        joined.append(text)
    return tuple(joined)


def _margin(lines: list[str]) -> str:
    """The blanks that begin every line that is not blank."""
    margin: str | None = None
    for line in lines:
        stripped = line.lstrip()
        if not stripped:
            continue
        blanks = line[: len(line) - len(stripped)]
        if margin is None:
            margin = blanks
        else:
            while not blanks.startswith(margin):
                margin = margin[:-1]
        if not margin:
            return ""
    return margin or ""


def _without(line: str, margin: str) -> str:
    if line.startswith(margin):
        return line[len(margin) :]
    return line if line.strip() else ""


def _unescaped(found: re.Match[str]) -> str:
    return _PLAIN_OF[found.group(1)]
