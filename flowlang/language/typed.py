"""The types of values and conditions, and what is wrong with them.

A Typer reads an expression where it stands: it resolves every name, gives the type, and gives the expression back
complete, with choices as texts, snippets pasted in and files read. After a mistake the type is Unknown, which fits
everything, so that one slip is told once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..diagnostics.diagnostic import nearest
from ..diagnostics.source import Span
from . import ast, types
from .book import Declared, Here, Reports
from .filter_types import filter_type
from .loader import LoadedText
from .types import Type, Unknown, bare, spelled

Path = tuple[str, ...]  # `claim.page` as ("claim", "page"); inside `where`, of the item: ("it", "page")
Facts = frozenset[Path]  # what is known not to be empty
NO_FACTS: Facts = frozenset()
UNKNOWN = Unknown()


class Names(Protocol):
    """What a Typer asks of the flow it stands in."""

    reports: Reports

    def find(self, name: str) -> "tuple[Type, bool] | Snippet | None":
        """The type of an input, let or step and whether it counts as read; a snippet; or None."""

    def member(self, alias: str, name: str) -> "Snippet | None | bool":
        """The snippet of an imported file, None if it has none of that name, False if there is no such import."""

    def candidates(self) -> dict[str, Declared]:
        """Every declared name, for did-you-mean."""

    def is_swallowed(self, name: str) -> bool:
        """Whether a name's declaration is lost in a text that is never closed."""

    def text_of(self, file: ast.FileText, here: Here) -> LoadedText | None:
        """What `file "…"` reads, if it could be read."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A snippet's text, and where it stands; `here` for its own text, `text_here` for spans in a file it reads."""

    parts: tuple[ast.Part, ...]
    here: Here


@dataclass
class Typer:
    """Types the expressions of one declaration. `reads` collects the names it reads, with the first place of each."""

    names: Names
    here: Here
    locals: dict[str, Type] = field(default_factory=dict)
    reads: dict[str, tuple[Here, Span]] = field(default_factory=dict)
    facts: Facts = NO_FACTS
    item: Type | None = None
    lenient: bool = False  # in tests an optional need not be dealt with
    media: bool = False  # whether an image or audio may be filled in
    secrets: bool = False  # whether a secret may be filled in
    only: frozenset[str] | None = None  # the only names that may be used: what a tool takes
    used: set[str] = field(default_factory=set)  # of the locals
    _pasting: tuple[str, ...] = ()
    _field_used: bool = False

    # ── Reports ──

    def tell(self, rule: str, message: str, span: Span, *hints: str) -> None:
        """Reports a mistake at a span of the present section."""
        self.names.reports.add(self.here, rule, message, span, *hints)

    def warn(self, rule: str, message: str, span: Span, *hints: str) -> None:
        """Reports a warning."""
        self.names.reports.add(self.here, rule, message, span, *hints, severity="warning")

    @contextmanager
    def _knowing(self, facts: Facts) -> Iterator[None]:
        before, self.facts = self.facts, self.facts | facts
        yield
        self.facts = before

    # ── Values ──

    def value(self, value: ast.Value, dealt: bool = False, expected: Type | None = None) -> tuple[ast.Value, Type]:
        """The value, complete, and its type. `dealt`: what is empty is dealt with by whoever asks."""
        match value:
            case ast.Piped():
                return self._piped(value, dealt)
            case ast.Ref():
                return self.ref(value, dealt)
            case ast.Number(number):
                return value, types.NumberType(number == number.to_integral_value())
            case ast.YesNo():
                return value, types.YesNoType()
            case ast.ListValue():
                return self._list(value)
            case ast.FileText():
                return self._file(value)
            case ast.Text():
                return replace(value, parts=self.parts(value.parts)), types.TextType()

    def _list(self, value: ast.ListValue) -> tuple[ast.Value, Type]:
        items: list[ast.Atom] = []
        kinds: list[Type] = []
        for item in value.items:
            resolved, kind = self.value(item)
            items.append(resolved)  # type: ignore[arg-type]
            kinds.append(kind)
        first = kinds[0] if kinds else UNKNOWN
        for item, kind in zip(value.items, kinds, strict=True):
            if not _alike(first, kind):
                message = f"this list begins with {in_words(first)}, so {in_words(kind)} can't stand in it"
                self.tell("wrong-type", message, item.span)
                first = UNKNOWN
        if any(isinstance(bare(kind), types.TextType) for kind in kinds):
            first = types.TextType()
        return replace(value, items=tuple(items)), types.ListOf(first, None, None)

    def _file(self, value: ast.FileText) -> tuple[ast.Value, Type]:
        loaded = self.names.text_of(value, self.here)
        if loaded is None:
            return ast.Text((), value.span), types.TextType()
        before, self.here = self.here, Here(loaded.source, 0)
        parts = self.parts(loaded.parts)
        self.here = before
        return ast.Text(parts, value.span), types.TextType()

    def ref(self, ref: ast.Ref, dealt: bool = False) -> tuple[ast.Value, Type]:
        """A name with its fields. What may be empty and is not dealt with is a mistake."""
        first = ref.parts[0]
        name = first.text
        path: Path = (name,)
        rest = ref.parts[1:]
        if self.item is not None and (kind := self._item_field(name)) is not None:
            self._field_used = True
            path = ("it",) if name == "it" else ("it", name)
        elif name in self.locals:
            self.used.add(name)
            kind = self.locals[name]
        else:
            found = self._find(ref)
            if isinstance(found, Snippet):
                return self._paste(ref, found)
            if found is None:
                return ref, UNKNOWN
            kind = found
        return ref, self._walk(kind, path, first, rest, dealt)

    def _walk(self, kind: Type, path: Path, at: ast.Name, rest: tuple[ast.Name, ...], dealt: bool) -> Type:
        """The type behind a chain of fields."""
        while True:
            if isinstance(kind, types.Optional):
                if path in self.facts:
                    kind = kind.item
                elif rest or not dealt:
                    self._tell_maybe_empty(path, at)
                    kind = kind.item
            if not rest:
                return kind
            at, rest = rest[0], rest[1:]
            path = (*path, at.text)
            kind = self.field(kind, at, path)

    def _tell_maybe_empty(self, path: Path, at: ast.Name) -> None:
        if self.lenient:
            return
        shown = ".".join(path[1:] if path[0] == "it" and len(path) > 1 else path)
        what = "input" if len(path) == 1 else "field"
        self.tell(
            "maybe-empty",
            f"`{shown}` may be empty: it is an optional {what}",
            at.span,
            f"write `{shown} | default …`, or ask first: `{{{{ if {shown} is not empty }}}}`, `when {shown} is not empty`",
        )

    def field(self, kind: Type, at: ast.Name, path: Path = ()) -> Type:
        """The type of one field; what has no such field is told."""
        name = at.text
        inner, memory = kind, ()
        while isinstance(inner, types.Remembering | types.Optional):
            if isinstance(inner, types.Remembering):
                memory = (*memory, *inner.memory)
            inner = inner.item
        remembered = dict(memory)
        match inner:
            case types.Unknown() | types.JsonType():
                return inner
            case types.RecordType():
                found = inner.field(name) if not inner.open or name not in remembered else None
                if found is not None:
                    return found
                if name in remembered:
                    return remembered[name]
                known = [one.name for one in inner.fields] + list(remembered)
                self._tell_no_field(name, at, f"`{inner.name}`", known)
                return UNKNOWN
            case types.DocumentType() if name == "pages":
                return types.ListOf(types.TextType())
            case types.DocumentType() | types.MediaType() if name == "name":
                return types.TextType()
        if name in remembered:
            return remembered[name]
        if isinstance(inner, types.ListOf):
            owner = ".".join(path[:-1]) or "this"
            hint = f"take one item (`{{{{ for x in {owner} }}}}`, `repeat for each x in {owner}`), "
            hint += f"or the field of all: `{owner} | take {name}`"
            self.tell("wrong-type", f"`{owner}` is a list, so it has no `{name}` of its own", at.span, hint)
            return UNKNOWN
        known = list(remembered) + (["name", "pages"] if isinstance(inner, types.DocumentType) else [])
        owner = ".".join(path[:-1]) or "this"
        self._tell_no_field(name, at, f"`{owner}`, which is {in_words(inner)},", known)
        return UNKNOWN

    def _tell_no_field(self, name: str, at: ast.Name, owner: str, known: list[str]) -> None:
        near = nearest(name, known)
        hints = (f"did you mean `{near}`?",) if near else ()
        if not near and known:
            hints = (f"there is {', '.join(f'`{one}`' for one in known[:8])}",)
        self.tell("unknown-field", f"{owner} has no field `{name}`", at.span, *hints)

    def _item_field(self, name: str) -> Type | None:
        """The type of a field of the item in `where` and its like; None if the word is no field."""
        item = self.item
        assert item is not None
        if name == "it":
            return item
        inner: Type = item
        memory: dict[str, Type] = {}
        while isinstance(inner, types.Remembering | types.Optional):
            if isinstance(inner, types.Remembering):
                memory.update(inner.memory)
            inner = inner.item
        if isinstance(inner, types.RecordType):
            if any(one.name == name for one in inner.fields):
                return inner.field(name)
            if name in memory:
                return memory[name]
            if inner.open and not self._is_name(name):
                return types.JsonType()
            if inner.open:  # a column if the file has one, else the name: decided when the run starts
                self._field_used = True
                self._find(ast.Ref((ast.Name(name, Span(0, 0)),), Span(0, 0)))
                return types.JsonType()
            return None
        if isinstance(inner, types.JsonType | Unknown) and not self._is_name(name):
            return inner
        return memory.get(name)

    def _is_name(self, name: str) -> bool:
        return name in self.locals or self.names.find(name) is not None

    def _find(self, ref: ast.Ref) -> "Type | Snippet | None":
        """What a name stands for; what is not there is told."""
        first = ref.parts[0]
        name = first.text
        if self.only is not None and name not in self.only:
            self.names.find(name)
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
        found = self.names.find(name)
        if found is None:
            self._tell_unknown(first)
            return None
        if isinstance(found, Snippet):
            return found
        kind, counts = found
        if counts:
            self.reads.setdefault(name, (self.here, first.span))
        if isinstance(bare(kind), types.SecretType) and not self.secrets:
            hint = "a tool's `header` line may use it, and `with` may hand it to a `secret text` input"
            self.tell("wrong-type", f"`{name}` is a secret, and a secret is never part of a text", first.span, hint)
            return UNKNOWN
        return kind

    def _tell_unknown(self, name: ast.Name) -> None:
        if self.names.is_swallowed(name.text):
            return
        declared = self.names.candidates()
        if self.item is not None and isinstance(bare(self.item), types.RecordType):
            record = bare(self.item)
            assert isinstance(record, types.RecordType)
            fields = [one.name for one in record.fields]
            near = nearest(name.text, fields + list(declared) + list(self.locals))
            hints = (f"did you mean `{near}`?",) if near else (f"`{record.name}` has {_listed(fields)}",)
            message = f"`{record.name}` has no field `{name.text}`, and nothing else is called that"
            self.tell("unknown-field", message, name.span, *hints)
            return
        near = nearest(name.text, [*self.locals, *declared])
        hints = ()
        if near in self.locals:
            hints = (f"did you mean `{near}`?",)
        elif near is not None:
            hints = (f"did you mean `{near}`? {declared[near].told()}",)
        elif (line := _swallowed_at(name.text, self.here)) is not None:
            hints = (f"`step {name.text}` stands inside the text that opens on line {line}; close that text before it",)
        message = f"there is no input, step, let or snippet called `{name.text}`"
        self.tell("unknown-name", message, name.span, *hints)

    def _paste(self, ref: ast.Ref, snippet: Snippet) -> tuple[ast.Value, Type]:
        """A snippet's text as it reads here; what is filled in there is looked up here."""
        key = str(ref)
        if key in self._pasting:
            around = " -> ".join((*self._pasting[self._pasting.index(key) :], key))
            self.tell("cycle", "these snippets are pasted into each other", ref.span, around)
            return ast.Text((), ref.span), types.TextType()
        before = self.here, self._pasting, self.item
        self.here, self._pasting, self.item = snippet.here, (*self._pasting, key), None
        parts = self.parts(snippet.parts)
        self.here, self._pasting, self.item = before
        kind: Type = types.TextType()
        used = 1 if len(ref.parts) == 1 else 2
        if len(ref.parts) > used:
            self._tell_no_field(ref.parts[used].text, ref.parts[used], f"the snippet `{key}`", [])
            kind = UNKNOWN
        return ast.Text(parts, ref.span), kind

    # ── Filters ──

    def _piped(self, value: ast.Piped, dealt: bool) -> tuple[ast.Value, Type]:
        defaulted = value.filters[0].name == "default"
        head, kind = self.value(value.head, dealt or defaulted)
        calls: list[ast.FilterCall] = []
        for call in value.filters:
            resolved, kind = filter_type(self, call, kind)
            calls.append(resolved)
        return ast.Piped(head, tuple(calls), value.span), kind  # type: ignore[arg-type]

    def of_item(self, item: Type, condition: ast.Condition) -> tuple[ast.Condition, Type]:
        """A condition on each item of a list, and the item's type where it holds."""
        before = self.item, self._field_used, self.facts
        self.item = item
        self.facts = frozenset(path for path in self.facts if path[0] != "it")
        resolved, holding, _ = self.condition(condition)
        self.item, self._field_used, self.facts = before
        for path in holding:
            if path[0] == "it":
                item = narrowed(item, path[1:])
        return resolved, item

    def item_path(self, item: Type, path: ast.Ref) -> Type:
        """The type of a field of a list's items, as `take`, `sort by` and `group by` name it."""
        first = path.parts[0]
        before = self.item
        self.item = item
        if first.text == "it":
            kind: Type = item
        else:
            inner = bare(item)
            found = self._item_field(first.text)
            if found is None and isinstance(inner, types.RecordType | types.JsonType | Unknown):
                kind = self.field(item, first, ("it", first.text))
            elif found is None:
                kind = UNKNOWN
                message = f"the items are {in_words(inner)}, so they have no field `{first.text}`"
                self.tell("unknown-field", message, first.span, "`it` is the item itself")
            else:
                kind = found
        self.item = before
        start: Path = ("it",) if first.text == "it" else ("it", first.text)
        return self._walk(kind, start, first, path.parts[1:], False)

    # ── Conditions ──

    def condition(self, condition: ast.Condition) -> tuple[ast.Condition, Facts, Facts]:
        """The condition, complete; what is not empty where it holds, and what where it does not."""
        match condition:
            case ast.AllOf(parts):
                return self._several(condition, parts, True)
            case ast.AnyOf(parts):
                return self._several(condition, parts, False)
            case ast.Not(inner):
                resolved, holding, failing = self.condition(inner)
                return replace(condition, inner=resolved), failing, holding
            case ast.IsEmpty(value, negated):
                resolved_value, _ = self.value(value, dealt=True)
                facts: Facts = frozenset((self._path(value),)) - {()} if isinstance(value, ast.Ref) else NO_FACTS
                self._tell_no_use(condition.span, value)
                done = replace(condition, value=resolved_value)
                return (done, facts, NO_FACTS) if negated else (done, NO_FACTS, facts)
            case ast.Compare():
                return self._compare(condition), NO_FACTS, NO_FACTS
            case ast.IsOneOf():
                return self._is_one_of(condition), NO_FACTS, NO_FACTS
        used, self._field_used = self._field_used, False
        resolved_value, kind = self.value(condition)
        if not isinstance(bare(kind), types.YesNoType | types.JsonType | Unknown):
            shown = self._shown(condition)
            message = f"{shown} is {in_words(kind)}, not yes or no, so it is no condition by itself"
            self.tell("wrong-type", message, condition.span, "compare it: `… is …`, `… >= …`, `… is not empty`")
        elif self.item is not None and not self._field_used:
            self._tell_no_use(condition.span, condition)
        self._field_used = used or self._field_used
        return resolved_value, NO_FACTS, NO_FACTS

    def _several(
        self, condition: ast.AllOf | ast.AnyOf, parts: tuple[ast.Condition, ...], all_of: bool
    ) -> tuple[ast.Condition, Facts, Facts]:
        resolved: list[ast.Condition] = []
        summed: Facts = NO_FACTS  # of an `and`: what holds when all hold; of an `or`: when none does
        shared: Facts | None = None
        for part in parts:
            with self._knowing(summed):
                done, holding, failing = self.condition(part)
            resolved.append(done)
            summed |= holding if all_of else failing
            other = failing if all_of else holding
            shared = other if shared is None else shared & other
        done_all = replace(condition, parts=tuple(resolved))
        return (done_all, summed, shared or NO_FACTS) if all_of else (done_all, shared or NO_FACTS, summed)

    def _compare(self, condition: ast.Compare) -> ast.Compare:
        used, self._field_used = self._field_used, False
        left, left_kind = self.value(condition.left)
        right, right_kind = self.against(condition.right, left_kind)
        if self.item is not None and not self._field_used:
            self._tell_no_use(condition.span, condition.left)
        self._field_used = used or self._field_used
        self._check_comparable(condition, left_kind, right_kind)
        return replace(condition, left=left, right=right)

    def _is_one_of(self, condition: ast.IsOneOf) -> ast.IsOneOf:
        used, self._field_used = self._field_used, False
        left, left_kind = self.value(condition.left)
        options: list[ast.Atom] = []
        for option in condition.options:
            resolved, kind = self.against(option, left_kind)
            options.append(resolved)  # type: ignore[arg-type]
            if isinstance(bare(kind), types.ListOf) and not isinstance(bare(left_kind), types.ListOf):
                message = f"{self._shown(option)} is a list; `is one of` takes single values"
                self.tell("wrong-type", message, option.span, "write them out, with commas")
            else:
                self._check_equal(left_kind, kind, condition.left, option)
        if self.item is not None and not self._field_used:
            self._tell_no_use(condition.span, condition.left)
        self._field_used = used or self._field_used
        return replace(condition, left=left, options=tuple(options))

    def _tell_no_use(self, span: Span, left: ast.Value) -> None:
        """Inside `where`: a comparison that looks at nothing of the item."""
        if self.item is None or self._field_used or isinstance(left, ast.Ref) and self._is_unknown(left):
            return
        item = bare(self.item)
        fields = [one.name for one in item.fields] if isinstance(item, types.RecordType) else []
        hint = f"the items have {_listed(fields)}" if fields else "`it` is the item itself"
        self.tell("unknown-field", "this says nothing of the items: neither side is a field of theirs", left.span, hint)

    def _is_unknown(self, ref: ast.Ref) -> bool:
        name = ref.parts[0].text
        return not self._is_name(name) and self.names.member(name, "") is False

    def against(self, value: ast.Value, left: Type) -> tuple[ast.Value, Type]:
        """The right side of a comparison, where a bare word may be one of the left side's choices."""
        kind = bare(left)
        choices = kind.choices if isinstance(kind, types.ChoiceType) else ()
        if isinstance(value, ast.YesNo) and choices:
            word = "yes" if value.value else "no"
            if word in choices:
                return ast.Text((word,), value.span), types.ChoiceType((word,))
        if isinstance(value, ast.Ref) and len(value.parts) == 1:
            word = value.parts[0].text
            if (choice := _choice(word, choices)) is not None:
                return ast.Text((choice,), value.span), types.ChoiceType((choice,))
            item_has = self.item is not None and self._item_field(word) is not None
            if choices and not item_has and not self._is_name(word) and self.names.member(word, "") is False:
                self._tell_no_choice(word, choices, value.span)
                return value, UNKNOWN
            known = item_has or self._is_name(word) or self.names.member(word, "") is not False
            if isinstance(kind, types.TextType) and not known and not self.names.is_swallowed(word):
                near = nearest(word, [*self.locals, *self.names.candidates()])
                hint = f"a text stands in quotes: `\"{word}\"`"
                more = (f"did you mean `{near}`?",) if near else ()
                message = f"there is no input, step, let or snippet called `{word}`"
                self.tell("unknown-name", message, value.span, *more, hint)
                return value, UNKNOWN
        if isinstance(value, ast.Text) and choices and all(isinstance(part, str) for part in value.parts):
            text = "".join(part for part in value.parts if isinstance(part, str))
            choice = _choice(text, choices)
            if choice is None:
                self._tell_no_choice(text, choices, value.span)
                return value, UNKNOWN
            return value, types.ChoiceType((choice,))
        return self.value(value)

    def _tell_no_choice(self, word: str, choices: tuple[str, ...], span: Span) -> None:
        near = nearest(word, list(choices))
        hints = (f"did you mean `{near}`?",) if near else ()
        message = f"`{word}` is none of the choices {_listed(list(choices))}"
        self.tell("wrong-value", message, span, *hints)

    def _check_comparable(self, condition: ast.Compare, left: Type, right: Type) -> None:
        match condition.operator:
            case "is" | "is not":
                self._check_equal(left, right, condition.left, condition.right)
            case "<" | "<=" | ">" | ">=":
                self._check_ordered(condition, left, right)
            case "contains" | "does not contain":
                whole = bare(left)
                if isinstance(whole, types.ListOf):
                    self._check_equal(whole.item, right, condition.left, condition.right)
                else:
                    self._check_texts(condition, left, right)
            case _:
                self._check_texts(condition, left, right)

    def _check_equal(self, left: Type, right: Type, left_value: ast.Value, right_value: ast.Value) -> None:
        a, b = bare(left), bare(right)
        if _kind(a) == "date" and isinstance(right_value, ast.Text):
            self._check_date(right_value)
        elif _kind(b) == "date" and isinstance(left_value, ast.Text):
            self._check_date(left_value)
        elif isinstance(a, types.ChoiceType) and isinstance(b, types.ChoiceType):
            if not {_folded(c) for c in a.choices} & {_folded(c) for c in b.choices}:
                message = f"{self._shown(left_value)} and {self._shown(right_value)} have no choice in common"
                self.tell("wrong-value", message, right_value.span)
        elif not _equatable(a, b):
            message = f"{self._shown(left_value)} is {in_words(a)}, so it can't be compared with {in_words(b)}"
            self.tell("wrong-type", message, right_value.span, *_conversion(a, b, right_value))

    def _check_ordered(self, condition: ast.Compare, left: Type, right: Type) -> None:
        a, b = bare(left), bare(right)
        kinds = _kind(a), _kind(b)
        if "any" in kinds or kinds in (("number", "number"), ("date", "date")):
            return
        if kinds == ("date", "text") and isinstance(condition.right, ast.Text):
            return self._check_date(condition.right)
        if kinds == ("text", "date") and isinstance(condition.left, ast.Text):
            return self._check_date(condition.left)
        side, kind = (condition.left, a) if kinds[0] not in ("number", "date") else (condition.right, b)
        message = f"`{condition.operator}` compares numbers and dates; {self._shown(side)} is {in_words(kind)}"
        hints = (f"count it first: `({_source(side, self.here)} | count) {condition.operator} …`",)
        self.tell("wrong-type", message, side.span, *(hints if isinstance(kind, types.ListOf) else ()))
        return None

    def _check_texts(self, condition: ast.Compare, left: Type, right: Type) -> None:
        for value, kind in ((condition.left, bare(left)), (condition.right, bare(right))):
            if _kind(kind) not in ("text", "any"):
                message = f"`{condition.operator}` works on text; {self._shown(value)} is {in_words(kind)}"
                self.tell("wrong-type", message, value.span)
                return

    def _check_date(self, value: ast.Text) -> None:
        from datetime import date

        text = "".join(part for part in value.parts if isinstance(part, str))
        try:
            date.fromisoformat(text.strip())
        except ValueError:
            self.tell("wrong-value", f"`{text}` is no date", value.span, 'a date is written `"2026-03-11"`')

    def _path(self, ref: ast.Ref) -> Path:
        names = tuple(part.text for part in ref.parts)
        if self.item is not None and self._item_field(names[0]) is not None:
            return ("it",) if names == ("it",) else ("it", *(names[1:] if names[0] == "it" else names))
        return names

    def _shown(self, value: ast.Value) -> str:
        if isinstance(value, ast.Text):
            return "the text"
        return f"`{_source(value, self.here)}`"

    # ── Texts ──

    def parts(self, parts: tuple[ast.Part, ...]) -> tuple[ast.Part, ...]:
        """The parts of a text, complete."""
        if all(isinstance(part, str) for part in parts):
            return parts
        done: list[ast.Part] = []
        for index, part in enumerate(parts):
            match part:
                case ast.Slot(value):
                    resolved, kind = self.value(value)
                    self._check_slot(value, kind, parts, index)
                    if isinstance(resolved, ast.Text) and not isinstance(value, ast.Text):
                        done.extend(resolved.parts)  # a snippet, pasted
                    else:
                        done.append(replace(part, value=resolved))
                case ast.For():
                    done.append(self._for(part))
                case ast.If(condition, body, other):
                    resolved_condition, holding, failing = self.condition(condition)
                    with self._knowing(holding):
                        done_body = self.parts(body)
                    with self._knowing(failing):
                        done_other = self.parts(other)
                    done.append(replace(part, condition=resolved_condition, body=done_body, other=done_other))
                case _:
                    done.append(part)
        return tuple(done)

    def _for(self, part: ast.For) -> ast.For:
        items, kind = self.value(part.items)
        listed = bare(kind)
        item: Type = UNKNOWN
        if isinstance(listed, types.ListOf):
            item = listed.item
        elif not isinstance(listed, types.JsonType | Unknown):
            hint = "`{{ for … }}` goes through a list"
            self.tell("wrong-type", f"{self._shown(part.items)} is {in_words(listed)}, not a list", part.items.span, hint)
        elif isinstance(listed, types.JsonType):
            item = listed
        name = part.name
        if name.text in self.locals or name.text in self.names.candidates():
            message = f"`{name.text}` is taken: something else of this flow is called that"
            self.tell("duplicate-name", message, name.span, "give the loop's name another name")
        self.check_name(name)
        before = self.locals.get(name.text)
        self.locals[name.text] = item
        body = self.parts(part.body)
        if before is None:
            del self.locals[name.text]
        else:
            self.locals[name.text] = before
        return replace(part, items=items, body=body)

    def check_name(self, name: ast.Name) -> None:
        """Tells of a loop's or field's name that can't be one."""
        from .book import tell_bad_name
        from .names import name_mistake

        why = name_mistake(name.text)
        if why is not None:
            tell_bad_name(name, why, self.here, self.names.reports)

    def _check_slot(self, value: ast.Value, kind: Type, parts: tuple[ast.Part, ...], index: int) -> None:
        inner = bare(kind)
        if isinstance(inner, types.MediaType) and not self.media:
            message = f"{self._shown(value)} is {in_words(inner)}, which can stand in `prompt:` and `user:` only"
            self.tell("wrong-type", message, value.span)
        elif isinstance(inner, types.ListOf) and isinstance(bare(inner.item), types.MediaType) and not self.media:
            self.tell("wrong-type", f"{self._shown(value)} can stand in `prompt:` and `user:` only", value.span)
        elif isinstance(inner, types.ListOf) and not isinstance(bare(inner.item), types.MediaType):
            before = parts[index - 1] if index else ""
            after = parts[index + 1] if index + 1 < len(parts) else ""
            left = before.rpartition("\n")[2].strip() if isinstance(before, str) else ""
            right = after.partition("\n")[0].strip() if isinstance(after, str) else ""
            if any(c.isalpha() for c in left + right):
                hint = f'write it on a line of its own, or in one line: `| join ", "`'
                self.warn("list-in-line", f"{self._shown(value)} is a list, in the middle of a line", value.span, hint)


# ── Types, compared ──


def narrowed(kind: Type, path: Path) -> Type:
    """The type where the field at `path` is known not to be empty."""
    match kind:
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
            return replace(kind, fields=changed_fields)
    return kind


def fits(given: Type, wanted: Type) -> bool:
    """Whether a value of one type may stand where another is wanted."""
    a, b = bare(given), bare(wanted)
    if isinstance(a, types.JsonType | Unknown) or isinstance(b, types.JsonType | Unknown):
        return True
    if isinstance(a, types.ListOf) and isinstance(b, types.ListOf):
        return fits(a.item, b.item)
    if isinstance(a, types.RecordType) and isinstance(b, types.RecordType):
        return a.open or b.open or all(
            (found := a.field(one.name)) is not None and fits(found, one.type)
            for one in b.fields
            if not isinstance(one.type, types.Optional)
        )
    if isinstance(b, types.ChoiceType):
        return isinstance(a, types.ChoiceType) and bool(set(a.choices) & set(b.choices))
    if isinstance(b, types.SecretType) or isinstance(a, types.SecretType):
        return isinstance(a, types.SecretType | types.TextType) and isinstance(b, types.SecretType)
    if isinstance(a, types.MediaType) and isinstance(b, types.MediaType):
        return a.kind == b.kind
    return _kind(a) == _kind(b)


def _kind(kind: Type) -> str:
    """What a type is compared as; "any" fits everything."""
    match kind:
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
            return kind.kind
        case types.Optional() | types.Remembering():
            return _kind(kind.item)


def _equatable(a: Type, b: Type) -> bool:
    first, second = _kind(a), _kind(b)
    return "any" in (first, second) or first == second


def _alike(a: Type, b: Type) -> bool:
    first, second = bare(a), bare(b)
    if isinstance(first, types.ListOf) and isinstance(second, types.ListOf):
        return _alike(first.item, second.item)
    return _equatable(first, second)


def _choice(word: str, choices: tuple[str, ...]) -> str | None:
    """The choice that a word means: as declared, else without regard to case and outer spaces."""
    if word in choices:
        return word
    folded = _folded(word)
    return next((choice for choice in choices if _folded(choice) == folded), None)


def _folded(text: str) -> str:
    return text.strip().casefold()


def _conversion(a: Type, b: Type, value: ast.Value) -> tuple[str, ...]:
    if _kind(a) == "number" and isinstance(value, ast.Text):
        text = "".join(part for part in value.parts if isinstance(part, str))
        if text.strip().replace(".", "", 1).lstrip("-").isdigit():
            return (f"write the number without quotes: `{text.strip()}`",)
    if _kind(a) == "text" and isinstance(value, ast.Number):
        return (f'put it in quotes: `"{value.value}"`',)
    if _kind(a) == "yes/no":
        return ("compare it with `yes` or `no`",)
    if _kind(a) == "list":
        return ("compare its items: `| where it is …`, or its size: `| count`",)
    return ()


def in_words(kind: Type) -> str:
    """`a text`, `a list`, `one of a, b`: a type in a sentence."""
    inner = bare(kind)
    match inner:
        case types.ChoiceType():
            return spelled(inner)
        case types.ListOf():
            return "a list"
        case types.YesNoType():
            return "yes or no"
        case types.RecordType():
            return f"a record (`{inner.name}`)"
    word = spelled(types.TextType() if isinstance(inner, types.TextType) else inner)
    if isinstance(inner, types.NumberType):
        word = "number"
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _listed(words: list[str]) -> str:
    shown = ", ".join(f"`{word}`" for word in words[:12])
    return shown + (f" and {len(words) - 12} more" if len(words) > 12 else "")


def _source(value: ast.Value | ast.Condition, here: Here) -> str:
    text = here.source.text[here.start + value.span.start : here.start + value.span.end]
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:39] + "…"


def _swallowed_at(name: str, here: Here) -> int | None:
    """The line on which a text opens that seems to have swallowed `step NAME`; None if there is none."""
    import re

    text = here.source.text
    found = re.search(rf"^[^\S\n]*(?:step|let|input|snippet)[^\S\n]+{re.escape(name)}(?![\w-])", text, re.M)
    if found is None:
        return None
    opening = text.rfind('"""', 0, found.start())
    return None if opening < 0 else here.source.position(opening)[0]
