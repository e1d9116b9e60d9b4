"""The types of values and texts, and what is wrong with them.

A Typer reads an expression where it stands: it resolves every name (lookup.py), gives the type, and gives the
expression back complete, with choices as texts, snippets pasted in and files read. Filters and conditions have
modules of their own. After a mistake the type is Unknown, which fits everything, so that one slip is told once.
"""

from dataclasses import dataclass, replace

from ..diagnostics.source import Span
from . import ast, types
from .book import Here
from .condition_types import Typed, type_condition
from .filter_types import filter_type
from .lookup import UNKNOWN, Lookup, Names, Snippet
from .matching import alike, in_words
from .types import Type, Unknown, bare

_TEXT = types.TextType()
_MOST_DEEP = 32  # snippets in snippets
_MOST_PASTES = 1000  # in one declaration, the snippets of snippets included


@dataclass
class Typer:
    """Types the expressions of one declaration."""

    look: Lookup
    media: bool = False  # whether an image or audio may be filled in
    prose: bool = True  # whether a list in the middle of a line reads oddly
    word: bool = False  # whether a value is one word of a command
    verbatim: bool = False  # whether the text of a file is taken as it stands, as in inputs and tests
    _pasting: tuple[str, ...] = ()
    _pastes: int = 0

    @classmethod
    def at(cls, names: Names, here: Here, locals: dict[str, Type] | None = None, lenient: bool = False) -> "Typer":
        """A Typer for what stands there. `locals` are names that only that place has."""
        return cls(Lookup(names, here, locals if locals is not None else {}, lenient=lenient))

    def tell(self, rule: str, message: str, span: Span, *hints: str) -> None:
        """Reports a mistake at a span of the present section."""
        self.look.tell(rule, message, span, *hints)

    # ── Values ──

    def value(self, value: ast.Value, dealt: bool = False) -> tuple[ast.Value, Type]:
        """The value, complete, and its type. `dealt`: what is empty is dealt with by whoever asks."""
        match value:
            case ast.Piped():
                return self._piped(value, dealt)
            case ast.Ref():
                found = self.look.ref(value, dealt)
                return self._paste(value, found) if isinstance(found, Snippet) else (value, found)
            case ast.Number(number):
                return value, types.NumberType(number == number.to_integral_value())
            case ast.YesNo():
                return value, types.YesNoType()
            case ast.ListValue():
                return self._list(value)
            case ast.FileText():
                return self._file(value), _TEXT
            case ast.Text():
                return replace(value, parts=self.parts(value.parts)), _TEXT

    def text(self, text: ast.Text | ast.FileText) -> ast.Text:
        """The text, complete."""
        resolved, _ = self.value(text)
        assert isinstance(resolved, ast.Text)
        return resolved

    def condition(self, condition: ast.Condition) -> Typed:
        """The condition, complete; what is not empty where it holds, and what where it does not."""
        return type_condition(self, condition)

    def _piped(self, value: ast.Piped, dealt: bool) -> tuple[ast.Value, Type]:
        last_default = max((i for i, call in enumerate(value.filters) if call.name == "default"), default=-1)
        head, kind = self.value(value.head, dealt or last_default >= 0)
        calls: list[ast.FilterCall] = []
        for index, call in enumerate(value.filters):
            resolved, kind = filter_type(self, call, kind, dealt or index < last_default)
            calls.append(resolved)
        return ast.Piped(head, tuple(calls), value.span), kind  # type: ignore[arg-type]

    def _list(self, value: ast.ListValue) -> tuple[ast.Value, Type]:
        items: list[ast.Atom] = []
        kinds: list[Type] = []
        for item in value.items:
            resolved, kind = self.value(item)
            items.append(resolved)  # type: ignore[arg-type]
            kinds.append(kind)
        first = kinds[0] if kinds else UNKNOWN
        for item, kind in zip(value.items, kinds, strict=True):
            if not alike(first, kind):
                message = f"this list begins with {in_words(first)}, so {in_words(kind)} can't stand in it"
                self.tell("wrong-type", message, item.span)
                first = UNKNOWN
        if any(isinstance(bare(kind), types.TextType) for kind in kinds) and not isinstance(first, Unknown):
            first = _TEXT
        return replace(value, items=tuple(items)), types.ListOf(first, None, None)

    def _file(self, value: ast.FileText) -> ast.Text:
        loaded = self.look.names.text_of(value, self.look.here)
        if loaded is None:
            return ast.Text((), value.span)
        if self.verbatim or loaded.parts is None:
            return ast.Text((loaded.words,) if loaded.words else (), value.span)
        before, self.look.here = self.look.here, Here(loaded.source, 0)
        parts = self.parts(loaded.parts)
        self.look.here = before
        return ast.Text(parts, value.span)

    def _paste(self, ref: ast.Ref, snippet: Snippet) -> tuple[ast.Value, Type]:
        """A snippet's text as it reads here; what is filled in there is looked up here."""
        used = 1 if len(ref.parts) == 1 or self._is_snippet(ref.parts[0].text) else 2
        key = ".".join(part.text for part in ref.parts[:used])
        if len(ref.parts) > used:
            self.look.tell_no_field_of_snippet(ref.parts[used], key)
            return ref, UNKNOWN
        if key in self._pasting:
            circle = (*self._pasting[self._pasting.index(key) :], key)
            if any("." in name for name in circle):  # a circle within one file is told by check.py
                self.tell("cycle", "these snippets are pasted into each other", ref.span, " -> ".join(circle))
            return ast.Text((), ref.span), _TEXT
        self._pastes += 1
        if len(self._pasting) >= _MOST_DEEP or self._pastes > _MOST_PASTES:
            if self._pastes <= _MOST_PASTES + 1:
                deep = len(self._pasting) >= _MOST_DEEP
                most = f"{_MOST_DEEP} deep" if deep else f"{_MOST_PASTES} in all"
                self.tell("out-of-range", f"snippets are pasted into snippets here, more than {most}", ref.span)
            return ast.Text((), ref.span), _TEXT
        before = self.look.here, self._pasting, self.look.pasted
        self.look.pasted = self.look.pasted or (self.look.here, ref.span)
        self.look.here, self._pasting = snippet.here, (*self._pasting, key)
        with self.look.within(None):
            parts = self.parts(snippet.parts)
        self.look.here, self._pasting, self.look.pasted = before
        return ast.Text(parts, ref.span), _TEXT

    def _is_snippet(self, name: str) -> bool:
        declared = self.look.names.declared(name)
        return declared is not None and declared.kind == "snippet"

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
                    typed = self.condition(condition)
                    with self.look.knowing(typed.holding):
                        done_body = self.parts(body)
                    with self.look.knowing(typed.failing):
                        done_other = self.parts(other)
                    done.append(replace(part, condition=typed.condition, body=done_body, other=done_other))
                case _:
                    done.append(part)
        return tuple(done)

    def _for(self, part: ast.For) -> ast.For:
        items, kind = self.value(part.items)
        listed = bare(kind)
        item: Type = UNKNOWN
        if isinstance(listed, types.ListOf):
            item = listed.item
        elif isinstance(listed, types.JsonType):
            item = listed
        elif not isinstance(listed, Unknown):
            message = f"{self.look.shown(part.items)} is {in_words(listed)}, not a list"
            self.tell("wrong-type", message, part.items.span, "`{{ for … }}` goes through a list")
        name, locals = part.name, self.look.locals
        if name.text in locals or self.look.names.declared(name.text) is not None:
            message = f"`{name.text}` is taken: something else of this flow is called that"
            self.tell("duplicate-name", message, name.span, "give the loop's name another name")
        self.look.check_name(name)
        before = locals.get(name.text)
        locals[name.text] = item
        outer = self.look.facts
        self.look.facts = frozenset(path for path in outer if path[0] != name.text)
        body = self.parts(part.body)
        self.look.facts = outer
        if before is None:
            del locals[name.text]
        else:
            locals[name.text] = before
        return replace(part, items=items, body=body)

    def _check_slot(self, value: ast.Value, kind: Type, parts: tuple[ast.Part, ...], index: int) -> None:
        inner = bare(kind)
        item = bare(inner.item) if isinstance(inner, types.ListOf) else None
        shown = self.look.shown(value)
        if isinstance(inner, types.MediaType) and not self.media:
            message = f"{shown} is {in_words(inner)}, which can stand in `prompt:` and `user:` only"
            self.tell("wrong-type", message, value.span)
        elif isinstance(item, types.MediaType):
            if not self.media:
                self.tell("wrong-type", f"{shown} can stand in `prompt:` and `user:` only", value.span)
        elif item is not None and self.word:
            message = f"{shown} is a list, and a value is one word of a command"
            self.tell("wrong-type", message, value.span, 'a list is several words: `| join " "` makes it one')
        elif item is not None:
            before = parts[index - 1] if index else ""
            after = parts[index + 1] if index + 1 < len(parts) else ""
            left = before.rpartition("\n")[2].strip() if isinstance(before, str) else ""
            right = after.partition("\n")[0].strip() if isinstance(after, str) else ""
            if self.prose and any(c.isalpha() for c in left + right):
                hint = 'write it on a line of its own, or in one line: `| join ", "`'
                self.look.warn("list-in-line", f"{shown} is a list, in the middle of a line", value.span, hint)
