"""Which steps an edit has touched, and what they need: those start first, so that a save asks at once."""

from collections.abc import Callable, Iterable

from ..plan.graph import Plan

FEW = 50  # steps that are run in their own order: there is nothing to gain


def touched_first(before: Plan | None, now: Plan) -> frozenset[str]:
    """The steps whose lines were edited, and all that they wait for; empty where that says nothing."""
    if before is None or len(now.nodes) <= FEW:
        return frozenset()
    old, new = before.flow.source.text, now.flow.source.text
    most = min(len(old), len(new))
    start = _longest(most, lambda size: old[:size] == new[:size])
    end = len(new) - _longest(most - start, lambda size: size == 0 or old[-size:] == new[-size:])
    places = sorted(
        (node.place.span.start, name)
        for name, node in now.nodes.items()
        if node.place.source.path == now.flow.source.path
    )
    ends = [place for place, _ in places[1:]] + [len(new)]
    touched = [name for (place, name), until in zip(places, ends, strict=True) if place <= end and start < until]
    found = _with_needs(touched, now)
    return found if len(found) <= len(now.nodes) // 2 else frozenset()


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest size, up to `most`, that fits; what fits, does so in every smaller size."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        if fits(middle):
            least = middle
        else:
            most = middle - 1
    return least


def _with_needs(names: Iterable[str], plan: Plan) -> frozenset[str]:
    found, left = set[str](), list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += plan.nodes[name].waits_for
    return frozenset(found)
