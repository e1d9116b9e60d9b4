"""What a name stands for at one place of a flow, with its fields; and what is wrong with it.

A Lookup knows the names that only this place has (items, what a tool takes), what is known not to be empty here, and
inside `where` the item whose fields go first. It collects what is read.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from ..pattern import pattern
from ..record import record
from . import ast, types
from .book import Declared, Here, Reports, tell_bad_name
from .loader import LoadedText
from .matching import Path, in_words, listed, unwrapped
from .names import name_mistake
from .types import Type, Unknown, bare

Facts = frozenset[Path]  # what is known not to be empty: ("claim", "page"); inside `where`, of the item: ("it", "page")
NO_FACTS: Facts = frozenset()
UNKNOWN = Unknown()


@record
class Snippet:
    """A snippet's text, and where it stands."""

    parts: tuple[ast.Part, ...]
    here: Here


class Names(Protocol):
    """What is asked of the flow around."""

    @property
    def reports(self) -> Reports: ...

    @property
    def flow_name(self) -> str:
        """The flow's name; empty for a main flow."""

    def find(self, name: str) -> tuple[Type, bool] | Snippet | None:
        """The type of an input, let or step and whether it counts as read; a snippet; or None."""

    def member(self, alias: str, name: str) -> Snippet | bool | None:
        """The snippet of an imported file, None if it has none of that name, False if there is no such import."""

    def declared(self, name: str) -> Declared | None:
        """The declaration of a name; None for no such name."""

    def candidates(self) -> dict[str, Declared]:
        """Every declared name, for did-you-mean."""

    def beside(self, name: str, here: Here) -> "Snippet | None":
        """The snippet of that name in the file where a pasted text stands."""

    def is_swallowed(self, name: str) -> bool:
        """Whether a name's declaration is lost in a text that is never closed."""

    def text_of(self, file: ast.FileText, here: Here) -> LoadedText | None:
        """What `file "…"` reads, if it could be read."""


class Typing(Protocol):
    """What filters and conditions ask of whoever types the values in them."""

    @property
    def look(self) -> "Lookup": ...

    def value(self, value: ast.Value, dealt: bool = False) -> tuple[ast.Value, Type]:
        """The value, complete, and its type. `dealt`: what is empty is dealt with by whoever asks."""


@dataclass
class Lookup:
    """Names at one place. `reads` has the names that were read, with the first place of each."""

    names: Names
    here: Here
    locals: dict[str, Type] = field(default_factory=dict)
    reads: dict[str, tuple[Here, Span]] = field(default_factory=dict)
    facts: Facts = NO_FACTS
    item: Type | None = None
    lenient: bool = False  # in tests an optional need not be dealt with
    secrets: bool = False  # whether a secret may be named
    only: frozenset[str] | None = None  # the only names that may be used: what a tool takes
    used: set[str] = field(default_factory=set)  # of the locals
    pasted: tuple[Here, Span] | None = None  # where the snippet is named whose text is looked at
    field_used: bool = False  # whether the present comparison in `where` looks at the item

    def tell(self, rule: str, message: str, span: Span, *hints: str) -> None:
        """Reports a mistake at a span of the present section."""
        self.names.reports.add(self.here, rule, message, span, *hints)

    def warn(self, rule: str, message: str, span: Span, *hints: str) -> None:
        """Reports a warning."""
        self.names.reports.add(self.here, rule, message, span, *hints, severity="warning")

    def shown(self, value: ast.Value | ast.Condition) -> str:
        """The value as it stands in the flow, in backticks."""
        return "the text" if isinstance(value, ast.Text) else f"`{self.source(value)}`"

    def source(self, value: ast.Value | ast.Condition) -> str:
        """The value as it stands in the flow, in one line."""
        text = self.here.source.text[self.here.start + value.span.start : self.here.start + value.span.end]
        text = " ".join(text.split())
        return text if len(text) <= 40 else text[:39] + "…"

    @contextmanager
    def knowing(self, facts: Facts) -> Iterator[None]:
        """Where these are known not to be empty."""
        before, self.facts = self.facts, self.facts | facts
        yield
        self.facts = before

    @contextmanager
    def within(self, item: Type | None) -> Iterator[None]:
        """Where the fields of this item go first; with None, where there is no item."""
        before = self.item, self.facts
        self.item, self.facts = item, frozenset(path for path in self.facts if path[0] != "it")
        yield
        self.item, self.facts = before

    # ── Names ──

    def ref(self, ref: ast.Ref, dealt: bool = False) -> Type | Snippet:
        """The type of a name with its fields, or the snippet. What may be empty and is not dealt with is a mistake."""
        first = ref.parts[0]
        name = first.text
        path: Path = (name,)
        if self.item is not None and (own := self.item_field(name)) is not None:
            self.field_used = True
            path, kind = (("it",) if name == "it" else ("it", name)), own
        elif name in self.locals:
            self.used.add(name)
            kind = self.locals[name]
        else:
            found = self._find(ref)
            if found is None or isinstance(found, Snippet):
                return found or UNKNOWN
            kind = found
        return self._walk(kind, path, first, ref.parts[1:], dealt)

    def path(self, ref: ast.Ref) -> Path:
        """The key under which it is known that this is not empty."""
        names = tuple(part.text for part in ref.parts)
        if self.item is not None and self.item_field(names[0]) is not None:
            return names if names[0] == "it" else ("it", *names)
        return names

    def knows(self, name: str) -> bool:
        """Whether anything at all is called that here."""
        return (
            name in self.locals
            or self.names.find(name) is not None
            or self.names.member(name, "") is not False
            or (self.item is not None and self.item_field(name) is not None)
        )

    def check_name(self, name: ast.Name) -> None:
        """Tells of a loop's name that can't be one."""
        if (why := name_mistake(name.text)) is not None:
            tell_bad_name(name, why, self.here, self.names.reports)

    def _find(self, ref: ast.Ref) -> Type | Snippet | None:
        """What a name of the flow stands for; what is not there is told."""
        first = ref.parts[0]
        name = first.text
        if self.only is not None and name not in self.only:
            other = self.names.find(name)
            if isinstance(other, tuple) and isinstance(bare(other[0]), types.SecretType):
                self._tell_secret(first)
                return None
            near = nearest(name, sorted(self.only))
            hints = [f"did you mean `{near}`?"] if near else []
            hints.append(f"add a line `takes {name}: text`")
            self.tell("unknown-name", f"this tool takes nothing called `{name}`", first.span, *hints[:2])
            return None
        member = self.names.member(name, ref.parts[1].text if len(ref.parts) > 1 else "")
        if member is not False:
            if isinstance(member, Snippet):
                return member
            if len(ref.parts) == 1:
                self.tell("wrong-type", f"`{name}` is an imported file, not a value", first.span)
            else:
                self.tell("unknown-name", f"`{name}` has no snippet called `{ref.parts[1].text}`", ref.parts[1].span)
            return None
        found = self.names.find(name) or self.names.beside(name, self.here)
        if found is None:
            self._tell_unknown(first)
            return None
        if isinstance(found, Snippet):
            return found
        kind, counts = found
        if counts:
            self.reads.setdefault(name, (self.here, first.span))
        if isinstance(bare(kind), types.SecretType) and not self.secrets:
            self._tell_secret(first)
            return UNKNOWN
        return kind

    def _tell_secret(self, name: ast.Name) -> None:
        hint = "a tool's `header` line may use it, and `with` may hand it to a `secret text` input"
        self.tell("wrong-type", f"`{name.text}` is a secret, and a secret is never part of a text", name.span, hint)

    def _tell_unknown(self, name: ast.Name) -> None:
        if self.names.is_swallowed(name.text):
            return
        declared = self.names.candidates()
        record = None if self.item is None else bare(self.item)
        if isinstance(record, types.RecordType):
            fields = [one.name for one in record.fields]
            near = self.names.reports.nearest(name.text, [*fields, *declared, *self.locals])
            hint = f"did you mean `{near}`?" if near else f"`{record.name}` has {listed(fields)}"
            message = f"`{record.name}` has no field `{name.text}`, and nothing else is called that"
            self.tell("unknown-field", message, name.span, hint)
            return
        near = self.names.reports.nearest(name.text, [*self.locals, *declared])
        hints: tuple[str, ...] = ()
        if near in self.locals:
            hints = (f"did you mean `{near}`?",)
        elif near is not None:
            hints = (f"did you mean `{near}`? {declared[near].told()}",)
        elif self.names.reports.may_look(len(self.here.source.text) // 50) and (
            (swallowed := _swallowed_at(name.text, self.here)) is not None
        ):
            header, line = swallowed
            hints = (f"`{header}` stands inside the text that opens on line {line}; close that text before it",)
        if self.pasted is not None:
            hints = (*hints, _pasted_at(self.names.flow_name, *self.pasted))
        self.tell("unknown-name", no_such_name(name.text), name.span, *hints)

    # ── Fields ──

    def _walk(self, kind: Type, path: Path, at: ast.Name, rest: tuple[ast.Name, ...], dealt: bool) -> Type:
        """The type behind a chain of fields; optional if any of them is, and whoever asks deals with it."""
        optional = False
        while True:
            if isinstance(kind, types.Optional):
                if path not in self.facts:
                    if dealt:
                        optional = True
                    else:
                        self.tell_maybe_empty(path, at.span)
                kind = kind.item
            if not rest:
                return types.Optional(kind) if optional else kind
            at, rest = rest[0], rest[1:]
            path = (*path, at.text)
            kind = self.field(kind, at, path)

    def tell_maybe_empty(self, path: Path, span: Span) -> None:
        """Tells that an optional is named and not dealt with."""
        if self.lenient:
            return
        shown = ".".join(path[1:] if path[0] == "it" and len(path) > 1 else path)
        what = "input" if len(path) == 1 else "field"
        ask = f"`{{{{ if {shown} is not empty }}}}`, `when {shown} is not empty`"
        if path[0] == "it":
            ask = f"`| where {shown} is not empty`"
        hint = f"write `{shown} | default …`, or ask first: {ask}"
        self.tell("maybe-empty", f"`{shown}` may be empty: it is an optional {what}", span, hint)

    def field(self, kind: Type, at: ast.Name, path: Path = ()) -> Type:
        """The type of one field; what has no such field is told."""
        name = at.text
        inner, memory = unwrapped(kind)
        owner = ".".join(path[1:-1] if path[:1] == ("it",) and len(path) > 2 else path[:-1]) or "this"
        match inner:
            case types.Unknown() | types.JsonType():
                return memory.get(name, inner)
            case types.RecordType():
                found = inner.field(name) if not inner.open or name not in memory else None
                if found is None and name not in memory:
                    known = [one.name for one in inner.fields] + list(memory)
                    self._tell_no_field(name, at, f"`{inner.name}`", known)
                return found or memory.get(name, UNKNOWN)
            case types.DocumentType() if name == "pages":
                return types.ListOf(types.TextType())
            case types.DocumentType() | types.MediaType() if name == "name":
                return types.TextType()
        if name in memory:
            return memory[name]
        if isinstance(inner, types.ListOf):
            hint = f"take one item (`{{{{ for x in {owner} }}}}`, `repeat for each x in {owner}`), "
            hint += f"or the field of all: `{owner} | take {name}`"
            self.tell("wrong-type", f"`{owner}` is a list, so it has no `{name}` of its own", at.span, hint)
            return UNKNOWN
        known = list(memory) + (["name", "pages"] if isinstance(inner, types.DocumentType) else [])
        self._tell_no_field(name, at, f"`{owner}`, which is {in_words(inner)},", known)
        return UNKNOWN

    def tell_no_field_of_snippet(self, at: ast.Name, snippet: str) -> None:
        """Tells that a snippet is a text."""
        self._tell_no_field(at.text, at, f"the snippet `{snippet}`", [])

    def _tell_no_field(self, name: str, at: ast.Name, owner: str, known: list[str]) -> None:
        near = self.names.reports.nearest(name, known)
        hints = (f"did you mean `{near}`?",) if near else ()
        if not near and known:
            hints = (f"there is {', '.join(f'`{one}`' for one in known[:8])}",)
        self.tell("unknown-field", f"{owner} has no field `{name}`", at.span, *hints)

    def item_field(self, name: str) -> Type | None:
        """The type of a field of the item in `where` and its like; None if the word is no field."""
        item = self.item
        assert item is not None
        if name == "it":
            return item
        inner, memory = unwrapped(item)
        if isinstance(inner, types.RecordType):
            if any(one.name == name for one in inner.fields):
                return inner.field(name)
            if name in memory:
                return memory[name]
            if inner.open and self._is_name(name):
                # A column if the file has one, else the name: decided when the run starts. What is being declared
                # here can't be meant.
                self.field_used = True
                declared = self.names.declared(name)
                if name not in self.locals and (declared is None or declared.here != self.here):
                    self._find(ast.Ref((ast.Name(name, Span(0, 0)),), Span(0, 0)))
            return types.JsonType() if inner.open else None
        if isinstance(inner, Unknown):
            self.field_used = True  # why nothing is known of it was told where that began
            return memory.get(name, inner)
        if isinstance(inner, types.JsonType) and not self._is_name(name):
            return memory.get(name, inner)
        return memory.get(name)

    def _is_name(self, name: str) -> bool:
        return name in self.locals or self.names.find(name) is not None

    def item_path(self, item: Type, path: ast.Ref) -> Type:
        """The type of a field of a list's items, as `take`, `sort by` and `group by` name it."""
        first = path.parts[0]
        with self.within(item):
            found = self._field_of_item(item, first)
            start: Path = ("it",) if first.text == "it" else ("it", first.text)
            return self._walk(found, start, first, path.parts[1:], False)

    def _field_of_item(self, item: Type, first: ast.Name) -> Type:
        if first.text == "it":
            return item
        inner, memory = unwrapped(item)
        if isinstance(inner, types.RecordType | types.JsonType | Unknown) or first.text in memory:
            return self.field(item, first, ("it", first.text))
        message = f"the items are {in_words(inner)}, so they have no field `{first.text}`"
        if isinstance(inner, types.DocumentType | types.MediaType) and first.text in ("name", "pages"):
            return self.field(item, first, ("it", first.text))
        self.tell("unknown-field", message, first.span, "`it` is the item itself")
        return UNKNOWN


def no_such_name(name: str) -> str:
    """What is said of a name that nothing has."""
    return f"there is no input, step, let or snippet called `{name}`"


_FENCE = pattern(r'("{3,})[^\S\n]*(?:verbatim)?[^\S\n]*(?:#.*)?$')


def _swallowed_at(name: str, here: Here) -> tuple[str, int] | None:
    """The header of that name that stands in a text, and the line on which the text opens; None if there is none."""
    header = re.compile(rf"(?:step|let|input|snippet)[^\S\n]+{re.escape(name)}(?![\w-])")
    fence, opened = "", 0
    for number, line in enumerate(here.source.text.split("\n"), 1):
        words = line.strip()
        if not fence:
            found = _FENCE.search(line)
            fence, opened = (found.group(1), number) if found is not None else ("", 0)
        elif words.partition("#")[0].rstrip() == fence:
            fence = ""
        elif (swallowed := header.match(words)) is not None:
            return " ".join(swallowed.group().split()), opened
    return None


def _pasted_at(flow: str, here: Here, span: Span) -> str:
    """Where the snippet is used that a name stands in."""
    line, _ = here.source.position(here.start + span.start)
    whose = f"flow `{flow}`" if flow else "the flow"
    return f"the names in a snippet are those of {whose} that uses it, on line {line} of {here.source.path}"


def refs_in(parts: tuple[ast.Part, ...]) -> Iterator[ast.Ref]:
    """Every name that a text fills in, goes through or asks about, as it is written."""
    for part in parts:
        match part:
            case ast.Slot(value):
                yield from refs_of(value)
            case ast.For(items=items, body=body):
                yield from refs_of(items)
                yield from refs_in(body)
            case ast.If(condition, body, other):
                yield from refs_of(condition)
                yield from refs_in(body)
                yield from refs_in(other)


def refs_of(node: ast.Condition) -> Iterator[ast.Ref]:
    """Every name in a value or condition, as it is written; those of items included."""
    match node:
        case ast.Ref():
            yield node
        case ast.Text(parts):
            yield from refs_in(parts)
        case ast.ListValue(items):
            for item in items:
                yield from refs_of(item)
        case ast.Piped(head, filters):
            yield from refs_of(head)
            for call in filters:
                if call.condition is not None:
                    yield from refs_of(call.condition)
                for argument in call.arguments:
                    yield from refs_of(argument)
        case ast.AllOf(parts) | ast.AnyOf(parts):
            for part in parts:
                yield from refs_of(part)
        case ast.Not(inner):
            yield from refs_of(inner)
        case ast.Compare(left=left, right=right):
            yield from refs_of(left)
            yield from refs_of(right)
        case ast.IsOneOf(left=left, options=options):
            for one in (left, *options):
                yield from refs_of(one)
        case ast.IsEmpty(value=value):
            yield from refs_of(value)
