"""The catalogue of models: what is known of each, from catalog.toml."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ..language.facts import ModelFacts


@cache
def load_catalog() -> Mapping[str, ModelFacts]:
    """Every model's facts, by its id."""
    import tomllib  # few checks ask for a model's facts

    rows = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))
    return {
        model: ModelFacts(row.get("max_output"), tuple(row.get("efforts", ())), tuple(row.get("refuses", ())))
        for model, row in rows.items()
    }


def facts_of(model: str) -> ModelFacts | None:
    """What is known of a model; None if nothing is. `openai/gpt-5-5` is `gpt-5-5` of the provider `openai`."""
    catalog = load_catalog()
    return catalog.get(model) or catalog.get(model.partition("/")[2])
