"""When a run asked what: a band for each step, a bar for each call, on one axis of time."""

import math
from collections.abc import Mapping, Sequence

from ..store.past import Exchange
from .markup import safe_line
from .numbers import count, duration
from .past import figures, place_words

_UNITS = 1000  # the width of the picture; it is stretched to the page
_LEAST = 2.0  # of a bar
_TICKS = 6
_NEAR_END = 0.97  # what is told there stands before its place
_HIGHEST, _LOWEST = 180, 30  # pixels of a band of many calls
_ALL = 1_000  # pixels that the bands share where there are many of them


def time_chart(steps: Mapping[str, Sequence[Exchange]], seconds: float, links: Mapping[str, str]) -> str:
    """The bands of all steps; empty if nobody knows when anything began. `links` lead to a step's calls."""
    timed = {name: [one for one in found if one.began_s is not None] for name, found in steps.items()}
    timed = {name: found for name, found in timed.items() if found}
    if not timed:
        return ""
    end = max([seconds, *(_begin(one) + one.seconds for found in timed.values() for one in found)]) or 0.001
    ticks = _ticks(end)
    highest = max(_LOWEST, min(_HIGHEST, _ALL // len(timed)))
    bands = [_band(name, found, end, ticks, links.get(name, ""), highest) for name, found in timed.items()]
    axis = "".join(_axis_mark(at, end) for at in ticks)
    return f'{"".join(bands)}<div class="axis">{axis}</div>{_key(timed)}'


def _band(name: str, found: Sequence[Exchange], end: float, ticks: Sequence[float], link: str, highest: int) -> str:
    lanes = _lanes(found, end)
    height = max(3, min(14, highest // (max(lanes.values()) + 1)))
    total = (max(lanes.values()) + 1) * height
    lines = "".join(f'<line x1="{_at(at, end)}" x2="{_at(at, end)}" y1="0" y2="{total}"/>' for at in ticks[1:])
    bars = "".join(_bar(one, lanes[one.number], height, end) for one in found)
    asked = sum(not one.cached for one in found)
    cached = len(found) - asked
    told = ", ".join(
        part for part in (count(asked, "call") if asked else "", f"{cached:,} from before" if cached else "") if part
    )
    title = f'<a href="#{link}">{safe_line(name)}</a>' if link else safe_line(name)
    return (
        f'<div class="lane"><p>{title}<span class="soft">{told}</span></p>'
        f'<svg viewBox="0 0 {_UNITS} {total}" height="{total}" preserveAspectRatio="none">{lines}{bars}</svg></div>'
    )


def _bar(one: Exchange, lane: int, height: int, end: float) -> str:
    kind = ""
    if one.cached:
        kind = ' class="before"'
    elif one.status in ("failed", "cut-off"):
        kind = ' class="failed"'
    elif one.status != "ok":
        kind = ' class="lost"'
    wide = max(_LEAST, _UNITS * one.seconds / end)
    at = min(_UNITS * _begin(one) / end, _UNITS - wide)
    gap = 1 if height > 4 else 0
    return (
        f'<rect{kind} x="{at:.1f}" y="{lane * height}" width="{wide:.1f}" height="{height - gap}">'
        f"<title>{safe_line(place_words(one))}: {safe_line(figures(one))}</title></rect>"
    )


def _lanes(found: Sequence[Exchange], end: float) -> dict[int, int]:
    """The lane of each call: the first that is free when it begins."""
    free: list[float] = []
    lanes: dict[int, int] = {}
    shortest = end * _LEAST / _UNITS
    for one in sorted(found, key=_begin):
        begin, took = _begin(one), max(one.seconds, shortest)
        lane = next((place for place, until in enumerate(free) if until <= begin), len(free))
        if lane == len(free):
            free.append(0.0)
        free[lane] = begin + took
        lanes[one.number] = lane
    return lanes


def _key(timed: Mapping[str, Sequence[Exchange]]) -> str:
    every = [one for found in timed.values() for one in found]
    kinds = [
        ("accent", "answered", any(one.status == "ok" and not one.cached for one in every)),
        ("before", "answered from before", any(one.cached for one in every)),
        ("bad", "failed, or cut off", any(one.status in ("failed", "cut-off") for one in every)),
        ("warn", "left, or nobody knows", any(one.status in ("cancelled", "unknown", "open") for one in every)),
    ]
    told = [
        f'<span><i style="background:var(--{colour})"></i>{words}</span>' for colour, words, there in kinds if there
    ]
    return f'<div class="key">{"".join(told)}</div>'


def _ticks(end: float) -> list[float]:
    """Round times from the start on, a handful of them."""
    rough = end / _TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    return [step * place for place in range(int(end / step + 1e-9) + 1)]


def _axis_mark(at: float, end: float) -> str:
    kind = ' class="end"' if at > _NEAR_END * end else ""
    return f'<span{kind} style="left:{100 * at / end:.2f}%">{_tick(at, end)}</span>'


def _tick(at: float, end: float) -> str:
    if at == 0:
        return "0"
    return f"{at:.{max(0, 2 - math.ceil(math.log10(end)))}f} s" if end < 60 else duration(at)


def _begin(one: Exchange) -> float:
    return one.began_s or 0.0


def _at(seconds: float, end: float) -> str:
    return f"{_UNITS * seconds / end:.1f}"
