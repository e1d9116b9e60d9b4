"""The whole screen of a session, as lines that fit it: what is wrong, the steps, the chosen one's answer, the keys.

Pure: a board, what is looked at, and a size give the same lines each time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..pattern import pattern
from .board import Board, Row
from .cells import Line, Span, cut, safe, width_of, wrapped
from .marked import marked
from .numbers import count, duration, money

_COLOURS = pattern(r"\x1b\[[0-9;]*m")
_SIGNS = {
    "waiting": ("·", "dim"),
    "queued": ("·", "cyan"),
    "running": ("●", "cyan"),
    "done": ("✓", "green"),
    "cached": ("=", "green"),
    "failed": ("✗", "red"),
    "skipped": ("-", "yellow"),
    "stale": ("~", "yellow"),
    "pinned": ("*", "yellow"),
}
_MOST_TOLD = 4  # lines
_KEYS = (
    ("x", "end"),
    ("r", "run"),
    ("s", "this step"),
    ("↑↓", "choose"),
    ("p", "pin"),
    ("w", "record"),
    ("a", "answer"),
    ("d", "difference"),
    ("q", "request"),
    ("e", "edit"),
)
_MORE = ("?", "keys")
_MORE_TOLD = (
    ("← →", "other requests"),
    ("page ↓↑", "scroll"),
    ("m", "all mistakes"),
    ("t", "trust what it asks for now"),
    ("?", "these keys"),
)


@dataclass(slots=True)
class Look:
    """What a person looks at. `pane`: "answer", "request" or "difference" of the chosen step; "keys"; "mistakes"."""

    chosen: str = ""
    pane: str = "answer"
    scroll: int = 0
    question: int = 0  # of the chosen step, from 0; of `questions`, asked where `asked_at` says
    questions: int = 0
    asked_at: str = ""
    request: str = ""
    note: str = ""
    keys: bool = True
    _wrapped: "tuple[tuple[str, str, str | None, str, int], list[Line]] | None" = field(default=None)

    def choose(self, board: Board, by: int) -> None:
        """Chooses the step so many further down."""
        names = list(board.rows)
        if names:
            place = names.index(self.chosen) if self.chosen in names else 0
            self.chosen = names[max(0, min(len(names) - 1, place + by))]
            self.scroll = self.question = 0
            self.request, self.questions = "", 0

    def turn(self, by: int) -> None:
        """Shows the question so many further on."""
        self.pane, self.scroll = "request", 0
        self.question = max(0, self.question + by)

    def follow(self, board: Board) -> None:
        """Keeps a step chosen that is there."""
        if self.chosen not in board.rows:
            self.chosen = next(iter(board.rows), "")


def frame(board: Board, look: Look, width: int, height: int) -> list[Line]:
    """At most `height` lines of at most `width` columns."""
    look.follow(board)
    if look.pane == "mistakes" and not board.trouble:
        look.pane = "answer"
    top = [_head(board, height // 2)]
    if board.trouble:
        top += _trouble(board, width, max(3, height // 3), look.keys)
    bottom = [line for said in (look.note, board.says) if said for line in _told(said, width)]
    if look.keys:
        bottom.append(_key_line(width))
    room = height - len(top) - len(bottom)
    rows = _rows(board, look, max(1, room // 2 if board.rows else 0), width)
    pane = _pane(board, look, width, room - len(rows))
    lines = [*top, *rows, *pane]
    lines = lines[: max(0, height - len(bottom))]
    lines += [()] * (height - len(bottom) - len(lines))
    return [cut(line, width) for line in (*lines, *bottom)][:height]


def _told(said: str, width: int) -> list[Line]:
    """What is said at the bottom; where it is too narrow for one line, the first few lines of it."""
    return wrapped([safe(said, "yellow bold")], width)[:_MOST_TOLD]


def _head(board: Board, most: int) -> Line:
    if board.trouble:
        state = Span("cannot run", "red bold")
    elif board.asks:
        state = Span("waits for you", "yellow bold")
    else:
        state = Span("runs" if board.is_running else "watches", "cyan" if board.is_running else "green")
    spans = [safe(board.flow, "bold"), Span("  "), state]
    if board.is_running and len(board.rows) > most:
        over = sum(row.state not in ("waiting", "queued", "running") for row in board.rows.values())
        spans.append(Span(f"  {over:,} of {len(board.rows):,} steps", "cyan"))
    if board.run:
        spans.append(Span(f"  run {board.run}, {board.good_at}", "dim"))
    calls, cached, cost = board.of_run()
    if calls or cached:
        spans.append(Span(f": {calls:,} asked, {cached:,} from before{f', {money(cost)}' if cost else ''}", "dim"))
    if board.cost_usd and board.cost_usd != cost:
        spans.append(Span(f"; {money(board.cost_usd)} in all", "dim"))
    return tuple(spans)


def _trouble(board: Board, width: int, most: int, has_keys: bool) -> list[Line]:
    lines = wrapped([Span(_trouble_text(board))], width)
    styled = [tuple(Span(one.text, _style_of(line)) for one in line) for line in lines if line or len(lines) < most]
    if len(styled) > most:
        left = styled[most - 1 :]
        mistakes = sum(bool(_style_of(line)) for line in left)
        more = count(mistakes, "more mistake") if mistakes else count(len(left), "more line")
        where = "m shows all" if has_keys else "flowlang check"
        styled = [*styled[: most - 1], (Span(f"… and {more}: {where}", "dim"),)]
    if board.good_at:
        styled.append((Span(f"as of {board.good_at}, before {board.trouble_note}:", "yellow"),))
    return styled


def _trouble_text(board: Board) -> str:
    return _COLOURS.sub("", board.trouble).strip("\n")


def _style_of(line: Line) -> str:
    return "red bold" if line and line[0].text.startswith(("error", "warning")) else ""


def _key_line(width: int) -> Line:
    """The keys that fit; if they are not all, the last of them shows the others."""
    keys: tuple[tuple[str, str], ...] = _KEYS
    if _width_of_keys(keys) > width:
        fits = len(_KEYS) - 1
        while fits > 1 and _width_of_keys((*_KEYS[:fits], _MORE)) > width:
            fits -= 1
        keys = (*_KEYS[:fits], _MORE)
    spans = [span for key, what in keys for span in (Span("  "), Span(key, "bold"), Span(f" {what}", "dim"))]
    return tuple(spans[1:])


def _width_of_keys(keys: Sequence[tuple[str, str]]) -> int:
    return sum(len(key) + len(what) + 3 for key, what in keys) - 2


# ── The steps ──


def _rows(board: Board, look: Look, most: int, width: int) -> list[Line]:
    """The steps, and below each the steps of the flow that it runs; where that is too much, only the chosen one's."""
    rows = board.rows
    is_small = len(rows) + sum(len(row.parts) for row in rows.values()) <= most
    shown: list[tuple[str, Row]] = []
    for name, row in rows.items():
        shown.append((name, row))
        if is_small or name == look.chosen:
            shown += [(f"  {way}", part) for way, part in row.parts.items()]
    place = next((number for number, (name, _) in enumerate(shown) if name == look.chosen), 0)
    first = max(0, min(place - most // 2, len(shown) - most))
    size = max(4, min(max((len(name) for name, _ in shown), default=0), width // 3))
    return [_row(board, row, name, size, width, name == look.chosen) for name, row in shown[first : first + most]]


def _row(board: Board, row: Row, name: str, size: int, width: int, is_chosen: bool) -> Line:
    """What matters most comes first, and what does not fit is left out whole."""
    sign, style = _SIGNS[row.state]
    name = safe(name).text
    name = name if len(name) <= size else name[: size - 1] + "…"
    told = name.lstrip()
    margin = name[: len(name) - len(told)]
    bold = "bold chosen" if is_chosen else "" if margin else "bold"
    spans = [Span(margin), Span(sign, style), Span(" "), Span(f"{told:<{size - len(margin)}}", bold)]
    is_running = row.state == "running"
    seconds = board.clock() - row.since if is_running else row.seconds
    timed = is_running or row.state == "done" or (row.state == "failed" and row.since > 0)
    counts = row.items is not None and row.state in ("running", "done") and (row.done or not row.parts)
    parts = [
        (duration(seconds) if timed else "", "cyan"),
        (f"{len(row.done)}/{row.items}" if counts else "", ""),
        (f"{row.tokens():,} tokens" if row.tokens() else "", "dim"),
        (money(row.cost_usd) if row.cost_usd else "", "dim"),
    ]
    left = width - size - 2
    for text, part_style in parts:
        if text and len(text) + 1 <= left:
            spans.append(Span(f" {text}", part_style))
            left -= len(text) + 1
    last = row.tail if is_running and row.tail else "waits for its turn" if row.state == "queued" else row.why
    if last and left >= 10:
        words = " ".join(last[-4 * left :].split()) if is_running and row.tail else " ".join(last.split())
        told = safe(words).text
        spans.append(Span("  " + (told[-(left - 2) :] if is_running and row.tail else told), "dim"))
    return tuple(spans)


# ── The chosen step ──


def _pane(board: Board, look: Look, width: int, room: int) -> list[Line]:
    if room < 2:
        return []
    if look.pane in ("keys", "mistakes"):
        text = _key_text() if look.pane == "keys" else _trouble_text(board)
        title, key, spans = _text(look.pane, text)
    elif (row := board.rows.get(look.chosen)) is not None:
        title, key, spans = _shown(row, look)
    else:
        return []
    if look._wrapped is None or look._wrapped[0] != (*key, width):
        look._wrapped = ((*key, width), wrapped(spans(), width))
    lines = look._wrapped[1]
    look.scroll = max(0, min(look.scroll, len(lines) - (room - 1)))
    shown = lines[look.scroll : look.scroll + room - 1]
    more = len(lines) - look.scroll - len(shown)
    told = f"── {title} " + (f"({more:,} more lines: page down) " if more else "")
    title_line = safe(told, "dim")
    return [(title_line, Span("─" * (width - width_of((title_line,))), "dim")), *shown]


_Key = tuple[str, str, str | None, str]
_Shown = tuple[str, _Key, Callable[[], list[Span]]]


def _text(title: str, text: str) -> _Shown:
    return title, (title, text, None, ""), lambda: [Span(text)]


def _key_text() -> str:
    keys = (*_KEYS, *_MORE_TOLD)
    size = max(len(key) for key, _ in keys)
    return "\n".join(f"{key:<{size}}  {what}" for key, what in keys)


def _shown(row: Row, look: Look) -> _Shown:
    """What the pane shows of a step: its title, what it depends on, and how its text is made."""
    if look.pane == "request":
        text = look.request or "it has not been asked yet"
        title = f"{look.asked_at if look.request else row.name}: request"
        if look.questions > 1:
            title += f" {look.question + 1:,} of {look.questions:,}, ← → for the others"
        return title, ("request", text, None, row.name), lambda: [Span(text)]
    if row.state == "running" and row.tail:
        return f"{row.name}: streams", ("tail", row.tail, None, row.name), lambda: [Span(row.tail)]
    if row.state == "failed":
        return f"{row.name}: failed", ("why", row.why, None, row.name), lambda: [Span(row.why, "red")]
    if row.answer is None:
        why = "no answer yet" + (f": {row.why}" if row.why and row.state != "running" else "")
        return row.name, ("none", why, None, row.name), lambda: [Span(why, "dim")]
    answer, before, gone = row.answer, row.previous, look.pane == "difference"
    title = f"{row.name}: {'what changed' if gone else 'answer'}"
    if before is None and gone:
        title = f"{row.name}: answer, no other before it"

    def spans() -> list[Span]:
        styles = {"": "", "+": "new", "-": "gone"}
        return [Span(piece.text, styles[piece.mark]) for piece in marked(before, answer, gone)]

    return title, (look.pane, answer, before, row.name), spans
