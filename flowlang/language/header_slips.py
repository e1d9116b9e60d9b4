"""Slips in the first line of a section: names that are none, missing and wrong signs."""

import re

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from ..pattern import pattern
from .mistake import Mistake
from .names import name_mistake, suggest_name
from .parser import Unreadable
from .pieces import (
    BLANK,
    COLONS,
    EQUALS,
    FILTERS,
    Explain,
    article,
    first_line,
    is_name,
    rest_of_line,
    syntax,
    unquoted,
)

_TYPES = ["text", "number", "whole", "yes/no", "date", "one", "list", "optional", "json", "document", "image", "audio"]
_TYPES += ["table", "secret"]
_NAMED = "flow|input|preset|schema|snippet|tool|let|step|output"
_HEADER = pattern(rf"({_NAMED}){BLANK}+([^\n]*?){BLANK}*(?=[{COLONS}{EQUALS}\n]|{BLANK}to{BLANK}*[\"\u201c]|\Z)")
_NAMELESS = pattern(rf"({_NAMED}|import|test){BLANK}*(?:[{COLONS}{EQUALS}]|\n|\Z)")
_FORMS = {
    "import": 'import "house.flow" as house',
    "test": 'test "what it shows"',
    "input": "input report: document",
    "let": "let total = lines | sum",
    "snippet": 'snippet tone: "Write plainly."',
}


def _nameless(text: str, _: Unreadable) -> Mistake | None:
    found = _NAMELESS.match(text)
    if found is None:
        return None
    kind = found.group(1)
    message = f"{article(kind)} needs a name"
    if kind == "test":
        message = "this `test` needs a title in quotes"
    if kind == "import":
        message = "an `import` needs a file and a name"
    return syntax(message, Span(0, len(kind)), f"for example `{_FORMS.get(kind, f'{kind} summary')}`")


def _mark_behind_name(text: str, _: Unreadable) -> Mistake | None:
    """`step summary {`, `output brief -> "brief.md"`: a name, and a sign of another language."""
    found = re.match(rf"({_NAMED}){BLANK}+([^\W\d_][\w-]*){BLANK}*(\{{(?!\{{)|->|=>|\()", text)
    if found is None or (found.group(3) == "(" and found.end(2) == found.start(3)):
        return None
    kind, sign = found.group(1), found.group(3)
    span = Span(found.start(3), found.end(3))
    if sign == "{":
        return syntax("there are no braces around what belongs together", span, "leave out this and the closing one")
    if kind == "output":
        return syntax(f"`{sign}` is no sign of the language", span, f'write `output {found.group(2)} to "brief.md"`')
    return syntax(f"`{sign}` can't stand here", span, "what belongs to it stands in the lines below, one setting each")


def _name(text: str, unreadable: Unreadable) -> Mistake | None:
    found = _HEADER.match(text)
    if found is None or not found.group(2):
        return None
    kind, name, start = found.group(1), found.group(2), found.start(2)
    if is_name(name):
        return None
    words = name.split()
    if len(words) > 1 and is_name(words[0]):
        second = start + name.index(words[1], len(words[0]))
        if (mistake := _second_word(kind, text, words[0], Span(second, found.end(2)))) is not None:
            return mistake
    if kind == "output" and name.startswith("{{"):
        message = "an output names what it gives without braces"
        return syntax(message, Span(start, found.end(2)), f"write `output {suggest_name(name) or 'result'}`")
    return bad_name(kind, name, start)


def _second_word(kind: str, text: str, first: str, rest: Span) -> Mistake | None:
    """What is wrong between a name and what stands behind it, if it is the sign between them."""
    second, line = text[rest.start : rest.end], first_line(text)
    whole = line[rest.start :].strip()
    match kind:
        case "input":
            word = re.match(r"[^\s=,]+", second)
            assert word is not None
            untyped = not re.search(rf"[{COLONS}]", line)
            if word.group() in _TYPES or (untyped and (nearest(word.group(), _TYPES) or word.group()[0].isupper())):
                hint = f"write `input {first}: {whole}`"
                return syntax("a colon is missing between the input's name and its type", rest, hint)
        case "snippet" if second[0] in '"\u201c\u201d':
            hint = f"write `snippet {first}: {whole}`"
            return syntax("a colon is missing between the snippet's name and its text", rest, hint)
        case "let" if not re.search(rf"[{COLONS}{EQUALS}]", re.sub(r'"[^"]*"', "", line)):
            return syntax("`=` is missing behind the name", rest, f"write `let {first} = {whole}`")
        case "output":
            return _behind_output(text, first, second, rest)
        case _ if second[0] in '"\u201c\u201d':
            hint = "what it is for stands in a comment, in the line above"
            return syntax(f"the line of {article(kind)} ends here", rest, hint)
    return None


def _behind_output(text: str, first: str, second: str, rest: Span) -> Mistake | None:
    if to := re.match(rf"to{BLANK}+(?=\S)", second):
        path = Span(rest.start + to.end(), rest.end)
        return syntax("the file's name stands in quotes", path, f'write `to "{text[path.start : path.end]}"`')
    if second[0] in '"\u201c\u201d':
        return syntax("`to` is missing before the file's name", rest, f"write `output {first} to {second}`")
    if word := re.match(r"(?:as|in|into|as file|file)(?![\w-])", second):
        span = Span(rest.start, rest.start + word.end())
        return syntax(f"`{word.group()}` can't stand here", span, f'write `output {first} to "brief.md"`')
    if second[0] in "|\uff5c":
        hint = f"write `output result: {first} {second}`"
        return syntax("what an output computes stands behind its name and a colon", rest, hint)
    return None


def bad_name(kind: str, name: str, start: int) -> Mistake:
    """The report that something of this kind can't be called `name`."""
    words = name.split()
    message = f"`{name}` can't be the name of {article(kind)}: a name is one word"
    if len(words) == 1:
        why = name_mistake(name)
        message = f"`{name}` {why}" if why else f"`{name}` can't be the name of {article(kind)}"
    better = suggest_name(name)
    hints = (f"write `{kind} {better}`",) if better and name_mistake(better) is None else ()
    if kind == "output" and re.fullmatch(r"[^\W\d_][\w-]*(?:\.[^\W\d_][\w-]*)+", name):
        hints = (f"what an output gives stands behind a colon: `output {name.rsplit('.', 1)[1]}: {name}`",)
    return Mistake("bad-name", message, Span(start, start + len(name)), hints)


def _form(text: str, unreadable: Unreadable) -> Mistake | None:
    """A sign or a word that this kind of section does not have there."""
    kind = text.split(None, 1)[0]
    offset = unreadable.offset
    sign = text[offset : offset + 1]
    here, before = rest_of_line(text, offset), text[:offset].rstrip()
    colon, equals = sign != "" and sign in COLONS, sign != "" and sign in EQUALS
    match kind:
        case "flowlang":
            span = here if sign else Span(0, len(kind))
            return syntax("the edition of the language is a number", span, "write `flowlang 1`")
        case "import":
            return _import(text, unreadable)
        case "test":
            if colon:
                return syntax("the line of a test ends here", here, "leave out the colon")
            return syntax("a test's title stands in quotes", here, 'write `test "what it shows"`')
        case "let" if colon and "_EQUALS" in unreadable.expected:
            return syntax("a `let` takes `=`", Span(offset, offset + 1), f"write `{before} = …`")
        case "let" if equals and before.endswith("="):
            return syntax("a `let` takes one `=`", Span(len(before) - 1, offset + 1), f"write `{before} …`")
        case "output" if equals and "_COLON" in unreadable.expected:
            return syntax("an output takes a colon", Span(offset, offset + 1), f"write `{before}: …`")
        case "output" if re.compile(r"to(?![\w-])").match(text, offset):
            path = rest_of_line(text, offset + 2 + len(text[offset + 2 :]) - len(text[offset + 2 :].lstrip()))
            return syntax(
                "the file's name stands in quotes", path if path.end > path.start else here, 'write `to "brief.md"`'
            )
        case "input" | "schema" | "snippet" if equals and "_COLON" in unreadable.expected:
            return syntax(f"{article(kind)} takes a colon", Span(offset, offset + 1), f"write `{before}: …`")
        case "input" if colon and "_EQUALS" in unreadable.expected:
            return syntax("a default stands behind `=`", Span(offset, offset + 1), f"write `{before} = …`")
        case "input" if sign in '"\u201c\u201d' and sign and "_EQUALS" in unreadable.expected:
            hint = f"write `{before} = {text[here.start : here.end]}`; a description is a comment in the line above"
            return syntax("a default stands behind `=`", here, hint)
        case "snippet" if sign and sign not in ':"\u201c\u201d{' and "STRING" in unreadable.expected:
            return unquoted(text, offset)
        case "schema" if not text[offset:].strip() and before[-1] in COLONS:
            return syntax(
                "the line of a schema ends before the colon", Span(len(before) - 1, len(before)), "leave it out"
            )
        case "step" | "preset" | "tool" | "flow" | "limits" if sign:
            whose = "a `limits`" if kind == "limits" else f"a {kind}"
            hint = "what belongs to it stands in the lines below, one setting each"
            if colon and not text[offset + 1 :].strip():
                hint = "leave out the colon"
            return syntax(f"the line of {whose} ends here", here, hint)
    return None


def _import(text: str, unreadable: Unreadable) -> Mistake:
    form = 'write `import "house.flow" as house`'
    message = "an import names its file in quotes and what it is called here"
    behind = re.compile(rf"\bas{BLANK}+(?=\S)").search(text)
    offset = unreadable.offset
    if behind is not None and offset > behind.start() and text[offset : offset + 1] not in ("", '"', "'"):
        name = rest_of_line(text, behind.end())
        return bad_name("import", text[name.start : name.end], name.start)
    here = rest_of_line(text, offset)
    if here.end <= here.start:
        return syntax(message, Span(0, len(text.rstrip())), form)
    if behind is not None and offset < behind.start():
        here = Span(offset, offset + len(text[offset : behind.start()].rstrip()))
    return syntax(message, here, form)


def _unquoted_value(text: str, unreadable: Unreadable) -> Mistake | None:
    """`input tone: text = very formal`, `let title = Some words`: several words without quotes."""
    found = re.match(rf"(?:let{BLANK}+[\w-]+{BLANK}*|input{BLANK}+[^\n{EQUALS}]*)[{EQUALS}]{BLANK}*", text)
    if found is None or found.end() >= unreadable.offset:
        return None
    value = rest_of_line(text, found.end())
    words = text[value.start : value.end]
    if re.fullmatch(r"[^\W\d_][\w'’-]*(?:\s+[\w'’-]+)+[.!?]?", words) is None:
        return None
    if re.search(r"\s(?:is|contains|and|or|not|plus|minus|times)\s", words):
        return None
    second = words.split()[1]
    if text.startswith("let") and second in FILTERS:
        at = value.start + words.index(second, len(words.split()[0]))
        return syntax("`|` is missing before the filter", Span(at, value.end), f"write `| {text[at : value.end]}`")
    return unquoted(text, value.start)


SLIPS: tuple[Explain, ...] = (_nameless, _mark_behind_name, _name, _form, _unquoted_value)
