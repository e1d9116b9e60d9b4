"""Values and conditions, written as the language writes them."""

from typing import assert_never

from ..language import ast
from ..language.types import spelled_choice

# Filters whose argument stands between their words.
_AROUND = {"chunks of": "words", "shorten to": "words"}


def value_words(value: ast.Value) -> str:
    """`verdict | where supported is no`."""
    match value:
        case ast.Ref():
            return str(value)
        case ast.Number(value=number):
            return f"{number:f}"
        case ast.YesNo(value=yes):
            return "yes" if yes else "no"
        case ast.ListValue(items=items):
            return "[" + ", ".join(map(value_words, items)) + "]"
        case ast.Text():
            return _quoted(value)
        case ast.FileText(path=path):
            return f'file "{path}"'
        case ast.Piped(head=head, filters=filters):
            return " | ".join([value_words(head), *map(_filter_words, filters)])
        case _:
            assert_never(value)


def condition_words(condition: ast.Condition) -> str:
    """`topic is billing and (claims | count) >= 3`."""
    match condition:
        case ast.AnyOf(parts=parts):
            return " or ".join(map(_part_words, parts))
        case ast.AllOf(parts=parts):
            return " and ".join(map(_part_words, parts))
        case ast.Not(inner=inner):
            return f"not {_part_words(inner)}"
        case ast.Compare(left=left, operator=operator, right=right):
            choice = operator in ("is", "is not")
            return f"{_operand(left)} {operator} {_choice(right) if choice else _operand(right)}"
        case ast.IsOneOf(left=left, options=options, negated=negated):
            listed = ", ".join(map(_choice, options))
            return f"{_operand(left)} {'is not one of' if negated else 'is one of'} {listed}"
        case ast.IsEmpty(value=value, negated=negated):
            return f"{_operand(value)} {'is not empty' if negated else 'is empty'}"
        case _:
            return _operand(condition)


def text_words(text: ast.Text, most: int = 60) -> str:
    """The beginning of a text in one line, with its `{{ }}`."""
    words = " ".join("".join(map(written, text.parts)).split())
    return words if len(words) <= most else words[: most - 1] + "…"


def _part_words(condition: ast.Condition) -> str:
    words = condition_words(condition)
    return f"({words})" if isinstance(condition, ast.AnyOf | ast.AllOf) else words


def _operand(value: ast.Value) -> str:
    return f"({value_words(value)})" if isinstance(value, ast.Piped) else value_words(value)


def _choice(value: ast.Value) -> str:
    """What stands behind `is`: a choice more often than not, and then bare if it can be."""
    if isinstance(value, ast.Text) and len(value.parts) == 1 and isinstance(value.parts[0], str):
        return spelled_choice(value.parts[0])
    return _operand(value)


def _filter_words(call: ast.FilterCall) -> str:
    words = [call.name]
    if call.condition is not None:
        words.append(condition_words(call.condition))
    if call.path is not None:
        words.append(str(call.path))
    arguments = [value_words(argument) for argument in call.arguments]
    if call.name == "replace" and len(arguments) == 2:
        words += [arguments[0], "with", arguments[1]]
    elif call.name in _AROUND and arguments:
        words += [arguments[0], _AROUND[call.name]]
        words += [f", {arguments[1]} overlapping"] if len(arguments) > 1 else []
    else:
        words += arguments
    return " ".join(words).replace(" ,", ",") + (", largest first" if call.largest_first else "")


def _quoted(text: ast.Text) -> str:
    words = "".join(map(written, text.parts))
    words = (
        text_words(text) if len(words) > 60 else words.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    )
    return '"' + words.replace('"', '\\"') + '"'


def written(part: ast.Part) -> str:
    """A part of a text as it stands in the flow."""
    match part:
        case str():
            return part
        case ast.Slot(value=value):
            return "{{ " + value_words(value) + " }}"
        case ast.NoBreak():
            return ""
        case ast.For(name=name, items=items, body=body):
            inner = "".join(map(written, body))
            return f"{{{{ for {name.text} in {value_words(items)} }}}}{inner}{{{{ end }}}}"
        case ast.If(condition=condition, body=body, other=other):
            inner = "".join(map(written, body))
            if other:
                inner += "{{ else }}" + "".join(map(written, other))
            return f"{{{{ if {condition_words(condition)} }}}}{inner}{{{{ end }}}}"
        case _:
            assert_never(part)
