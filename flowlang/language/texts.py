"""Texts as they stand in a file, turned into parts: what is said, and what is filled in.

Quotes, margins and escapes end here; from here on a text is what the model gets.
"""

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import NamedTuple

from ..diagnostics.source import Span
from ..pattern import pattern
from . import ast
from .mistake import Mistake
from .parser import Node, Token, Unreadable, the_parser
from .sign_slips import unknown_filter
from .tag_slips import explain_tag, is_end, opened_name

MAX_DEPTH = 64
MAX_TAGS = 20_000  # of one text
MAX_MISTAKES = 500  # of one section; what has more is no flow, and the rest would be more of the same
_BROKEN = "…"  # stands for what can't be read, so that a text with nothing else in it is not called empty

_OPENING = pattern(r"\\?\{\{")
_TAG = pattern(r'\{\{(?:"(?:[^"\\\n]|\\[^\n])*"|[^"\n}{]|\}(?!\}))*\}\}')
_ESCAPE = pattern(r'\\(["\\nt]|\{\{)')
_PLAIN_OF = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "{{": "\\{{"}
# What opens or ends a level, past texts: brackets, and the words that stand before what they are about.
_NESTING = pattern(
    r'("{3,})[^\n]*(?:\n[^\n]*)*?\n[^\S\n]*\1(?!")|"(?:[^"\\\n]|\\[^\n])*+"?|[(\[\uff08\uff3b]|[)\]\uff09\uff3d]'
    r"|(?<![\w-])(?:not|of|optional)(?![\w-])|[,|:]|\b(?:and|or|is)\b"
)
_OPENERS = frozenset("([\uff08\uff3b")
_CLOSERS = frozenset(")]\uff09\uff3d")
_LEADING = frozenset(("not", "of", "optional"))
_VERBATIM = pattern(r'"+[^\S\n]*verbatim(?![\w-])')


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
    """A tag that can't be read. It may have been meant to open a loop or a condition, or to end one."""

    mistake: Mistake | None = None
    opens: str | None = None  # the loop's name; empty for a condition
    ends: bool = False


Tag = ast.Slot | ForTag | IfTag | ElseTag | EndTag | BrokenTag
LowerTag = Callable[[Node | Token, Places], Tag]


class TextReader:
    """Reads texts. `lower_tag` turns the tree of a tag into what it says; mistakes are added to `mistakes`."""

    def __init__(self, lower_tag: LowerTag, mistakes: list[Mistake]) -> None:
        self._lower_tag = lower_tag
        self._mistakes = mistakes
        self._tags = 0
        self._broken = 0  # tags that can't be read, and are told when the line is put together
        self._trees: dict[str, Node | Token | Unreadable] = {}

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
            if self._is_full:
                break
            if "{{" in kept:
                assembly.add_line(self._read_line(kept, Places(start + len(line) - len(kept))), line_break)
            else:
                assembly.add_text(kept + line_break)
            start += len(line) + 1
        return assembly.finish()

    def _read_line(self, line: str, places: Places) -> list[str | Tag]:
        pieces: list[str | Tag] = []
        position = 0
        while not self._is_full and (opening := _OPENING.search(line, position)) is not None:
            begin = opening.start()
            pieces.append(line[position:begin])
            if opening.group()[0] == "\\":
                pieces.append("{{")
                position = opening.end()
                continue
            tag = _TAG.match(line, begin)
            end = tag.end() if tag else line.find("}}", begin) + 2
            if end < 2 or (tag is None and line.find("{{", begin + 2, end) >= 0):
                message = "`{{` opens here and is not closed on its line"
                hint = "close it with `}}`; two plain braces are written `\\{{`"
                pieces.append(BrokenTag(Mistake("unclosed-tag", message, places.span(begin, begin + 2), (hint,))))
                return pieces
            pieces.append(self.tag(line[begin:end], places.moved(begin)))
            position = end
        pieces.append(line[position:])
        return pieces

    @property
    def _is_full(self) -> bool:
        return self._tags > MAX_TAGS or max(self._broken, len(self._mistakes)) >= MAX_MISTAKES

    def tag(self, tag: str, places: Places) -> Tag:
        """What a tag says; `tag` is in its braces and stands at the start of `places`."""
        content = tag[2:-2].strip()
        left = tag.index(content, 2)
        span = places.span(left, left + len(content)) if content else places.span(0, len(tag))
        self._tags += 1
        if self._tags > MAX_TAGS:
            message = f"a text has at most {MAX_TAGS:,} places to fill in"
            return BrokenTag(Mistake("out-of-range", message, span, ("use `{{ for }}` over a list",)))
        if (deep := first_too_deep(content)) is not None:
            place = places.span(left + deep, left + deep + 1)
            return BrokenTag(Mistake("syntax", f"this is nested deeper than {MAX_DEPTH}", place))
        tree = self._trees.get(content)
        if tree is None:
            tree = self._trees[content] = the_parser().parse("tag", content)
        if isinstance(tree, Unreadable):
            self._broken += 1
            mistake = unknown_filter(content, tree)
            if mistake is not None:
                at = places.span(left + mistake.span.start, left + mistake.span.end)
                mistake = Mistake(mistake.rule, mistake.message, at, mistake.hints)
            else:
                message, hints = explain_tag(content)
                mistake = Mistake("bad-reference", message, span, hints)
            return BrokenTag(mistake, opened_name(content), is_end(content))
        return self._lower_tag(tree, places.moved(left))


class _Open:
    """A `for` or `if` whose `end` is still to come."""

    __slots__ = ("body", "other", "tag")

    def __init__(self, tag: ForTag | IfTag | BrokenTag) -> None:
        self.tag = tag
        self.body: list[ast.Part] = []
        self.other: list[ast.Part] | None = None

    def close(self) -> list[ast.Part]:
        """What it comes to; of one that can't be read, what stands in it without the name that it does not give."""
        body, other = _joined(self.body), _joined(self.other or [])
        match self.tag:
            case ForTag(name, items, span):
                return [ast.For(name, items, body, span)]
            case IfTag(condition, span):
                return [ast.If(condition, body, other, span)]
        return [part for part in (*body, *other) if not self.tag.opens or not _names(part, self.tag.opens)]


class _Assembly:
    """Puts the pieces of one text together: nesting, and lines that hold nothing but tags."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self._mistakes = mistakes
        self._parts: list[ast.Part] = []
        self._open: list[_Open] = []
        self._too_deep = 0  # how many more are open than may be
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
                    self._add_broken(piece)
        if not goes:
            self.add_text(line_break)
        elif not line_break:
            self._add(ast.NoBreak())

    def finish(self) -> tuple[ast.Part, ...]:
        """The parts of the whole text; what was never ended is told, and ends here."""
        unended = [opened for opened in self._open if not isinstance(opened.tag, BrokenTag)]
        for opened in unended:
            tag = opened.tag
            assert not isinstance(tag, BrokenTag)
            word = "for" if isinstance(tag, ForTag) else "if"
            said = [*opened.body, *(opened.other or [])]
            meant = [part for part in said if isinstance(part, ast.Slot) and _is_meant_as_end(part)]
            opened.body, opened.other = [part for part in said if part not in meant], None
            hint = "put `{{ end }}` where it is over"
            if meant:
                hint = f"write `{{{{ end }}}}` in place of `{{{{ {meant[0].value} }}}}`"
            self._tell("unclosed-tag", f"this `{word}` has no `{{{{ end }}}}`", tag.span, hint)
        while self._open:
            for part in self._open.pop().close():
                self._add(part)
        return _joined(self._parts)

    def _add(self, part: ast.Part) -> None:
        if self._open:
            opened = self._open[-1]
            (opened.body if opened.other is None else opened.other).append(part)
        else:
            self._parts.append(part)

    def _add_broken(self, tag: BrokenTag) -> None:
        self._broken = True
        self.add_text(_BROKEN)
        ends_broken = tag.ends and self._open and isinstance(self._open[-1].tag, BrokenTag)
        if tag.mistake is not None and not ends_broken:
            self._mistakes.append(tag.mistake)
        if tag.ends and self._open:
            self._end(None)
        elif tag.opens is not None:
            self._open_tag(tag)

    def _open_tag(self, tag: ForTag | IfTag | BrokenTag) -> None:
        if len(self._open) < MAX_DEPTH and not self._too_deep:
            self._open.append(_Open(tag))
            return
        if not self._too_deep and not isinstance(tag, BrokenTag):
            self._tell("syntax", f"this is nested deeper than {MAX_DEPTH}", tag.span)
        self._too_deep += 1
        self._broken = True

    def _turn(self, tag: ElseTag) -> None:
        if self._too_deep:
            return
        opened = self._open[-1] if self._open else None
        if opened is not None and opened.other is None and not isinstance(opened.tag, ForTag):
            opened.other = []
        elif not self._broken:
            self._tell("unclosed-tag", "this `else` belongs to no `{{ if … }}`", tag.span)

    def _end(self, tag: EndTag | None) -> None:
        if self._too_deep:
            self._too_deep -= 1
        elif self._open:
            for part in self._open.pop().close():
                self._add(part)
        elif not self._broken and tag is not None:
            self._tell("unclosed-tag", "this `end` closes nothing", tag.span)

    def _tell(self, rule: str, message: str, span: Span, *hints: str) -> None:
        self._mistakes.append(Mistake(rule, message, span, hints))


def _is_meant_as_end(slot: ast.Slot) -> bool:
    """Whether `{{ endfor }}` or the like was meant to end something."""
    return isinstance(slot.value, ast.Ref) and is_end(str(slot.value))


def _names(node: object, name: str) -> bool:
    """Whether something in a text reads `name`."""
    if isinstance(node, ast.Ref):
        return node.parts[0].text == name
    if isinstance(node, tuple):
        return any(_names(item, name) for item in node)
    return is_dataclass(node) and any(_names(getattr(node, one.name), name) for one in fields(node))


def first_too_deep(text: str) -> int | None:
    """Where a line nests deeper than MAX_DEPTH: in brackets, `not not …` or `list of list of …`."""
    if len(text) < 2 * MAX_DEPTH:
        return None
    brackets = words = 0
    for found in _NESTING.finditer(text):
        piece = found.group()
        if piece in _OPENERS:
            brackets += 1
        elif piece in _LEADING:
            words += 1
        elif piece[0] != '"':
            words = 0
            brackets -= piece in _CLOSERS and brackets > 0
        if brackets + words > MAX_DEPTH:
            return found.start()
    return None


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
        elif not blanks.startswith(margin):
            same = next((at for at, (a, b) in enumerate(zip(margin, blanks, strict=False)) if a != b), len(blanks))
            margin = margin[:same]
        if not margin:
            return ""
    return margin or ""


def _without(line: str, margin: str) -> str:
    if line.startswith(margin):
        return line[len(margin) :]
    return line if line.strip() else ""


def _unescaped(found: re.Match[str]) -> str:
    return _PLAIN_OF[found.group(1)]
