"""The texts of tools, before anything is filled in: the words of a command, the fixed beginning of an address.

What a model or an input says can fill a word or a part of an address, and never make another word, host or program.
"""

import json

from . import ast

Word = tuple[str | ast.Slot, ...]

# These belong to the connection: a flow that could set them could speak to another host than the one that is allowed.
OWN_HEADERS = frozenset(
    (
        *("host", "connection", "content-length", "transfer-encoding", "accept-encoding", "te", "trailer", "upgrade"),
        *("expect", "keep-alive", "proxy-authorization", "proxy-connection"),
    )
)
_QUOTES = "\"'"


def command_words(text: ast.Text) -> tuple[Word, ...]:
    """The words of a command: split at spaces outside quotes. Raises ValueError with a sentence."""
    words: list[Word] = []
    parts: list[str | ast.Slot] = []
    letters: list[str] = []
    begun, quote = False, ""

    def end_part() -> None:
        if letters:
            parts.append("".join(letters))
            letters.clear()

    def end_word() -> None:
        nonlocal begun
        end_part()
        if begun:
            words.append(tuple(parts))
            parts.clear()
        begun = False

    for part in text.parts:
        if isinstance(part, ast.Slot):
            end_part()
            parts.append(part)
            begun = True
        elif isinstance(part, str):
            for letter in part:
                if quote:
                    if letter == quote:
                        quote = ""
                    else:
                        letters.append(letter)
                elif letter in _QUOTES:
                    quote, begun = letter, True
                elif letter.isspace():
                    end_word()
                else:
                    letters.append(letter)
                    begun = True
        else:
            raise ValueError("a command is one line of words: `{{ for }}` and `{{ if }}` can't stand in it")
    end_word()
    if quote:
        raise ValueError(f"this command has a quote {quote} that is never closed")
    return tuple(words)


def program_of(text: ast.Text) -> str:
    """The program that a command runs. Raises ValueError with a sentence."""
    words = command_words(text)
    if not words or not words[0]:
        raise ValueError("this command is empty")
    program, *rest = words[0]
    if rest or not isinstance(program, str):
        raise ValueError("the program of a command is written out: nothing can be filled in there")
    return program


def origin_of(text: ast.Text) -> str:
    """An address up to its path, as in `https://weather.example:8080`. Raises ValueError with a sentence."""
    fixed = text.parts[0] if text.parts and isinstance(text.parts[0], str) else ""
    scheme, mark, rest = fixed.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        raise ValueError("an address begins with `https://` and its host, both written out")
    ends = [place for sign in "/?#" if (place := rest.find(sign)) >= 0]
    if not ends and len(text.parts) > 1:
        raise ValueError("the host of an address is written out: nothing can be filled in before its `/`")
    return f"{scheme}://{rest[: min(ends, default=len(rest))]}"


def body_mistake(text: ast.Text) -> str:
    """What is wrong with a body that looks like JSON; empty if nothing is. A value stands in it as JSON."""
    if not all(isinstance(part, str | ast.Slot) for part in text.parts):
        return ""
    sample = "".join(part if isinstance(part, str) else "null" for part in text.parts)
    if not sample.lstrip().startswith(("{", "[")):
        return ""
    try:
        json.loads(sample)
    except ValueError:
        pass
    else:
        quoted = any(
            isinstance(part, ast.Slot) and str(text.parts[place - 1]).endswith('"') and place + 1 < len(text.parts)
            for place, part in enumerate(text.parts)
            if place
        )
        return "a value brings its own quotes: write {{ it }} without any around it" if quoted else ""
    return "this body is no JSON; a value that is filled in brings its own quotes, brackets and commas"
