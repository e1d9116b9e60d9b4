"""What is read out of a flow is written back as it stood there."""

from pathlib import Path

import pytest

from flowlang.pipeline import compile_flow
from flowlang.show.phrases import condition_words, value_words

HEAD = """\
schema Claim
  kind: one of fact, "an opinion"
  score: number
  note: optional text
input claims: list of Claim
input n: whole number = 3
input words: text = "some words"
"""


@pytest.mark.parametrize(
    "written",
    [
        "claims | where kind is fact | count",
        'claims | where kind is one of fact, "an opinion" and not (score < 2 or score >= 4) | first n',
        "claims | where note is not empty | sort by score, largest first | take score | sum | round 2",
        "claims | group by kind | first 2",
        'words | chunks of 200 words, 20 overlapping | join ", "',
        'words | replace "a" with "b" | shorten to 5 words | default "none"',
        "claims | share score > 0.5 | percent",
        '["French", "German"]',
        "[n, 2, 3.5] | largest | times n",
    ],
)
def test_a_value(written: str, tmp_path: Path):
    path = tmp_path / "x.flow"
    path.write_text(f"{HEAD}let found = {written}\noutput found\n", encoding="utf-8")
    flow = compile_flow(path).flow
    assert flow is not None, compile_flow(path).diagnostics
    assert value_words(flow.lets["found"].value) == written


@pytest.mark.parametrize(
    "written",
    [
        "(claims | count) >= n and words is not empty",
        'not (words contains "x" or words starts with y)',
        'words is not one of "two words", other',
    ],
)
def test_a_condition(written: str, tmp_path: Path):
    path = tmp_path / "x.flow"
    step = f'step a\n  model: m\n  when {written}\n  prompt: "{{{{ claims | count }}}} {{{{ words }}}}"\n'
    path.write_text(HEAD + 'let y = "y"\nlet other = "z"\n' + step, encoding="utf-8")
    flow = compile_flow(path).flow
    assert flow is not None, compile_flow(path).diagnostics
    condition = flow.steps["a"].when
    assert condition is not None
    assert condition_words(condition) == written
