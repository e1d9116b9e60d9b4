"""What is probably not meant, though a line can be read: each a warning."""

import re
from collections.abc import Iterator

from ..diagnostics.source import Span
from ..pattern import pattern
from .mistake import Mistake

_FORGOTTEN_FENCE = pattern(r'^[^\S\n]*(\w[^\n]*: ?"{3,})[^\S\n]*$', re.M)
_ODD_ESCAPE = pattern(r"(?<![A-Za-z])[A-Za-z]:\\[nt]")
_HIDDEN = pattern("[\u202a-\u202e\u2066-\u2069]")


def doubts(text: str, base: int) -> Iterator[Mistake]:
    """The warnings about a line that stands at `base` of its section."""
    if "\\" in text and '"""' not in text and (odd := _ODD_ESCAPE.search(text)):
        escape = text[odd.end() - 2 : odd.end()]
        message = f"`{escape}` is a {'tab' if escape[1] == 't' else 'line break'} here"
        hint = 'write two backslashes for one, or put the text between `"""` lines'
        yield Mistake("odd-escape", message, Span(base + odd.end() - 2, base + odd.end()), (hint,), "warning")
    if '"""' in text and "\n" in text and (fence := _FORGOTTEN_FENCE.search(text, text.index("\n"))):
        message = "this line stands in a text; was a line of closing quotes forgotten above it?"
        yield Mistake("missing-fence", message, Span(base + fence.start(1), base + fence.end(1)), (), "warning")
    if not text.isascii() and (hidden := _HIDDEN.search(text)):
        message = f"an invisible character (U+{ord(hidden.group()):04X}) turns the direction of the text here"
        yield Mistake("hidden-characters", message, Span(base + hidden.start(), base + hidden.end()), (), "warning")
