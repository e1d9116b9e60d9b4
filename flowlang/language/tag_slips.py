"""What was probably meant by `{{ … }}` that can't be read, and by an end that is spelled as in other languages."""

import re

from ..pattern import pattern

_ENDS = pattern(r"/\w*|end[ _-]?(?:for|if|each|loop)?", re.I)
_LOOP = pattern(r"(?:for|foreach)(?:\s+each)?\s+([^\W\d]\w*)|#each\b")
_OPENS = pattern(r"(?:for|foreach|if|unless|#\w+)(?![\w-])")


def explain_tag(content: str) -> tuple[str, tuple[str, ...]]:
    """Message and hints for what stands between {{ and }} and can't be read."""
    shown = f"`{content}`" if len(content) <= 60 else f"`{content[:57]}…`"
    if not content:
        return "there is nothing between `{{` and `}}`", ("write a name there, or `\\{{` for two plain braces",)
    word = re.match(r"[\w-]+", content)
    first = word.group() if word else ""
    if first in ("for", "foreach"):
        return f"{shown} is no loop", ("a loop reads `{{ for item in list }} … {{ end }}`",)
    if re.match(r"el(?:se)?_?\s*if(?![\w-])", content):
        return f"{shown} can't stand here", ("write `{{ else }}{{ if … }} … {{ end }}{{ end }}`",)
    if first == "if":
        return f"{shown} is no condition", ("write for example `{{ if score >= 8 }} … {{ end }}`",)
    if _ENDS.fullmatch(content):
        return f"{shown} can't stand here", ("every loop and condition ends with `{{ end }}`",)
    if content[0] in "#%":
        return f"{shown} can't stand here", ("a loop reads `{{ for item in list }} … {{ end }}`",)
    if "==" in content or "!=" in content:
        return f"{shown} can't be read", ("compare with `is` and `is not`",)
    if found := re.search(r"\|\s*([a-z_]+)\s*\(([^()]*)\)?", content):
        return f"{shown} can't be read", (
            f"a filter wears no parentheses: `| {found[1]} {found[2]}`".rstrip("` ") + "`",
        )
    hint = "write a name, a step's field like `step.field`, or a value with filters: `{{ claims | count }}`"
    return f"{shown} is neither a name nor a value", (hint, "for two plain braces write `\\{{`")


def is_end(content: str) -> bool:
    """Whether a tag that says something else was meant to end a loop or a condition: `endfor`, `/if`, `End`."""
    return _ENDS.fullmatch(content) is not None


def opened_name(content: str) -> str | None:
    """The name that a loop which can't be read was to give its item; "" for a condition; None if nothing opens."""
    if not _OPENS.match(content):
        return None
    loop = _LOOP.match(content)
    if loop is None:
        return ""
    return loop.group(1) or "this"
