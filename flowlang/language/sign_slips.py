"""Slips that can stand anywhere in a line: quotes, commas, brackets, signs, braces, types and numbers."""

import re

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from ..pattern import pattern
from .mistake import Mistake
from .parser import Unreadable
from .pieces import BLANK, COLONS, FILTERS, TEXT, WORD, Explain, rest_of_line, syntax

_SIGNS = {
    "=": "is",
    "==": "is",
    "===": "is",
    "!=": "is not",
    "<>": "is not",
    "≠": "is not",
    "&&": "and",
    "&": "and",
    "||": "or",
    "≤": "<=",
    "≥": ">=",
    "=<": "<=",
    "=>": ">=",
    "!": "not",
    "+": "| plus …",
    "-": "| minus …",
    "*": "| times …",
    "/": "| divided by …",
}
_SIGN = pattern(r"===?|=[<>]|=|!=|<>|&&?|\|\||[≤≥≠]|!(?=\w)|[-+*/](?=\s)")
_COMPARISONS = {
    "equals": "is",
    "equal": "is",
    "isnt": "is not",
    "isn't": "is not",
    "contain": "contains",
    "includes": "contains",
    "has": "contains",
    "like": "contains",
    "matches": "contains",
    "start": "starts with",
    "end": "ends with",
    "begins": "starts with",
    "in": "is one of",
    "exists": "is not empty",
    "not": "is not",
    "are": "is",
    "greater": "> ",
    "more": ">",
    "less": "<",
    "than": "> or <",
}


def _open_quotes(text: str, _: Unreadable) -> Mistake | None:
    position = 0
    opening = re.compile(r'["\u201c-\u201f#]')
    while (found := opening.search(text, position)) is not None:
        string = TEXT.match(text, found.start())
        if string is None:
            return Mistake(
                "unclosed-text",
                "the text that opens here has no closing quote on its line",
                Span(found.start(), found.start() + 1),
                ('close it with `"`; a text of several lines stands between `"""` and `"""`',),
            )
        position = string.end()
    return None


def _open_braces(text: str, unreadable: Unreadable) -> Mistake | None:
    """`{{ heat }` where a setting's value stands, and braces where a value wears none."""
    offset = unreadable.offset
    if text.startswith("{{", offset):
        end = text.find("}}", offset)
        if end < 0 or "\n" in text[offset:end]:
            hint = "close it with `}}`"
            return Mistake(
                "unclosed-tag", "`{{` opens here and is not closed on its line", Span(offset, offset + 2), (hint,)
            )
        inner = text[offset + 2 : end].strip()
        hint = f"write `{inner}`" if inner else "write a name"
        return syntax("a name wears no braces here", Span(offset, end + 2), hint)
    if found := re.compile(r"\$?\{\s*([\w.]+)\s*\}").match(text, offset):
        return syntax("a reference wears two braces", Span(offset, found.end()), f"write `{{{{ {found.group(1)} }}}}`")
    return None


def _comma_at_end(text: str, unreadable: Unreadable) -> Mistake | None:
    stripped = text.rstrip()
    if stripped and stripped[-1] in ",\uff0c\u3001" and unreadable.offset >= len(stripped) - 1:
        message = "the line ends with a comma, so it goes on in the next one, but that begins something new"
        return syntax(message, Span(len(stripped) - 1, len(stripped)), "take the comma away, or write what follows it")
    return None


def _open_bracket(text: str, unreadable: Unreadable) -> Mistake | None:
    """A `(` or `[` that nothing closes: told where it opens."""
    if unreadable.offset < len(text.rstrip()) or not unreadable.expected & {"_RIGHT", "_RIGHT_BRACKET"}:
        return None
    opened: list[int] = []
    for found in re.finditer(rf"(?:{TEXT.pattern})|[(\[\uff08\uff3b]|[)\]\uff09\uff3d]", text):
        if found.group() in "([\uff08\uff3b":
            opened.append(found.start())
        elif found.group() in ")]\uff09\uff3d" and opened:
            opened.pop()
    if not opened:
        return None
    sign = text[opened[-1]]
    close = ")" if sign in "(\uff08" else "]"
    hint = f"close it with `{close}`"
    if text.rstrip().endswith(sign):
        hint = "begin the list on this line: a line goes on in the next one when it ends with a comma"
    return syntax(f"`{sign}` opens here and is not closed", Span(opened[-1], opened[-1] + 1), hint)


def _single_quotes(text: str, unreadable: Unreadable) -> Mistake | None:
    if text[unreadable.offset : unreadable.offset + 1] in ("'", "\u2018", "\u2019", "`"):
        return syntax("a text stands in double quotes", rest_of_line(text, unreadable.offset), 'write `"…"`')
    return None


def _signs(text: str, unreadable: Unreadable) -> Mistake | None:
    offset = unreadable.offset
    found = _SIGN.match(text, offset)
    if found is None or (found.group() == "=" and "_EQUALS" in unreadable.expected):
        return None
    sign = found.group()
    if (sign not in ("+", "*", "/") and not unreadable.expected & {"IS", "_AND", "PATH"}) or not text[:offset].strip():
        return None
    return syntax(f"`{sign}` is no sign of the language", Span(offset, found.end()), f"write `{_SIGNS[sign]}`")


def _comment(text: str, unreadable: Unreadable) -> Mistake | None:
    if not text.startswith(("//", "--", "/*"), unreadable.offset):
        return None
    return syntax("a comment begins with `#`", rest_of_line(text, unreadable.offset))


def _missing_pipe(text: str, unreadable: Unreadable) -> Mistake | None:
    found = WORD.match(text, unreadable.offset)
    if found is None or found.group() not in FILTERS or "_PIPE" not in unreadable.expected:
        return None
    here = rest_of_line(text, unreadable.offset)
    return syntax("`|` is missing before the filter", here, f"write `| {text[here.start : here.end]}`")


def _comparison(text: str, unreadable: Unreadable) -> Mistake | None:
    """`score equals 3`, `kind in a, b`: a comparison in other words."""
    if "IS" not in unreadable.expected:
        return None
    found = re.compile(r"[^\W\d_][\w'’-]*").match(text, unreadable.offset)
    better = _COMPARISONS.get(found.group().replace("’", "'")) if found else None
    if found is None or better is None:
        return None
    return syntax(f"`{found.group()}` is no comparison", Span(found.start(), found.end()), f"write `{better}`")


def _pipe_in_condition(text: str, unreadable: Unreadable) -> Mistake | None:
    if text[unreadable.offset : unreadable.offset + 1] not in ("|", "\uff5c") or "IS" not in unreadable.expected:
        return None
    hint = "for example `(claims | count) >= 3`"
    span = Span(unreadable.offset, unreadable.offset + 1)
    return syntax("in a condition a value with filters stands in parentheses", span, hint)


def _choices(text: str, unreadable: Unreadable) -> Mistake | None:
    offset = unreadable.offset
    start = max((found.end() for found in re.finditer(r"one[^\S\n]+of(?![\w-])", text[:offset])), default=-1)
    if start < 0 or "_COMMA" not in unreadable.expected or not text[start:offset].strip():
        return None
    word = re.compile(r"[^\W_][\w-]*|\"[^\"\n]*\"").match(text, offset)
    if word is None:
        return None
    span = Span(offset, word.end())
    if word.group() in ("or", "and"):
        return syntax("choices stand with commas between them", span, "write a comma in place of this")
    hint = f"write `…, {word.group()}`; a choice of several words stands in quotes"
    return syntax("a comma is missing between two choices", span, hint)


def _list_type(text: str, unreadable: Unreadable) -> Mistake | None:
    """`[text]`, `text[]`, `list<text>`, `list text`: lists as they are written elsewhere."""
    key = re.match(
        rf"(?:(?:takes|input|schema){BLANK}+)?[^\W\d_][\w-]*{BLANK}*[{COLONS}]{BLANK}*(?:optional{BLANK}+)?", text
    )
    if key is None:
        return None
    word = r"([^\W\d_][\w.]*)"
    forms = rf"\[\s*{word}\s*\]|{word}{BLANK}*\[\s*\]|[Ll]ists?\s*[<\[(]\s*{word}\s*[>\])]"
    forms += rf"|[Ll]ists?\s+(?!of\b){word}|[Ll]ists\s+of\s+{word}"
    forms += rf"|(?:array|Array)\s+of\s+{word}|(?:array|Array)\s*<\s*{word}\s*>"
    found = re.compile(forms).match(text, key.end())
    if found is None or unreadable.offset > found.end():
        return None
    item = next(group for group in found.groups() if group)
    return syntax("this is no type", Span(found.start(), found.end()), f"write `list of {item}`")


def _number(text: str, unreadable: Unreadable) -> Mistake | None:
    before = re.search(r"[$€£]?-?[\d.,_]*\d$", text[max(0, unreadable.offset - 50) : unreadable.offset])
    start = unreadable.offset - len(before.group()) if before else unreadable.offset
    found = re.compile(r"-?[\d.,_]*\d[\d.,_]*%?|[$€£]\s*\d[\d.,]*").match(text, start)
    if found is None or not found.group().strip("-"):
        return None
    plain = re.sub(r"[^\d.-]", "", found.group().replace(",", ""))
    if plain == found.group() or not re.fullmatch(r"-?\d*\.?\d+", plain):
        return None
    plain = "0" + plain if plain.startswith(".") else plain
    return syntax(
        f"`{found.group()}` is not how a number is written", Span(found.start(), found.end()), f"write `{plain}`"
    )


_CAPITAL = pattern(
    r"(?<=[:\s\uff1a])(?:Whole\s+number|Optional|List\s+of|One\s+of|Yes\s*/\s*[Nn]o|Secret\s+text)(?!\w)"
)
_HALF = pattern(r"(?<!\w)(?:and|or)\s+(contains|does\s+not\s+contain|starts\s+with|ends\s+with|is)(?!\w)")
_DOUBLE_NOT = pattern(r"(?<!\w)is\s+not\s+(contains?|starts?\s+with|ends?\s+with)(?!\w)")


def _capital(text: str, unreadable: Unreadable) -> Mistake | None:
    """`Whole number`, `List of text`: a type's words begin with a small letter."""
    for found in _CAPITAL.finditer(text, 0, unreadable.offset + 1 if len(text) > 2000 else len(text)):
        if found.start() <= unreadable.offset <= found.end() + 1 and text.count('"', 0, found.start()) % 2 == 0:
            word = found.group().split()[0]
            hint = f"did you mean `{' '.join(found.group().lower().split())}`?"
            span = Span(found.start(), found.start() + len(word))
            return Mistake("unknown-type", f"there is no type or schema called `{word}`", span, (hint,))
    return None


def _half_condition(text: str, unreadable: Unreadable) -> Mistake | None:
    """`a contains "x" or contains "y"`: the second half does not say what is compared."""
    for found in _HALF.finditer(text, 0, unreadable.offset + 1):
        if found.start(1) < unreadable.offset <= found.end() + 1:
            hint = f"say again what is meant: `… a {found.group(1)} …`"
            return syntax("what is compared is missing before this", Span(*found.span(1)), hint)
    for found in _DOUBLE_NOT.finditer(text, 0, unreadable.offset + 1):
        if found.start(1) < unreadable.offset <= found.end() + 1:
            plain = found.group(1).split()[0].rstrip("s")
            better = "does not contain" if plain == "contain" else f"not (… {plain}s with …)"
            return syntax(
                "`is not` and another comparison don't go together", Span(*found.span(1)), f"write `{better}`"
            )
    return None


def unknown_filter(text: str, unreadable: Unreadable) -> Mistake | None:
    """`| filter kind is figure`: what stands behind a filter can't be read because there is no such filter."""
    before = text[: min(unreadable.offset, 2000)]
    piped = list(_PIPED.finditer(before))
    if not piped or piped[-1].group(1) in FILTERS or before.count('"') % 2:
        return None
    word = piped[-1].group(1)
    better = "where" if word in ("filter", "select", "only", "with") else nearest(word, sorted(FILTERS))
    hints = (f"did you mean `{better}`?",) if better else ()
    return Mistake("unknown-filter", f"there is no filter called `{word}`", Span(*piped[-1].span(1)), hints)


_PIPED = pattern(r"[|\uff5c]\s*([^\W\d_][\w-]*)(?=\s)")

SLIPS: tuple[Explain, ...] = (
    unknown_filter,
    _capital,
    _half_condition,
    _open_quotes,
    _comma_at_end,
    _open_braces,
    _open_bracket,
    _single_quotes,
    _pipe_in_condition,
    _comment,
    _missing_pipe,
    _choices,
    _comparison,
    _signs,
    _list_type,
    _number,
)
