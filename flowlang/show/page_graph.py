"""The graph of a run's steps, drawn: columns from left to right, each step in the first one after all that it reads.

An edge that crosses columns gets a place of its own in each of them, so that it runs beside the boxes and not behind
them. The order in a column follows the middle of what its boxes are joined to, from the left and from the right in
turn; that is Sugiyama's way, as far as a page needs it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .graph import Node
from .markup import safe_line
from .terminal import columns

_WIDE, _HIGH = 168, 44  # of a box, in pixels
_APART, _BETWEEN = 64, 16  # columns, and boxes of one column
_WIDEST_GAP = 64
_THREAD = 10  # the height of an edge's own place
_SWEEPS = 6
_MOST_LETTERS = 21
_SMALLEST = 0.75  # how far the picture shrinks before it is scrolled


@dataclass(slots=True)
class _Spot:
    """A place in a column: a box, or an edge that passes through."""

    node: Node | None
    column: int
    high: float
    left: list["_Spot"] = field(default_factory=list)
    right: list["_Spot"] = field(default_factory=list)
    order: float = 0.0
    top: float = 0.0

    @property
    def middle(self) -> float:
        return self.top + self.high / 2


@dataclass(frozen=True, slots=True)
class Look:
    """How a box looks: `state` is a class of the style, `note` its second line, `link` where a click leads."""

    state: str = ""
    note: str = ""
    link: str = ""


def graph_svg(nodes: Sequence[Node], looks: Mapping[str, Look]) -> str:
    """The picture; empty without any node. An output is looked up as `output NAME`."""
    if not nodes:
        return ""
    filled, edges = _placed(nodes)
    wide = len(filled) * (_WIDE + _APART) - _APART
    high = max(spot.top + spot.high for column in filled for spot in column)
    lines = [_path(edge, solid) for edge, solid in edges]
    boxes = [_box(spot, looks) for column in filled for spot in column if spot.node is not None]
    least = f"min-width:{wide * _SMALLEST:.0f}px;max-width:{wide + 4}px"
    size = f'style="{least}" viewBox="-2 -2 {wide + 4} {high + 4:.0f}"'
    return f'<svg {size} role="img" aria-label="the steps and what they read">{"".join(lines + boxes)}</svg>'


Edge = tuple[list[_Spot], bool]


def _placed(nodes: Sequence[Node]) -> tuple[list[list[_Spot]], list[Edge]]:
    """All places in their columns, and the edges through them, each with whether its end reads its start."""
    levels = sorted({node.level for node in nodes})
    filled: list[list[_Spot]] = [[] for _ in levels]
    boxes: dict[str, _Spot] = {}
    spots: list[_Spot] = []
    for node in nodes:
        spot = _Spot(node, levels.index(node.level), _HIGH)
        filled[spot.column].append(spot)
        spots.append(spot)
        if node.kind != "output":
            boxes[node.name] = spot
    edges: list[Edge] = []
    for spot in spots:
        assert spot.node is not None
        for names, solid in ((spot.node.reads, True), (spot.node.waits_for, False)):
            for name in dict.fromkeys(names):
                start = boxes.get(name)
                if start is not None and start is not spot and start.column < spot.column:
                    edges.append((_threaded(start, spot, filled), solid))
    for column in filled:
        for place, spot in enumerate(column):
            spot.order = place
    for sweep in range(_SWEEPS):
        _order(filled, from_left=sweep % 2 == 0)
    for column in filled:
        _stack(column)
    for sweep in range(_SWEEPS):
        _pull(filled, from_left=sweep % 2 == 0)
    for column in filled:
        _close_up(column)
    highest = min(spot.top for column in filled for spot in column)
    for column in filled:
        for spot in column:
            spot.top -= highest
    return filled, edges


def _threaded(start: _Spot, end: _Spot, filled: list[list[_Spot]]) -> list[_Spot]:
    """The places of an edge from its start to its end, joined."""
    through = [start]
    for column in range(start.column + 1, end.column):
        thread = _Spot(None, column, _THREAD)
        filled[column].append(thread)
        through.append(thread)
    through.append(end)
    for one, other in pairwise(through):
        one.right.append(other)
        other.left.append(one)
    return through


def _order(filled: list[list[_Spot]], from_left: bool) -> None:
    for column in filled if from_left else reversed(filled):
        for spot in column:
            joined = spot.left if from_left else spot.right
            if joined:
                spot.order = sum(one.order for one in joined) / len(joined)
        column.sort(key=lambda one: one.order)
        for place, spot in enumerate(column):
            spot.order = place - len(column) / 2


def _stack(column: list[_Spot]) -> None:
    """One below the other, the whole around the same middle."""
    top = -(sum(spot.high for spot in column) + _BETWEEN * (len(column) - 1)) / 2
    for spot in column:
        spot.top = top
        top += spot.high + _BETWEEN


def _pull(filled: list[list[_Spot]], from_left: bool) -> None:
    """Moves each place towards the middle of what it is joined to, as far as its neighbours leave room."""
    for column in filled if from_left else reversed(filled):
        for spot in column:
            joined = (spot.left if from_left else spot.right) or spot.left or spot.right
            if joined:
                spot.top = sum(one.middle for one in joined) / len(joined) - spot.high / 2
        for one, below in pairwise(column):
            below.top = max(below.top, one.top + one.high + _BETWEEN)
        # What was pushed down too far as a whole comes back up by half of it, from the last one on.
        for place in range(len(column) - 1, 0, -1):
            above, spot = column[place - 1], column[place]
            joined = (spot.left if from_left else spot.right) or spot.left or spot.right
            if joined:
                wanted = sum(one.middle for one in joined) / len(joined) - spot.high / 2
                room = above.top + above.high + _BETWEEN
                spot.top = max(room, min(spot.top, (spot.top + wanted) / 2))


def _close_up(column: list[_Spot]) -> None:
    """Takes wide gaps out of a column, towards its middle."""
    half = len(column) // 2
    for place in range(half, len(column) - 1):
        above, below = column[place], column[place + 1]
        below.top = min(below.top, above.top + above.high + _WIDEST_GAP)
    for place in range(half, 0, -1):
        above, below = column[place - 1], column[place]
        above.top = max(above.top, below.top - above.high - _WIDEST_GAP)


def _path(through: Sequence[_Spot], solid: bool) -> str:
    at, middle = _x(through[0].column) + _WIDE, through[0].middle
    steps = [f"M{at:.0f} {middle:.1f}"]
    for spot in through[1:]:
        x = _x(spot.column)
        bend = (at + x) / 2
        steps.append(f"C{bend:.0f} {middle:.1f} {bend:.0f} {spot.middle:.1f} {x:.0f} {spot.middle:.1f}")
        if spot.node is None:
            steps.append(f"H{x + _WIDE:.0f}")
        at, middle = x + _WIDE, spot.middle
    return f'<path{"" if solid else " class=waits"} d="{"".join(steps)}"/>'


def _box(spot: _Spot, looks: Mapping[str, Look]) -> str:
    node = spot.node
    assert node is not None
    look = looks.get(f"output {node.name}" if node.kind == "output" else node.name, Look())
    x, y = _x(spot.column), spot.top
    known = node.kind if node.kind in ("input", "output", "let") else "step"
    note = look.note or {"input": "input", "output": "output", "let": "let"}.get(node.kind, "")
    corner = 22 if known == "input" else 7
    mark = f'<rect class="mark" x="{x + 9}" y="{y + 13:.1f}" width="4" height="{_HIGH - 26}" rx="2"/>'
    inner = (
        f'<g class="{known} {look.state}"><title>{safe_line(" · ".join((node.name, *node.notes)))}</title>'
        f'<rect class="box" x="{x}" y="{y:.1f}" width="{_WIDE}" height="{_HIGH}" rx="{corner}"/>'
        f"{mark if known == 'step' else ''}"
        f'<text x="{x + 20}" y="{y + (19 if note else 27):.1f}">{_short(node.name)}</text>'
        + (f'<text class="small" x="{x + 20}" y="{y + 34:.1f}">{_short(note, 26)}</text>' if note else "")
        + "</g>"
    )
    return f'<a href="#{look.link}">{inner}</a>' if look.link else inner


def _short(text: str, most: int = _MOST_LETTERS) -> str:
    if columns(text) <= most:
        return safe_line(text)
    cut = ""
    for letter in text:
        if columns(cut) + columns(letter) >= most:
            break
        cut += letter
    return safe_line(f"{cut}…")


def _x(column: int) -> int:
    return column * (_WIDE + _APART)
