"""`models`, what `plan` says of cost, and the refusal to run where a limit of cost could not be kept."""

import json
from pathlib import Path

import pytest

from tests.workbench.conftest import Type

PROJECT = """
[models."acme-9000"]
window = 1000
price = { input = 1, output = 2 }

[models."gpt-5-5"]
max_output = 77
"""

LIMITED = """
input words: list of text
step verdict
  repeat for each word in words
  model: gemini-3-flash
  max_tokens: 1000
  returns: one of name, other
  prompt: "Is {{ word }} a name?"
step summary
  model: gemini-3-1-pro
  max_tokens: 1000
  prompt: "Sum up: {{ for one in verdict }}{{ one }} {{ end }}"
output summary
limits
  cost: 0.01
  calls: 3
"""


def test_every_model_is_listed_with_what_is_known(flowlang: Type) -> None:
    code, out, err = flowlang("models", "--json")
    assert (code, err) == (0, "")
    by_id = {one["model"]: one for one in json.loads(out)}
    assert by_id["gemini-3-1-pro"]["price"] == {
        "input": 2.0,
        "output": 12.0,
        "cached": 0.2,
        "cache_write": None,
        "grounding": None,
    }
    assert by_id["gemini-3-1-pro"]["takes"] == ["image", "audio", "video"]
    assert by_id["gpt-5-5-instant"]["price"] is None
    assert by_id["glm-5.1"]["window"] is None
    table = flowlang("models").out
    assert all(model in table for model in by_id)


@pytest.mark.parametrize("columns", ["30", "80", "160"])
def test_the_list_fits_the_screen(flowlang: Type, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert max(map(len, flowlang("models").out.splitlines())) <= int(columns)


def test_one_model_with_all_that_is_known(flowlang: Type) -> None:
    code, out, _ = flowlang("models", "openai/gpt-5.5")
    assert code == 0
    assert out.splitlines()[0] == "gpt-5-5"
    assert "5.00 in, 30.00 out, 0.50 cached" in out
    assert json.loads(flowlang("models", "gpt-5.5", "--json").out)["efforts"] == ["low", "medium", "high"]


def test_what_the_project_says_is_marked(flowlang: Type, folder: Path) -> None:
    (folder / "flowlang.toml").write_text(PROJECT, encoding="utf-8")
    by_id = {one["model"]: one for one in json.loads(flowlang("models", "--json").out)}
    assert by_id["acme-9000"]["corrected"] == ["window", "price"]
    assert by_id["gpt-5-5"]["max_output"] == 77
    assert by_id["gemini-3-flash"]["corrected"] == []
    page = flowlang("models", "gpt-5-5").out
    assert "77*" in page and "flowlang.toml" in page


def test_a_model_that_nobody_knows_and_the_nearest(flowlang: Type) -> None:
    code, out, err = flowlang("models", "gemini-3-flahs")
    assert (code, out) == (2, "")
    assert "did you mean `gemini-3-flash`?" in err


def test_a_plan_with_inputs_counts_calls_and_cost(flowlang: Type, folder: Path) -> None:
    (folder / "a.flow").write_text(LIMITED, encoding="utf-8")
    plan = json.loads(flowlang("plan", "a.flow", "--json").out)
    assert [step["calls"] for step in plan["steps"]] == [None, 1]
    assert plan["cost_usd"] is None
    words = ["plan", "a.flow", "--words", "Ben", "--words", "Ana", "--words", "Eve"]
    plan = json.loads(flowlang(*words, "--json").out)
    assert ([step["calls"] for step in plan["steps"]], plan["calls"]) == ([3, 1], 4)
    assert plan["cost_usd"] == pytest.approx(sum(step["cost_usd"] for step in plan["steps"]))
    assert 0 < plan["steps"][0]["tokens_in"] < 300
    told = flowlang(*words).out
    assert "warning: 4 calls are more than the limit allows" in told
    assert "It may come to the limit of $0.01," in told


def test_a_plan_warns_of_more_than_the_limit(flowlang: Type, folder: Path) -> None:
    (folder / "a.flow").write_text(LIMITED.replace("0.01", "0.0001"), encoding="utf-8")
    assert "warning: that is more than the limit of $0.0001:" in flowlang("plan", "a.flow", "--words", "Ben").out


def test_a_limit_of_cost_needs_a_price(flowlang: Type, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYTESPIKE_API_KEY", "sk-not-asked")
    flow = 'step a\n  model: acme-9001\n  prompt: "x"\n'
    (folder / "a.flow").write_text(flow + "limits\n  cost: 1\n  time: 10m\n", encoding="utf-8")
    (folder / "b.flow").write_text(flow, encoding="utf-8")
    for words in (["a.flow"], ["b.flow", "--max-cost", "1"]):
        code, out, err = flowlang("run", *words)
        assert (code, out) == (3, "")
        assert "nobody knows what `acme-9001` costs" in err
        assert '[models."acme-9001"] price = { input = …, output = … }' in err
        assert flowlang("run", *words, "--offline").code == 0
    assert "Limits: $1.00, 10 minutes." in flowlang("plan", "a.flow").out


def test_a_limit_of_cost_needs_the_price_of_a_search(
    flowlang: Type, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYTESPIKE_API_KEY", "sk-not-asked")
    flow = 'step a\n  model: gemini-3-1-pro\n  grounding: yes\n  prompt: "x"\nlimits\n  cost: 1\n'
    (folder / "a.flow").write_text(flow, encoding="utf-8")
    code, _, err = flowlang("run", "a.flow")
    assert code == 3
    assert "nobody knows what a search of `gemini-3-1-pro` costs" in err
    assert json.loads(flowlang("plan", "a.flow", "--json").out)["cost_usd"] is None
    (folder / "flowlang.toml").write_text(
        '[models."gemini-3-1-pro"]\nprice = { grounding = 0.035 }\n', encoding="utf-8"
    )
    assert json.loads(flowlang("plan", "a.flow", "--json").out)["cost_usd"] > 0.035
    assert "0.035 for a call that searches" in flowlang("models", "gemini-3-1-pro").out


def test_a_limit_of_cost_needs_an_end_of_each_answer(
    flowlang: Type, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYTESPIKE_API_KEY", "sk-not-asked")
    flow = 'step a\n  model: gemini-3-5-flash\n  prompt: "x"\nlimits\n  cost: 1\n'
    (folder / "a.flow").write_text(flow, encoding="utf-8")
    code, _, err = flowlang("run", "a.flow")
    assert code == 3
    assert "how long an answer of `gemini-3-5-flash` can be" in err


@pytest.mark.parametrize("amount", ["", "much", "-1", "nan", "1e99"])
def test_a_cost_is_an_amount(flowlang: Type, amount: str) -> None:
    code, _, err = flowlang("run", "triage.flow", "--mail", "x", "--offline", f"--max-cost={amount}")
    assert code == 2
    assert "`--max-cost` takes an amount in US dollars" in err
