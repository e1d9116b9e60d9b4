"""Reads one section by itself: its header and the lines below it, each parsed and lowered."""

import re
from dataclasses import dataclass, field

from ..diagnostics.source import SourceFile, Span
from ..pattern import pattern
from ..record import record
from . import ast, settings
from .cut import LogicalLine
from .doubts import doubts
from .guesses import guess_header
from .line_slips import hidden_slip, stray
from .lower import Lowering
from .mending import mend, mend_repeat
from .mistake import Mistake
from .names import normalise
from .parser import Node, Token, Unreadable, the_parser
from .pieces import BLANK, COLONS, EQUALS, TEXT_KEYS, WORD, first_line
from .slips import explain_field, explain_header, explain_line
from .texts import MAX_DEPTH, MAX_MISTAKES, Places, first_too_deep

Trees = dict[tuple[str, str], Node | Token | Unreadable]

KEY = pattern(r"([^\W\d_][^\s!-,.\/:-@\[-^`{-~]*)[^\S\n]*[:\uff1a]")
MAX_SECTION_LINES = 5_000
_LEADING = pattern(r"[^\W\d_][\w-]*")
# A line that ends like this was meant to go on: what stands below belongs to the same slip.
_OPENS = pattern(r"(?:[:\uff1a|>({\[=+]|[|>][-+]|```\w*|'''|\"\"|[\u201c\u201d]{2,}|\b(?:and|or))\s*\Z")
_CURLY = "\u201c\u201d\u201e\u201f"
# The marks that other languages put around a text of several lines, at the end of a line.
_FOREIGN_FENCE = pattern(r"(?:'''|```\w*|[\u201c-\u201f]{3})\Z")
_ONE_LINERS = ("import", "flow", "input", "snippet", "let", "output")
_TEMPLATED = ("step", "snippet", "tool", "let", "output")


@dataclass(slots=True)
class CutSection:
    """A section before it is read: its header and its lines, in the file."""

    header: LogicalLine
    lines: list[LogicalLine]
    description: str = ""
    guess: str = ""  # the section word that a header stands for which can't be read
    told: Mistake | None = None  # what is wrong with that header


@record
class ReadSection:
    section: ast.Section | None  # None if the header does not tell what it is
    mistakes: tuple[Mistake, ...]


@dataclass(slots=True)
class _State:
    """One section under way."""

    word: str
    templated: bool
    keys: tuple[str, ...]
    mistakes: list[Mistake] = field(default_factory=list)
    lines: list[ast.Line] = field(default_factory=list)
    broken: bool = False
    unclosed: bool = False
    swallows: bool = False  # the last line was told, and what can't be read below it belongs to the same slip


class SectionReader:
    """Reads the sections of one file. Lines that were read before are taken from `trees`."""

    def __init__(self, source: SourceFile, trees: Trees) -> None:
        self._source = source
        self._text = source.text
        self._trees = trees

    def read(self, section: CutSection) -> ReadSection:
        """What a section says; spans count from its start."""
        head = section.header
        text = self._text[head.start : head.end]
        word = self.word_of(section)
        state = _State(word, word in _TEMPLATED, self.keys_of(word))
        header = self._read_header(section, text, state)
        if header is None:
            return ReadSection(None, tuple(state.mistakes))
        skip = self._foreign_end(head, section.lines, 0) if state.mistakes else 0
        if state.broken and word in _ONE_LINERS:
            skip = len(section.lines)  # nothing stands below these: it belongs to the same slip
        braced = "{" in text and bool(state.mistakes)
        for index, line in enumerate(section.lines):
            told = len(state.mistakes)
            if told >= MAX_MISTAKES:
                break
            if index == MAX_SECTION_LINES:
                message = f"a section has at most {MAX_SECTION_LINES:,} lines"
                span = Span(line.start, line.end).moved(-head.start)
                state.mistakes.append(Mistake("out-of-range", message, span))
                break
            if index < skip or (braced and self._text[line.start : line.end] == "}"):
                continue
            state.unclosed = state.unclosed or line.unclosed is not None
            self._read_line(line, head.start, state)
            if len(state.mistakes) > told:
                skip = self._foreign_end(line, section.lines, index + 1)
        span = Span(0, len(text))
        found = ast.Section(header, span, tuple(state.lines), section.description, state.broken, state.unclosed)
        return ReadSection(found, tuple(state.mistakes))

    def word_of(self, section: CutSection) -> str:
        """The section word of a section, also if it is misspelt."""
        found = _LEADING.match(self._text, section.header.start)
        return section.guess or (found.group() if found else "")

    def keys_of(self, word: str) -> tuple[str, ...]:
        """The settings that may stand in a section."""
        return settings.keys_of(word)

    def parse(self, rule: str, text: str) -> Node | Token | Unreadable:
        """The tree of a line."""
        key = (rule, text)
        tree = self._trees.get(key)
        if tree is None:
            tree = the_parser().parse(rule, text)
            if len(text) < 200:
                self._trees[key] = tree
        return tree

    # ── The header ──

    def _read_header(self, section: CutSection, text: str, state: _State) -> ast.Header | None:
        head, mistakes = section.header, state.mistakes
        state.unclosed = head.unclosed is not None
        tree: Node | None = None
        shift = 0
        if section.told is not None:
            mistakes.append(section.told)
            whole = state.word + text[_end_of_word(text) :]
            if section.told.rule == "syntax":
                whole = whole.replace(":", " ", 1).replace("\uff1a", " ", 1)
            respelt = self.parse("any_header", whole)
            tree, shift = (respelt, len(text) - len(whole)) if isinstance(respelt, Node) else (None, 0)
        elif not self._has_fence_mistake(head, 0, state):
            parsed = self._parse_shallow("any_header", text, 0, mistakes)
            if isinstance(parsed, Unreadable):
                mistake = explain_header(text, parsed)
                mistakes.append(mistake)
                self._swallow_below(text, mistake, state)
                tree = mend("any_header", text, parsed, mistake)
                state.broken = re.search(r"\w", text[mistake.span.start :]) is not None
            elif isinstance(parsed, Node):
                tree = parsed
        if tree is not None:
            mistakes.extend(doubts(text, 0))
            return Lowering(Places(shift), mistakes, state.templated).header(tree)
        state.broken = True
        return guess_header(state.word, text)

    # ── The lines below ──

    def _read_line(self, line: LogicalLine, start: int, state: _State) -> None:
        base = line.start - start
        text = self._text[line.start : line.end]
        if state.swallows and self._is_swallowed(line, text, state):
            return
        if self._has_fence_mistake(line, base, state):
            return
        told = len(state.mistakes)
        rule = "field" if state.word == "schema" else "line"
        tree = self._parse_shallow(rule, text, base, state.mistakes)
        if isinstance(tree, Node) and tree.rule == "setting" and (slip := hidden_slip(tree, text)) is not None:
            tree = slip
        shift = 0
        state.swallows = False
        if isinstance(tree, Unreadable):
            mistake = self._explain(rule, text, tree, state)
            state.mistakes.append(_moved(mistake, base))
            self._swallow_below(text, mistake, state)
            loops = mend_repeat(text, base) if state.word == "step" and mistake.rule != "stray-text" else None
            if loops is not None:
                state.lines.append(loops)
                state.broken = True
                return
            tree = mend(rule, text, tree, mistake)
            if tree is None and mistake.rule == "unknown-setting":
                tree, shift = self._respelt(text, mistake)
        if isinstance(tree, Node):
            state.mistakes.extend(doubts(text, base))
            lowered = Lowering(Places(base + shift), state.mistakes, state.templated).line(tree)
            if len(state.mistakes) > told and state.mistakes[told].rule == "syntax":
                # A `{{` that the wrong quote cut in two is not unclosed by itself.
                state.mistakes[told + 1 :] = [one for one in state.mistakes[told + 1 :] if one.rule != "unclosed-tag"]
            if not _is_lost(lowered, state.mistakes[told:]):
                state.lines.append(lowered)
                return
        elif rule == "field" and (key := KEY.match(text)) is not None:
            name = ast.Name(normalise(key.group(1)), Span(base, base + len(key.group(1))))
            state.lines.append(ast.Field(name, None, "", Span(base, base + len(text))))
            return
        state.broken = True

    def _explain(self, rule: str, text: str, unreadable: Unreadable, state: _State) -> Mistake:
        if rule == "field":
            return explain_field(text, unreadable)
        mistake = explain_line(text, unreadable, state.keys)
        if mistake.rule == "unknown-section" and not mistake.hints[0].startswith("did you mean"):
            # Inside a section, and nothing like a section word: rather a text than a header.
            return stray(Span(0, len(first_line(text))))
        return mistake

    def _respelt(self, text: str, mistake: Mistake) -> tuple[Node | None, int]:
        """The tree of a line whose first word is misspelt, and how far its places are off."""
        near = next((hint.split("`")[1] for hint in mistake.hints if hint.startswith("did you mean")), "")
        whole = near.split(":")[0] + text[mistake.span.end :]
        tree = self.parse("line", whole) if near else None
        return (tree, len(text) - len(whole)) if isinstance(tree, Node) else (None, 0)

    def _swallow_below(self, text: str, mistake: Mistake, state: _State) -> None:
        """Notes whether what stands below a line that was told belongs to the same slip."""
        state.swallows = (
            mistake.rule in ("stray-text", "unclosed-text")
            or _OPENS.search(text) is not None
            or (
                mistake.span.end == len(first_line(text))
                and re.match(rf"(?:{'|'.join(TEXT_KEYS)}|snippet)(?![\w-])", text) is not None
            )
        )

    def _foreign_end(self, opening: LogicalLine, lines: list[LogicalLine], start: int) -> int:
        """Which line comes behind a text that other marks than ours stand around; 0 if there is none."""
        fence = _FOREIGN_FENCE.search(self._text[opening.start : opening.end])
        if fence is None:
            return 0
        marks = fence.group()[:3]
        for index in range(start, len(lines)):
            line = self._text[lines[index].start : lines[index].end]
            if line.startswith(marks) or (marks[0] in _CURLY and line[:3].strip(_CURLY) == ""):
                return index + 1
        return 0

    def _is_swallowed(self, line: LogicalLine, text: str, state: _State) -> bool:
        """Whether a line belongs to the slip above it: it is no line of this section."""
        key = KEY.match(text)
        if key is not None:
            known = state.word == "schema" or key.group(1) in state.keys
            return not known and not re.match(rf"[\w-]+{BLANK}*[{COLONS}]{BLANK}*(?:[\"\u201c-\u201f\uff02]|\d)", text)
        word = WORD.match(text)
        if word is not None and word.group() in state.keys and re.match(rf"{BLANK}*[{EQUALS}]", text[word.end() :]):
            return False
        rule = "field" if state.word == "schema" else "line"
        return not isinstance(self._parse_shallow(rule, text, 0, []), Node)

    def _parse_shallow(
        self, rule: str, text: str, base: int, mistakes: list[Mistake]
    ) -> Node | Token | Unreadable | None:
        """The tree of a line; None if it nests too deep, which is told."""
        if (depth := first_too_deep(text)) is not None:
            span = Span(base + depth, base + depth + 1)
            mistakes.append(Mistake("syntax", f"this is nested deeper than {MAX_DEPTH}", span))
            return None
        return self.parse(rule, text)

    # ── Text blocks ──

    def _has_fence_mistake(self, line: LogicalLine, base: int, state: _State) -> bool:
        """Tells of a text block that never ends, or that is written in a way that cannot be."""
        if line.slip is None and line.unclosed is None:
            return False
        shift = base - line.start
        if line.slip is not None and line.slip.start == line.start:
            message = "no text opens here: three quotes stand at the end of a setting's line, or close a text"
            state.mistakes.append(Mistake("unclosed-text", message, line.slip.moved(shift), ("leave this line out",)))
        elif line.slip is not None:
            quotes = self._text[line.slip.start : line.slip.end]
            message = f"a text of several lines begins on the line after `{quotes}`"
            hint = 'a text on one line stands between single quotes: `"…"`'
            state.mistakes.append(Mistake("syntax", message, line.slip.moved(shift), (hint,)))
        elif line.unclosed is not None:
            state.mistakes.append(self._unclosed(line.unclosed, shift))
        state.broken = True
        state.swallows = False
        return True

    def _unclosed(self, opening: Span, shift: int) -> Mistake:
        quotes = self._text[opening.start : opening.end]
        message = f"the text that opens here is never closed by a line holding only `{quotes}`"
        hint = f"add a line with only `{quotes}` where the text ends"
        inside = self._text.find(quotes, opening.end)
        if inside >= 0:
            number, _ = self._source.position(inside)
            line = self._source.line(number).rstrip()
            if line.endswith(quotes) and not line.endswith(": " + quotes):
                hint = f"move the `{quotes}` at the end of line {number} to a line of its own"
        return Mistake("unclosed-text", message, opening.moved(shift), (hint,))


def _is_lost(line: ast.Line, mistakes: list[Mistake]) -> bool:
    """Whether a line that can be read has lost its value to a mistake in it, which was told."""
    if not isinstance(line, ast.Setting | ast.Extra):
        return False
    if any(isinstance(item, ast.Word) and not item.text for item in line.items):
        return True
    # A quote inside a tag ended the text too early.
    return len(line.items) > 1 and any(mistake.rule == "unclosed-tag" for mistake in mistakes)


def _end_of_word(text: str) -> int:
    found = _LEADING.match(text)
    return found.end() if found else 0


def _moved(mistake: Mistake, by: int) -> Mistake:
    return Mistake(mistake.rule, mistake.message, mistake.span.moved(by), mistake.hints, mistake.severity)
