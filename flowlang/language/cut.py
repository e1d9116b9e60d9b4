"""Cuts a file's text into logical lines, aware of text blocks, comments and lines that go on.

A mistake then costs one line, and what is no content (comments, blank lines) stays where the formatter finds it.
"""

import re
from collections.abc import Iterator

from ..diagnostics.source import Span
from ..pattern import pattern
from ..record import record

SECTION_WORDS = [
    "flowlang",
    "import",
    "flow",
    "input",
    "preset",
    "schema",
    "snippet",
    "tool",
    "let",
    "step",
    "output",
    "limits",
    "test",
]  # `flowlang 1` opens no section, but stands at the place of one

HEADER = pattern(rf"(?:{'|'.join(SECTION_WORDS)}|answers)(?![\w-])(?![^\S\n]*[:\uff1a])")
_KEY = pattern(r"[^\W\d_][^\s!-,.\/:-@\[-^`{-~]*[^\S\n]*[:\uff1a]")
_GOES_ON = pattern(r"[|\uff5c]|(?:and|or)(?![\w-])")
_BLANKS = pattern(r"[^\S\n]*")
_NO_CONTENT = pattern(r"(?:[^\S\n]*+(?:#[^\n]*+)?\n)*+[^\S\n]*+(?:#[^\n]*+)?")
_FENCE = pattern(r'"{3,}')
_FENCE_REST = pattern(r"[^\S\n]*(?:verbatim(?![\w-])[^\S\n]*)?(?:#[^\n]*)?(?=\n|\Z)")
# What of a line is no comment and no block: texts in quotes first, so that a `#` in one counts for nothing. From
# quotes that nothing closes on the line, all the rest of it.
_PIECE = pattern(
    r'(?:"(?!"")(?:[^"\\\n]|\\[^\n])*+"|[\u201c-\u201f][^\u201c-\u201f\n]*+[\u201c-\u201f]|[^"#\n\u201c-\u201f]++)++'
    r'|"(?!"")[^\n]*|[\u201c-\u201f]'
)


@record
class LogicalLine:
    """A header, setting or control line: `text[start:end]`, without its trailing comment.

    `fences` are the openings of its text blocks; `unclosed` the opening of the one that never ends, and `slip` a
    place in the line where a block is written in a way that cannot be (text behind the opening quotes).
    """

    start: int
    end: int
    header: bool
    comment: Span | None = None  # behind the last content
    unclosed: Span | None = None
    slip: Span | None = None


@record
class Comment:
    """A comment on a line of its own, from its `#` to the line's end."""

    start: int
    end: int


def cut(text: str, position: int = 0) -> Iterator[LogicalLine | Comment]:
    """The logical lines and the comments between them, in order; from a `position` on where one of them begins."""
    length = len(text)
    while position < length:
        position = _skip_blanks(text, position)
        if position >= length:
            return
        first = text[position]
        if first == "\n":
            position += 1
        elif first == "#":
            end = _line_end(text, position)
            yield Comment(position, end)
            position = end + 1
        else:
            line = _cut_line(text, position)
            yield line
            position = line.comment.end if line.comment else line.end
            position = max(position, _line_end(text, line.end)) + 1


def _cut_line(text: str, start: int) -> LogicalLine:
    header = HEADER.match(text, start) is not None
    position = end = start
    slip: Span | None = None
    comment: Span | None = None
    while True:
        # One physical line, or a text block with the line that closes it.
        while position < len(text):
            first = text[position]
            if first == "\n" or first == "#":
                break
            fence = _FENCE.match(text, position) if first == '"' else None
            if fence is None:
                piece = _PIECE.match(text, position)
                said = text[position : piece.end() if piece else position + 1]
                if stripped := said.rstrip():
                    end = position + len(stripped)
                position += len(said)
                continue
            opening = Span(fence.start(), fence.end())
            if position == start:  # a block opens behind a setting's colon, never on a line of its own
                slip = opening
                position = _line_end(text, position)
                end = start + len(text[start:position].rstrip())
                break
            if fence.end() - fence.start() >= 6 and _FENCE_REST.match(text, fence.end()) is None:
                position = end = fence.end()  # `""""""`: an empty text, written with too many quotes
                slip = slip or opening
                continue
            if _FENCE_REST.match(text, fence.end()) is None:
                slip = slip or opening
                closed = text.find(fence.group(), fence.end(), _line_end(text, fence.end()))
                if closed >= 0:
                    position = end = closed + len(fence.group())
                    continue
            closing = _find_closing(text, fence)
            if closing is None:
                return LogicalLine(start, len(text.rstrip()), header, None, opening, slip)
            position = end = closing
        if position < len(text) and text[position] == "#":
            comment = Span(position, _line_end(text, position))
        following = _next_content(text, position)
        if following is None or not _goes_on(text, start, end, following):
            return LogicalLine(start, end, header, comment, None, slip)
        position, comment = following, None


def _find_closing(text: str, fence: re.Match[str]) -> int | None:
    """The end of the line of quotes that closes a block; None if there is none."""
    # A line with other text before the quotes closes only a block that was opened in a wrong way.
    found = re.compile(rf'\n[^\S\n]*("{{{len(fence.group())}}})(?!")(?=[^\S\n]*(?:#|\n|\Z))').search(text, fence.end())
    return found.end(1) if found else None


def _next_content(text: str, position: int) -> int | None:
    """Where the next line's content begins, past comments and blank lines; None at the end of the file."""
    found = _NO_CONTENT.match(text, _line_end(text, position) + 1)
    return found.end() if found and found.end() < len(text) else None


def _goes_on(text: str, start: int, end: int, following: int) -> bool:
    if _GOES_ON.match(text, following):
        return True
    if text[end - 1] not in ",\uff0c\u3001":
        return False
    return not (HEADER.match(text, following) or _KEY.match(text, following))


def _skip_blanks(text: str, position: int) -> int:
    found = _BLANKS.match(text, position)
    return found.end() if found else position


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
