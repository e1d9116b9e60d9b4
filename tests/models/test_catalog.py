"""The catalogue, and the mistakes that `check` finds with it."""

import pytest

from flowlang.language.settings import SETTINGS
from flowlang.models.catalog import facts_of, load_catalog
from flowlang.pipeline import check_text


def test_every_entry_names_settings_that_exist() -> None:
    for model, facts in load_catalog().items():
        assert facts.max_output is not None and facts.max_output >= 8192, model
        for name in facts.refuses:
            assert ("step", name) in SETTINGS, model
        assert set(facts.efforts) <= set(SETTINGS["step", "reasoning_effort"].choices), model


def test_a_provider_in_front_changes_nothing() -> None:
    assert facts_of("openai/gpt-5-5") == facts_of("gpt-5-5") is not None
    assert facts_of("nobody-knows-this") is None


@pytest.mark.parametrize(
    ("settings", "rule", "word"),
    [
        ("model: gpt-5-5-instant\n  reasoning_effort: low", "unsupported-setting", "reasoning_effort"),
        ("model: gpt-5-4-mini\n  reasoning_effort: high", "unsupported-setting", "high"),
        ("model: gpt-5-5\n  grounding: yes", "unsupported-setting", "grounding"),
        ("model: gemini-3-1-pro\n  max_tokens: 40000", "out-of-range", "40000"),
        ("model: gemini-3-1-pro\n  max_tokens: 32768\n  grounding: yes", "", ""),
        ("model: unheard-of\n  max_tokens: 400000\n  reasoning_effort: max", "", ""),
    ],
)
def test_what_a_model_refuses_is_told_at_its_word(settings: str, rule: str, word: str) -> None:
    found = check_text(f'step a\n  {settings}\n  prompt: "Say hello."\n')
    told = [(one.rule, one.source.text[one.span.start : one.span.end]) for one in found]
    assert told == ([(rule, word)] if rule else [])
