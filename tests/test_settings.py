from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.settings import Settings, find_settings, read_settings

WHOLE = """
[project]
provider = "bytespike"
model = "gemini-3-flash"

[providers.bytespike]
base_url = "https://llm.bytespike.ai/v1"
key_env = "BYTESPIKE_API_KEY"
at_once = 5
extras = ["grounding"]

[models."gemini-3-1-pro"]
window = 1_000_000
max_output = 32768
takes = ["image", "audio"]
can = ["tools", "schema", "grounding"]
price = { input = 2.00, output = 12.00, cached = 0.20 }

[allow]
hosts = ["weather.example"]
commands = ["git"]

[offline]
latency = 0.2
failure_rate = 0.1
"""


def test_everything_the_manual_names_is_read():
    settings, mistakes = read_settings(WHOLE, "flowlang.toml")
    assert mistakes == []
    assert settings.model == "gemini-3-flash"
    assert settings.providers["bytespike"].extras == ("grounding",)
    assert settings.models["gemini-3-1-pro"].price.cached == Decimal("0.20")
    assert settings.allow.commands == ("git",)
    assert settings.offline.latency == 0.2


@pytest.mark.parametrize(
    ("text", "rule", "line", "column", "words"),
    [
        ('[project]\nprovder = "x"', "unknown-setting", 2, 1, "did you mean `provider`?"),
        ("[project]\nmodel = 3", "wrong-type", 2, 1, "must be a text"),
        ("[ofline]\nlatency = 1", "unknown-setting", 1, 2, "did you mean `offline`?"),
        ("[offline]\nlatency = -1", "out-of-range", 2, 1, "at least 0"),
        ("[offline]\ncut_off_rate = 1.5", "out-of-range", 2, 1, "from 0 to 1"),
        ("[offline]\nlatency = nan", "out-of-range", 2, 1, "at least 0"),
        ("[providers.x]\nat_once = 0", "out-of-range", 2, 1, "at least 1"),
        ("[providers.x]\nat_once = true", "wrong-type", 2, 1, "whole number"),
        ('[models."a.b"]\ntakes = ["imge"]', "wrong-value", 2, 1, "did you mean `image`?"),
        ("[models.x]\nprice = { inpt = 2 }", "unknown-setting", 2, 11, "did you mean `input`?"),
        ('[allow]\nhosts = "a"', "wrong-type", 2, 1, "list of texts"),
        ('allow = "a"', "wrong-type", 1, 1, "is a table"),
        ("providers = 1", "wrong-type", 1, 1, "is a table"),
        ("[project\n", "syntax", 1, 9, "expected"),
    ],
)
def test_each_mistake_is_told_at_its_key(text: str, rule: str, line: int, column: int, words: str):
    _, (mistake,) = read_settings(text, "flowlang.toml")
    assert mistake.rule == rule
    assert mistake.source.position(mistake.span.start) == (line, column)
    assert words in " ".join([mistake.message, *mistake.hints])


def test_all_mistakes_are_told_in_one_go_in_their_order():
    _, mistakes = read_settings("[project]\nmodle = 1\n[allow]\nhost = 2\n", "flowlang.toml")
    assert [mistake.source.position(mistake.span.start)[0] for mistake in mistakes] == [2, 4]


@given(st.text(max_size=200))
def test_any_text_is_read_or_reported(text: str):
    settings, mistakes = read_settings(text, "flowlang.toml")
    assert isinstance(settings, Settings)
    assert all(0 <= one.span.start <= len(one.source.text) + 1 for one in mistakes)


def test_the_nearest_file_upwards_is_found(tmp_path: Path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "flowlang.toml").write_text("")
    assert find_settings(inner / "x.flow") == tmp_path / "flowlang.toml"
    (tmp_path / "a" / "flowlang.toml").write_text("")
    assert find_settings(inner / "x.flow") == tmp_path / "a" / "flowlang.toml"
