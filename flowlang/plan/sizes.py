"""How large texts are before they are there, in tokens: by what is known, and by their types where nothing is."""

import json
from dataclasses import dataclass

from ..language import types
from ..language.checked import CheckedStep
from ..language.types import Type, bare
from ..language.values import EMPTY, Media, Value, ValueMistake
from ..language.values import bare as bare_value
from ..language.writing import as_text
from ..models.answer import schema_of
from ..models.cost import tokens_of, tokens_of_media
from .requests import spec_of

_TEXT = 300  # tokens of an answer of which nothing is known but that it is a text
_SHORT = 8  # of a number, a date, a choice
_FIELD = 6  # of a field's name and its marks
_ITEMS = 5  # of a list of which nothing is known


@dataclass(frozen=True, slots=True)
class Size:
    """Tokens, probably and at most; None: nobody can know."""

    likely: int = 0
    most: int | None = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.likely + other.likely, add(self.most, other.most))

    def times(self, likely: int, most: int | None) -> "Size":
        """The size of so many, probably and at most."""
        return Size(self.likely * likely, None if self.most is None or most is None else self.most * most)


def tokens_of_value(value: Value) -> int:
    """The tokens of a value that is filled into a text."""
    found = bare_value(value)
    if found is EMPTY:
        return 0
    if isinstance(found, Media):
        return tokens_of_media(found)
    if isinstance(found, tuple) and any(isinstance(bare_value(one), Media) for one in found):
        return sum(map(tokens_of_value, found))
    try:
        return tokens_of(as_text(value))
    except ValueMistake:
        return 0


def likely_answer(of: Type | None) -> int:
    """The tokens that an answer of a type probably has; of none, a text."""
    return _TEXT if of is None else likely(of) + _FIELD


def likely(of: Type) -> int:
    """The tokens that a value of a type probably has."""
    match bare(of):
        case types.TextType(high=high):
            return _TEXT if high is None else min(_TEXT, 1 + high // 5)
        case types.NumberType() | types.YesNoType() | types.DateType() | types.ChoiceType():
            return _SHORT
        case types.ListOf() as listed:
            return likely_items(listed) * (_short_text(listed.item) + 2)
        case types.RecordType(fields=fields):
            return sum(_FIELD + _short_text(one.type) for one in fields)
        case _:
            return _TEXT


def _short_text(of: Type) -> int:
    """A text in a record or list is a sentence rather than a page."""
    return min(likely(of), 40) if isinstance(bare(of), types.TextType) else likely(of)


def most_of_type(of: Type) -> int | None:
    """The most tokens that a value of a type can have; None where the type sets no end."""
    match bare(of):
        case types.NumberType() | types.YesNoType() | types.DateType():
            return _SHORT
        case types.ChoiceType(choices=choices):
            return max(map(tokens_of, choices), default=0)
        case types.TextType(high=int(high)):
            return high
        case _:
            return None


def likely_items(of: Type) -> int:
    """How many items a list of this type probably has."""
    if not isinstance(of, types.ListOf):
        return _ITEMS
    if of.high is None:
        return max(of.low or 0, _ITEMS)
    return of.high if of.low == of.high else min(of.high, max(of.low or 0, _ITEMS))


def size_of_schema(step: CheckedStep) -> int:
    """The tokens of what a model is told of the answer's type."""
    if step.answer is None:
        return 0
    return tokens_of(json.dumps(schema_of(step.answer, step.name).schema, ensure_ascii=False))


def size_of_tools(step: CheckedStep) -> int:
    """The tokens of what a model is told of its tools."""
    specs = [spec_of(tool) for tool in step.tools]
    return sum(tokens_of(one.name + one.description + json.dumps(one.parameters)) for one in specs)


def fixed(tokens: int) -> Size:
    """A size that is known."""
    return Size(tokens, tokens)


def add(one: int | None, two: int | None) -> int | None:
    """The sum; None if either is not known."""
    return None if one is None or two is None else one + two
