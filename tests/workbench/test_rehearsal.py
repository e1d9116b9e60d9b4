"""`test --model` and `--swap`: another model is asked the tests' questions, and what moves is told."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway import Gateway
from tests.workbench.kept import project

FLOW = """\
# Sorts a mail.
input mail: text

step topic
  model: gpt-5-4
  returns: one of billing, bug, other
  prompt: "What is this mail about? {{ mail }}"

step reply
  model: gpt-5-4-mini
  prompt: "Answer this mail about a {{ topic }}: {{ mail }}"

output topic
output reply

test "a double charge"
  with mail: "Twice!"
  expect topic is billing
  judge reply: "Is polite"

test "given"
  with mail: "White."
  answer topic: bug
  answer reply: "Which version?"
  expect reply contains "version"
"""
MORE = """
[models."gpt-5-4"]
price = { input = 1, output = 10 }
max_output = 1000
[models."gpt-5-4-mini"]
price = { input = 1, output = 10 }
max_output = 1000
[models."gpt-5-5"]
price = { input = 2, output = 20 }
max_output = 1000
"""


def says(request: dict) -> str:
    """The newer model takes every mail for a bug."""
    asked = str(request["messages"][-1]["content"])
    if "What is this mail" in asked:
        return json.dumps({"answer": "bug" if request["model"] == "gpt-5-5" else "billing"})
    if "Does it keep this rule" in asked:
        return '{"holds": true, "reason": "It is."}'
    return f"{request['model']} is sorry for the {'bug' if 'about a bug' in asked else 'bill'}."


@pytest.fixture
def gateway(folder: Path, flowlang, monkeypatch: pytest.MonkeyPatch):
    """The flow with its recordings, and the gateway that made them; its log is empty."""
    (folder / "triage.flow").unlink()
    with Gateway(says) as url:
        project(folder, url, monkeypatch, FLOW, MORE)
        assert flowlang("test", "--record", "--trust").code == 0
        assert flowlang("test").code == 0
        yield url


def asked(flowlang, *words: str) -> dict:
    done = flowlang("test", "--trust", "--json", *words)
    assert done.code in (0, 1), done.err
    return json.loads(done.out)


def test_another_model_for_all_steps(gateway, flowlang, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.glob("claims.*")}
    code, out, err = flowlang("test", "--model", "gpt-5-5", "--trust")
    assert code == 1  # a test fails with it
    assert out.startswith("the recordings and gpt-5-5: 1 of 1 flow file changed\n\nclaims.flow\n")
    assert "  tests               2 passed → 1 passed, 1 failed\n" in out
    assert "\nstep topic\n  model: gpt-5-4 → gpt-5-5\n" in out
    assert '  answer ("a double charge"): {"answer": "billing"} → {"answer": "bug"}\n' in out
    assert "\nstep reply\n  model: gpt-5-4-mini → gpt-5-5\n" in out or "step reply (" in out
    assert "    -Answer this mail about a billing: Twice!\n" in out
    assert '  "a double charge": passed → failed\n    `topic is billing` does not hold\n' in out
    assert "  asked now           - → 3 calls\n" in out and "  paid now            - → $" in out
    assert "  time of a call      - → " in out
    assert "asking for the answers of 1 test" in err
    assert {path: path.read_bytes() for path in folder.glob("claims.*")} == before


def test_who_judges_stays_and_what_stays_the_same_is_not_asked(gateway, flowlang) -> None:
    (flow,) = asked(flowlang, "--swap", "gpt-5-4-mini=gpt-5-5")["flows"]
    assert [one["step"] for one in flow["steps"]] == ["reply"]
    (model,) = [one for one in flow["steps"][0]["changes"] if one["what"] == "model"]
    assert (model["before"], model["after"], model["where"]) == ("gpt-5-4-mini", "gpt-5-5", None)
    assert flow["tests"] == [] and flow["after"]["tests"]["passed"] == 2
    assert flow["before"]["cost_usd"] is not None and flow["after"]["cost_usd"] is not None


def test_a_second_rehearsal_is_not_paid_again(gateway, flowlang) -> None:
    flowlang("test", "--model", "gpt-5-5", "--trust")
    out = flowlang("test", "--model", "gpt-5-5", "--trust").out
    assert "  asked now           - → 0 calls and 3 answers from before\n" in out
    assert "0 calls" not in flowlang("test", "--model", "gpt-5-5", "--trust", "--fresh").out


def test_a_limit_of_cost_and_a_missing_key_hold_here_too(gateway, flowlang, monkeypatch: pytest.MonkeyPatch) -> None:
    assert flowlang("test", "--model", "gpt-5-5", "--trust", "--max-cost", "0").code == 5
    monkeypatch.delenv("STAND_IN_KEY")
    done = flowlang("test", "--model", "gpt-5-5", "--trust")
    assert done.code == 4 and "STAND_IN_KEY" in done.err
    untrusted = flowlang("test", "--model", "gpt-5-5")  # nobody trusted the project
    assert untrusted.code == 7 and "flowlang test --model … claims.flow … --trust" in untrusted.err


def test_reports_of_a_rehearsal(gateway, flowlang, folder: Path) -> None:
    flowlang("test", "--model", "gpt-5-5", "--trust", "--report", "markdown=moved.md", "--report", "json=moved.json")
    page = (folder / "moved.md").read_text(encoding="utf-8")
    assert page.startswith("### flowlang test --model\n") and "`the recordings` → `gpt-5-5`" in page
    assert json.loads((folder / "moved.json").read_text(encoding="utf-8"))["after"] == "gpt-5-5"
    done = flowlang("test", "--model", "gpt-5-5", "--trust", "--report", "junit=x.xml")
    assert done.code == 2 and "no JUnit report" in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--swap", "gpt-5-4"), "does not name two models"),
        (("--swap", "gpt-5-44=x"), "did you mean `gpt-5-4`?"),
        (("--swap", "gpt-5-4=x", "--swap", "gpt-5-4=y"), "two models for `gpt-5-4`"),
        (("--model", "x", "--record"), "exclude each other"),
        (("--model", "x", "--swap", "gpt-5-4=y"), "exclude each other"),
    ],
)
def test_what_cannot_be_rehearsed_is_said(words, message: str, gateway, flowlang) -> None:
    code, out, err = flowlang("test", *words)
    assert (code, out) == (2, "") and message in err


def test_tests_that_share_a_limit_of_cost_wait_for_each_other_and_all_come_to_an_end(
    folder: Path, flowlang, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call may cost a cent at most: only one can be under way, and the others wait for that of another test."""
    (folder / "triage.flow").unlink()
    tests = "".join(f'test "{word}"\n  with mail: "{word}"\n  expect topic is bug\n' for word in ("a", "b", "c", "d"))
    with Gateway(lambda request: '{"answer": "bug"}') as url:
        project(folder, url, monkeypatch, FLOW.partition('test "a double')[0] + tests, MORE)
        words = ["test", "--record", "--trust", "--max-cost", "0.015"]
        done = subprocess.run(
            [sys.executable, "-m", "flowlang", *words], cwd=folder, timeout=20, capture_output=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert b"4 tests: 4 passed" in done.stdout


def test_all_of_many_places_are_shown_by_an_option_that_there_is(
    folder: Path, flowlang, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "triage.flow").unlink()
    flow = (
        'input n: list of text = ["1", "2", "3", "4", "5"]\nstep a\n  repeat for each x in n\n  model: gpt-5-4\n'
        '  prompt: "? {{ x }}"\ntest "t"\n  expect a is not empty\n'
    )
    with Gateway(says) as url:
        project(folder, url, monkeypatch, flow, MORE)
        assert flowlang("test", "--record", "--trust").code == 0
        _, out, err = flowlang("test", "--model", "gpt-5-5", "--trust", "--report", "markdown=page.md")
        assert re.search(r"and \d more places; all of them: --json\n", out) and "--step" not in out
        assert err.endswith("wrote page.md\n")


def test_a_question_too_long_for_the_other_model_is_told_before_it_is_asked(
    folder: Path, flowlang, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "triage.flow").unlink()
    flow = (
        'input mail: text\nstep a\n  model: gpt-5-4\n  prompt: "? {{ mail }}"\n'
        f'test "long"\n  with mail: "{"word " * 2000}"\n  expect a is not empty\n'
    )
    more = '[models."small"]\nwindow = 1000\n[models."large"]\nwindow = 100000\n'
    with Gateway(says) as url:
        project(folder, url, monkeypatch, flow, more)
        err = flowlang("test", "--model", "small", "--trust").err
        assert "warning[out-of-range]: a question of step `a` has about 2,0" in err
        assert "and `small` takes 1,000, the answer included\n --> claims.flow:2:6" in err
        assert 'it is asked in "long"' in err and err.index("a question of") < err.index("asking for the answers")
        assert "a question of" not in flowlang("test", "--model", "large", "--trust").err


def test_what_the_other_model_refuses_is_told_before_anybody_is_asked(
    folder: Path, flowlang, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only of steps that the tests need, and at the line that sets it: here in a preset."""
    (folder / "triage.flow").unlink()
    flow = (
        "preset long\n  max_tokens: 900\n"
        'step a\n  model: gpt-5-4\n  prompt: "?"\nstep b\n  model: long\n  prompt: "? {{ a }}"\n'
        'test "short"\n  expect a is "x"\ntest "long"\n  expect b is "x"\n'
    )
    more = '[models."small"]\nmax_output = 500\n[models."gpt-5-4"]\nmax_output = 1000\n'
    with Gateway(says) as url:
        project(folder, url, monkeypatch, flow, more)
        settings = (folder / "flowlang.toml").read_text(encoding="utf-8")
        (folder / "flowlang.toml").write_text(settings.replace("[project]", '[project]\nmodel = "gpt-5-4"'), "utf-8")
        code, out, err = flowlang("test", "--model", "small", "--trust")
        assert (code, out) == (3, "")
        assert "an answer of `small` has at most 500 tokens\n --> claims.flow:2:15" in err
        assert "1 mistake in 1 file; nobody was asked" in err
        assert flowlang("test", "--model", "small", "--trust", "-k", "short").code == 1  # its step sets nothing
        warned = flowlang("test", "--model", "smal", "--trust", "-k", "short").err
        assert "warning[unknown-model]: nothing is known of the model `smal`" in warned and "`small`" in warned


def test_a_flow_with_mistakes_has_nothing_to_be_held_against(folder: Path, flowlang) -> None:
    (folder / "triage.flow").write_text('step a\n  prompt: "{{ b }}"\ntest "t"\n  expect a is "x"\n', encoding="utf-8")
    code, out, _ = flowlang("test", "--model", "gpt-5-5", "--trust")
    assert code == 3 and "no flow file" not in out
