"""`diff` as a person types it: what is different between two runs, and nothing else."""

import json
from pathlib import Path

import pytest

from tests.gateway import Gateway, numbered
from tests.workbench.kept import CLAIMS, project, says


def run(flowlang, *words: str) -> None:
    assert flowlang("run", "claims.flow", "--trust", *words).code in (0, 1)


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """A project, and its gateway, which is there as long as the test."""
    with Gateway(says, faults=numbered({7: "400-parameter"})) as url:
        project(folder, url, monkeypatch)
        yield folder


def test_equal_runs_are_told_to_be_the_same(flowlang, place: Path):
    run(flowlang, "--mail", "Hm")
    run(flowlang, "--mail", "Hm")
    code, out, _ = flowlang("diff", "1", "2")
    assert code == 0
    assert out.endswith("both were given the same, asked the same and were answered the same\n")
    assert "  calls       4 → 0 and 4 from before\n" in out
    told = json.loads(flowlang("diff", "last-1", "last", "--json").out)
    assert told["same"] is True and told["after"]["cached"] == 4
    assert [(one["step"], one["asked"], one["same"]) for one in told["steps"]] == [
        ("claims", 1, 1),
        ("verdict", 2, 2),
        ("summary", 1, 1),
    ]


def test_an_input_that_changed_and_what_it_changed(flowlang, place: Path):
    run(flowlang, "--mail", "One line.\nAnother one.")
    run(flowlang, "--mail", "One line.\nA third one.")
    out = flowlang("diff", "1").out
    assert "\ninput mail\n    @@ -1,2 +1,2 @@\n     One line.\n    -Another one.\n    +A third one.\n" in out
    assert "\nstep claims\n  prompt\n" in out
    assert "file claims.flow" not in out and "step verdict" not in out and "answer" not in out


def test_rows_and_a_single_run_are_not_told_side_by_side(flowlang, place: Path):
    (place / "mails.csv").write_text("mail\nOne\nTwo\n", encoding="utf-8")
    run(flowlang, "--mail", "One")
    run(flowlang, "--each", "mails.csv")
    for words in (("1", "2"), ("2", "1")):
        out = flowlang("diff", *words).out
        assert "\nrun 2 is for every row of mails.csv, and run 1 is a single one: their inputs and questions " in out
        assert "input mail" not in out and "asked only" not in out
    assert "asked only" in flowlang("diff", "1", "2", "--step", "claims").out


def test_the_flow_and_how_it_asked(flowlang, place: Path):
    run(flowlang, "--mail", "Hm")
    changed = CLAIMS.replace("gpt-5-4\n  returns", "gpt-5-5\n  temperature: 1\n  returns").replace(
        "Sum up", "Sum it up"
    )
    (place / "claims.flow").write_text(changed, encoding="utf-8")
    run(flowlang, "--mail", "Hm")
    out = flowlang("diff", "1").out
    assert "    -  model: gpt-5-4\n    +  model: gpt-5-5\n    +  temperature: 1\n" in out
    assert "\nstep claims\n  model: gpt-5-4 → gpt-5-5\n\n  temperature: not set → 1\n" in out
    assert "\nstep summary\n  prompt: ── user ── " not in out
    assert "    -Sum up: Yes., Yes.\n    +Sum it up: Yes., Yes.\n" in out
    (only,) = json.loads(flowlang("diff", "1", "2", "--step", "summary", "--json").out)["steps"]
    assert [change["what"] for change in only["changes"]] == ["prompt"]


def test_a_step_that_only_one_has_and_a_call_that_failed(flowlang, place: Path):
    run(flowlang, "--mail", "Hm", "--at-once", "1")
    (place / "claims.flow").write_text(
        CLAIMS + 'step more\n  model: gpt-5-4\n  prompt: "More? {{ summary }}"\noutput more\n', encoding="utf-8"
    )
    run(flowlang, "--mail", "Hm", "--fresh", "--at-once", "1")  # its third call, the seventh of all, fails
    out = flowlang("diff", "1").out
    assert "  outcome     done → failed\n" in out
    assert "\nsteps only in run 2: more\n" in out
    assert "step verdict (1 of 2 the same)\n  answer (item 2)\n" in out
    assert "asked only before: its question" in out  # the summary was not reached


def test_of_many_items_the_first_few_are_told(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    flow = "input words: list of text\ninput time: text\nstep a\n  repeat for each w in words\n  model: gpt-5-4\n"
    words = json.dumps([f"w{place}" for place in range(9)])
    with Gateway(lambda request: "Good.") as url:
        project(folder, url, monkeypatch, flow + '  prompt: "Say {{ w }} {{ time }}"\n')
        run(flowlang, "--words", words, "--time", "now")
        run(flowlang, "--words", words, "--time", "then")
    out = flowlang("diff", "1").out
    assert out.count("prompt (item ") == 3 and "and 6 more places; all of them: --step a" in out
    assert flowlang("diff", "1", "--step", "a").out.count("prompt (item ") == 9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("9", "1"), "there is no run `9`"),
        (("main",), "flowlang diff --against main"),
        (("main..HEAD",), "is in no repository"),
        ((), "RUN is missing"),
        (("1", "1", "--step", "verdicts"), "did you mean `verdict`?"),
    ],
)
def test_what_cannot_be_compared_is_said(words, message: str, flowlang, place: Path):
    run(flowlang, "--mail", "Hm")
    code, out, err = flowlang("diff", *words)
    assert (code, out) == (2, "") and message in err
