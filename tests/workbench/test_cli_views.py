"""What is told of a flow without running it: plan, preview, graph, describe, and its manual."""

import json
from pathlib import Path

import pytest

POLISH = """\
input facts: text
step draft
  model: m
  ensure: (draft | words | count) <= 150
  prompt: "Write a notice from {{ facts }}"
step polished
  run: improve
  with draft: draft
  repeat until polished.score >= 8, at most 3 times
output notice: polished.draft
flow improve
input draft: text
step review
  model: m
  returns: whole number from 1 to 10
  prompt: "Score: {{ draft }}"
step better
  model: m
  continues: review
  prompt: "Write it again."
output draft: better
output score: review
"""

EACH = '''\
input rows: table
let languages = ["French", "German"]
step translation
  repeat for each row in rows and each language in languages
  model: m
  prompt: "Translate {{ row.text }} into {{ language }}"
step choice
  model: m
  prompt: """
    Which reads best?
    {{ for t in translation }}
    {{ t.language }}: {{ t }}
    {{ end }}
  """
'''


def test_the_plan_for_programs(flowlang):
    code, out, _ = flowlang("plan", "triage.flow", "--json")
    plan = json.loads(out)
    assert code == 0
    assert list(plan) == ["flow", "steps", "calls", "cost_usd", "limits"]
    assert [(one["name"], one["kind"], one["level"], one["calls"]) for one in plan["steps"]] == [
        ("topic", "prompt", 0, 1),
        ("bug_reply", "prompt", 1, None),
        ("other_reply", "prompt", 1, None),
        ("reply", "let", 2, 0),
    ]
    assert plan["steps"][1]["reads"] == ["topic", "polite", "mail"]
    assert list(plan["steps"][0]) == [
        "name", "kind", "reads", "level", "model", "status", "calls", "tokens_in", "cost_usd", "because",
    ]  # fmt: skip


@pytest.mark.parametrize("columns", ["20", "80"])
def test_the_plan_for_people_fits_the_screen(flowlang, monkeypatch: pytest.MonkeyPatch, columns: str):
    monkeypatch.setenv("COLUMNS", columns)
    code, out, _ = flowlang("plan", "triage.flow")
    assert code == 0
    assert "topic" in out
    assert "gemini-3-flash" in out


def test_the_full_plan_fills_in_what_is_known(flowlang, folder: Path):
    (folder / "polish.flow").write_text(POLISH, encoding="utf-8")
    out = flowlang("plan", "polish.flow", "--full", "--facts", "two facts").out
    assert "Write a notice from two facts" in out
    out = flowlang("plan", "polish.flow", "--full").out
    assert "Write a notice from {{ facts }}" in out


def test_a_preview_is_the_very_message(flowlang):
    code, out, err = flowlang("preview", "triage.flow", "topic", "--mail", "It broke.\n\x1b[2J", "--json")
    assert code == 0
    body = json.loads(out)
    assert body["model"] == "gemini-3-flash"
    assert body["messages"] == [{"role": "user", "content": "It broke.\n\x1b[2J\n\nWhat is this mail about?"}]
    assert body["response_format"]["json_schema"]["schema"]["properties"]["answer"]["enum"] == [
        "billing",
        "bug",
        "other",
    ]
    assert body["stream"] is True
    assert "temperature" not in body
    assert err == ""


def test_a_preview_for_people_is_exact_behind_a_pipe(flowlang):
    out = flowlang("preview", "triage.flow", "topic", "--mail", "a\x1b[2J").out
    assert out == "model: gemini-3-flash\n\n── user ──\na\x1b[2J\n\nWhat is this mail about?\n"


def test_a_preview_of_a_branch_does_not_hang_on_an_answer_that_nobody_has(flowlang):
    for step in ("bug_reply", "other_reply"):
        code, out, err = flowlang("preview", "triage.flow", step, "--mail", "Help")
        assert code == 0
        assert "Help" in out
        assert "`topic`" in err and "made up here, by the built-in offline model" in err


def test_a_preview_of_an_item_and_of_a_step_inside(flowlang, folder: Path):
    (folder / "each.flow").write_text(EACH, encoding="utf-8")
    (folder / "rows.csv").write_text("text\none\ntwo\n", encoding="utf-8")
    words = ["preview", "each.flow", "translation", "--rows", "@rows.csv"]
    assert "Translate one into French" in flowlang(*words).out
    assert "Translate two into French" in flowlang(*words, "--item", "3").out
    code, _, err = flowlang(*words, "--item", "9")
    assert code != 0
    assert "there is no item 9, only 4" in err

    (folder / "polish.flow").write_text(POLISH, encoding="utf-8")
    words = ["preview", "polish.flow", "polished.better", "--facts", "facts", "--json"]
    roles = [message["role"] for message in json.loads(flowlang(*words).out)["messages"]]
    assert roles == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("step", "sentence"),
    [("topc", "did you mean `topic`?"), ("polished", "runs another flow"), ("zzz", "the steps with messages")],
)
def test_a_preview_of_what_is_no_step(flowlang, folder: Path, step: str, sentence: str):
    (folder / "polish.flow").write_text(POLISH + "\n", encoding="utf-8")
    flow = "polish.flow" if step == "polished" else "triage.flow"
    code, out, err = (
        flowlang("preview", flow, step, "--mail", "x")
        if flow == "triage.flow"
        else flowlang("preview", flow, step, "--facts", "x")
    )
    assert (code, out) == (2, "")
    assert sentence in err


@pytest.mark.parametrize("columns", [20, 40, 120])
def test_the_picture_stays_inside_the_screen(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch, columns: int):
    monkeypatch.setenv("COLUMNS", str(columns))
    (folder / "each.flow").write_text(EACH, encoding="utf-8")
    for flow in ("triage.flow", "each.flow"):
        code, out, _ = flowlang("graph", flow)
        assert code == 0
        assert max(map(len, out.splitlines())) <= columns
        assert out.index("topic" if flow == "triage.flow" else "translation") < out.rindex("outputs")


def test_the_picture_for_other_programs(flowlang, folder: Path):
    (folder / "each.flow").write_text(EACH, encoding="utf-8")
    mermaid = flowlang("graph", "each.flow", "--format", "mermaid").out
    assert mermaid.startswith("flowchart TD\n")
    assert '"translation<br/>for each row in rows and each language in languages"' in mermaid
    assert mermaid.count("-->") == 4
    dot = flowlang("graph", "each.flow", "--format", "dot").out
    assert dot.startswith("digraph flow {")
    assert dot.count("->") == 4


def test_a_flow_is_read_back_in_sentences(flowlang, folder: Path):
    code, out, _ = flowlang("describe", "triage.flow")
    told = " ".join(out.split())
    assert code == 0
    assert "Sorts a customer's mail and answers it." in told
    assert "`mail`, a text, which must be given. The mail, as it came." in told
    assert "It does so only when topic is bug." in told
    assert "`reply` is worked out without a model: bug_reply | default other_reply." in told
    (folder / "polish.flow").write_text(POLISH, encoding="utf-8")
    told = " ".join(flowlang("describe", "polish.flow").out.split())
    assert "again and again until polished.score >= 8, at most 3 times" in told
    assert "must keep the rule (draft | words | count) <= 150" in told
    assert "The flow `improve`" in told


@pytest.mark.parametrize("columns", ["20", "80"])
def test_the_manual_of_a_flow(flowlang, monkeypatch: pytest.MonkeyPatch, columns: str):
    monkeypatch.setenv("COLUMNS", columns)
    code, out, _ = flowlang("run", "triage.flow", "--help")
    told = " ".join(out.split())
    assert code == 0
    assert "flowlang run triage.flow --mail VALUE" in told
    assert "The mail, as it came. (text; needed)" in told
    assert "(yes/no; default: yes)" in told
    assert "--offline" in told


def test_the_manual_names_the_columns_of_a_list_of_records(flowlang, folder: Path):
    (folder / "sales.flow").write_text(
        "schema Sale\n  shop: text\n  amount: number\ninput sales: list of Sale\noutput sales\n"
    )
    told = " ".join(flowlang("run", "sales.flow", "--help").out.split())
    assert "--sales @FILE.csv" in told and "(list of Sale; needed; @FILE.csv with the columns shop, amount)" in told


def test_a_flow_with_mistakes_has_no_plan_and_no_manual(flowlang, folder: Path):
    (folder / "broken.flow").write_text("step a\n  prmpt: “x”\n", encoding="utf-8")
    for words in (["plan", "broken.flow"], ["run", "broken.flow", "--help"], ["graph", "broken.flow"]):
        code, out, err = flowlang(*words)
        assert (code, out) == (3, "")
        assert "error[" in err
