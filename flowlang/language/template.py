"""Filling in a text. One pass: what a value says is never read again.

Which lines vanish with their tags was settled when the text was read; here every `str` part stands as it is.
"""

from collections.abc import Callable
from typing import Protocol, Self

from ..record import record
from . import ast
from .values import EMPTY, Media, Value, ValueMistake, bare, kind_of
from .writing import as_text

MAX_RENDERED = 4 * 1024 * 1024  # bytes of UTF-8 in one filled-in text
MAX_ROUNDS = 1_000_000  # of all the `{{ for }}` of one text together
MOST_SHARED = 4  # long values whose text is kept for the next prompt that shows them
LONG = 8_192  # characters from which a text that is filled in stays a piece of its own, which many prompts share

# What there is to blame for an empty place: the names that were empty, or the whole value or condition.
Blamed = ast.Condition


class Reader(Protocol):
    """How a text asks for what stands between its braces; expression.Scope is the one there is."""

    def value(self, of: ast.Value) -> Value:
        """The value; EMPTY if it reads something empty."""
        ...

    def truth(self, of: ast.Condition) -> bool | None:
        """Whether it holds; None if that hangs on something empty."""
        ...

    def blame(self, node: ast.Condition) -> tuple[Blamed, ...]:
        """What made the value or condition empty."""
        ...

    def opened(self) -> tuple[Self, dict[str, Value]]:
        """A reader of its own for a loop's body, and the names in it, to be set for each round."""
        ...


@record
class Rendered:
    """A text that was filled in: its pieces in their order, and what was empty when it was read.

    A long text that was filled in is a piece by itself, the very object: all texts that hold it share it. So strings
    may be neighbours, and how a text is cut into them means nothing. With anything in `empties` the text must not be
    used: what was to be filled in never came about.
    """

    pieces: tuple[str | Media, ...]
    empties: tuple[Blamed, ...] = ()

    @property
    def text(self) -> str:
        """The strings alone, in one."""
        if len(self.pieces) == 1 and isinstance(self.pieces[0], str):
            return self.pieces[0]
        return "".join([piece for piece in self.pieces if isinstance(piece, str)])


def render(
    parts: tuple[ast.Part, ...],
    reader: Reader,
    *,
    limit: int = MAX_RENDERED,
    write: Callable[[Value], str] | None = None,
) -> Rendered:
    """The text with everything filled in. Raises ValueMistake if it gets longer than `limit` bytes.

    `write` says how a value is written where the usual way would be wrong: percent-encoded in an address,
    as JSON in a body.
    """
    if len(parts) == 1 and isinstance(parts[0], str) and 4 * len(parts[0]) <= limit:
        return Rendered((parts[0],))
    page = _Page(limit, write)
    page.fill(parts, reader)
    return page.rendered()


class _Page:
    """One text under way."""

    __slots__ = ("alone", "empties", "left", "limit", "media", "pieces", "rounds", "said", "write", "written")

    def __init__(self, limit: int, write: Callable[[Value], str] | None) -> None:
        self.limit = limit
        self.left = limit  # counted in characters until the end, a lower bound of the bytes
        self.rounds = 0
        self.said = 0  # how many pieces there were when the text itself last said something
        self.write = write
        self.pieces: list[str] = []
        self.alone: list[int] = []  # places in `pieces` of what is joined with nothing: long texts and media
        self.media: dict[int, Media] = {}  # by the place in `pieces`; "" is put there for it
        self.empties: dict[Blamed, None] = {}
        # By id, with the value, so that the id stays its own: a list that is shown in every round is written once.
        self.written: dict[int, tuple[Value, str]] = {}

    def fill(self, parts: tuple[ast.Part, ...], reader: Reader) -> None:
        pieces = self.pieces
        for part in parts:
            if isinstance(part, str):
                self.put(part)
                self.said = len(pieces)
            elif isinstance(part, ast.Slot):
                value = reader.value(part.value)
                if isinstance(value, str) and self.write is None:
                    self.put(value)
                else:
                    self.put_value(value, part.value, reader)
            elif isinstance(part, ast.For):
                self.fill_for(part, reader)
            elif isinstance(part, ast.NoBreak):
                self.take_back_break()
            else:
                truth = reader.truth(part.condition)
                if truth is None:
                    self.empties.update(dict.fromkeys(reader.blame(part.condition)))
                else:
                    self.fill(part.body if truth else part.other, reader)

    def fill_for(self, part: ast.For, reader: Reader) -> None:
        items = bare(reader.value(part.items))
        if items is EMPTY:
            self.empties.update(dict.fromkeys(reader.blame(part.items)))
            return
        if not isinstance(items, tuple):
            raise ValueMistake(f"`for {part.name.text}` needs a list, and this is {kind_of(items)}")
        self.rounds += len(items)
        if self.rounds > MAX_ROUNDS:
            raise ValueMistake(f"the loops of this text go round more than {MAX_ROUNDS:,} times")
        inner, names = reader.opened()
        for item in items:
            names[part.name.text] = item
            self.fill(part.body, inner)

    def put(self, text: str) -> None:
        self.left -= len(text)
        if self.left < 0:
            raise self.too_long()
        if len(text) >= LONG:
            self.alone.append(len(self.pieces))
        self.pieces.append(text)

    def take_back_break(self) -> None:
        """Only a line break of the text's own goes: one at the end of a value is data."""
        if not self.pieces or self.said < len(self.pieces):
            return
        self.pieces[-1] = self.pieces[-1].removesuffix("\n")

    def put_media(self, media: Media) -> None:
        self.media[len(self.pieces)] = media
        self.alone.append(len(self.pieces))
        self.pieces.append("")

    def put_value(self, value: Value, node: ast.Value, reader: Reader) -> None:
        value = bare(value)
        if value is EMPTY:
            self.empties.update(dict.fromkeys(reader.blame(node)))
        elif isinstance(value, Media):
            self.put_media(value)
        elif isinstance(value, tuple) and value and all(isinstance(bare(item), Media) for item in value):
            for media in map(bare, value):
                if isinstance(media, Media):
                    self.put_media(media)
        elif self.write is not None:
            self.put(self.write(value))
        elif isinstance(value, str):
            self.put(value)
        else:
            known = self.written.get(id(value)) or _shared.get(id(value))
            if known is None:
                known = self.written[id(value)] = (value, as_text(value, self.limit))
                _share(value, known[1])
            self.put(known[1])

    def rendered(self) -> Rendered:
        """The pieces, with neighbouring short strings made one."""
        merged: list[str | Media] = []
        start = 0
        for place in [*self.alone, len(self.pieces)]:
            if text := "".join(self.pieces[start:place]):
                merged.append(text)
            if place < len(self.pieces):
                merged.append(self.media.get(place) or self.pieces[place])
            start = place + 1
        # Four bytes are the most that a character takes.
        if 4 * (self.limit - self.left) > self.limit and sum(map(_bytes_of, merged)) > self.limit:
            raise self.too_long()
        return Rendered(tuple(merged), tuple(self.empties))

    def too_long(self) -> ValueMistake:
        return ValueMistake(
            f"the text gets longer than {_megabytes(self.limit)} once everything is filled in; "
            "`| shorten to 2000 words` or `| chunks of 2000 words` makes a long document fit"
        )


# What long lists, tables and records look like, so that all prompts which show one share its text. By id, as above.
_shared: dict[int, tuple[Value, str]] = {}


def _share(value: Value, text: str) -> None:
    if len(text) >= LONG:
        _shared[id(value)] = (value, text)
        if len(_shared) > MOST_SHARED:
            del _shared[next(iter(_shared))]


def _bytes_of(piece: str | Media) -> int:
    if isinstance(piece, Media):
        return 0
    return len(piece) if piece.isascii() else len(piece.encode("utf-8", "surrogatepass"))


def _megabytes(size: int) -> str:
    return f"{size // (1024 * 1024)} MB" if size >= 1024 * 1024 else f"{size} bytes"
