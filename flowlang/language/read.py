"""Reads a file's text into sections. What can't be read costs its own line, and is told once.

First the lines are put together to sections (`_Reader`), then each section is read by itself (section_reader.py).
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from ..diagnostics.diagnostic import Diagnostic
from ..diagnostics.source import SourceFile, Span
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
_DECLARED = re.compile(r"^[^\S\n]*(?:step|let|input|snippet|schema|preset|tool)[^\S\n]+([\w-]+)", re.M)
_SPACES = frozenset(("", " ", "\t", "\u00a0", "\u3000"))


@dataclass
class Remembered:
    """What was read before, so that an unchanged section is not read again. Keyed by text and description."""

    sections: dict[tuple[str, str], ReadSection] = field(default_factory=dict)
    trees: Trees = field(default_factory=dict)


def read(source: SourceFile, remembered: Remembered | None = None) -> tuple[ast.FlowFile, list[Diagnostic]]:
    """The sections of a file, and what is wrong with its lines."""
    return _Reader(source, remembered or Remembered()).read()


class _Reader:
    def __init__(self, source: SourceFile, remembered: Remembered) -> None:
        self._source = source
        self._text = source.text
        self._remembered = remembered
        self._reader = SectionReader(source, remembered.trees)
        self._diagnostics: list[Diagnostic] = []
        self._sections: list[ast.PlacedSection] = []
        self._unreadable = 0  # lines that were looked at as possible headers; after many of them none is
        self._fresh: dict[tuple[str, str], ReadSection] = {}

    def read(self) -> tuple[ast.FlowFile, list[Diagnostic]]:
        pieces = list(islice(cut(self._text), MAX_LINES + 1))
        if len(pieces) > MAX_LINES:
            self._tell_too_many(pieces[-1].start)
            return ast.FlowFile((), ""), self._diagnostics
        description = ""
        comments: list[Comment] = []
        current: CutSection | None = None
        seen = False  # any section yet
        stray_until = -1
        for index, piece in enumerate(pieces):
            if len(self._diagnostics) >= MAX_MISTAKES:
                break
            if isinstance(piece, Comment):
                if comments and self._text.count("\n", comments[-1].end, piece.start) > 1:
                    if not seen and not description:
                        description = self._words(comments)
                    comments = []
                comments.append(piece)
                continue
            above = self._description(comments, piece)
            if comments and not seen and not description:
                description, above = self._words(comments), ""
            comments = []
            if not piece.header and (guess := self._guess_section(pieces, index, current)) is not None:
                if current is not None:
                    self._add(current)
                current, seen = guess, True
                guess.description = above
            elif piece.header:
                if current is not None:
                    self._add(current)
                seen = seen or not self._text.startswith("flowlang", piece.start)
                current = CutSection(piece, [], above)
            elif current is None or self._text.startswith("flowlang", current.header.start):
                seen = True
                if stray_until < 0 or self._text.count("\n", stray_until, piece.start) > 1:
                    self._tell_stray(piece)
                stray_until = piece.end
            else:
                current.lines.append(piece)
        if current is not None:
            self._add(current)
        self._remembered.sections = self._fresh
        return ast.FlowFile(tuple(self._sections), description), self._diagnostics

    def _add(self, section: CutSection) -> None:
        start = section.header.start
        end = section.lines[-1].end if section.lines else section.header.end
        key = (self._text[start:end], section.description)
        found = self._remembered.sections.get(key) or self._fresh.get(key)
        if found is None:
            found = self._reader.read(section)
        self._fresh[key] = found
        if found.section is not None:
            self._sections.append(ast.PlacedSection(found.section, start))
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
