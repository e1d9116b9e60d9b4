"""Slips in the lines below a header: settings, control lines, a schema's fields, and what is none of them."""

import re

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from ..pattern import pattern
from .cut import SECTION_WORDS
from .header_slips import bad_name
from .mistake import Mistake
from .parser import Node, Token, Unreadable
from .pieces import (
    BLANK,
    COLONS,
    EQUALS,
    TEXT,
    TEXT_KEYS,
    WORD,
    Explain,
    first_line,
    is_name,
    rest_of_line,
    starts_text,
    syntax,
    unquoted,
)
from .settings import homes_of

CONTROL_WORDS = ("repeat", "when", "with", "takes", "header", "extra", "expect", "judge", "answer", "for each")
_CONTROL = pattern(rf"(?:{'|'.join(CONTROL_WORDS).replace(' ', f'{BLANK}+')}|for)(?![\w-])")
_COLON_BEHIND = pattern(
    rf"(repeat(?:{BLANK}+(?:for{BLANK}+each|until))?|for{BLANK}+each|{'|'.join(CONTROL_WORDS[:-1])}){BLANK}*[{COLONS}]"
)
_EACH = "repeat for each claim in claims, 8 at a time"


_ELSEWHERE = {"if": "when", "unless": "when not", "foreach": "repeat for each", "loop": "repeat for each"}
_ELSEWHERE |= {"given": "with", "set": "with", "where": "when", "should": "expect", "check": "expect"}
_ELSEWHERE |= {"while": "repeat until", "until": "repeat until", "each": "repeat for each", "assert": "expect"}


def control_with_colon(text: str) -> Mistake | None:
    """`when: ready`, `repeat for each: …`: a control word that is written like a setting."""
    found = _COLON_BEHIND.match(text)
    if found is None:
        return None
    word, rest = found.group(1), first_line(text)[found.end() :].strip()
    return syntax(f"`{word}` takes no colon", Span(0, found.end()), f"write `{f'{word} {rest}'.strip()}`")


def hidden_slip(tree: Node, text: str) -> Unreadable | None:
    """Where a setting goes wrong that can be read: `when: ready`, or a text without quotes that is one word."""
    if (mistake := control_with_colon(text)) is not None:
        return Unreadable(mistake.span.end - 1)
    key, value = tree.children[0], tree.children[1]
    if isinstance(key, Token) and key.text in TEXT_KEYS and isinstance(value, Token):
        return Unreadable(value.start) if value.type in ("WORD", "NUMBER", "SLOT") else None
    return None


def _control_with_colon(text: str, _: Unreadable) -> Mistake | None:
    return control_with_colon(text)


def _wrong_sign_for_colon(text: str, unreadable: Unreadable) -> Mistake | None:
    """`max_tokens = 500`, `model := fast`, `model -> fast`; also behind the name of a `with` or `header`."""
    found = re.match(
        rf"(?:(?:with|takes|header|extra){BLANK}+)?([^\W\d_][\w-]*){BLANK}*(:=|->|=>|[{EQUALS}](?![{EQUALS}]))", text
    )
    if found is None or _CONTROL.fullmatch(found.group(1)):
        return None
    if not found.start(2) <= unreadable.offset <= found.end(2) and found.group(2)[0] == ":":
        return None
    hint = f"write `{text[: found.end(1)]}: {first_line(text)[found.end() :].strip()}`"
    return syntax("a setting takes a colon", Span(found.start(2), found.end(2)), hint)


def _unquoted_text(text: str, _: Unreadable) -> Mistake | None:
    """`prompt: List the claims`; also what stands behind a text that was closed too early."""
    found = re.match(rf"({'|'.join(TEXT_KEYS)}){BLANK}*[{COLONS}]{BLANK}*", text)
    if found is None or found.end() >= len(text) or text[found.end()] == "\n":
        return None
    start = found.end()
    if (path := re.compile(rf"file{BLANK}+(?=[^\s\"\u201c-\u201f][^\s]*[./])").match(text, start)) is not None:
        hint = f'write `file "{first_line(text)[path.end() :].strip()}"`'
        return syntax("the file's name stands in quotes", rest_of_line(text, path.end()), hint)
    if re.compile("[\u201c-\u201f]{3}").match(text, start):
        return syntax(
            "the quotes around a text of several lines are straight", rest_of_line(text, start), 'write `"""`'
        )
    if not starts_text(text, start):
        return unquoted(text, start) if not text.startswith("{{", start) or "}}" in text[start:] else None
    string = TEXT.match(text, start)
    if string is None or string.group().startswith('"""'):
        return None
    behind = string.end() + len(text[string.end() :]) - len(text[string.end() :].lstrip(" \t\u00a0"))
    if behind >= len(text) or text[behind] in "\n#,;" or text.startswith(("//", "--"), behind):
        return None
    hint = 'a quote inside a text is written `\\"`, or the text stands between `"""` lines'
    return syntax("the text ends before this, at the second quote", rest_of_line(text, behind), hint)


def _bullet(text: str, _: Unreadable) -> Mistake | None:
    """`- model: fast`: a setting behind a dash."""
    found = re.match(rf"[-*•]{BLANK}+(?=[^\W\d_][\w-]*{BLANK}*[{COLONS}])", text)
    if found is None:
        return None
    return syntax("a setting begins with its name", Span(0, 1), f"write `{first_line(text)[found.end() :]}`")


def _several_words(text: str, _: Unreadable) -> Mistake | None:
    """`timeout: 30 seconds`: a value of several words; `model: fast temperature: 1`: two settings on one line."""
    found = re.match(rf"([^\W\d_][\w-]*){BLANK}*[{COLONS}]{BLANK}*(?=\S)", text)
    if found is None or found.group(1) in (*TEXT_KEYS, "returns", "ensure"):
        return None
    line = first_line(text)
    second = re.compile(rf"[^\"\n]*?[,\s]{BLANK}*(?=([a-z_]+){BLANK}*[{COLONS}](?:\s|$))").match(line, found.end())
    if second is not None:
        span = Span(second.end(), len(line))
        return syntax("another setting begins here", span, "each setting stands on a line of its own")
    if re.compile(rf"[\w.+-]+(?:{BLANK}+[\w.+-]+)+").fullmatch(line, found.end()) is None:
        return None
    value = Span(found.end(), len(line))
    if found.group(1) in ("timeout", "time", "cache") and (
        time := re.fullmatch(r"(\d+)\s+([smhd])\w*", line[value.start :])
    ):
        return syntax("a time is one word", value, f"write `{time.group(1)}{time.group(2)}`")
    return syntax(f"`{found.group(1)}` takes one word or number here", value)


def _stray_continuation(text: str, unreadable: Unreadable) -> Mistake | None:
    """A line of words below a text that begins with `and` or `or`, and so seems to go on with it."""
    found = re.match(rf"({'|'.join(TEXT_KEYS)}){BLANK}*[{COLONS}]", text)
    start = text.rfind("\n", 0, unreadable.offset) + 1
    if found is None or not start:
        return None
    start += len(text[start:]) - len(text[start:].lstrip())
    return stray(rest_of_line(text, start)) if re.compile(r"(?:and|or)(?![\w-])").match(text, start) else None


def _fixed_forms(text: str, _: Unreadable) -> Mistake | None:
    """`failures: skipped 3` and its like: settings with a grammar of their own."""
    found = re.match(rf"([^\W\d_][\w-]*){BLANK}*[{COLONS}]{BLANK}*(?=\S)", text)
    forms = {"failures": "`stop`, `skip` or `at most 3`", "passes": "`4 of 5`", "python": '`"tools.py" lookup`'}
    if found is None or found.group(1) not in forms:
        return None
    return Mistake("wrong-value", f"`{found.group(1)}` takes {forms[found.group(1)]}", rest_of_line(text, found.end()))


# ── Control lines ──


def _repeat(text: str, unreadable: Unreadable) -> Mistake | None:
    if not re.match(r"repeat(?![\w-])", text):
        return None
    offset = unreadable.offset
    until = re.match(rf"repeat{BLANK}+until(?![\w-])", text)
    if until is None and not re.match(rf"repeat{BLANK}+for{BLANK}+each(?![\w-])", text):
        hint = f"write `{_EACH}`, or `repeat until CONDITION, at most 3 times`"
        return syntax("this is no way to repeat a step", Span(0, len(first_line(text))), hint)
    named = re.match(rf"repeat{BLANK}+for{BLANK}+each{BLANK}+(.*?){BLANK}+in(?![\w-])", text)
    if named and not is_name(named.group(1)):
        return _control_name("loop", named.group(1), named.start(1))
    last = re.search(r"[,\uff0c]\s*(\S[^,\uff0c]*)$", text)
    if last and offset >= last.start():
        right = ", at most 3 times" if until else ", 8 at a time"
        return syntax(
            "the end of this line can't be read",
            Span(last.start(1), last.start(1) + len(last.group(1).rstrip())),
            f"write `{right}`",
        )
    if until:
        limit = re.compile(rf"(?:at{BLANK}+most|max(?:imum)?|up{BLANK}+to|for)(?![\w-]).*").search(
            text, min(until.end(), offset)
        )
        if offset >= len(text.rstrip()) or (limit is not None and offset >= limit.start()):
            span = (
                Span(limit.start(), limit.start() + len(limit.group().rstrip()))
                if limit
                else Span(0, len(first_line(text)))
            )
            message = "a loop says after how many rounds it ends at the latest"
            return syntax(message, span, "end the line with `, at most 3 times`")
        return None
    if text.startswith("{{", offset):
        return None
    if re.compile(r"\d+\s*at\b").match(text, offset):
        return syntax("a comma is missing here", rest_of_line(text, offset), "write `, 8 at a time`")
    if "_IN" in unreadable.expected and offset < len(text.rstrip()):
        return syntax("`in` is missing here", rest_of_line(text, offset), f"write `{_EACH}`")
    if offset >= len(text.rstrip()):
        return None
    if (second := re.compile(r"and\s+(?=\S)").match(text, offset)) is not None:
        span = rest_of_line(text, second.end())
        return syntax("a second list begins with `and each`", span, f"write `and each {text[span.start : span.end]}`")
    if text.startswith("[", offset) or text.startswith('"', offset):
        message = "a list that is written out has no name here"
        hint = 'give it one above the step: `let names = ["a", "b"]`, and `repeat for each name in names`'
        return syntax(message, rest_of_line(text, offset), hint)
    return syntax("this line can't be read from here on", rest_of_line(text, offset), f"write `{_EACH}`")


def _control_name(what: str, name: str, start: int) -> Mistake:
    mistake = bad_name(what, name, start)
    return Mistake("bad-name", mistake.message, mistake.span, tuple(h.replace(f"`{what} ", "`") for h in mistake.hints))


def _named_control(text: str, unreadable: Unreadable) -> Mistake | None:
    """`with x "1"`, `takes city text`: a name without its colon."""
    found = re.match(rf"(with|takes|header|extra|judge|answer){BLANK}+(?=\S)", text)
    if found is None or "_COLON" not in unreadable.expected or unreadable.offset >= len(text.rstrip()):
        return None
    behind = re.compile(rf"[^\n{COLONS}\"]*(?=[{COLONS}])").match(text, found.end())
    if behind and found.group(1) not in ("judge", "answer") and len(behind.group().split()) > 1:
        return _control_name("value", behind.group().strip(), behind.start())
    here = rest_of_line(text, unreadable.offset)
    before, rest = text[: here.start].rstrip(), text[here.start : here.end]
    if text[here.start] in EQUALS:
        rest = rest[1:].lstrip()
        here = Span(here.start, here.start + 1)
    return syntax(f"`{found.group(1)}` takes a colon behind the name", here, f"write `{before}: {rest}`")


# ── Fields of a schema ──


_RECORD = pattern(r"\s*(answer|with)\s+[^:]{1,200}:\s*(?=\{(?!\{))")


def _bare_record(text: str, unreadable: Unreadable) -> Mistake | None:
    """`answer ticket: {"kind": "bug"}`: JSON is text here, and text stands in quotes."""
    found = _RECORD.match(text)
    if found is None or unreadable.offset < found.end():
        return None
    hint = f'write the record as a text: `{found[1]} …: """`, the record on lines of its own, `"""`'
    return syntax("a record can't stand here without quotes", rest_of_line(text, found.end()), hint)


def _field_name(text: str, unreadable: Unreadable) -> Mistake | None:
    found = re.match(rf"([^\n{COLONS}]*?){BLANK}*[{COLONS}]", text)
    if found is None or not found.group(1) or is_name(found.group(1)) or unreadable.offset > found.end():
        return None
    name = found.group(1)
    if re.search(rf"[{EQUALS}]|(?<!\w)[\"'].*[\"']\s*[{COLONS}].*[{COLONS}]", name):
        return None
    if dash := re.match(rf"[-*•]{BLANK}+", name):
        return syntax("a field begins with its name", Span(0, 1), f"write `{text[dash.end() :].strip()}`")
    if name.endswith("?") and is_name(name[:-1]):
        hint = f"write `{name[:-1]}: optional {first_line(text)[found.end() :].strip()}`"
        return syntax("what may be missing is said before the type", Span(len(name) - 1, len(name)), hint)
    return _control_name("field", name, 0)


def _field_without_colon(text: str, unreadable: Unreadable) -> Mistake | None:
    found = re.match(rf"([^\W\d_][\w-]*){BLANK}+(?=[\w\[\"])", text)
    if found is None or unreadable.offset != found.end() or re.search(rf"[{COLONS}]", first_line(text).split('"')[0]):
        return None
    rest = first_line(text)[found.end() :]
    if len(re.sub(r'"[^"]*"?', "", rest).split()) > 8 or rest[-1] in ".!?":
        return None
    hint = f"write `{found.group(1)}: {rest}`"
    return syntax("a colon is missing behind the field's name", Span(0, len(first_line(text))), hint)


def _field_alone(text: str, unreadable: Unreadable) -> Mistake | None:
    """A line of a schema that is no field at all."""
    if re.search(rf"[{COLONS}{EQUALS}]", first_line(text)) or (WORD.fullmatch(text.strip()) and "{" not in text):
        return None
    return stray(Span(0, len(first_line(text)))) if text[0] != '"' else None


# ── Lines that are no setting ──


def unknown_key(text: str, unreadable: Unreadable, keys: tuple[str, ...]) -> Mistake | None:
    """`retuns: list of text`: a key that is none, before a value that only the right key could have."""
    found = re.match(rf"([^\W\d_][\w-]*){BLANK}*[{COLONS}]", text)
    if found is None or not keys or unreadable.offset < found.end() or _CONTROL.match(text):
        return None
    word = found.group(1)
    near = nearest(word, list(keys))
    if near is None or word in keys or homes_of(word):
        return None
    hint = f"did you mean `{near}`?"
    return Mistake("unknown-setting", f"there is no setting called `{word}`", Span(0, len(word)), (hint,))


def unknown_line(text: str, keys: tuple[str, ...]) -> Mistake | None:
    """A line that begins neither with a key and a colon nor with a control word. `keys` may stand in its section."""
    line = first_line(text)
    found = WORD.match(text)
    whole = Span(0, len(line))
    if found is None and text[0] in ",\uff0c":
        return syntax("a line that goes on ends with a comma, the next one does not begin with it", Span(0, 1))
    if found is None:
        return stray(whole) if text[0] not in "|(" else None
    word, rest = found.group(), line[found.end() :]
    if re.match(rf"{BLANK}*[{COLONS}]", rest) or word in (
        "repeat",
        "when",
        "with",
        "takes",
        "header",
        "extra",
        "expect",
    ):
        return None
    if word in _ELSEWHERE and rest.strip() and rest[-1] not in ".!?" and keys:
        hint = f"did you mean `{_ELSEWHERE[word]}`?"
        return Mistake("unknown-setting", f"no line begins with `{word}`", Span(0, len(word)), (hint,))
    if word in ("judge", "answer", "for") and rest.strip():
        if word == "for" and not re.match(rf"{BLANK}+each(?![\w-])", rest):
            return stray(whole)
        return _loop_of_a_test(text) if word == "for" and "prompt" in keys else None
    spaced = re.match(rf"([\w-]+(?:{BLANK}+[\w-]+){{1,2}}){BLANK}*[{COLONS}]", text)
    if spaced and (near := nearest("_".join(spaced.group(1).split()), list(keys))):
        message = f"there is no setting called `{spaced.group(1)}`"
        return Mistake("unknown-setting", message, Span(0, spaced.end(1)), (f"did you mean `{near}`?",))
    if word in keys:
        if re.match(rf"{BLANK}+[\w'’-]+(?:{BLANK}+[\w'’-]+){{3,}}", rest) and word not in TEXT_KEYS:
            return stray(whole)
        return syntax(
            "a colon is missing behind the setting", whole, f"write `{word}: {rest.strip()}`".replace(": :", ":")
        )
    if re.fullmatch(rf"{BLANK}*(?:[^\W\d_][\w-]*)?", rest) and (near := nearest(word, list(SECTION_WORDS))):
        return unknown_section(word, near)
    if rest.strip() and (near := nearest(word, [*CONTROL_WORDS])):
        hint = f"did you mean `{near}`?"
        return Mistake("unknown-setting", f"no line begins with `{word}`", Span(0, len(word)), (hint,))
    if rest.strip() and (near := nearest(word, list(keys))) and not _is_prose(line):
        hint = f"did you mean `{near}: {rest.strip()}`?"
        return Mistake("unknown-setting", f"there is no setting `{word}`", Span(0, len(word)), (hint,))
    if not _is_prose(line) and (near := nearest(word, list(SECTION_WORDS))):
        return unknown_section(word, near)
    if re.fullmatch(rf"{BLANK}+[^\W\d_][\w-]*{BLANK}*(?:[{COLONS}{EQUALS}].*)?", rest):
        return unknown_section(word, None)
    return stray(whole)


def _is_prose(line: str) -> bool:
    """Whether a line reads like a sentence: five words or more, or an end of a sentence."""
    return len(re.findall(r"[\w'’-]+", line)) >= 5 and "|" not in line and not re.search(rf"[{COLONS}{EQUALS}\"]", line)


def _loop_of_a_test(text: str) -> Mistake | None:
    found = re.match(rf"for{BLANK}+each(?![\w-])", text)
    if found is None:
        return None
    message = "`for each` belongs in a test; a step repeats with `repeat for each`"
    return Mistake("unknown-setting", message, Span(0, found.end()), (f"write `repeat {first_line(text)}`",))


def unknown_section(word: str, near: str | None) -> Mistake:
    """The report that a line opens no section."""
    hint = f"did you mean `{near}`?" if near else f"sections are {', '.join(SECTION_WORDS[1:])}"
    return Mistake("unknown-section", f"there is no section called `{word}`", Span(0, len(word)), (hint,))


def stray(span: Span) -> Mistake:
    """The report that a text stands where none can stand."""
    hint = 'a text stands in quotes behind its setting: `prompt: "…"`; a comment begins with `#`'
    return Mistake("stray-text", "this text belongs to nothing", span, (hint,))


SLIPS: tuple[Explain, ...] = (
    _control_with_colon,
    _bullet,
    _wrong_sign_for_colon,
    _stray_continuation,
    _unquoted_text,
    _fixed_forms,
    _several_words,
)
CONTROL_SLIPS: tuple[Explain, ...] = (_bare_record, _named_control, _repeat)
FIELD_SLIPS: tuple[Explain, ...] = (_wrong_sign_for_colon, _field_name, _field_without_colon, _field_alone)
