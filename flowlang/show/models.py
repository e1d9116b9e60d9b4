"""The catalogue of models, as people and as programs read it."""

import json
import textwrap
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ..models.catalog import PARTS, Entry, Price
from .terminal import columns, visible_line

_HEADS = ("model", "window", "answer", "takes", "can", "in", "out", "cached", "as of")
_BELOW = (
    "window and answer are tokens at most; prices are US dollars per million tokens, of the question (in), of the "
    "answer (out), and of what a provider remembers of the question (cached). - is not known."
)
_MARK = "* says the project's flowlang.toml\n"


def models_json(entries: Sequence[Entry]) -> str:
    """The entries as a JSON list."""
    return json.dumps([_plain(one) for one in entries], indent=2, ensure_ascii=False) + "\n"


def model_json(entry: Entry) -> str:
    """One entry as a JSON object."""
    return json.dumps(_plain(entry), indent=2, ensure_ascii=False) + "\n"


def models_table(entries: Sequence[Entry], width: int) -> str:
    """A line for each model; on a screen too narrow for that, two or three. What the project says has a star."""
    rows = [_HEADS, *(_row(one) for one in entries)]
    widths = [max(columns(row[place]) for row in rows) for place in range(len(_HEADS))]
    if sum(widths) + 2 * (len(_HEADS) - 1) <= width:
        told = [
            "  ".join(cell + " " * (wide - columns(cell)) for cell, wide in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
    else:
        told = [line for row in rows[1:] for line in _stacked(row, width)]
    mark = _MARK if any(one.corrected for one in entries) else ""
    return "\n".join(told) + f"\n\n{textwrap.fill(_BELOW, max(20, min(width, 100)))}\n{mark}"


def model_page(entry: Entry) -> str:
    """All that is known of one model, a line for each thing."""
    lines = [visible_line(entry.model)]
    if entry.aliases:
        lines.append(_line("also called", ", ".join(map(visible_line, entry.aliases))))
    lines.append(_line("window", _size(entry.window), "window" in entry.corrected))
    lines.append(_line("answer", _size(entry.max_output), "max_output" in entry.corrected))
    lines.append(_line("takes", _list("text", entry.takes), "takes" in entry.corrected))
    lines.append(_line("can", _words(entry.can), "can" in entry.corrected))
    if entry.refuses:
        lines.append(_line("refuses", ", ".join(entry.refuses)))
    if entry.efforts:
        lines.append(_line("efforts", ", ".join(entry.efforts)))
    if entry.temperature is not None:
        low, high = entry.temperature
        lines.append(_line("temperature", f"from {low:f} to {high:f}"))
    lines.append(_line("price", _price(entry), "price" in entry.corrected))
    if entry.cache_minimum is not None:
        lines.append(_line("cache", f"remembers beginnings of {entry.cache_minimum:,} tokens or more"))
    return "\n".join(lines) + "\n" + (f"\n{_MARK}" if entry.corrected else "")


def dollars_per_million(amount: Decimal | None) -> str:
    """A price: `2.00`, `0.075`; `-` if it is not known."""
    if amount is None:
        return "-"
    text = f"{amount.normalize():f}"
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"


def _plain(entry: Entry) -> dict[str, Any]:
    price = entry.price
    return {
        "model": entry.model,
        "aliases": list(entry.aliases),
        "window": entry.window,
        "max_output": entry.max_output,
        "takes": None if entry.takes is None else list(entry.takes),
        "can": None if entry.can is None else list(entry.can),
        "refuses": list(entry.refuses),
        "efforts": list(entry.efforts),
        "temperature": None if entry.temperature is None else [float(one) for one in entry.temperature],
        "price": None if price == Price() else {part: _number(one) for part, one in _parts(price)},
        "as_of": entry.as_of or None,
        "cache_minimum": entry.cache_minimum,
        "corrected": list(entry.corrected),
    }


def _parts(price: Price) -> tuple[tuple[str, Decimal | None], ...]:
    return tuple((part, getattr(price, part)) for part in PARTS)


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _row(entry: Entry) -> tuple[str, ...]:
    def cell(name: str, text: str) -> str:
        return f"{text}*" if name in entry.corrected else text

    price = entry.price
    return (
        visible_line(entry.model),
        cell("window", _size(entry.window)),
        cell("max_output", _size(entry.max_output)),
        cell("takes", _words(entry.takes)),
        cell("can", _words(entry.can)),
        *(cell("price", dollars_per_million(amount)) for amount in (price.input, price.output, price.cached)),
        entry.as_of or "-",
    )


def _stacked(row: Sequence[str], width: int) -> list[str]:
    known = "; ".join(f"{head} {cell}" for head, cell in zip(_HEADS[1:], row[1:], strict=True) if cell != "-")
    wrapped = textwrap.wrap(known, max(width, 20), initial_indent="  ", subsequent_indent="  ")
    return [row[0], *wrapped]


def _line(name: str, text: str, corrected: bool = False) -> str:
    return f"  {name:<12} {text}{'*' if corrected else ''}"


def _size(tokens: int | None) -> str:
    return "-" if tokens is None else f"{tokens:,}"


def _words(words: tuple[str, ...] | None) -> str:
    return "-" if words is None else ", ".join(words) or "nothing"


def _list(first: str, words: tuple[str, ...] | None) -> str:
    return f"{first}; what else is not known" if words is None else ", ".join((first, *words))


def _price(entry: Entry) -> str:
    price = entry.price
    if price == Price():
        return "-"
    told = f"{dollars_per_million(price.input)} in, {dollars_per_million(price.output)} out"
    if price.cached is not None:
        told += f", {dollars_per_million(price.cached)} cached"
    if price.cache_write is not None:
        told += f", {dollars_per_million(price.cache_write)} written to the cache"
    told += f" (US dollars per million tokens{f', as of {entry.as_of}' if entry.as_of else ''})"
    return told if price.grounding is None else f"{told}, {price.grounding.normalize():f} for a call that searches"
