"""What waits for what: which comes first, and what goes round in a circle. Never recursive: chains may be long."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def find_circles(edges: Mapping[K, Mapping[K, V]]) -> Iterator[tuple[list[K], V]]:
    """Each circle, from its first member round to that member again, with the edge that closes it.

    Begins at the first key and follows the edges in their order; of circles that share a member one is given.
    """
    done: set[K] = set()
    told: set[K] = set()
    for first in edges:
        if first in done:
            continue
        chain: dict[K, None] = {first: None}
        waiting = [iter(edges[first].items())]
        while waiting:
            for target, edge in waiting[-1]:
                if target not in edges or target in done:
                    continue
                if target in chain:
                    members = list(chain)
                    circle = members[members.index(target) :]
                    if told.isdisjoint(circle):
                        yield [*circle, target], edge
                    told.update(circle)
                    continue
                chain[target] = None
                waiting.append(iter(edges[target].items()))
                break
            else:
                waiting.pop()
                last, _ = chain.popitem()
                done.add(last)


def what_is_needed_first(wanted: Iterable[K], needs: Callable[[K], Iterable[K]]) -> list[K]:
    """All that is wanted and what that needs, each after what it needs; in a circle, in any order."""
    done: dict[K, None] = {}
    for first in wanted:
        opened = {first}
        waiting = [(first, iter(needs(first)))] if first not in done else []
        while waiting:
            last, rest = waiting[-1]
            for one in rest:
                if one not in done and one not in opened:
                    opened.add(one)
                    waiting.append((one, iter(needs(one))))
                    break
            else:
                waiting.pop()
                done[last] = None
    return list(done)


def shortened(names: list[str]) -> str:
    """`outline -> draft -> outline`, with `…` in a long one."""
    return " -> ".join(names if len(names) <= 8 else [*names[:6], "…", names[-1]])
