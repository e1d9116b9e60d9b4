"""Every request and answer of a run for its page: folded up, and each long text once."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..store.past import Exchange
from .markup import fitted_line, safe, safe_line
from .numbers import count
from .past import figures, place_words
from .told import Teller, ToldMessage, laid_out, prefix_length, shared

LONG = 2_000  # characters; a text that long is shown once, and linked to
_GIST = 110

Piece = str | tuple[str, str]  # a text, or a link to one: where it leads, and what it says


@dataclass(frozen=True, slots=True)
class LongText:
    """A text of an input that stands in the page already: where, and what it is called."""

    anchor: str
    label: str
    text: str


@dataclass(slots=True)
class CallsOfStep:
    """The calls of one step on their way into the page."""

    teller: Teller
    known: Sequence[LongText]
    misfits: Container[int] = ()  # the numbers of the answers that were no use
    first: tuple[str, list[list[Piece]]] = ("", [])  # the step's first request: its anchor, and its messages
    before: dict[tuple[str, int | None, int, str], tuple[ToldMessage, ...]] = field(default_factory=dict)

    def told(self, found: Sequence[Exchange]) -> Iterator[str]:
        """A folded part for each call, in the order in which they began."""
        yield from self._asked_with(found)
        for one in found:
            yield self._call(one)

    def _asked_with(self, found: Sequence[Exchange]) -> Iterator[str]:
        """The models and parameters of the step, its schema and its tools."""
        teller = self.teller
        ways = dict.fromkeys(_way(one, teller) for one in found if one.model)
        if ways:
            yield f'<p class="soft">{"<br>".join(map(safe_line, ways))}</p>'
        for schema in dict.fromkeys(teller.schema(one) for one in found):
            if schema:
                yield _folded("the schema that an answer had to fit", _pre(laid_out(schema)))
        for tools in dict.fromkeys(teller.tools(one) for one in found):
            if tools:
                yield _folded(f"{count(len(tools), 'tool')} that the model could call", _pre(_all_laid_out(tools)))

    def _call(self, one: Exchange) -> str:
        gist = one.answer or one.error
        if not gist and one.tool_calls:
            gist = ", ".join(f"calls {call.get('name')}" for call in one.tool_calls)
        fits = one.number not in self.misfits
        state = {"ok": "" if fits else " warn", "failed": " bad", "cut-off": " bad"}.get(one.status, " warn")
        head = (
            f"<summary><span>{safe_line(place_words(one))}</span>"
            f'<span class="gist">{fitted_line(gist or "", _GIST)}</span>'
            f'<span class="took{state}">{safe_line(figures(one, fits))}</span></summary>'
        )
        return f'<details id="c{one.number}">{head}<div class="inside">{"".join(self._inside(one))}</div></details>'

    def _inside(self, one: Exchange) -> Iterator[str]:
        messages = self.teller.messages(one)
        if one.request is None:
            yield '<p class="soft">What was asked is not kept any more.</p>'
        who = (one.path, one.item, one.sample, one.role)
        same = shared(self.before.get(who, ()), messages)
        self.before[who] = messages
        if 0 < same < len(messages):
            yield f'<p class="who">{count(same, "message")} as before, then</p>'
        else:
            same = 0
        pieces = [self._pieces(message.text) for message in messages]
        for place, message in enumerate(messages):
            if place >= same:
                yield f'<p class="who">{safe_line(message.role)}</p><pre>{self._html(pieces[place], place)}</pre>'
        if not self.first[0] and messages and not one.role:
            self.first = (f"c{one.number}", pieces)
        for turn in one.turns:
            message = self.teller.message(turn)
            yield f'<p class="who">{safe_line(message.role)}</p>{_pre(message.text)}'
        if one.answer is not None or one.tool_calls:
            calls = [f"calls {call.get('name')}: {call.get('arguments')}" for call in one.tool_calls]
            answer = "\n".join([*([laid_out(one.answer)] if one.answer else []), *calls])
            yield f'<p class="who answer">answer</p>{_pre(answer)}'
        if one.error:
            yield f'<p class="who error">error</p>{_pre(one.error)}'

    def _pieces(self, text: str) -> list[Piece]:
        """The text with links where the page has a part of it already."""
        pieces: list[Piece] = [text]
        for known in self.known:
            cut: list[Piece] = []
            for piece in pieces:
                if isinstance(piece, str) and len(piece) >= len(known.text):
                    parts = piece.split(known.text)
                    for place, part in enumerate(parts):
                        cut += [(known.anchor, f"{known.label}, {count(len(known.text), 'character')}")] * (place > 0)
                        cut += [part] if part else []
                else:
                    cut.append(piece)
            pieces = cut
        return pieces

    def _html(self, pieces: Sequence[Piece], place: int) -> str:
        """The pieces; a long beginning that the step's first request has, too, is a link to that one."""
        anchor, messages = self.first
        same, rest = _common(messages[place], pieces) if anchor and place < len(messages) else (0, pieces)
        told = [f'<a href="#{anchor}">[the first {same:,} characters are those of the first call]</a>'] if same else []
        return "".join([*told, *(_piece_html(piece) for piece in rest)])


def _piece_html(piece: Piece) -> str:
    if isinstance(piece, str):
        return safe(piece)
    return f'<a href="#{piece[0]}">[{safe_line(piece[1])}]</a>'


def _common(first: Sequence[Piece], pieces: Sequence[Piece]) -> tuple[int, Sequence[Piece]]:
    """How many characters of texts two requests begin with that are the same, if many, and what is left."""
    same = 0
    for place, (one, other) in enumerate(zip(first, pieces, strict=False)):
        if one == other:
            same += len(other) if isinstance(other, str) else 0
            continue
        if isinstance(one, str) and isinstance(other, str):
            more = prefix_length(one, other)
            rest: list[Piece] = [other[more:], *pieces[place + 1 :]]
            return (same + more, rest) if same + more >= LONG else (0, pieces)
        return (same, pieces[place:]) if same >= LONG else (0, pieces)
    return (same, pieces[len(first) :]) if same >= LONG else (0, pieces)


def _way(one: Exchange, teller: Teller) -> str:
    """How a model was asked, in one line."""
    parameters = [f"{name} {_plain(value)}" for name, value in teller.parameters(one).items()]
    role = f"its {one.role}: " if one.role else ""
    return " · ".join([role + one.model, *parameters])


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _folded(title: str, inside: str) -> str:
    head = f'<summary><span class="soft">{safe_line(title)}</span></summary>'
    return f'<details>{head}<div class="inside">{inside}</div></details>'


def _pre(text: str) -> str:
    return f"<pre>{safe(text)}</pre>"


def _all_laid_out(texts: Sequence[str]) -> str:
    return "\n".join(map(laid_out, texts))
