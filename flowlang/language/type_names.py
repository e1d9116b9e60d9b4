"""Type expressions turned into types: schemas found, bounds checked."""

from collections.abc import Mapping
from decimal import Decimal

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from . import ast, types
from .book import BUILT_IN_TYPES, Declared, FileBook, Here, Reports, tell_bad_name
from .names import name_mistake
from .types import Type, Unknown

UNKNOWN = Unknown()
_BUILT_IN: dict[str, Type] = {
    "text": types.TextType(),
    "number": types.NumberType(),
    "whole number": types.NumberType(whole=True),
    "yes/no": types.YesNoType(),
    "date": types.DateType(),
    "json": types.JsonType(),
    "document": types.DocumentType(),
    "image": types.MediaType("image"),
    "audio": types.MediaType("audio"),
    "table": types.TABLE,
    "secret text": types.SecretType(),
}
_ELSEWHERE = {
    "string": "text",
    "str": "text",
    "int": "whole number",
    "integer": "whole number",
    "float": "number",
    "decimal": "number",
    "bool": "yes/no",
    "boolean": "yes/no",
    "yesno": "yes/no",
    "list": "list of text",
    "array": "list of text",
    "object": "json",
    "dict": "json",
    "any": "json",
    "enum": "one of a, b",
    "file": "document",
    "pdf": "document",
    "csv": "table",
    "picture": "image",
    "photo": "image",
    "secret": "secret text",
    "datetime": "date",
}
MAX_DEPTH = 64  # of schemas in each other


class TypeNames:
    """Resolves the type expressions of one file. `imported` are the TypeNames of its imports, by alias."""

    def __init__(self, book: FileBook, reports: Reports, imported: "Mapping[str, TypeNames]") -> None:
        self._book = book
        self._reports = reports
        self._imported = imported
        self._schemas: dict[str, Type] = {}
        self._depths: dict[str, int] = {}
        self._deepest = 0  # of the schemas that the present one names
        self._resolving: list[str] = []

    def schema(self, name: str) -> Type | None:
        """The type that a schema's name stands for; None if there is no such schema."""
        declared = self._book.schemas.get(name)
        if declared is None:
            return None
        if name not in self._schemas:
            before, self._deepest = self._deepest, 0
            self._resolving.append(name)
            self._schemas[name] = self.of_schema(declared)
            self._resolving.pop()
            self._depths[name] = self._deepest + 1
            self._deepest = before
        return self._schemas[name]

    def of_schema(self, declared: Declared) -> Type:
        """The type of a schema's declaration; what is wrong with its fields is told."""
        section, here = declared.section, declared.here
        header = section.header
        assert isinstance(header, ast.Schema)
        if section.unclosed:
            return UNKNOWN
        if header.type is not None:
            if section.lines:
                message = f"`{header.name.text}` has its type in its first line, so it has no fields"
                self._reports.add(here, "syntax", message, section.lines[0].span)
            return self.resolve(header.type, here)
        fields: list[types.FieldType] = []
        known: dict[str, Span] = {}
        for line in section.lines:
            if not isinstance(line, ast.Field):
                continue
            name = line.name
            if (why := name_mistake(name.text)) is not None:
                tell_bad_name(name, why, here, self._reports)
                continue
            if name.text in known:
                message = f"`{header.name.text}` has a field called `{name.text}` already"
                self._reports.add(here, "duplicate-name", message, name.span)
                continue
            known[name.text] = name.span
            kind = UNKNOWN if line.type is None else self.resolve(line.type, here, answer=True)
            fields.append(types.FieldType(name.text, kind, line.description))
        if not fields and not section.broken:
            message = f"the schema `{header.name.text}` has no fields"
            hint = 'write one on each line below it, for example `reason: text "Why"`'
            self._reports.add(here, "missing-setting", message, header.name.span, hint)
            return UNKNOWN
        nameless = section.broken
        return types.RecordType(header.name.text, tuple(fields), open=nameless)

    def resolve(self, of: ast.TypeExpr, here: Here, answer: bool = False) -> Type:
        """The type that an expression stands for. `answer`: a model or tool gives it, so it can't be a file."""
        match of:
            case ast.OneOfType(choices):
                return self._one_of(choices, here)
            case ast.ListType(item, _, low, high):
                least, most = self._sizes(low, high, here)
                return types.ListOf(self.resolve(item, here, answer), least, most)
            case ast.OptionalType(item):
                inner = self.resolve(item, here, answer)
                return inner if isinstance(inner, types.Optional | Unknown) else types.Optional(inner)
            case ast.NamedType():
                return self._named(of, here, answer)

    def _one_of(self, choices: tuple[ast.Choice, ...], here: Here) -> Type:
        seen: dict[str, str] = {}
        for choice in choices:
            folded = choice.text.strip().casefold()
            if not folded:
                self._reports.add(here, "wrong-value", "a choice can't be empty", choice.span)
            elif folded in seen:
                message = f"`{choice.text}` is among the choices twice"
                hints = ("upper and lower case don't count",) if seen[folded] != choice.text else ()
                self._reports.add(here, "duplicate-name", message, choice.span, *hints)
            seen.setdefault(folded, choice.text)
        return types.ChoiceType(tuple(seen.values()))

    def _sizes(self, low: ast.Number | None, high: ast.Number | None, here: Here) -> tuple[int | None, int | None]:
        for number in (low, high):
            if number is not None and (number.value != number.value.to_integral_value() or number.value < 0):
                message = "the size of a list is a whole number, 0 or more"
                self._reports.add(here, "out-of-range", message, number.span)
                return None, None
        if not self._can_be_met(low, high, here):
            return None, None
        return (None if low is None else int(low.value)), (None if high is None else int(high.value))

    def _can_be_met(self, low: ast.Number | None, high: ast.Number | None, here: Here) -> bool:
        if low is not None and high is not None and low.value > high.value:
            message = f"nothing can be from {low.value} to {high.value}"
            hint = f"write `{high.value} to {low.value}`"
            self._reports.add(here, "out-of-range", message, Span(low.span.start, high.span.end), hint)
            return False
        return True

    def _named(self, of: ast.NamedType, here: Here, answer: bool) -> Type:
        name = of.name.text
        kind = _BUILT_IN.get(name)
        if kind is None:
            if of.low is not None or of.high is not None:
                bound = of.low or of.high
                assert bound is not None
                message = f"`{name}` takes no bounds; `text`, `number` and `whole number` do"
                self._reports.add(here, "wrong-type", message, bound.span)
            return self._schema_named(of.name, here)
        if answer and isinstance(kind, types.DocumentType | types.MediaType | types.SecretType):
            message = f"`{name}` is a type of inputs; an answer can't be {'an' if name[0] in 'aeiou' else 'a'} {name}"
            self._reports.add(here, "wrong-type", message, of.name.span, "write `text`, or another plain type")
            return UNKNOWN
        if answer and kind == types.TABLE:
            message = "`table` is a type of inputs; an answer is a `list of` a schema"
            self._reports.add(here, "wrong-type", message, of.name.span)
            return UNKNOWN
        if of.low is None and of.high is None:
            return kind
        if not self._can_be_met(of.low, of.high, here):
            return kind
        low = None if of.low is None else of.low.value
        high = None if of.high is None else of.high.value
        match kind:
            case types.NumberType(whole):
                return types.NumberType(whole, low, high)
            case types.TextType():
                for number in (of.low, of.high):
                    if number is not None and (number.value != number.value.to_integral_value() or number.value < 0):
                        message = "the bounds of a text count its characters: whole numbers, 0 or more"
                        self._reports.add(here, "out-of-range", message, number.span)
                        return kind
                return types.TextType(_whole(low), _whole(high))
        bound = of.low or of.high
        assert bound is not None
        message = f"`{name}` takes no bounds; `text`, `number` and `whole number` do"
        self._reports.add(here, "wrong-type", message, bound.span)
        return kind

    def _schema_named(self, name: ast.Name, here: Here) -> Type:
        alias, dot, rest = name.text.partition(".")
        if dot and alias in self._imported:
            found = self._imported[alias].schema(rest)
            if found is None:
                near = nearest(rest, list(self._imported[alias]._book.schemas))
                hints = (f"did you mean `{alias}.{near}`?",) if near else ()
                message = f"`{alias}` has no schema called `{rest}`"
                span = Span(name.span.start + len(alias) + 1, name.span.end)
                self._reports.add(here, "unknown-type", message, span, *hints)
                return UNKNOWN
            return found
        if dot and alias in self._book.imports:
            return UNKNOWN  # the file could not be read, which was told
        if name.text in self._resolving:
            around = [*self._resolving[self._resolving.index(name.text) :], name.text]
            message = "these schemas contain each other, so none could ever be filled in"
            self._reports.add(here, "cycle", message, name.span, " -> ".join(around))
            return UNKNOWN
        found = self.schema(name.text) if len(self._resolving) < MAX_DEPTH else UNKNOWN
        self._deepest = max(self._deepest, self._depths.get(name.text, 0))
        if found is UNKNOWN or self._deepest >= MAX_DEPTH:
            if self._deepest >= MAX_DEPTH or len(self._resolving) >= MAX_DEPTH:
                message = f"these schemas stand in each other, more than {MAX_DEPTH} deep"
                self._reports.add(here, "out-of-range", message, name.span, "make the records flatter")
            self._deepest = 0
            return UNKNOWN
        if found is not None:
            return found
        known = [*BUILT_IN_TYPES, *self._book.schemas, *(f"{a}." for a in self._imported)]
        better = _ELSEWHERE.get(name.text.casefold()) or self._reports.nearest(name.text, known)
        advice: str
        if better in self._book.schemas:
            declared = self._book.schemas[better]
            advice = f"did you mean `{better}`? {declared.told()}"
        elif better:
            advice = f"did you mean `{better}`?"
        else:
            advice = f"types are {', '.join(BUILT_IN_TYPES)}, one of, list of, optional, and schemas"
        self._reports.add(here, "unknown-type", f"there is no type or schema called `{name.text}`", name.span, advice)
        return UNKNOWN


def _whole(number: Decimal | None) -> int | None:
    return None if number is None else int(number)
