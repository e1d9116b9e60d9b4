"""The types of values in a flow that is checked already: nothing is looked up twice, and nobody is told of anything."""

from collections.abc import Mapping

from . import ast, types
from .checked import CheckedFlow
from .types import Type, bare

_KEEP_ITEMS = ("where", "sort by", "unique", "flatten", "default")
_NUMBERS = ("count", "sum", "average", "smallest", "largest", "share", "round", "plus", "minus", "times", "divided by")
UNKNOWN = types.Unknown()


def type_of(value: ast.Value, flow: CheckedFlow, names: Mapping[str, Type]) -> Type:
    """The type of a value; `names` are those of loops, by their items' types. Unknown where only a check would tell."""
    match value:
        case ast.Ref():
            return _type_of_ref(value, flow, names)
        case ast.Piped():
            return _piped(value, flow, names)
        case ast.Number():
            return types.NumberType()
        case ast.YesNo():
            return types.YesNoType()
        case ast.Text() | ast.FileText():
            return types.TextType()
        case ast.ListValue(items=items):
            return types.ListOf(type_of(items[0], flow, names) if items else UNKNOWN, len(items), len(items))


def item_of(of: Type) -> Type:
    """The type of a list's items; Unknown if it is no list."""
    listed = bare(of)
    return listed.item if isinstance(listed, types.ListOf) else UNKNOWN


def _type_of_ref(ref: ast.Ref, flow: CheckedFlow, names: Mapping[str, Type]) -> Type:
    name = ref.parts[0].text
    found: Type = UNKNOWN
    if name in names:
        found = names[name]
    elif name in flow.inputs:
        found = flow.inputs[name].type
    elif (node := flow.lets.get(name) or flow.steps.get(name)) is not None:
        found = node.type
    for part in ref.parts[1:]:
        if isinstance(found, types.Remembering) and part.text in dict(found.memory):
            found = dict(found.memory)[part.text]
            continue
        found = bare(found)
        field = found.field(part.text) if isinstance(found, types.RecordType) else None
        if isinstance(found, types.MediaType | types.DocumentType) and part.text == "name":
            field = types.TextType()
        found = field or UNKNOWN
    return found


def _piped(value: ast.Piped, flow: CheckedFlow, names: Mapping[str, Type]) -> Type:
    found = type_of(value.head, flow, names)
    for call in value.filters:
        listed = bare(found)
        if call.name in _NUMBERS:
            found = types.NumberType()
        elif call.name in ("first", "last"):
            found = types.ListOf(item_of(listed)) if call.arguments else item_of(listed)
        elif call.name not in _KEEP_ITEMS:
            found = UNKNOWN
    return found
