"""Types held against each other: what fits where, what can be compared with what; and types in words."""

from dataclasses import replace

from . import ast, types
from .types import Type, Unknown, bare, spelled

Path = tuple[str, ...]


def fits(given: Type, wanted: Type) -> bool:
    """Whether a value of one type may stand where another is wanted."""
    a, b = bare(given), bare(wanted)
    if isinstance(a, types.JsonType | Unknown) or isinstance(b, types.JsonType | Unknown):
        return True
    if isinstance(a, types.ListOf) and isinstance(b, types.ListOf):
        return fits(a.item, b.item)
    if isinstance(a, types.RecordType) and isinstance(b, types.RecordType):
        return a.open or b.open or _has_fields(a, b)
    if isinstance(b, types.ChoiceType):
        return isinstance(a, types.ChoiceType) and bool(set(a.choices) & set(b.choices))
    if isinstance(b, types.SecretType) or isinstance(a, types.SecretType):
        return isinstance(a, types.SecretType | types.TextType) and isinstance(b, types.SecretType)
    if isinstance(a, types.MediaType) and isinstance(b, types.MediaType):
        return a.kind == b.kind
    return kind_of(a) == kind_of(b)


def _has_fields(given: types.RecordType, wanted: types.RecordType) -> bool:
    return all(
        (found := given.field(one.name)) is not None and fits(found, one.type)
        for one in wanted.fields
        if not isinstance(one.type, types.Optional)
    )


def kind_of(of: Type) -> str:
    """What a type is compared as; "any" can be compared with everything."""
    match of:
        case types.TextType() | types.ChoiceType() | types.DocumentType():
            return "text"
        case types.NumberType():
            return "number"
        case types.YesNoType():
            return "yes/no"
        case types.DateType():
            return "date"
        case types.ListOf():
            return "list"
        case types.RecordType():
            return "record"
        case types.JsonType() | Unknown():
            return "any"
        case types.SecretType():
            return "secret"
        case types.MediaType():
            return of.kind
        case types.Optional() | types.Remembering():
            return kind_of(of.item)


def equatable(a: Type, b: Type) -> bool:
    """Whether `is` can compare the two."""
    first, second = kind_of(a), kind_of(b)
    return "any" in (first, second) or first == second


def alike(a: Type, b: Type) -> bool:
    """Whether the two can stand in one list."""
    first, second = bare(a), bare(b)
    if isinstance(first, types.ListOf) and isinstance(second, types.ListOf):
        return alike(first.item, second.item)
    return equatable(first, second)


def narrowed(of: Type, path: Path) -> Type:
    """The type where the field at `path` is known not to be empty."""
    match of:
        case types.Optional(item) if not path:
            return item
        case types.Optional(item):
            return types.Optional(narrowed(item, path))
        case types.Remembering(item, memory):
            if path and path[0] in dict(memory):
                changed = tuple((n, narrowed(t, path[1:]) if n == path[0] else t) for n, t in memory)
                return types.Remembering(item, changed)
            return types.Remembering(narrowed(item, path), memory)
        case types.RecordType(_, fields) if path:
            changed_fields = tuple(
                replace(one, type=narrowed(one.type, path[1:])) if one.name == path[0] else one for one in fields
            )
            return replace(of, fields=changed_fields)
    return of


def unwrapped(of: Type) -> tuple[Type, dict[str, Type]]:
    """The type without memory and `optional`, and what it remembers."""
    memory: dict[str, Type] = {}
    while isinstance(of, types.Remembering | types.Optional):
        if isinstance(of, types.Remembering):
            memory.update(of.memory)
        of = of.item
    return of, memory


def choice_meant(word: str, choices: tuple[str, ...]) -> str | None:
    """The choice that a word means: as declared, else without regard to case and outer spaces."""
    if word in choices:
        return word
    wanted = folded(word)
    return next((choice for choice in choices if folded(choice) == wanted), None)


def folded(text: str) -> str:
    """The text as it is compared."""
    return text.strip().casefold()


def plain_text(text: ast.Text) -> str:
    """The text, if nothing is filled in; else what stands around that."""
    return "".join(part for part in text.parts if isinstance(part, str))


def looks_like_number(text: str) -> bool:
    """Whether a text spells a number."""
    return text.strip().lstrip("-").replace(".", "", 1).isdigit()


def how_to_compare(a: Type, value: ast.Value) -> tuple[str, ...]:
    """A hint for `is` between a value of type `a` and one that it can't be compared with."""
    if kind_of(a) == "number" and isinstance(value, ast.Text) and looks_like_number(plain_text(value)):
        return (f"write the number without quotes: `{plain_text(value).strip()}`",)
    if kind_of(a) == "text" and isinstance(value, ast.Number):
        return (f'put it in quotes: `"{value.value}"`',)
    if kind_of(a) == "yes/no":
        return ("compare it with `yes` or `no`",)
    if kind_of(a) == "list":
        return ("compare its items: `| where it is …`, or its size: `| count`",)
    return ()


def in_words(of: Type) -> str:
    """`a text`, `a list`, `one of a, b`: a type in a sentence."""
    inner = bare(of)
    match inner:
        case types.ChoiceType():
            return spelled(inner)
        case types.ListOf():
            return "a list"
        case types.YesNoType():
            return "yes or no"
        case types.RecordType():
            return f"a record (`{inner.name}`)"
        case types.NumberType():
            return "a number"
        case types.TextType():
            return "a text"
    return with_article(spelled(inner))


def with_article(word: str) -> str:
    """`an input`, `a step`."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def listed(words: list[str]) -> str:
    """The words in backticks, at most twelve."""
    shown = ", ".join(f"`{word}`" for word in words[:12])
    return shown + (f" and {len(words) - 12} more" if len(words) > 12 else "") or "nothing"
