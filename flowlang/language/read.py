"""Reads a file's text into sections. What can't be read costs its own line, and is told once.

First the lines are put together to sections (`_Reader`), then each section is read by itself (section_reader.py).

A text that was read before, and has changed in one place, is cut again around that place only. Cutting looks forward
only, and from a line no further than the first line of what follows it. So what stands before a header whose whole
line is as it was stays what it is; and where cutting comes to a header from which on the text is as it was, the rest is
as it was. That holds where each line was understood at once: anything else hangs on lines further away (how many were
not understood, which names the file has), and then everything is read.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from ..diagnostics.diagnostic import Diagnostic
from ..diagnostics.source import SourceFile, Span
from ..pattern import pattern
from ..record import record
from . import ast
from .cut import Comment, LogicalLine, cut
from .guesses import guess_by_form, header_with_colon
from .mistake import Mistake
from .parser import Node, Unreadable
from .pieces import COLONS, WORD, first_line
from .section_reader import KEY, CutSection, ReadSection, SectionReader, Trees
from .settings import CONTROL_WORDS
from .slips import explain_line
from .texts import MAX_MISTAKES

MAX_LINES = 100_000  # of one file; those of a text count as one
_DECLARED = pattern(r"^[^\S\n]*(?:step|let|input|snippet|schema|preset|tool)[^\S\n]+([\w-]+)", re.M)
_SPACES = frozenset(("", " ", "\t", "\u00a0", "\u3000"))


Key = tuple[str, str]  # a section's text and description


@record
class LastRead:
    """A text in which each line was understood, and what it says; `keys` go with its sections."""

    text: str
    file: ast.FlowFile
    keys: tuple[Key, ...]
    lines: int  # as MAX_LINES counts them; at least so many as there are

    def opens(self, number: int) -> bool:
        """Whether a section that counts stands before that one: then the file's description is known there."""
        return any(not self.text.startswith("flowlang", one.start) for one in self.file.sections[:number])


@dataclass
class Remembered:
    """What was read before, so that an unchanged section is not read again. Never more than about one text's worth."""

    sections: dict[Key, ReadSection] = field(default_factory=dict)
    trees: Trees = field(default_factory=dict)
    last: LastRead | None = None


def read(source: SourceFile, remembered: Remembered | None = None) -> tuple[ast.FlowFile, list[Diagnostic]]:
    """The sections of a file, and what is wrong with its lines."""
    return _Reader(source, remembered or Remembered()).read()


class _Reader:
    def __init__(self, source: SourceFile, remembered: Remembered) -> None:
        self._source = source
        self._text = source.text
        self._remembered = remembered
        self._reader = SectionReader(source, remembered.trees)
        self._begin()

    def _begin(self) -> None:
        self._diagnostics: list[Diagnostic] = []
        self._sections: list[ast.PlacedSection] = []
        self._keys: list[Key] = []
        self._unreadable = 0  # lines that were looked at as possible headers; after many of them none is
        self._guessed = False
        self._fresh: dict[Key, ReadSection] = {}
        self._of_file = ""  # the description of the file
        self._comments: list[Comment] = []
        self._current: CutSection | None = None
        self._seen = False  # any section yet
        self._stray_until = -1

    def read(self) -> tuple[ast.FlowFile, list[Diagnostic]]:
        last = self._remembered.last
        lines = None if last is None else self._read_changed(last)
        if lines is None:
            self._begin()
            pieces = list(islice(cut(self._text), MAX_LINES + 1))
            lines = len(pieces)
            if lines > MAX_LINES:
                self._tell_too_many(pieces[-1].start)
                return ast.FlowFile((), ""), self._diagnostics
            self._go_through(pieces)
            self._end()
        found = ast.FlowFile(tuple(self._sections), self._of_file)
        remembered = self._remembered
        remembered.sections = self._fresh
        remembered.last = LastRead(self._text, found, tuple(self._keys), lines) if self._is_plain() else None
        if len(remembered.trees) > 1000 + len(self._text) // 10:
            remembered.trees.clear()
        return found, self._diagnostics

    def _is_plain(self) -> bool:
        """Whether each line was understood at once, as what it is."""
        return not (self._diagnostics or self._unreadable or self._guessed)

    # ── What was read before ──

    def _read_changed(self, last: LastRead) -> int | None:
        """Reads what has changed since, and tells how many lines there are at most; None if that can't be done."""
        text, sections = self._text, last.file.sections
        same = _length_of_same(last.text, text)
        starts = [one.start for one in sections]
        first = bisect_left(starts, same) - 1
        if first >= 0 and not 0 <= text.find("\n", starts[first]) < same:
            first -= 1
        position = 0
        if first >= 0 and last.opens(first):
            self._sections, self._keys = list(sections[:first]), list(last.keys[:first])
            self._fresh = {key: self._remembered.sections[key] for key in self._keys}
            self._seen, self._of_file, position = True, last.file.description, starts[first]
        pieces, lines = cut(text, position), last.lines
        if position:
            header = next(pieces)
            assert isinstance(header, LogicalLine)
            self._current = CutSection(header, [], sections[first].section.description)
        ends = len(text) - _length_of_same_end(last.text, text, same)
        by = len(text) - len(last.text)
        group: list[LogicalLine | Comment] = []
        for piece in pieces:
            group.append(piece)
            lines += 1
            if not isinstance(piece, LogicalLine) or not piece.header:
                continue
            seen = self._seen
            self._go_through(group)
            group = []
            if piece.start < ends or not seen or self._current is None:
                continue
            number = bisect_left(starts, piece.start - by)
            if number == len(starts) or starts[number] != piece.start - by or not last.opens(number):
                continue
            if self._current.description == sections[number].section.description:
                rest = sections[number:]
                self._sections += [ast.PlacedSection(one.section, one.start + by) for one in rest] if by else rest
                self._keys += last.keys[number:]
                self._fresh.update((key, self._remembered.sections[key]) for key in last.keys[number:])
                break
        else:
            self._go_through(group)
            self._end()
        return lines if self._is_plain() and lines <= MAX_LINES else None

    # ── All lines ──

    def _go_through(self, pieces: list[LogicalLine | Comment]) -> None:
        """Puts lines together to sections; what came before them is known."""
        for index, piece in enumerate(pieces):
            if len(self._diagnostics) >= MAX_MISTAKES:
                break
            comments = self._comments
            if isinstance(piece, Comment):
                if comments and self._text.count("\n", comments[-1].end, piece.start) > 1:
                    if not self._seen and not self._of_file:
                        self._of_file = self._words(comments)
                    self._comments = comments = []
                comments.append(piece)
                continue
            above = self._description(comments, piece)
            if comments and not self._seen and not self._of_file:
                self._of_file, above = self._words(comments), ""
            self._comments = []
            current = self._current
            if not piece.header and (guess := self._guess_section(pieces, index, current)) is not None:
                self._guessed = True
                self._end()
                self._current, self._seen = guess, True
                guess.description = above
            elif piece.header:
                self._end()
                self._seen = self._seen or not self._text.startswith("flowlang", piece.start)
                self._current = CutSection(piece, [], above)
            elif current is None or self._text.startswith("flowlang", current.header.start):
                self._seen = True
                if self._stray_until < 0 or self._text.count("\n", self._stray_until, piece.start) > 1:
                    self._tell_stray(piece)
                self._stray_until = piece.end
            else:
                current.lines.append(piece)

    def _end(self) -> None:
        """Reads the section whose last line was seen."""
        section, self._current = self._current, None
        if section is None:
            return
        start = section.header.start
        end = section.lines[-1].end if section.lines else section.header.end
        key = (self._text[start:end], section.description)
        found = self._remembered.sections.get(key) or self._fresh.get(key)
        if found is None:
            found = self._reader.read(section)
        if all(mistake.rule != "unclosed-text" for mistake in found.mistakes):  # its hint tells a line's number
            self._fresh[key] = found
        if found.section is not None:
            self._sections.append(ast.PlacedSection(found.section, start))
            self._keys.append(key)
        self._diagnostics.extend(mistake.at(self._source, start) for mistake in found.mistakes)

    # ── Lines that belong to no section ──

    def _guess_section(
        self, pieces: list[LogicalLine | Comment], index: int, current: CutSection | None
    ) -> CutSection | None:
        """The section that a line was meant to open: its first word is misspelt, or wears a colon."""
        line = pieces[index]
        assert isinstance(line, LogicalLine)
        text = self._text[line.start : line.end]
        word = WORD.match(text)
        if word is None or len(text) > 500 or self._unreadable > MAX_MISTAKES:
            return None
        within = "" if current is None else self._reader.word_of(current)
        below = self._below(pieces, index)
        if (colon := header_with_colon(text)) is not None:
            # In a schema it is a field like any other.
            if current is None or within == "schema" or not self._begins_anew(current, within, below):
                return None
            return self._guess_by_colon(line, text, colon.group(1))
        if "\n" in text or text[word.end() : word.end() + 1] not in _SPACES or KEY.match(text):
            return None
        if isinstance(self._reader.parse("field" if within == "schema" else "line", text), Node):
            return None
        self._unreadable += 1
        mistake = explain_line(text, Unreadable(0), self._reader.keys_of(within))
        if mistake.rule != "unknown-section":
            return None
        near = next((hint.split("`")[1] for hint in mistake.hints if hint.startswith("did you mean")), "")
        if near:
            known_type = within == "schema" and isinstance(self._reader.parse("field", _with_colon(text)), Node)
            return None if known_type else CutSection(line, [], guess=near, told=mistake)
        if within == "schema" or text[0].isupper():
            return None
        guess = guess_by_form(text, below if current is None or self._begins_anew(current, within, below) else None)
        if not guess and not self._names_something(text.split()[-1]):
            return None
        return CutSection(line, [], guess=guess or "unknown", told=mistake)

    def _guess_by_colon(self, line: LogicalLine, text: str, word: str) -> CutSection | None:
        """`limits:` and its like, at the place of a header."""
        rest = text[len(word) :].lstrip(COLONS + " \t")
        if word != "limits" if not rest else word not in ("step", "preset", "tool", "test"):
            return None
        if rest and word != "test" and WORD.match(rest) is None:
            return None  # what follows is no name
        hint = f"write `{f'{word} {first_line(rest)}'.strip()}`"
        mistake = Mistake("syntax", f"`{word}` takes no colon", Span(0, len(word)), (hint,))
        return CutSection(line, [], guess=word, told=mistake)

    def _begins_anew(self, current: CutSection, within: str, below: str | None) -> bool:
        """Whether the line below a line can't belong to the present section, so that a new one begins between them."""
        key = WORD.match(below) if below is not None else None
        if key is None:
            return False
        if key.group() not in self._reader.keys_of(within):
            return key.group() not in CONTROL_WORDS
        return any(self._text.startswith(key.group(), line.start) for line in current.lines)

    def _names_something(self, name: str) -> bool:
        """Whether a section of the file has that name."""
        return name in self._declared

    @cached_property
    def _declared(self) -> frozenset[str]:
        return frozenset(_DECLARED.findall(self._text[:200_000]))

    def _below(self, pieces: list[LogicalLine | Comment], index: int) -> str | None:
        """The line below a line, if it is no header."""
        places = range(index + 1, len(pieces))
        following = next((p for place in places if isinstance(p := pieces[place], LogicalLine)), None)
        if following is None or following.header:
            return None
        return self._text[following.start : following.end]

    def _tell_stray(self, line: LogicalLine) -> None:
        text = self._text[line.start : line.end]
        if (key := KEY.match(text)) is not None:
            hint = "a section begins with a line like `step summary`, its settings stand below"
            mistake = Mistake("stray-text", "this setting belongs to no section", Span(0, len(key.group(1))), (hint,))
        else:
            mistake = explain_line(text, Unreadable(0), ())
            if mistake.rule not in ("stray-text", "unclosed-text"):
                mistake = Mistake("stray-text", "this line belongs to no section", Span(0, len(first_line(text))))
        self._diagnostics.append(mistake.at(self._source, line.start))

    def _tell_too_many(self, start: int) -> None:
        message = f"a flow file has at most {MAX_LINES:,} lines outside of texts"
        hint = "what a flow works on stands in files of its own: `input rows: table`"
        mistake = Mistake("out-of-range", message, Span(start, start + 1), (hint,))
        self._diagnostics.append(mistake.at(self._source, 0))

    # ── Comments ──

    def _description(self, comments: list[Comment], below: LogicalLine) -> str:
        """The words of the comment that ends right above a line; empty if a blank line stands between."""
        if not comments or self._text.count("\n", comments[-1].end, below.start) > 1:
            return ""
        return self._words(comments)

    def _words(self, comments: list[Comment]) -> str:
        return " ".join(self._text[c.start : c.end].lstrip("#").strip() for c in comments).strip()


def _with_colon(text: str) -> str:
    """`quote text` as the field `quote: text`."""
    return text.replace(" ", ":", 1)


def _length_of_same(one: str, other: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def _length_of_same_end(one: str, other: str, without: int) -> int:
    """How many characters both end with, of what stands behind the first few."""
    low, high = 0, min(len(one), len(other)) - without
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low
