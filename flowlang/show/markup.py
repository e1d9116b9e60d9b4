"""Foreign text inside a page: it can be nothing but text."""

from html import escape

from .terminal import visible, visible_line


def safe(text: str) -> str:
    """The text for an element or an attribute; what steers or hides is spelled out, line breaks stay."""
    return escape(visible(text), quote=True)


def safe_line(text: str) -> str:
    """The same on one line."""
    return escape(visible_line(text), quote=True)


def fitted_line(text: str, most: int) -> str:
    """The beginning of a text on one line, of at most so many characters."""
    line = " ".join(text[: 4 * most].split())
    return safe_line(f"{line[: most - 1]}…" if len(line) > most or len(text) > 4 * most else line)
