"""What a section is about whose first line can't be read, so that what stands below it is checked all the same."""

import re
from collections.abc import Mapping

from ..diagnostics.source import Span
from ..pattern import pattern
from . import ast, settings
from .cut import SECTION_WORDS
from .names import normalise
from .parser import Node, the_parser
from .pieces import BLANK, COLONS, EQUALS, WORD

# `limits:`, `step: summary`, `test: "…"`: a section word as a YAML file would have it.
_COLON_HEADER = pattern(rf"({'|'.join(SECTION_WORDS[1:])}){BLANK}*[{COLONS}]{BLANK}*(?=$|[\"\w])")
_FIELD = pattern(
    rf"[\w-]+{BLANK}*[{COLONS}]{BLANK}*(?:text|number|whole number|yes/no|date|json|one of|list of|optional)(?![\w-])"
)


def header_with_colon(text: str) -> re.Match[str] | None:
    """The section word and colon with which a line begins."""
    return _COLON_HEADER.match(text)


def guess_by_form(text: str, below: str | None) -> str:
    """The section that a line with an unknown first word opens, by its own form and the line below it.

    Empty if nothing tells; `below` is None if the next line is none of this section.
    """
    if re.match(rf"[\w-]+{BLANK}+[\w-]+{BLANK}*[{EQUALS}]", text):
        return "let"
    word = WORD.match(text)
    if word is not None and re.match(rf"{BLANK}+[\w-]+{BLANK}*[{COLONS}]", text[word.end() :]):
        if isinstance(the_parser().parse("any_header", "input" + text[word.end() :]), Node):
            return "input"
        return "snippet" if re.search(rf"[{COLONS}]{BLANK}*[\"\u201c]", text) else ""
    if below is None:
        return ""
    key = WORD.match(below)
    homes = settings.homes_of(key.group()) if key else ()
    if homes:
        return homes[0]
    if key is not None and key.group() in settings.CONTROL_WORDS:
        return "test" if key.group() in ("expect", "judge", "answer", "for") else "step"
    return "schema" if _FIELD.match(below) else ""


def guess_header(word: str, text: str) -> ast.Header | None:
    """A header for a section that begins with `word` and can't be read further; None if `word` opens none."""
    leading = WORD.match(text)
    rest = text[leading.end() :].strip().lstrip(COLONS + " ") if leading is not None else ""
    name_words = re.split(rf"[{COLONS}{EQUALS}\n{{]|\bto\b|->", rest, maxsplit=1)[0].strip()
    first = WORD.match(rest)
    plain = name_words
    if first is not None and (word in ("input", "snippet", "let", "output") or first.group() == name_words):
        plain = first.group()
    start = max(text.find(plain, 1), 0) if plain else 0
    name = ast.Name(normalise(plain), Span(start, start + len(plain)))
    nothing = ast.Text(("…",), Span(0, 0))
    makers: Mapping[str, ast.Header] = {
        "import": ast.Import(ast.FileText("", Span(0, 0)), ast.Name(_import_name(text), Span(0, 0))),
        "flow": ast.Flow(name),
        "input": ast.Input(name, None, None),
        "preset": ast.Preset(name),
        "schema": ast.Schema(name, None, ""),
        "snippet": ast.Snippet(name, nothing),
        "tool": ast.Tool(name),
        "let": ast.Let(name, None),
        "step": ast.Step(name),
        "output": ast.Output(name, None, None),
        "limits": ast.Limits(),
        "test": ast.Test(rest, Span(0, len(text))),
    }
    return makers.get(word)


def _import_name(text: str) -> str:
    words = re.sub(r'"[^"]*"?', " ", text).split()
    return words[-1] if len(words) > 1 and words[-1] != "as" else ""
