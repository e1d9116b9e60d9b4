"""The catalogue, what a project adds to it, and the mistakes that `check` finds with it."""

from decimal import Decimal
from pathlib import Path

import pytest

from flowlang.language.settings import SETTINGS
from flowlang.models.catalog import Model, Price, catalogue_of, load_catalogue
from flowlang.pipeline import check_files, check_text
from flowlang.settings import read_settings


def test_every_entry_names_what_exists() -> None:
    catalogue = load_catalogue()
    for model, entry in catalogue.entries.items():
        assert entry.max_output is None or entry.max_output >= 8192, model
        assert entry.window is None or entry.max_output is None or entry.max_output < entry.window, model
        for name in entry.refuses:
            assert ("step", name) in SETTINGS, model
        assert set(entry.efforts) <= set(SETTINGS["step", "reasoning_effort"].choices), model
        assert (entry.price.input is None) == (entry.price.output is None) == (not entry.as_of), model
        if entry.price.cached is not None:
            assert entry.price.input is not None and entry.price.cached < entry.price.input, model


def test_an_entry_is_what_a_project_could_write_itself() -> None:
    for model, entry in load_catalogue().entries.items():
        lines = [f'[models."{model}"]']
        lines += [f"takes = {list(entry.takes)}"] if entry.takes is not None else []
        lines += [f"can = {list(entry.can)}"] if entry.can is not None else []
        _, mistakes = read_settings("\n".join(lines), "flowlang.toml")
        assert mistakes == [], model


def test_a_provider_in_front_or_another_spelling_is_the_same_model() -> None:
    catalogue = load_catalogue()
    entry = catalogue.entry("gpt-5-5")
    assert entry is not None and entry.model == "gpt-5-5"
    for model in ("openai/gpt-5-5", "gpt-5.5", "openai/gpt-5.5"):
        assert catalogue.entry(model) is entry
    assert catalogue.entry("gpt-5-5-nano") is None
    assert catalogue.entry("") is None


def test_a_project_corrects_what_it_names_and_nothing_else() -> None:
    said = {"gpt-5-5": Model(max_output=1000, price=Price(input=Decimal(4)))}
    corrected, before = catalogue_of(said).entry("gpt-5-5"), load_catalogue().entry("gpt-5-5")
    assert corrected is not None and before is not None
    assert corrected.max_output == 1000
    assert corrected.price == Price(Decimal(4), before.price.output, before.price.cached)
    assert (corrected.window, corrected.can, corrected.efforts) == (before.window, before.can, before.efforts)
    assert corrected.corrected == ("max_output", "price")
    assert corrected.as_of == "" and before.as_of
    assert before.max_output == 32768


def test_a_correction_with_a_provider_in_front_builds_on_the_one_without() -> None:
    said = {"openai/gpt-5.5": Model(window=1_050_000), "gpt-5.5": Model(max_output=1000)}
    catalogue = catalogue_of(said)
    one, other = catalogue.entry("openai/gpt-5.5"), catalogue.entry("gpt-5-5")
    assert one is not None and other is not None
    assert (one.window, one.max_output) == (1_050_000, 1000)
    assert (other.window, other.max_output) == (128_000, 32768)


def test_what_the_project_says_a_model_can_is_not_refused() -> None:
    entry = catalogue_of({"deepseek-r1": Model(can=("grounding",))}).entry("deepseek-r1")
    assert entry is not None and entry.refuses == ()


@pytest.mark.parametrize(
    ("settings", "rule", "word"),
    [
        ("model: gpt-5-5-instant\n  reasoning_effort: low", "unsupported-setting", "reasoning_effort"),
        ("model: gpt-5-4-mini\n  reasoning_effort: high", "unsupported-setting", "high"),
        ("model: gpt-5-5\n  grounding: yes", "unsupported-setting", "grounding"),
        ("model: gemini-3-1-pro\n  max_tokens: 40000", "out-of-range", "40000"),
        ("model: gemini-3-1-pro\n  max_tokens: 32768\n  grounding: yes", "", ""),
        ("model: unheard-of\n  max_tokens: 400000\n  reasoning_effort: max", "unknown-model", "unheard-of"),
    ],
)
def test_what_a_model_refuses_is_told_at_its_word(settings: str, rule: str, word: str) -> None:
    found = check_text(f'step a\n  {settings}\n  prompt: "Say hello."\n')
    told = [(one.rule, one.source.text[one.span.start : one.span.end]) for one in found]
    assert told == ([(rule, word)] if rule else [])


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("gemini-3-1-prp", "did you mean `gemini-3-1-pro`?"),
        ("openai/gpt-5.55", "did you mean `openai/gpt-5.5`?"),
        ("acme-9000", '[models."acme-9000"] in flowlang.toml says what it takes and costs'),
    ],
)
def test_the_nearest_model_is_named(model: str, hint: str) -> None:
    (found,) = check_text(f'step a\n  model: {model}\n  prompt: "Say hello."\n')
    assert (found.rule, found.severity, found.hints) == ("unknown-model", "warning", (hint,))


PROJECT = """
[project]
model = "acme-9000"
[providers.here]
base_url = "http://127.0.0.1:9/v1"
[models."acme-9000"]
max_output = 100
takes = []
can = ["schema"]
"""
FLOW = """
input photo: image
tool time
  about: "The time"
  get: "https://time.example/now"
step a
  max_tokens: 200
  uses: time
  grounding: yes
  fallback: here/whatever
  prompt: "What is this? {{ photo }}"
"""


def test_the_project_decides_what_is_known_and_which_model_is_meant(tmp_path: Path) -> None:
    (tmp_path / "flowlang.toml").write_text(PROJECT + '[allow]\nhosts = ["time.example"]\n', encoding="utf-8")
    flow = tmp_path / "a.flow"
    flow.write_text(FLOW, encoding="utf-8")
    found = [(one.rule, one.message) for one in check_files([flow])]
    assert found == [
        ("unsupported-setting", "`acme-9000` calls no tools, and step `a` uses `time`"),
        ("out-of-range", "an answer of `acme-9000` has at most 100 tokens"),
        ("unsupported-setting", "`acme-9000` does not take `grounding`"),
        ("unsupported-setting", "`acme-9000` takes no image, and step `a` shows it one"),
    ]
