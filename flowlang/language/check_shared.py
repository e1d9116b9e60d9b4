"""Warns where what changes with the item stands before a long text that all calls of a step share.

Providers serve again what a prompt begins with, for a fraction of the price, as long as nothing before it has changed.
"""

from collections.abc import Iterable, Iterator

from ..diagnostics.source import Span
from . import ast, types
from .book import Here
from .lookup import Snippet, refs_of
from .neighbours import Around
from .types import bare

LONG = 4_000  # characters of a text from a file; what is shorter than about 1,000 tokens no provider keeps
_MOST_DEEP = 16  # snippets in snippets, and lets that name lets


def shared_text_last(
    texts: Iterable[ast.Text | ast.FileText], items: frozenset[str], flow: Around, here: Here
) -> tuple[str, Span] | None:
    """The first long text that is the same for all items, and what changes with the item before it.

    `texts` are the messages in their order; `items` the names that are different in each call.
    """
    changing: Span | None = None
    for text in texts:
        for name, span in _Reading(flow, here).of_text(text, items, None):
            if not name:
                changing = changing or span
            elif changing is not None:
                return name, changing
    return None


class _Reading:
    """What stands in texts, in its order: the name of each long text that is shared, and "" for what changes."""

    def __init__(self, flow: Around, here: Here) -> None:
        self._flow = flow
        self._here = here

    def of_text(
        self, text: ast.Text | ast.FileText, items: frozenset[str], at: Span | None, deep: int = 0
    ) -> Iterator[tuple[str, Span]]:
        """`at` is where a text is pasted that stands elsewhere."""
        if isinstance(text, ast.Text):
            yield from self._parts(text.parts, items, at, deep)
            return
        loaded = self._flow.text_of(text, self._here)
        if loaded is None:
            return
        parts = loaded.parts or (loaded.words,)
        if _has_long(parts):
            yield f'file "{text.path}"', at or text.span
        there = _Reading(self._flow, Here(loaded.source, 0))
        yield from there._parts(parts, items, at or text.span, deep + 1)

    def _parts(
        self, parts: tuple[ast.Part, ...], items: frozenset[str], at: Span | None, deep: int
    ) -> Iterator[tuple[str, Span]]:
        for part in parts:
            match part:
                case ast.Slot(value):
                    yield from self._value(value, items, at, deep)
                case ast.For(items=asked) | ast.If(condition=asked) if _changes(asked, items):
                    yield "", at or part.span  # and so does all that stands in it
                case ast.For(body=body):
                    yield from self._parts(body, items, at, deep)
                case ast.If(body=body, other=other):
                    yield from self._parts((*body, *other), items, at, deep)

    def _value(self, value: ast.Value, items: frozenset[str], at: Span | None, deep: int) -> Iterator[tuple[str, Span]]:
        match value:
            case ast.Ref(parts=parts) if (snippet := self._snippet(parts)) is not None:
                place = at or value.span
                if _has_long(snippet.parts):
                    yield ".".join(part.text for part in parts), place
                if deep < _MOST_DEEP:
                    yield from _Reading(self._flow, snippet.here)._parts(snippet.parts, items, place, deep + 1)
            case ast.FileText():
                yield from self.of_text(value, items, at, deep)
            case _ if _changes(value, items):
                yield "", at or value.span
            case ast.Ref(parts=(name,)) if self._is_long(name.text):
                yield name.text, at or value.span

    def _snippet(self, path: tuple[ast.Name, ...]) -> Snippet | None:
        declared = self._flow.declared(path[0].text)
        found: object = None
        match declared.section.header if declared is not None else None:
            case ast.Snippet() if len(path) == 1:
                found = self._flow.find(path[0].text)
            case ast.Import() if len(path) == 2:
                found = self._flow.member(path[0].text, path[1].text)
        return found if isinstance(found, Snippet) else None

    def _is_long(self, name: str) -> bool:
        """Whether it is an input that is a document, or a let that is one, or a long text of a file."""
        for _ in range(_MOST_DEEP):
            declared = self._flow.declared(name)
            header = declared.section.header if declared is not None else None
            if isinstance(header, ast.Input):
                found = self._flow.find(name)
                return isinstance(found, tuple) and isinstance(bare(found[0]), types.DocumentType)
            if not isinstance(header, ast.Let) or declared is None:
                return False
            if isinstance(header.value, ast.FileText):
                loaded = self._flow.text_of(header.value, declared.here)
                return loaded is not None and len(loaded.words) > LONG
            if not isinstance(header.value, ast.Ref) or len(header.value.parts) > 1:
                return False
            name = header.value.parts[0].text
        return False


def _changes(value: ast.Condition, items: frozenset[str]) -> bool:
    return any(ref.parts[0].text in items for ref in refs_of(value))


def _has_long(parts: tuple[ast.Part, ...]) -> bool:
    return any(isinstance(part, str) and len(part) > LONG for part in parts)
