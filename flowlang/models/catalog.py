"""The catalogue of models: what is known of each, from catalog.toml, and what a project adds and corrects."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from ..language.facts import ModelFacts
from ..record import record

PARTS = ("input", "output", "cached", "cache_write", "grounding")  # of a price


@record
class Price:
    """US dollars per million tokens; None: not known.

    `cached` is for the part of the question that a provider remembers, `cache_write` for the part that it will remember
    from now on. `grounding` is in US dollars for each call that may use the provider's own search.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    grounding: Decimal | None = None

    def corrected(self, said: "Price") -> "Price":
        """This price with what another one says in place of it."""
        parts = ((getattr(said, part), getattr(self, part)) for part in PARTS)
        return Price(*(known if new is None else new for new, known in parts))


@record
class Model:
    """What a project says of a model; sizes in tokens. None: it says nothing, and what is known without it holds."""

    window: int | None = None
    max_output: int | None = None
    takes: tuple[str, ...] | None = None
    can: tuple[str, ...] | None = None
    price: Price = Price()


@record
class Entry:
    """What is known of one model. None or empty: not known.

    `window` and `max_output` are in tokens, `cache_minimum` is the shortest beginning that a provider remembers.
    `takes` and `can` are complete where they are given. `corrected` names what comes from the project; `as_of` is the
    day on which the price was read, 2026-10-13, and empty where the project gives it.
    """

    model: str
    window: int | None = None
    max_output: int | None = None
    takes: tuple[str, ...] | None = None
    can: tuple[str, ...] | None = None
    price: Price = Price()
    as_of: str = ""
    cache_minimum: int | None = None
    refuses: tuple[str, ...] = ()
    efforts: tuple[str, ...] = ()
    temperature: tuple[Decimal, Decimal] | None = None
    aliases: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()

    def facts(self) -> ModelFacts:
        """What `check` holds a step against."""
        return ModelFacts(self.max_output, self.efforts, self.refuses, self.takes, self.can, self.temperature)


@record
class Catalogue:
    """The models that are known. `entries` by id, without other ids of the same model: those are in `aliases`."""

    entries: Mapping[str, Entry]
    aliases: Mapping[str, str]

    def entry(self, model: str) -> Entry | None:
        """What is known of a model; None if nothing is. `openai/gpt-5-5` is `gpt-5-5` where it has no entry itself."""
        for one in (model, model.partition("/")[2]):
            if found := self.entries.get(one) or self.entries.get(self.aliases.get(one, "")):
                return found
        return None

    def names(self) -> tuple[str, ...]:
        """Every id by which a model is known."""
        return (*self.entries, *self.aliases)


def catalogue_of(corrections: Mapping[str, Model]) -> Catalogue:
    """The built-in catalogue with what a project adds and corrects, by model id."""
    built_in = load_catalogue()
    if not corrections:
        return built_in
    entries = dict(built_in.entries)
    # What is said of a model without a provider in front holds for the same model of any provider.
    for model in sorted(corrections, key=lambda one: one.count("/")):
        known = Catalogue(entries, built_in.aliases).entry(model) or Entry(model)
        entries[model] = _corrected(replace(known, model=model, aliases=()), corrections[model])
    return Catalogue(entries, {one: of for one, of in built_in.aliases.items() if one not in corrections})


@cache
def load_catalogue() -> Catalogue:
    """The built-in catalogue."""
    import tomllib  # a flow without any model needs no catalogue

    text = Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8")
    entries = {model: _entry(model, row) for model, row in tomllib.loads(text, parse_float=Decimal).items()}
    return Catalogue(entries, {alias: one.model for one in entries.values() for alias in one.aliases})


def _entry(model: str, row: Mapping[str, Any]) -> Entry:
    prices = row.get("price", {})
    temperature = row.get("temperature")
    return Entry(
        model=model,
        window=row.get("window"),
        max_output=row.get("max_output"),
        takes=_texts(row.get("takes")),
        can=_texts(row.get("can")),
        price=Price(**{part: prices[part] for part in PARTS if part in prices}),
        as_of=str(row.get("as_of", "")),
        cache_minimum=row.get("cache_minimum"),
        refuses=tuple(row.get("refuses", ())),
        efforts=tuple(row.get("efforts", ())),
        temperature=None if temperature is None else (Decimal(temperature[0]), Decimal(temperature[1])),
        aliases=tuple(row.get("aliases", ())),
    )


def _texts(given: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)


def _corrected(known: Entry, said: Model) -> Entry:
    """The entry with what the project says in place of what was known."""
    is_priced = said.price != Price()
    given = (("window", said.window), ("max_output", said.max_output), ("takes", said.takes), ("can", said.can))
    corrected = [name for name, value in given if value is not None] + ["price"] * is_priced
    return replace(
        known,
        window=known.window if said.window is None else said.window,
        max_output=known.max_output if said.max_output is None else said.max_output,
        takes=known.takes if said.takes is None else said.takes,
        can=known.can if said.can is None else said.can,
        price=known.price.corrected(said.price),
        as_of="" if is_priced else known.as_of,
        # What the project says that a model can, it does not refuse.
        refuses=tuple(one for one in known.refuses if one not in (said.can or ())),
        corrected=tuple(dict.fromkeys((*known.corrected, *corrected))),
    )
