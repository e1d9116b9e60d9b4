"""Reads a file's text into sections. What can't be read costs its own line, and is told once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..diagnostics.diagnostic import Diagnostic
from ..diagnostics.source import SourceFile, Span
from . import ast, settings
from .cut import SECTION_WORDS, Comment, LogicalLine, cut
from .lower import Lowering
from .mistake import Mistake
from .names import normalise, suggest_name
from .parser import Node, Token, Unreadable, the_parser
from .slips import explain_line
from .texts import MAX_DEPTH, Places

# A file with more mistakes than this is no flow; the rest of it would only be more of the same.
MAX_MISTAKES = 500

_WORD = re.compile(r"[^\W\d_][\w-]*")
_OPENERS = re.compile(r"[(\[\uff08\uff3b]|not(?![\w-])|of(?![\w-])|optional(?![\w-])")
_KEY = re.compile(r"([^\W\d_][^\s!-,.\/:-@\[-^`{-~]*)[^\S\n]*[:\uff1a]")
_FORGOTTEN_FENCE = re.compile(r'^[^\S\n]*\w[\w ]*:[^\S\n]*"{3,}(?=[^\S\n]*\n)', re.M)
_ODD_ESCAPE = re.compile(r'(?<![A-Za-z])[A-Za-z]:\\[nt]')
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069]")


@dataclass
class Remembered:
    """What was read before, so that an unchanged section is not read again. Keyed by text and description."""

    sections: "dict[tuple[str, str], _ReadSection]" = field(default_factory=dict)
    trees: "dict[tuple[str, str], Node | Token | Unreadable]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _ReadSection:
    section: ast.Section
    mistakes: tuple[Mistake, ...]


@dataclass(slots=True)
class _Cut:
    """A section before it is read: its header and its lines, in the file."""

    header: LogicalLine
    lines: list[LogicalLine]
    description: str
    guess: str = ""  # the section word that a misspelt header stands for


def read(source: SourceFile, remembered: Remembered | None = None) -> tuple[ast.FlowFile, list[Diagnostic]]:
    """The sections of a file, and what is wrong with its lines."""
    return _Reader(source, remembered or Remembered()).read()


class _Reader:
    def __init__(self, source: SourceFile, remembered: Remembered) -> None:
        self._source = source
        self._text = source.text
        self._remembered = remembered
        self._diagnostics: list[Diagnostic] = []
        self._sections: list[ast.PlacedSection] = []
        self._fresh: dict[tuple[str, str], _ReadSection] = {}

    def read(self) -> tuple[ast.FlowFile, list[Diagnostic]]:
        description = ""
        comments: list[Comment] = []
        current: _Cut | None = None
        seen = False  # any section yet
        stray_until = -1
        for piece in cut(self._text):
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
            if piece.header:
                if current is not None:
                    self._add(current)
                edition = self._text.startswith("flowlang", piece.start)
                seen = seen or not edition
                current = _Cut(piece, [], above)
                continue
            guess = self._guess_section(piece, current)
            if guess is not None:
                if current is not None:
                    self._add(current)
                current, seen = _Cut(piece, [], above, guess), True
            elif current is None or self._text.startswith("flowlang", current.header.start):
                seen = True
                if self._text.count("\n", stray_until, piece.start) > 1 or stray_until < 0:
                    self._tell_stray(piece)
                stray_until = piece.end
            else:
                current.lines.append(piece)
        if current is not None:
            self._add(current)
        self._remembered.sections = self._fresh
        return ast.FlowFile(tuple(self._sections), description), self._diagnostics

    # ── Sections ──

    def _add(self, section: _Cut) -> None:
        start = section.header.start
        end = section.lines[-1].end if section.lines else section.header.end
        key = (self._text[start:end], section.description)
        found = self._remembered.sections.get(key) or self._fresh.get(key)
        if found is None:
            found = self._read_section(section, start)
        self._fresh[key] = found
        self._sections.append(ast.PlacedSection(found.section, start))
        self._diagnostics.extend(mistake.at(self._source, start) for mistake in found.mistakes)

    def _read_section(self, section: _Cut, start: int) -> _ReadSection:
        mistakes: list[Mistake] = []
        head = section.header
        text = self._text[head.start : head.end]
        word = section.guess or _leading_word(text)
        templated = word in ("step", "snippet", "tool", "let", "output")
        tree: Node | Token | Unreadable | None = None
        unclosed = head.unclosed is not None
        if section.guess:
            mistakes.append(self._explain(text, Unreadable(0, frozenset()), False, ""))
        elif not self._has_fence_mistake(head, 0, mistakes):
            tree = self._parse("any_header", head, mistakes, word)
        header: ast.Header | None = None
        if isinstance(tree, Node):
            header = Lowering(Places(0), mistakes, templated).header(tree)
            self._warn(text, 0, mistakes)
        broken = header is None
        if header is None:
            header = _guess_header(word, text)
        lines: list[ast.Line] = []
        stray = False
        if word == "unknown":
            section.lines.clear()
        for line in section.lines:
            unclosed = unclosed or line.unclosed is not None
            lowered, was_stray = self._read_line(line, start, word, mistakes, templated, stray)
            stray = was_stray
            if lowered is not None:
                lines.append(lowered)
            else:
                broken = True
        span = Span(0, len(text))
        return _ReadSection(
            ast.Section(header, span, tuple(lines), section.description, broken, unclosed), tuple(mistakes)
        )

    def _read_line(
        self,
        line: LogicalLine,
        start: int,
        word: str,
        mistakes: list[Mistake],
        templated: bool,
        after_stray: bool,
    ) -> tuple[ast.Line | None, bool]:
        base = line.start - start
        text = self._text[line.start : line.end]
        if self._has_fence_mistake(line, base, mistakes):
            return None, False
        before = len(mistakes)
        rule = "field" if word == "schema" else "line"
        tree = self._parse(rule, line, mistakes, word, base)
        if isinstance(tree, Node):
            self._warn(text, base, mistakes)
            return Lowering(Places(base), mistakes, templated).line(tree), False
        stray = len(mistakes) > before and mistakes[-1].rule == "stray-text"
        if stray and after_stray:
            mistakes.pop()
        key = _KEY.match(text) if word == "schema" else None
        if key is not None:
            name = ast.Name(normalise(key.group(1)), Span(base, base + len(key.group(1))))
            return ast.Field(name, None, "", Span(base, base + len(text))), False
        return None, stray

    def _parse(
        self, start: str, line: LogicalLine, mistakes: list[Mistake], word: str, base: int = 0
    ) -> Node | Token | None:
        text = self._text[line.start : line.end]
        if (depth := _first_too_deep(text)) is not None:
            span = Span(base + depth, base + depth + 1)
            mistakes.append(Mistake("syntax", f"this is nested deeper than {MAX_DEPTH}", span))
            return None
        key = (start, text)
        tree = self._remembered.trees.get(key)
        if tree is None:
            tree = the_parser().parse(start, text)
            if len(text) < 200:
                self._remembered.trees[key] = tree
        if isinstance(tree, Unreadable):
            mistake = self._explain(text, tree, start == "any_header", word)
            mistakes.append(_moved(mistake, base))
            return None
        return tree

    def _explain(self, text: str, unreadable: Unreadable, header: bool, word: str) -> Mistake:
        return explain_line(text, unreadable, header, settings.keys_of(word))

    def _has_fence_mistake(self, line: LogicalLine, base: int, mistakes: list[Mistake]) -> bool:
        """Tells of a text block that never ends, or that is written in a way that cannot be."""
        shift = base - line.start
        if line.slip is not None:
            quotes = self._text[line.slip.start : line.slip.end]
            mistakes.append(
                Mistake(
                    "syntax",
                    f"a text of several lines begins on the line after `{quotes}`",
                    line.slip.moved(shift),
                    ('a text on one line stands between single quotes: `"…"`',),
                )
            )
        elif line.unclosed is not None:
            mistakes.append(self._unclosed(line.unclosed, shift))
        return line.slip is not None or line.unclosed is not None

    def _unclosed(self, opening: Span, shift: int) -> Mistake:
        quotes = self._text[opening.start : opening.end]
        message = f"the text that opens here is never closed by a line holding only `{quotes}`"
        inside = re.compile(r"[^\n]*\S[^\n]*" + re.escape(quotes) + r"[^\S\n]*(?=\n|\Z)").search(self._text, opening.end)
        hint = f"add a line with only `{quotes}` where the text ends"
        if inside is not None and not inside.group().rstrip().endswith(": " + quotes):
            line, _ = self._source.position(inside.start())
            hint = f"move the `{quotes}` at the end of line {line} to a line of its own"
        return Mistake("unclosed-text", message, opening.moved(shift), (hint,))

    def _warn(self, text: str, base: int, mistakes: list[Mistake]) -> None:
        if "\\" in text and '"""' not in text and (odd := _ODD_ESCAPE.search(text)):
            mistakes.append(
                Mistake(
                    "odd-escape",
                    f"`{text[odd.end() - 2 : odd.end()]}` is a {'tab' if odd.group()[-1] == 't' else 'line break'} here",
                    Span(base + odd.end() - 2, base + odd.end()),
                    ("write two backslashes for one, or put the text between `\"\"\"` lines",),
                    "warning",
                )
            )
        if '"""' in text and (fence := _FORGOTTEN_FENCE.search(text, text.index("\n") if "\n" in text else 0)):
            mistakes.append(
                Mistake(
                    "missing-fence",
                    "this line stands in a text; was a line of closing quotes forgotten above it?",
                    Span(base + fence.start(), base + fence.end()),
                    (),
                    "warning",
                )
            )
        if not text.isascii() and (hidden := _HIDDEN.search(text)):
            mistakes.append(
                Mistake(
                    "hidden-characters",
                    f"an invisible character (U+{ord(hidden.group()):04X}) turns the direction of the text here",
                    Span(base + hidden.start(), base + hidden.end()),
                    (),
                    "warning",
                )
            )

    # ── Lines that belong to no section ──

    def _guess_section(self, line: LogicalLine, current: _Cut | None) -> str | None:
        """The section word that a line's misspelt first word stands for; "unknown" if none, None if it is no header."""
        text = self._text[line.start : line.end]
        word = _WORD.match(text)
        if word is None or "\n" in text or text[word.end() : word.end() + 1] not in ("", " ", "\t", "\u00a0"):
            return None
        if word.group() in settings.CONTROL_WORDS or _KEY.match(text):
            return None
        within = _leading_word(self._text[current.header.start : current.header.end]) if current is not None else ""
        if isinstance(self._parse("line", line, [], within), Node):
            return None
        mistake = self._explain(text, Unreadable(0, frozenset()), False, within)
        if mistake.rule != "unknown-section":
            return None
        hint = re.search(r"did you mean `(\w+)`", "".join(mistake.hints))
        return hint.group(1) if hint else "unknown"

    def _tell_stray(self, line: LogicalLine) -> None:
        text = self._text[line.start : line.end]
        first_line = text.split("\n")[0].rstrip()
        if (key := _KEY.match(text)) is not None:
            mistake = Mistake(
                "stray-text",
                "this setting belongs to no section",
                Span(0, len(key.group(1))),
                ("a section begins with a line like `step summary`, its settings stand below",),
            )
        else:
            mistake = self._explain(text, Unreadable(0, frozenset()), False, "")
            if mistake.rule not in ("stray-text", "unclosed-text"):
                mistake = Mistake("stray-text", "this line belongs to no section", Span(0, len(first_line)))
        self._diagnostics.append(mistake.at(self._source, line.start))

    # ── Comments ──

    def _description(self, comments: list[Comment], below: LogicalLine) -> str:
        """The words of the comment that ends right above a line; empty if a blank line stands between."""
        if not comments or self._text.count("\n", comments[-1].end, below.start) > 1:
            return ""
        return self._words(comments)

    def _words(self, comments: list[Comment]) -> str:
        return " ".join(self._text[c.start : c.end].lstrip("#").strip() for c in comments).strip()


def _leading_word(text: str) -> str:
    found = _WORD.match(text)
    return found.group() if found else ""


def _first_too_deep(text: str) -> int | None:
    """Where a line nests deeper than MAX_DEPTH, roughly: what opens, less what closes."""
    if len(text) < MAX_DEPTH:
        return None
    depth = 0
    for found in re.finditer(r'"(?:[^"\\\n]|\\[^\n])*"|\n|#[^\n]*|[(\[\uff08\uff3b]|[)\]\uff09\uff3d]|(?<![\w-])(?:not|of|optional)(?![\w-])|\b(?:and|or)\b', text):
        piece = found.group()
        if piece in "([\uff08\uff3b" or piece in ("not", "of", "optional"):
            depth += 1
            if depth > MAX_DEPTH:
                return found.start()
        elif piece in ")]\uff09\uff3d":
            depth = max(0, depth - 1)
        elif piece in ("and", "or"):
            depth = max(0, depth - 1)
    return None


def _guess_header(word: str, text: str) -> ast.Header:
    """A header for a section whose own line can't be read, so that what stands below it is checked all the same."""
    rest = text[len(_leading_word(text)) :].strip()
    name_words = re.split(r"[:=\uff1a\uff1d\n]|\bto\b", rest, maxsplit=1)[0].strip()
    first = _WORD.match(rest)
    plain = first.group() if first is not None and first.group() == name_words else name_words
    start = text.find(plain) if plain else 0
    name = ast.Name(normalise(plain), Span(start, start + len(plain)))
    if word == "input" and first is not None:
        name = ast.Name(normalise(first.group()), Span(text.find(first.group()), text.find(first.group()) + len(first.group())))
    makers: Mapping[str, ast.Header] = {
        "import": ast.Import(ast.FileText("", Span(0, 0)), ast.Name(_import_name(text), Span(0, 0))),
        "flow": ast.Flow(name),
        "input": ast.Input(name, None, None),
        "preset": ast.Preset(name),
        "schema": ast.Schema(name, None, ""),
        "snippet": ast.Snippet(name, None),
        "tool": ast.Tool(name),
        "let": ast.Let(name, None),
        "step": ast.Step(name),
        "output": ast.Output(name, None, None),
        "limits": ast.Limits(),
        "test": ast.Test(rest, Span(0, len(text))),
    }
    return makers.get(word, ast.Limits())


def _import_name(text: str) -> str:
    words = re.sub(r'"[^"]*"?', " ", text).split()
    return words[-1] if len(words) > 1 and words[-1] != "as" else ""


def _moved(mistake: Mistake, by: int) -> Mistake:
    return Mistake(mistake.rule, mistake.message, mistake.span.moved(by), mistake.hints, mistake.severity)
