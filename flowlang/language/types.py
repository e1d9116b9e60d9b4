"""The types of the language, after names are resolved."""

from decimal import Decimal

from ..record import record


@record
class TextType:
    """`text`; the bounds count characters."""

    low: int | None = None
    high: int | None = None


@record
class NumberType:
    """`number` and `whole number`; the bounds are included."""

    whole: bool = False
    low: Decimal | None = None
    high: Decimal | None = None


@record
class YesNoType:
    pass


@record
class DateType:
    pass


@record
class JsonType:
    """`json`: anything; also a cell of a table, whose type is known only when the file is read."""


@record
class SecretType:
    """`secret text`."""


@record
class DocumentType:
    pass


@record
class MediaType:
    """`image` or `audio`."""

    kind: str


@record
class ChoiceType:
    """`one of a, b`: the choices in the order of their declaration."""

    choices: tuple[str, ...]


@record
class ListOf:
    """`list of T`; `low` and `high` bound the number of items."""

    item: "Type"
    low: int | None = None
    high: int | None = None


@record
class Optional:
    """`optional T`: may be empty."""

    item: "Type"


@record
class FieldType:
    name: str
    type: "Type"
    description: str = ""


@record
class RecordType:
    """A schema's record. `open`: it may have further fields, of type `json`.

    That is so of a table's row, and of a schema with a line that can't be read.
    """

    name: str
    fields: tuple[FieldType, ...]
    open: bool = False

    def field(self, name: str) -> "Type | None":
        """The type of a field; None if there is none."""
        for one in self.fields:
            if one.name == name:
                return one.type
        return JsonType() if self.open else None


@record
class Remembering:
    """An answer of a repeated step: `item`, with what it remembers under the loops' names and as `place`."""

    item: "Type"
    memory: tuple[tuple[str, "Type"], ...]


@record
class Unknown:
    """The type of what has a mistake already: everything fits it, and nothing more is said."""


Type = (
    TextType
    | NumberType
    | YesNoType
    | DateType
    | JsonType
    | SecretType
    | DocumentType
    | MediaType
    | ChoiceType
    | ListOf
    | Optional
    | RecordType
    | Remembering
    | Unknown
)

TABLE = ListOf(RecordType("row", (), open=True))


def bare(of: Type) -> Type:
    """The type without what it remembers and without `optional`."""
    while isinstance(of, Remembering | Optional):
        of = of.item
    return of


def spelled(of: Type) -> str:
    """The type as the language writes it."""
    match of:
        case TextType():
            return "text" + _bounds(of.low, of.high)
        case NumberType():
            return ("whole number" if of.whole else "number") + _bounds(of.low, of.high)
        case YesNoType():
            return "yes/no"
        case DateType():
            return "date"
        case JsonType() | Unknown():
            return "json"
        case SecretType():
            return "secret text"
        case DocumentType():
            return "document"
        case MediaType():
            return of.kind
        case ChoiceType():
            return "one of " + ", ".join(spelled_choice(choice) for choice in of.choices)
        case ListOf():
            if of == TABLE:
                return "table"
            return f"list of {_size(of.low, of.high)}{spelled(of.item)}"
        case Optional():
            return f"optional {spelled(of.item)}"
        case RecordType():
            return of.name
        case Remembering():
            return spelled(of.item)


def spelled_choice(choice: str) -> str:
    """A choice as it stands in a flow: in quotes where a bare word would not do."""
    if choice and choice[0].isalpha() and choice != "empty" and all(c.isalnum() or c in "_-" for c in choice):
        return choice
    return '"' + choice.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bounds(low: object, high: object) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" at least {low}"
    return f" at most {high}" if high is not None else ""


def _size(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f"{low} " if low == high else f"{low} to {high} "
    if low is not None:
        return f"at least {low} "
    return f"at most {high} " if high is not None else ""
