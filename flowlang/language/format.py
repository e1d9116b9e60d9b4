"""The canonical layout of a flow file: margins, spaces between words, blank lines. What it says never changes.

Section headers stand at the first column, what stands below them two spaces further in, what a line goes on with
four. The lines of a text block are the author's, byte for byte. A line that can't be read keeps its words as they
stand, so that a file with mistakes is laid out all the same, and keeps its mistakes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import SourceFile
from ..pattern import pattern
from . import ast
from .cut import SECTION_WORDS, Comment, LogicalLine, cut
from .read import read
from .spacing import find_odd, find_odd_blanks, respace

_WORD = pattern(r"[^\W\d_][\w-]*")
_MARGIN = "  "
# Sections that are whole in one line; rows of them need no blank lines. A `schema` is one with a type behind its name.
_ONE_LINERS = frozenset(("flowlang", "import", "flow", "input", "snippet", "let", "output"))


@dataclass(frozen=True, slots=True)
class Note:
    """Something odd that was put right: `what` is a sentence about `line`, counted from 1 in the file as it was."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file's canonical text, with `\\n` at every line's end, and what was put right besides its layout."""

    text: str
    notes: tuple[Note, ...]


def format_source(source: SourceFile) -> Formatted:
    """The canonical text of a file, also of one with mistakes."""
    return _Layout(source).lay_out()


def encode(text: str, source: SourceFile) -> bytes:
    """The bytes of a file that says `text` with the line ends and the byte-order mark of `source`."""
    return (b"\xef\xbb\xbf" if source.bom else b"") + text.replace("\n", source.newline).encode("utf-8")


class _Layout:
    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._text = source.text
        self._out: list[str] = []  # lines, without the last line break; a text block is in one piece with its line
        self._notes: dict[Note, None] = {}
        self._spaced: dict[tuple[str, str], str | None] = {}
        self._comments: list[Comment] = []  # above the line that comes next
        self._end = 0  # of the last line
        self._word = ""  # that opened the section; empty above the first one
        self._one_liner = False  # the section has been one line so far
        self._below = ""  # the margin of a comment right below the last line

    def lay_out(self) -> Formatted:
        unclosed = False
        for piece in cut(self._text):
            if isinstance(piece, Comment):
                self._comments.append(piece)
                continue
            text = self._text[piece.start : piece.end]
            if piece.header:
                self._add_header(piece, "any_header", text)
            else:
                rule = "field" if self._word == "schema" else "line"
                margin = _MARGIN if self._word not in ("", "flowlang") else ""
                spaced = self._respace(piece, rule, text, margin)
                if spaced is None and self._is_misspelt_header(piece.start, text):
                    self._add_header(piece, "", text)
                else:
                    self._add_line(piece, rule, text, spaced, margin)
            if piece.unclosed is not None:
                # Where the text was meant to end is not known, so all of the rest may belong to it.
                self._out[-1] += self._text[piece.end :]
                unclosed = True
        self._add_comments("", [*self._blanks(self._end)[:-1], True])
        text = "\n".join(self._out) + ("\n" if self._out and not unclosed else "")
        return Formatted(text, tuple(sorted(self._notes, key=lambda note: note.line)))

    # ── Lines ──

    def _add_header(self, line: LogicalLine, rule: str, text: str) -> None:
        found = _WORD.match(text)
        word = found.group() if found else ""
        spaced = self._respace(line, rule, text, "") if rule else None
        if not rule and isinstance(self._sections[line.start], ast.Schema):
            word = "schema"  # misspelt, but the lines below are read as its fields
        shown = text if spaced is None else spaced
        one_liner = (word in _ONE_LINERS or (word == "schema" and ":" in shown)) and "\n" not in shown
        blanks = self._blanks(line.start)
        in_a_row = self._one_liner and one_liner and self._word in (word, "flowlang", "flow")
        if self._end and not in_a_row and not any(blanks):
            blanks[0] = True
        self._add_comments("", blanks)
        if blanks[-1]:
            self._out.append("")
        self._add(line, rule, text, spaced, "")
        self._word, self._one_liner = word, one_liner
        self._below = "" if one_liner or word in _ONE_LINERS else _MARGIN

    def _add_line(self, line: LogicalLine, rule: str, text: str, spaced: str | None, margin: str) -> None:
        blanks = self._blanks(line.start)
        self._below = margin  # no section comes in between: all comments are of this one
        self._add_comments(margin, blanks)
        if blanks[-1]:
            self._out.append("")
        self._add(line, rule, text, spaced, margin)
        self._one_liner = False

    def _add(self, line: LogicalLine, rule: str, text: str, spaced: str | None, margin: str) -> None:
        self._note_margin(line.start)
        if spaced is not None and spaced != text:
            self._note((line.start + offset, what) for offset, what in find_odd(rule, text))
        comment = ""
        if line.comment is not None:
            self._note(find_odd_blanks(self._text[line.end : line.comment.start], line.end))
            between = "  " if spaced is not None else self._text[line.end : line.comment.start]
            comment = between + self._text[line.comment.start : line.comment.end].rstrip()
        self._out.append(margin + (text if spaced is None else spaced) + comment)
        self._end = line.comment.end if line.comment is not None else line.end

    def _respace(self, line: LogicalLine, rule: str, text: str, margin: str) -> str | None:
        if line.slip is not None or line.unclosed is not None:
            return None
        key = (rule + margin, text)
        if key not in self._spaced:
            self._spaced[key] = respace(rule, text, margin)
        return self._spaced[key]

    def _is_misspelt_header(self, start: int, text: str) -> bool:
        word = _WORD.match(text)
        # The reader also begins a section at words that stand for nothing it knows; those stay where they are.
        return start in self._sections and word is not None and nearest(word.group(), list(SECTION_WORDS)) is not None

    @cached_property
    def _sections(self) -> dict[int, ast.Header]:
        """The sections as they are read: where each begins, also one whose first word is misspelt."""
        flow, _ = read(self._source)
        return {placed.start: placed.section.header for placed in flow.sections}

    # ── Comments and blank lines ──

    def _blanks(self, start: int) -> list[bool]:
        """Whether blank lines stand above each waiting comment and, last, above what stands at `start`."""
        ends = [self._end, *(comment.end for comment in self._comments)]
        starts = [*(comment.start for comment in self._comments), start]
        blanks = [self._text.count("\n", end, begin) > 1 for end, begin in zip(ends, starts, strict=True)]
        blanks[0] = blanks[0] and bool(self._out)
        return blanks

    def _add_comments(self, margin: str, blanks: list[bool]) -> None:
        """Adds the waiting comments; those right below the last line, with a blank line after them, belong to it."""
        above = blanks.index(True) if True in blanks else 0
        for index, (comment, blank) in enumerate(zip(self._comments, blanks, strict=False)):
            if blank:
                self._out.append("")
            self._note_margin(comment.start)
            indent = self._below if index < above else margin
            self._out.append(indent + self._text[comment.start : comment.end].rstrip())
        self._comments.clear()

    # ── Notes ──

    def _note_margin(self, start: int) -> None:
        begin = self._text.rfind("\n", 0, start) + 1
        self._note(find_odd_blanks(self._text[begin:start], begin))

    def _note(self, odd: Iterable[tuple[int, str]]) -> None:
        for offset, what in odd:
            self._notes.setdefault(Note(self._source.position(offset)[0], what))
