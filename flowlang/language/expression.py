"""What values and conditions come to, once the names have values.

Empty is told upwards as EMPTY. A reference to what never came about is EMPTY, and so is everything that reads it:
a filter, a list, a text that fills it in. `| default other` ends that, and reads `other` only if it has to.

A condition has three outcomes: it holds, it does not, or it hangs on something empty (None). A comparison with
EMPTY on either side is None, also `is not` and `does not contain`; `not` leaves None as it is; one False decides an
`and`, one True an `or`, and what stands behind the decision is not read. `is empty` and `is not empty` always know.
To run a step, pick an item or pass a test, a condition must hold: None does not.
"""

import operator
from collections.abc import Callable, Mapping

from ..record import record
from . import ast, comparing, filters
from .reading import read_yes_no
from .template import render
from .unsettled import Unsettled, Untold
from .values import EMPTY, Remembered, Value, ValueMistake, bare, field_of, has_field, kind_of

_SIZES: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@record
class Scope:
    """The names that can be read, and inside `where`, `share` and `sort by` the item, whose fields go first."""

    names: Mapping[str, Value]
    item: Value | None = None

    def value(self, of: ast.Value) -> Value:
        """See evaluate()."""
        return _read(of, self) if isinstance(of, ast.Ref) else evaluate(of, self)

    def truth(self, of: ast.Condition) -> bool | None:
        """See truth()."""
        return truth(of, self)

    def blame(self, node: ast.Condition) -> tuple[ast.Condition, ...]:
        """See blame()."""
        return blame(node, self)

    def opened(self) -> "tuple[Scope, dict[str, Value]]":
        """A scope of its own for the body of a `{{ for }}`, and the names in it."""
        names = dict(self.names)
        return Scope(names, self.item), names


def evaluate(value: ast.Value, scope: Scope) -> Value:
    """The value, with its memory if it is one item; EMPTY if it reads something empty without dealing with it.

    Raises ValueMistake for what does not fit, which after checking can only be in `json` and tables.
    """
    match value:
        case ast.Ref():
            return _read(value, scope)
        case ast.Piped():
            return _piped(value, scope)
        case ast.Text(parts=()):
            return ""
        case ast.Text(parts=(str() as only,)):
            return only
        case ast.Text():
            rendered = render(value.parts, scope)
            return EMPTY if rendered.empties else rendered.text
        case ast.Number() | ast.YesNo():
            return value.value
        case ast.ListValue():
            items = tuple([evaluate(item, scope) for item in value.items])
            return EMPTY if any(bare(item) is EMPTY for item in items) else items
        case ast.FileText():
            raise TypeError(f"the text of {value.path} was never read")


def holds(condition: ast.Condition, scope: Scope) -> bool:
    """Whether the condition holds; one that hangs on something empty does not."""
    return truth(condition, scope) is True


def truth(condition: ast.Condition, scope: Scope) -> bool | None:
    """Whether the condition holds, or None if that hangs on something empty."""
    match condition:
        case ast.AnyOf():
            outcome: bool | None = False
            for part in condition.parts:
                one = truth(part, scope)
                if one:
                    return True
                outcome = None if one is None else outcome
            return outcome
        case ast.AllOf():
            outcome = True
            for part in condition.parts:
                one = truth(part, scope)
                if one is False:
                    return False
                outcome = None if one is None else outcome
            return outcome
        case ast.Not():
            one = truth(condition.inner, scope)
            return None if one is None else not one
        case ast.Compare():
            return _compare(condition, scope)
        case ast.IsOneOf():
            return _is_one_of(condition, scope)
        case ast.IsEmpty():
            return comparing.is_empty(evaluate(condition.value, scope)) is not condition.negated
        case _:
            return _yes_no(evaluate(condition, scope))


def blame(node: ast.Condition, scope: Scope) -> tuple[ast.Condition, ...]:
    """What made a value or condition empty: the references in it that are EMPTY, or else the node itself.

    `(list | first)` of an empty list is to blame itself. Items are not looked into: nothing is EMPTY for all of them.
    """
    return tuple(dict.fromkeys(_empty_in(node, scope))) or (node,)


def _empty_in(node: ast.Condition, scope: Scope) -> list[ast.Condition]:
    match node:
        case ast.Ref():
            return [node] if bare(evaluate(node, scope)) is EMPTY else []
        case ast.Piped():
            found = _empty_in(node.head, scope)
            for call in node.filters:
                for argument in call.arguments:
                    found += _empty_in(argument, scope)
            return found
        case ast.ListValue():
            return [found for item in node.items for found in _empty_in(item, scope)]
        case ast.Text():
            return list(render(node.parts, scope).empties)
        case ast.AnyOf() | ast.AllOf():
            return [found for part in node.parts for found in _empty_in(part, scope)]
        case ast.Not():
            return _empty_in(node.inner, scope)
        case ast.Compare():
            return _empty_in(node.left, scope) + _empty_in(node.right, scope)
        case ast.IsOneOf():
            return _empty_in(node.left, scope) + [found for one in node.options for found in _empty_in(one, scope)]
        case ast.IsEmpty() | ast.Number() | ast.YesNo() | ast.FileText():
            return []


def _read(ref: ast.Ref, scope: Scope) -> Value:
    first = ref.parts[0].text
    item = scope.item
    if item is None:
        value = scope.names[first]
    elif first == "it":
        value = item
    elif has_field(item, first):
        value = field_of(item, first)
    else:
        # A name of the flow; else a field that this record, of `json` or a table, happens not to have.
        value = scope.names.get(first, EMPTY)
    for part in ref.parts[1:]:
        value = field_of(value, part.text)
    return _told(value)


def _told(value: Value) -> Value:
    """The value. Raises Untold if nobody knows it yet."""
    inner = bare(value) if type(value) is Remembered else value
    if type(inner) is Unsettled:
        raise Untold(inner)
    return value


def _piped(piped: ast.Piped, scope: Scope) -> Value:
    value = evaluate(piped.head, scope)
    for call in piped.filters:
        if bare(value) is EMPTY:
            if call.name == "default":
                value = evaluate(call.arguments[0], scope)
            continue
        if call.name == "default":
            continue
        arguments = tuple([evaluate(argument, scope) for argument in call.arguments])
        if any(bare(argument) is EMPTY for argument in arguments):
            value = EMPTY
            continue
        value = filters.apply(call.name, value, _call(call, arguments, scope))
    return value


def _call(call: ast.FilterCall, arguments: tuple[Value, ...], scope: Scope) -> filters.Call:
    condition, path = call.condition, call.path
    if condition is not None:
        return filters.Call(arguments, holds=lambda item: holds(condition, Scope(scope.names, item)))
    if path is None:
        return filters.Call(arguments)
    if call.name == "sort by":
        return filters.Call(
            pick=lambda item: _read(path, Scope(scope.names, item)),
            largest_first=call.largest_first,
            choices=call.choices,
            by_size=call.by_size,
        )
    return filters.Call(pick=lambda item: _picked(item, path))


def _picked(item: Value, path: ast.Ref) -> Value:
    """The field of an item, and of nothing else: `take` and `group by` know no names of the flow."""
    for place, part in enumerate(path.parts):
        if place or part.text != "it":
            item = field_of(item, part.text)
    return _told(item)


def _compare(condition: ast.Compare, scope: Scope) -> bool | None:
    left = evaluate(condition.left, scope)
    right = evaluate(condition.right, scope)
    if bare(left) is EMPTY or bare(right) is EMPTY:
        return None
    match condition.operator:
        case "is":
            return comparing.same(left, right)
        case "is not":
            return not comparing.same(left, right)
        case "<" | "<=" | ">" | ">=" as sign:
            side = comparing.compared(left, right)
            return None if side is None else _SIZES[sign](side, 0)
        case "contains":
            return comparing.contains(left, right)
        case "does not contain":
            return not comparing.contains(left, right)
        case "starts with":
            return comparing.starts_with(left, right)
        case "ends with":
            return comparing.ends_with(left, right)
    raise AssertionError(f"there is no comparison {condition.operator}")


def _is_one_of(condition: ast.IsOneOf, scope: Scope) -> bool | None:
    left = evaluate(condition.left, scope)
    if bare(left) is EMPTY:
        return None
    found: bool | None = False
    for option in condition.options:
        value = evaluate(option, scope)
        if bare(value) is EMPTY:
            found = None
        elif comparing.same(left, value):
            return not condition.negated
    return None if found is None else condition.negated


def _yes_no(value: Value) -> bool | None:
    """A value that stands alone as a condition; a text may spell it, as a table's cells do."""
    value = bare(value)
    if isinstance(value, bool):
        return value
    if value is EMPTY:
        return None
    answer = read_yes_no(value) if isinstance(value, str) else None
    if answer is None:
        raise ValueMistake(f"a condition needs yes or no, and this is {kind_of(value)}")
    return answer
