"""Which columns of its tables a flow reads, so that a file without one is told before anything runs.

A plain `table` has no declared columns; they are found by following its rows: through loops, lets that pick or order
them, the loops of texts, and the memory of the answers that were made from them. A column that the flow deals with
(`is empty`, `| default`) may be missing. What a row hands to another flow is not followed.
"""

from collections.abc import Mapping

from ..language import ast
from ..language.checked import CheckedFlow, CheckedStep
from ..language.types import TABLE
from ..record import record


@record
class _Row:
    """A row of the table that is an input."""

    table: str


@record
class _Answer:
    """An answer of a repeated step, and what stands for its loops' names."""

    memory: "Mapping[str, _Kind]"


@record
class _List:
    item: "_Kind"


_Kind = _Row | _Answer | _List | None

_KEEP = frozenset(("where", "sort by", "first", "last", "unique"))  # filters that leave the items as they are


def columns_read(flow: CheckedFlow) -> Mapping[str, tuple[str, ...]]:
    """For each input that is a table, the columns that must be there, in the order in which they are read."""
    tables = [one.name for one in flow.inputs.values() if one.type == TABLE]
    if not tables:
        return {}
    reading = _Reading(flow)
    reading.read_all()
    return {
        table: tuple(column for of, column in reading.found if of == table and (of, column) not in reading.dealt)
        for table in tables
    }


class _Reading:
    """The columns of one flow, as they are found."""

    def __init__(self, flow: CheckedFlow) -> None:
        self.flow = flow
        self.kinds: dict[str, _Kind] = {
            one.name: _List(_Row(one.name)) for one in flow.inputs.values() if one.type == TABLE
        }
        self.found: dict[tuple[str, str], None] = {}
        self.dealt: set[tuple[str, str]] = set()

    def read_all(self) -> None:
        flow = self.flow
        for step in flow.steps.values():
            self._step(step)
        for let in flow.lets.values():
            self._node(let.value, {})
        for output in flow.outputs:
            self._node(output.value, {})
        for condition in (expect.condition for expect in flow.limits.expects):
            self._node(condition, {})

    def _step(self, step: CheckedStep) -> None:
        local: dict[str, _Kind] = {}
        for loop in step.loops:
            self._node(loop.items, local)
            local[loop.name] = _item(self._kind(loop.items, local))
        nodes: list[ast.Condition] = [message.text for message in step.messages]
        nodes += [ensured.rule for ensured in step.ensures]
        nodes += [value for _, value in step.with_]
        nodes += [one for one in (step.when, step.until) if one is not None]
        for node in nodes:
            self._node(node, local)

    # ── What a name stands for ──

    def _name(self, name: str, local: Mapping[str, _Kind]) -> _Kind:
        if name in local:
            return local[name]
        if name not in self.kinds:
            self.kinds[name] = None  # a circle is a mistake, but never a hang
            if let := self.flow.lets.get(name):
                self.kinds[name] = self._kind(let.value, {})
            elif (step := self.flow.steps.get(name)) and step.loops:
                memory: dict[str, _Kind] = {}
                for loop in step.loops:
                    memory[loop.name] = _item(self._kind(loop.items, memory))
                self.kinds[name] = _List(_Answer(memory))
        return self.kinds[name]

    def _kind(self, value: ast.Condition, local: Mapping[str, _Kind]) -> _Kind:
        match value:
            case ast.Ref(parts=parts):
                kind = self._name(parts[0].text, local)
                for part in parts[1:]:
                    kind = kind.memory.get(part.text) if isinstance(kind, _Answer) else None
                return kind
            case ast.Piped(head=head, filters=filters):
                kind = self._kind(head, local)
                for call in filters:
                    kind = _after(call, kind)
                return kind
            case _:
                return None

    # ── What is read ──

    def _node(self, node: ast.Condition, local: Mapping[str, _Kind]) -> None:
        match node:
            case ast.Ref():
                self._see(self._column(node, local), dealt=False)
            case ast.Piped(head=head, filters=filters):
                self._piped(head, filters, local)
            case ast.Text(parts=parts):
                self._parts(parts, local)
            case ast.ListValue(items=items):
                for item in items:
                    self._node(item, local)
            case ast.AnyOf(parts=conditions) | ast.AllOf(parts=conditions):
                for condition in conditions:
                    self._node(condition, local)
            case ast.Not(inner=inner):
                self._node(inner, local)
            case ast.Compare(left=left, right=right):
                self._node(left, local)
                self._node(right, local)
            case ast.IsOneOf(left=left, options=options):
                self._node(left, local)
                for option in options:
                    self._node(option, local)
            case ast.IsEmpty(value=value):
                if isinstance(value, ast.Ref):
                    self._see(self._column(value, local), dealt=True)
                else:
                    self._node(value, local)
            case ast.Number() | ast.YesNo() | ast.FileText():
                pass

    def _piped(self, head: ast.Atom, filters: tuple[ast.FilterCall, ...], local: Mapping[str, _Kind]) -> None:
        if isinstance(head, ast.Ref) and any(call.name == "default" for call in filters):
            self._see(self._column(head, local), dealt=True)
        else:
            self._node(head, local)
        kind = self._kind(head, local)
        for call in filters:
            for argument in call.arguments:
                self._node(argument, local)
            item = _item(kind)
            if call.condition is not None:
                self._node(call.condition, {**local, **self._fields(item, call.condition, local)})
            if call.path is not None and call.path.parts[0].text != "it":
                self._see(_column_of(item, call.path), dealt=False)
            kind = _after(call, kind)

    def _fields(self, item: _Kind, condition: ast.Condition, local: Mapping[str, _Kind]) -> Mapping[str, _Kind]:
        """What words mean inside `where`: of an answer its memory; of a row its columns, unless the flow has it."""
        if isinstance(item, _Answer):
            return item.memory
        if isinstance(item, _Row):
            flow = self.flow
            for ref in _plain_refs(condition):
                name = ref.parts[0].text
                if not any(name in book for book in (flow.inputs, flow.steps, flow.lets, local, ("it",))):
                    self._see((item.table, name), dealt=False)
        return {}

    def _parts(self, parts: tuple[ast.Part, ...], local: Mapping[str, _Kind]) -> None:
        for part in parts:
            match part:
                case ast.Slot(value=value):
                    self._node(value, local)
                case ast.For(name=name, items=items, body=body):
                    self._node(items, local)
                    self._parts(body, {**local, name.text: _item(self._kind(items, local))})
                case ast.If(condition=condition, body=body, other=other):
                    self._node(condition, local)
                    self._parts(body, local)
                    self._parts(other, local)
                case _:
                    pass

    def _column(self, ref: ast.Ref, local: Mapping[str, _Kind]) -> tuple[str, str] | None:
        """The table and column that `row.column` reads."""
        kind = self._name(ref.parts[0].text, local)
        for part in ref.parts[1:]:
            if isinstance(kind, _Row):
                return kind.table, part.text
            kind = kind.memory.get(part.text) if isinstance(kind, _Answer) else None
        return None

    def _see(self, column: tuple[str, str] | None, dealt: bool) -> None:
        if column is not None and dealt:
            self.dealt.add(column)
        elif column is not None:
            self.found[column] = None


def _item(kind: _Kind) -> _Kind:
    return kind.item if isinstance(kind, _List) else None


def _after(call: ast.FilterCall, kind: _Kind) -> _Kind:
    """What a filter makes of it."""
    if call.name not in _KEEP:
        return None
    return _item(kind) if call.name in ("first", "last") and not call.arguments else kind


def _column_of(item: _Kind, path: ast.Ref) -> tuple[str, str] | None:
    """The column that `take path` or `sort by path` reads of an item."""
    for part in path.parts:
        if isinstance(item, _Row):
            return item.table, part.text
        item = item.memory.get(part.text) if isinstance(item, _Answer) else None
    return None


def _plain_refs(condition: ast.Condition) -> list[ast.Ref]:
    """The references that stand in a condition by themselves; one that is asked whether it is empty is left out."""
    match condition:
        case ast.Ref():
            return [condition]
        case ast.AnyOf(parts=parts) | ast.AllOf(parts=parts):
            return [ref for part in parts for ref in _plain_refs(part)]
        case ast.Not(inner=inner):
            return _plain_refs(inner)
        case ast.Compare(left=left, right=right):
            return [ref for side in (left, right) if isinstance(side, ast.Ref) for ref in (side,)]
        case ast.IsOneOf(left=left):
            return [left] if isinstance(left, ast.Ref) else []
        case _:
            return []
