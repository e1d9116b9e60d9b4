"""What was probably meant by a line that can't be read, told in the author's words.

The grammar says only where a line stops making sense. Here stand the slips that people make, in the order in which
they are looked for; the last resort names what could have stood at that place.
"""

import re
from collections.abc import Callable

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from .cut import SECTION_WORDS
from .mistake import Mistake
from .names import name_mistake, suggest_name
from .parser import END, Unreadable

CONTROL_WORDS = ("repeat", "when", "with", "takes", "header", "extra", "expect", "judge", "answer", "for each")
_TEXT_KEYS = ("prompt", "system", "user", "assistant", "about", "get", "post", "body", "command")
_BLANK = r"[^\S\n]"
_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_TYPE_WORDS = r"(?:text|number|whole|yes/no|date|one\s+of|list|optional|json|document|image|audio|table|secret)"

# What could have stood there, in words. Signs of the grammar that are not listed are never offered.
_WORDS_FOR = {
    "NAME": "a name",
    "PATH": "a name",
    "WORD": "a word",
    "NUMBER": "a number",
    "STRING": 'a text in quotes, "…"',
    "_COLON": "a colon",
    "_COMMA": "a comma",
    "_EQUALS": "`=`",
    "_LEFT_BRACKET": "a list, `[…]`",
    "_RIGHT_BRACKET": "`]`",
    "_RIGHT": "`)`",
    "_PIPE": "`|` and a filter",
    "IS": "`is` or another comparison",
    "_IN": "`in`",
    "_AS": "`as` and a name",
    "_TO": "`to`",
    "_OF": "`of`",
    "_WORDS": "`words`",
    "_WITH_TEXT": "`with`",
    "_TIMES": "`times`",
    "_AT_A_TIME": "`at a time`",
    "_COMMA_AT_MOST": "`, at most N times`",
    "_ONE_OF": "a type",
    END: "the end of the line",
}

_Explain = Callable[[str, Unreadable], Mistake | None]


def explain_line(text: str, unreadable: Unreadable, header: bool, settings: tuple[str, ...]) -> Mistake:
    """The mistake of a line that can't be read. `settings` are the keys that may stand in its section."""
    for explain in _HEADERS if header else _LINES:
        if (mistake := explain(text, unreadable)) is not None:
            return mistake
    if not header and (mistake := _unknown_line(text, settings)) is not None:
        return mistake
    for explain in _ANYWHERE:
        if (mistake := explain(text, unreadable)) is not None:
            return mistake
    return _last_resort(text, unreadable)


def explain_tag(content: str) -> tuple[str, tuple[str, ...]]:
    """Message and hints for what stands between {{ and }} and can't be read."""
    shown = f"`{content}`" if len(content) <= 60 else f"`{content[:57]}…`"
    if not content:
        return "there is nothing between `{{` and `}}`", ("write a name there, or `\\{{` for two plain braces",)
    word = re.match(r"[\w-]+", content)
    first = word.group() if word else ""
    if first == "for":
        return f"{shown} is no loop", ("a loop reads `{{ for item in list }} … {{ end }}`",)
    if first in ("if", "elif", "elseif") or content.startswith("else if"):
        if first == "if":
            return f"{shown} is no condition", ("write for example `{{ if score >= 8 }} … {{ end }}`",)
        return f"{shown} can't stand here", ("write `{{ else }}{{ if … }} … {{ end }}{{ end }}`",)
    if first in ("endfor", "endif", "/for", "/if"):
        return f"{shown} can't stand here", ("every loop and condition ends with `{{ end }}`",)
    if "==" in content or "!=" in content:
        return f"{shown} can't be read", ("compare with `is` and `is not`",)
    hint = "write a name, a step's field like `step.field`, or a value with filters: `{{ claims | count }}`"
    return f"{shown} is neither a name nor a value", (hint, "for two plain braces write `\\{{`")


# ── Headers ──


def _header_name(text: str, _: Unreadable) -> Mistake | None:
    found = re.match(
        rf"(flow|input|preset|schema|snippet|tool|let|step|output){_BLANK}+(.*?){_BLANK}*(?=[:\uff1a=\uff1d\n]|to{_BLANK}*\"|\Z)",
        text,
    )
    if found is None:
        return None
    kind, name, span = found.group(1), found.group(2), Span(found.start(2), found.end(2))
    if not name:
        return None
    article = "an" if kind[0] in "aeiou" else "a"
    words = name.split()
    if kind == "input" and len(words) > 1 and re.match(_TYPE_WORDS, words[1]) and _is_name(words[0]):
        at = found.start(2) + name.index(words[1], len(words[0]))
        hint = f"write `input {words[0]}: {name[at - found.start(2) :]}`"
        return _syntax("a colon is missing between the input's name and its type", Span(at, found.end(2)), hint)
    if _is_name(name):
        return None
    if len(words) == 1:
        why = name_mistake(name) or "is not a name"
        message = f"`{name}` {why}" if name_mistake(name) else f"`{name}` can't be the name of {article} {kind}"
    else:
        message = f"`{name}` can't be the name of {article} {kind}: a name is one word"
    better = suggest_name(name)
    hints = (f"write `{kind} {better}`",) if better and name_mistake(better) is None else ()
    return Mistake("bad-name", message, span, hints)


def _header_without_name(text: str, unreadable: Unreadable) -> Mistake | None:
    found = re.match(rf"(flow|input|preset|schema|snippet|tool|let|step|output|import|test){_BLANK}*(?:[=\uff1d]|\Z)", text)
    if found is None:
        return None
    kind = found.group(1)
    forms = {
        "import": 'import "house.flow" as house',
        "test": 'test "what it shows"',
        "input": "input report: document",
        "let": "let total = lines | sum",
        "snippet": 'snippet tone: "Write plainly."',
    }
    article = "an" if kind[0] in "aeiou" else "a"
    message = f"this `{kind}` needs a title in quotes" if kind == "test" else f"{article} `{kind}` needs a name"
    if kind == "import":
        message = "an `import` needs a file and a name"
    return _syntax(message, Span(0, len(kind)), f"for example `{forms.get(kind, f'{kind} summary')}`")


def _header_form(text: str, unreadable: Unreadable) -> Mistake | None:
    kind = text.split(None, 1)[0]
    offset = unreadable.offset
    rest = text[offset : offset + 1]
    here = _rest_of_line(text, offset)
    match kind:
        case "import":
            return _syntax(
                "an import names its file in quotes and what it is called here",
                here if here.end > here.start else Span(0, len(text)),
                'write `import "house.flow" as house`',
            )
        case "test":
            return _syntax("a test's title stands in quotes", here, 'write `test "what it shows"`')
        case "let" if rest in ":\uff1a":
            return _syntax("a `let` takes `=`", Span(offset, offset + 1), f"write `{text[:offset].rstrip()} = …`")
        case "output" if rest in "=\uff1d" and rest:
            return _syntax("an output takes a colon", Span(offset, offset + 1), f"write `{text[:offset].rstrip()}: …`")
        case "output" if rest == ".":
            name = text[offset + 1 :].split()[0] if text[offset + 1 :].split() else "result"
            whole = text[len("output") : offset].strip() + text[offset:].split()[0]
            hint = f"write `output {suggest_name(name) or 'result'}: {whole}`"
            return _syntax("an output has a plain name; what it gives stands behind a colon", here, hint)
        case "output" if text[offset:].startswith("to"):
            return _syntax("the file's name stands in quotes", here, 'write `to "brief.md"`')
        case "snippet":
            return _unquoted(text, offset) if rest and rest not in ':"' else None
        case "step" | "preset" | "tool" | "flow" | "limits" if rest:
            message = f"the line of {'a `limits`' if kind == 'limits' else f'a {kind}'} ends here"
            return _syntax(message, here, "what belongs to it stands in the lines below, one setting each")
    return None


# ── Lines below a header ──


def _equals_for_colon(text: str, unreadable: Unreadable) -> Mistake | None:
    found = re.match(rf"([^\W\d_][\w-]*){_BLANK}*([=\uff1d])(?![=\uff1d])", text)
    if found is None or found.start(2) != unreadable.offset:
        return None
    hint = f"write `{found.group(1)}: {text[found.end() :].split(chr(10))[0].strip()}`"
    return _syntax("a setting takes a colon", Span(found.start(2), found.end(2)), hint)


def _control_with_colon(text: str, unreadable: Unreadable) -> Mistake | None:
    found = re.match(rf"(when|repeat(?:{_BLANK}+(?:for{_BLANK}+each|until))?|expect|for{_BLANK}+each){_BLANK}*[:\uff1a]", text)
    if found is None:
        return None
    rest = text[found.end() :].strip().split("\n")[0]
    return _syntax(f"`{found.group(1)}` takes no colon", Span(0, found.end()), f"write `{found.group(1)} {rest}`".rstrip())


def _unquoted_text(text: str, unreadable: Unreadable) -> Mistake | None:
    found = re.match(rf"({'|'.join(_TEXT_KEYS)}){_BLANK}*[:\uff1a]{_BLANK}*", text)
    if found is None or found.end() >= len(text) or text[found.end()] in '"\u201c\u201d':
        return None
    return _unquoted(text, found.end())


def _repeat(text: str, unreadable: Unreadable) -> Mistake | None:
    if not re.match(r"repeat(?![\w-])", text):
        return None
    each = "repeat for each claim in claims, 8 at a time"
    offset = unreadable.offset
    until = re.match(rf"repeat{_BLANK}+until(?![\w-])", text)
    comma = text.rfind(",", 0, offset + 1)
    if until:
        behind = re.compile(rf"[,\uff0c]{_BLANK}*(.*)").search(text, max(comma, 0)) if comma >= 0 else None
        span = Span(behind.start(1), behind.end(1)) if behind and behind.group(1) else _rest_of_line(text, offset)
        if "_COMMA_AT_MOST" in unreadable.expected or "_TIMES" in unreadable.expected or behind:
            return _syntax(
                "a loop says after how many rounds it ends at the latest", span, "end the line with `, at most 3 times`"
            )
        return None
    number = re.search(r"[,\uff0c]\s*(\S[^,\uff0c]*)$", text)
    if number and offset >= number.start():
        return _syntax("the end of this line can't be read", Span(number.start(1), number.end(1)), "write `, 8 at a time`")
    if not re.match(rf"repeat{_BLANK}+for{_BLANK}+each(?![\w-])", text):
        return _syntax(
            "this is no way to repeat a step",
            Span(0, len(text.split("\n")[0].rstrip())),
            f"write `{each}`, or `repeat until CONDITION, at most 3 times`",
        )
    return _syntax("this line can't be read from here on", _rest_of_line(text, offset), f"write `{each}`")


def _misspelt(text: str, unreadable: Unreadable) -> Mistake | None:
    """`failures: skipped 3` and its like: settings with a grammar of their own."""
    found = re.match(rf"([^\W\d_][\w-]*){_BLANK}*[:\uff1a]", text)
    forms = {"failures": "`stop`, `skip` or `at most 3`", "passes": "`4 of 5`", "python": '`"tools.py" lookup`'}
    if found is None or found.group(1) not in forms:
        return None
    rest = _rest_of_line(text, found.end() + len(text[found.end() :]) - len(text[found.end() :].lstrip()))
    return Mistake("wrong-value", f"`{found.group(1)}` takes {forms[found.group(1)]}", rest)


def _unknown_line(text: str, settings: tuple[str, ...]) -> Mistake | None:
    """A line that begins neither with a key and a colon nor with a control word."""
    first_line = text.split("\n")[0].rstrip()
    found = re.match(r"[^\W\d_][\w-]*", text)
    whole = Span(0, len(first_line))
    if found is None:
        return _stray(whole) if text[0] not in "|(" else None
    word = found.group()
    rest = first_line[found.end() :]
    if re.match(rf"{_BLANK}*[:\uff1a]", rest) or word in ("repeat", "when", "with", "takes", "header", "extra", "expect"):
        return None
    if word in ("judge", "answer", "for") and rest.strip():
        return None
    if word in settings:
        return _syntax("a colon is missing behind the setting", whole, f"write `{word}: {rest.strip()}`")
    if re.fullmatch(rf"{_BLANK}*(?:[^\W\d_][\w-]*)?", rest) and (near := nearest(word, list(SECTION_WORDS))):
        return _unknown_section(word, near)
    if rest.strip() and (near := nearest(word, [*CONTROL_WORDS])):
        hint = f"did you mean `{near}`?"
        return Mistake("unknown-setting", f"no line begins with `{word}`", Span(0, len(word)), (hint,))
    if near := nearest(word, list(SECTION_WORDS)):
        return _unknown_section(word, near)
    if rest.strip() and (near := nearest(word, list(settings))):
        hint = f"did you mean `{near}: {rest.strip()}`?"
        return Mistake("unknown-setting", f"there is no setting `{word}`", Span(0, len(word)), (hint,))
    if re.fullmatch(rf"{_BLANK}+[^\W\d_][\w-]*", rest):
        return _unknown_section(word, None)
    return _stray(whole)


def _unknown_section(word: str, near: str | None) -> Mistake:
    hint = f"did you mean `{near}`?" if near else f"sections are {', '.join(SECTION_WORDS)}"
    return Mistake("unknown-section", f"there is no section called `{word}`", Span(0, len(word)), (hint,))


def _stray(span: Span) -> Mistake:
    hint = 'a text stands in quotes behind its setting: `prompt: "…"`; a comment begins with `#`'
    return Mistake("stray-text", "this text belongs to nothing", span, (hint,))


# ── Anywhere ──


def _open_quotes(text: str, unreadable: Unreadable) -> Mistake | None:
    position = 0
    while (at := text.find('"', position)) >= 0:
        string = _STRING.match(text, at)
        if string is None:
            end = text.find("\n", at)
            span = Span(at, len(text) if end < 0 else end)
            return Mistake(
                "unclosed-text",
                "the text that opens here has no closing quote on its line",
                Span(span.start, span.start + 1),
                ('close it with `"`; a text of several lines stands between `"""` and `"""`',),
            )
        position = string.end()
    return None


def _comma_at_end(text: str, unreadable: Unreadable) -> Mistake | None:
    stripped = text.rstrip()
    if stripped and stripped[-1] in ",\uff0c\u3001" and unreadable.offset >= len(stripped) - 1:
        message = "the line ends with a comma, so it goes on in the next one, but that begins something new"
        return _syntax(message, Span(len(stripped) - 1, len(stripped)), "take the comma away, or write what follows it")
    return None




def _single_quotes(text: str, unreadable: Unreadable) -> Mistake | None:
    if text[unreadable.offset : unreadable.offset + 1] in ("'", "\u2018", "\u2019", "`"):
        return _syntax("a text stands in double quotes", _rest_of_line(text, unreadable.offset), 'write `"…"`')
    return None


def _signs(text: str, unreadable: Unreadable) -> Mistake | None:
    found = re.match(r"==?|!=|<>|&&|\|\||≤|≥|≠|!(?=\w)", text[unreadable.offset :])
    if found is None or (found.group() == "=" and "_EQUALS" in unreadable.expected):
        return None
    better = {
        "=": "is",
        "==": "is",
        "!=": "is not",
        "<>": "is not",
        "≠": "is not",
        "&&": "and",
        "||": "or",
        "≤": "<=",
        "≥": ">=",
        "!": "not",
    }[found.group()]
    span = Span(unreadable.offset, unreadable.offset + found.end())
    return _syntax(f"`{found.group()}` is no sign of the language", span, f"write `{better}`")


def _pipe_in_condition(text: str, unreadable: Unreadable) -> Mistake | None:
    if text[unreadable.offset : unreadable.offset + 1] not in ("|", "\uff5c") or "IS" not in unreadable.expected:
        return None
    hint = "for example `(claims | count) >= 3`"
    span = Span(unreadable.offset, unreadable.offset + 1)
    return _syntax("in a condition a value with filters stands in parentheses", span, hint)


def _choices(text: str, unreadable: Unreadable) -> Mistake | None:
    before = text[: unreadable.offset]
    if not re.search(r"one\s+of\s+[^,\uff0c]+(?:[,\uff0c][^,\uff0c]+)*\s*$", before):
        return None
    word = re.match(r"[^\W\d_][\w-]*", text[unreadable.offset :])
    if word is None or "_COMMA" not in unreadable.expected:
        return None
    span = Span(unreadable.offset, unreadable.offset + word.end())
    hint = f"write `…, {word.group()}`; a choice of several words stands in quotes"
    return _syntax("a comma is missing between two choices", span, hint)


def _list_type(text: str, unreadable: Unreadable) -> Mistake | None:
    found = re.search(r"(?:\[\s*([^\W\d]\w*)\s*\]|([^\W\d]\w*)\s*\[\s*\]|list\s*<\s*(\w+)\s*>|list\s+(?!of\b)([^\W\d]\w*))", text)
    if found is None or "_LIST_OF" not in unreadable.expected and not found.group(4) and not found.group(2):
        return None
    if not re.search(rf"(?:returns|[\w-]+){_BLANK}*[:\uff1a]{_BLANK}*(?:optional\s+)?$", text[: found.start()]):
        return None
    item = next(group for group in found.groups() if group)
    return _syntax("this is no type", Span(found.start(), found.end()), f"write `list of {item}`")


def _number(text: str, unreadable: Unreadable) -> Mistake | None:
    found = re.match(r"-?[\d.,_]*\d[\d.,_]*%?|[$€£]\s*\d[\d.,]*", text[unreadable.offset :])
    if found is None or not found.group().strip("-"):
        return None
    plain = re.sub(r"[^\d.-]", "", found.group().replace(",", ""))
    span = Span(unreadable.offset, unreadable.offset + found.end())
    if plain == found.group() or not re.fullmatch(r"-?\d*\.?\d+", plain):
        return None
    plain = "0" + plain if plain.startswith(".") else plain
    return _syntax(f"`{found.group()}` is not how a number is written", span, f"write `{plain}`")


def _last_resort(text: str, unreadable: Unreadable) -> Mistake:
    span = _rest_of_line(text, unreadable.offset)
    wanted = [words for name, words in _WORDS_FOR.items() if name in unreadable.expected]
    wanted = list(dict.fromkeys(wanted))[:4]
    if unreadable.offset >= len(text.rstrip()):
        last = len(text.rstrip())
        word = re.search(r"\S+$", text[:last])
        span = Span(word.start() if word else 0, last)
        message = "this line stops too early"
    else:
        message = "this line can't be read from here on"
    hints = (f"what fits here is {' or '.join([', '.join(wanted[:-1]), wanted[-1]] if wanted[1:] else wanted)}",)
    return Mistake("syntax", message, span, hints if wanted else ())


# ── Pieces ──


def _syntax(message: str, span: Span, *hints: str) -> Mistake:
    return Mistake("syntax", message, span, hints)


def _unquoted(text: str, start: int) -> Mistake:
    span = _rest_of_line(text, start)
    hint = 'put quotes around it, or `"""` on the lines before and after a text of several lines'
    return _syntax("a text stands in quotes", span, hint)


def _rest_of_line(text: str, start: int) -> Span:
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return Span(start, start + len(text[start:end].rstrip()))


def _is_name(word: str) -> bool:
    return re.fullmatch(r"[^\W\d_][^\s!-,.\/:-@\[-^`{-~]*", word) is not None and name_mistake(word) is None


_HEADERS: tuple[_Explain, ...] = (_header_without_name, _header_name, _open_quotes, _header_form)
_LINES: tuple[_Explain, ...] = (_equals_for_colon, _control_with_colon, _open_quotes, _unquoted_text, _misspelt)
_ANYWHERE: tuple[_Explain, ...] = (
    _open_quotes,
    _comma_at_end,
    _single_quotes,
    _signs,
    _pipe_in_condition,
    _choices,
    _list_type,
    _number,
    _repeat,
)
