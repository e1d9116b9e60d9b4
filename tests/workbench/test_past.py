"""`runs` and `show` as a person types them: earlier runs, found and told."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway import Gateway, numbered
from tests.workbench.kept import CLAIMS, KEY, project, says

STEERING = "\x1b]52;c;aGk=\x07 \x9b2J \u202egnol \x1b[2J \x1b[31m"


@pytest.fixture
def kept(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two runs: one in which an item failed, and its repetition."""
    with Gateway(says, faults=numbered({3: "400-parameter"})) as url:
        project(folder, url, monkeypatch)
        assert flowlang("run", "claims.flow", "--mail", "A long mail.", "--trust", "--at-once", "1").code == 1
        assert flowlang("retry", "--trust").code == 0
    return folder


# ── runs ──


def test_runs_are_listed_newest_first(flowlang, kept: Path):
    head, *rows = flowlang("runs").out.splitlines()
    assert head.split() == "run began flow outcome calls from before cost time".split()
    assert [row.split()[0] for row in rows] == ["2", "1"]
    assert "done (again 1)" in rows[0] and " failed " in rows[1]
    told = json.loads(flowlang("runs", "--json").out)
    assert [(one["run"], one["flow"], one["calls"], one["cached"]) for one in told] == [
        (2, "claims.flow", 2, 2),
        (1, "claims.flow", 3, 0),
    ]


def test_runs_of_one_flow_and_as_many_as_wanted(flowlang, kept: Path):
    assert flowlang("run", "triage.flow", "--mail", "Hm", "--offline").code == 0
    assert len(flowlang("runs", "--flow", "claims.flow").out.splitlines()) == 3
    assert len(flowlang("runs", "--flow", "claims").out.splitlines()) == 3
    code, out, err = flowlang("runs", "--limit", "1")
    assert code == 0 and len(out.splitlines()) == 2 and "older ones" in err
    code, out, err = flowlang("runs", "--flow", "other.flow")
    assert (code, out) == (0, "") and "there are some of `triage.flow`, `claims.flow`" in err


def test_runs_are_found_from_a_folder_below(flowlang, kept: Path, monkeypatch: pytest.MonkeyPatch):
    (kept / "below").mkdir()
    monkeypatch.chdir(kept / "below")
    assert len(flowlang("runs").out.splitlines()) == 3
    assert len(flowlang("runs", "--flow", "../claims.flow").out.splitlines()) == 3


def test_where_nothing_ran_yet_that_is_said(flowlang, folder: Path):
    code, out, err = flowlang("runs")
    assert (code, out) == (0, "") and "there is no run yet" in err
    assert flowlang("runs", "--json").out == "[]\n"
    for words in (("show",), ("diff", "1", "2")):
        code, _, err = flowlang(*words)
        assert code == 2 and "there is no run yet" in err
    assert not (folder / ".flowlang").exists()


def test_a_file_that_is_no_store_exits_with_6(flowlang, folder: Path):
    (folder / "own").mkdir()
    (folder / "own" / "store.sqlite").write_text("garbage " * 100, encoding="utf-8")
    code, _, err = flowlang("runs", "--store", "own")
    assert code == 6 and "none that can be read" in err


# ── show ──


def test_a_run_is_told_with_its_inputs_steps_and_failures(flowlang, kept: Path):
    told = flowlang("show", "1").out
    assert told.startswith("run 1 of claims.flow, ") and told.splitlines()[0].endswith(": failed")
    assert "    mail    A long mail.\n    polite  yes\n" in told
    lines = {line.split("  ")[0]: line for line in told.splitlines()}
    assert lines["claims"].split()[1:4] == ["done", "1", "0"]
    assert "failed" in lines["verdict"] and "not run, since another failed" in lines["summary"]
    assert all(lines[name].endswith("s") for name in ("claims", "verdict")) and lines["summary"].endswith("-")
    assert "error[bad-request]: " in told and "(item 2)" in told and " --> claims.flow:14:6" in told
    assert told.endswith("again, only what is missing: flowlang retry 1\n")


def test_the_last_run_is_meant_by_default(flowlang, kept: Path):
    assert flowlang("show").out == flowlang("show", "2").out == flowlang("show", "last").out
    assert flowlang("show", "last-1").out == flowlang("show", "1").out
    assert flowlang("show", "summary").out == flowlang("show", "last", "summary").out


def test_a_step_is_told_as_it_was_asked_and_answered(flowlang, kept: Path):
    told = flowlang("show", "1", "verdict").out
    first, second = told.split("━━ verdict, item ")[1:]
    assert first.startswith("1: ok, ") and "── user ──\nIs it so? It is late.\n" in first
    assert "── answer ──\nYes." in first
    assert second.startswith("2: failed") and "── error ──\n" in second and "error[bad-request]" in second
    assert flowlang("show", "1", "verdict", "--item", "1").out.startswith("━━ verdict, item 1: ok")
    assert "item 2" not in flowlang("show", "1", "verdict", "--item", "1").out


def test_an_answer_that_did_not_fit_is_not_called_ok(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    flow = """\
input mail: text
let both = [mail, "B"]
step kind
  model: gpt-5-4
  tries: 2
  repeat for each one in both
  failures: skip
  returns: one of bug, other
  prompt: "What is {{ one }}?"
output kind
"""
    answers = {"What is A?": ["fault", "bugs"], "What is B?": ["fault", "bug"]}
    with Gateway(lambda request: answers[str(request["messages"][0]["content"])[:10]].pop(0)) as url:
        project(folder, url, monkeypatch, flow)
        assert flowlang("run", "claims.flow", "--mail", "A", "--trust", "--at-once", "1").code == 1
    told = flowlang("show", "1", "kind").out
    states = sorted(line.split(",")[1].strip() for line in told.splitlines() if line.startswith("━━"))
    assert states == ["item 1: did not fit", "item 1: did not fit", "item 2: did not fit", "item 2: ok"]
    assert flowlang("show", "1", "--html", "run.html").code == 0
    page = (folder / "run.html").read_text(encoding="utf-8")
    assert [page.count(f'class="took{state}') for state in (' warn">did not fit,', '">ok,')] == [3, 1]
    assert {one["status"] for one in json.loads(flowlang("show", "1", "kind", "--json").out)["calls"]} == {"ok"}


def test_what_came_from_before_is_told_as_it_was_then(flowlang, kept: Path):
    told = flowlang("show", "2", "claims").out
    assert "from before, of run 1" in told and "A long mail." in told and '{"answer": ["It is late."' in told


def test_the_json_of_a_run_and_of_a_step(flowlang, kept: Path):
    run = json.loads(flowlang("show", "1", "--json").out)
    assert set(run) == {
        *("run", "flow", "started_at", "ended_at", "outcome", "offline", "each", "repeats", "calls", "cached"),
        *("cost_usd", "seconds", "commit", "only", "inputs", "steps", "failures"),
    }
    assert run["inputs"] == {"mail": "A long mail.", "polite": True}
    claims, verdict, summary = run["steps"]
    assert (claims["step"], claims["kind"], claims["outcome"], claims["calls"]) == ("claims", "prompt", "done", 1)
    assert (verdict["outcome"], verdict["failed_calls"]) == ("failed", 1)
    (failure,) = verdict["failures"]
    assert (failure["item"], failure["rule"], failure["file"], failure["line"]) == (2, "bad-request", "claims.flow", 14)
    assert summary["outcome"] == "failed" and summary["failures"] == []
    step = json.loads(flowlang("show", "2", "verdict", "--json").out)
    assert (step["run"], step["step"]) == (2, "verdict")
    cached, asked = step["calls"]
    assert (cached["item"], cached["cached"], cached["of_run"], cached["answer"]) == (1, True, 1, "Yes.")
    assert asked["messages"] == [{"role": "user", "text": "Is it so? It is red."}]
    assert asked["cached"] is False and asked["cost_usd"] > 0 and asked["began_s"] >= 0
    claims, summary = (
        json.loads(flowlang("show", run, step, "--json").out)["calls"][0]
        for run, step in (("1", "claims"), ("2", "summary"))
    )
    assert 0 <= claims["began_s"] <= claims["began_s"] + claims["seconds"] <= run["seconds"]
    assert summary["began_s"] >= asked["began_s"] + asked["seconds"] - 0.001  # it waits for the verdicts
    assert asked["model"] == "gpt-5-4" and asked["status"] == "ok" and asked["tokens_out"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("3",), "there is no run `3`"),
        (("last-7",), "there is no run `last-7`"),
        (("1", "verdicts"), "did you mean `verdict`?"),
        (("1", "summary"), "step `summary` was asked nothing in run 1"),
        (("1", "verdict", "--item", "9"), "asked nothing for item 9"),
        (("1", "--item", "1"), "`--item` is of a step"),
        (("1", "verdict", "--html", "a.html"), "leave the step out"),
    ],
)
def test_what_is_not_there_is_said(words, message: str, flowlang, kept: Path):
    code, out, err = flowlang("show", *words)
    assert (code, out) == (2, "") and message in err


def test_a_step_of_a_flow_that_a_step_runs(flowlang, folder: Path):
    flow = (
        "input words: list of text\nstep outer\n  repeat for each w in words\n  run: inner\n  with word: w\n"
        'flow inner\n  input word: text\n  step said\n    model: m\n    prompt: "Say {{ word }}"\n'
    )
    (folder / "a.flow").write_text(flow, encoding="utf-8")
    assert flowlang("run", "a.flow", "--words", '["one", "two"]', "--offline").code == 0
    assert flowlang("show", "last", "outer.said").out.count("━━ said, in outer[") == 2
    assert "Say two" in flowlang("show", "last", "outer.said", "--item", "2").out
    assert "Say one" not in flowlang("show", "last", "outer.said", "--item", "2").out
    code, _, err = flowlang("show", "last", "outer")
    assert code == 2 and "its own steps: outer.said" in err


def test_a_row_of_a_run_for_every_row(flowlang, folder: Path):
    (folder / "mails.csv").write_text("mail\nOne\nTwo\n", encoding="utf-8")
    assert flowlang("run", "triage.flow", "--each", "mails.csv", "--offline").code == 0
    assert flowlang("show", "last", "topic").out.count("━━ topic, in row[") == 2
    told = flowlang("show", "last", "topic", "--row", "2").out
    assert "Two" in told and "One" not in told
    assert "rows      mails.csv" in flowlang("show").out
    assert flowlang("show", "last", "topic", "--item", "2").code == 2  # a row is no item


def test_what_is_wrong_with_a_row_is_told_once_at_the_line_that_met_it(flowlang, folder: Path):
    flow = """\
input mail: text
input page: whole number
step said
  prompt: "{{ mail }}"
let wrong = mail | parse json
step of_page
  prompt: "{{ page }} {{ wrong }}"
output said
output of_page
"""
    (folder / "rows.flow").write_text(flow, encoding="utf-8")
    (folder / "rows.csv").write_text("mail,page\n1,1\n{,2\n3,two\n4\n", encoding="utf-8")
    assert flowlang("run", "rows.flow", "--each", "rows.csv", "--offline").code == 1
    told = flowlang("show").out.splitlines()
    assert [line for line in told if line.startswith(("error[", " -->"))] == [
        "error[wrong-value]: the text is not JSON: something is wrong at its line 1, column 2 (in row[2])",
        " --> rows.flow:5:5",
        'error[wrong-value]: row 3 (line 4) of `rows.csv`: `page` must be a whole number: "two" is no number',
        " --> rows.flow:2:7",
        "error[bad-file]: row 4 (line 5) of `rows.csv` has 1 cell, the header has 2",
    ]


def test_a_shell_completes_the_numbers_of_runs(flowlang, kept: Path, monkeypatch: pytest.MonkeyPatch):
    for typed, expected in (("flowlang show ", "plain,last\nplain,2\nplain,1\n"), ("flowlang retry 1", "plain,1\n")):
        monkeypatch.setenv("_FLOWLANG_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", typed)
        monkeypatch.setenv("COMP_CWORD", "2")
        assert flowlang().out == expected


# ── What may never happen ──


def test_nothing_that_was_kept_steers_a_terminal(flowlang, kept: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flowlang.workbench.screen._is_terminal", lambda number: True)
    with Gateway(lambda request: f"Hm {STEERING}") as url:
        project(kept, url, monkeypatch, CLAIMS.replace("  returns: list of text\n", "").split("step verdict")[0])
        assert flowlang("run", "claims.flow", "--mail", STEERING, "--trust").code == 0
    for words in (("show",), ("show", "last", "claims"), ("runs",), ("diff", "1")):
        out = flowlang(*words).out
        assert not set(out) & {"\x07", "\x9b", "\u202e"}
        assert "\x1b]52" not in out and "\x1b[2J" not in out and "\x1b[31m \n" not in out
        if "claims" in words:
            assert "\\x1b[31m" in out and "\\u202e" in out


def test_no_key_is_in_the_store_or_shown(flowlang, kept: Path):
    assert KEY.encode() not in b"".join(path.read_bytes() for path in (kept / ".flowlang").rglob("*") if path.is_file())


def test_looking_back_writes_nothing_and_asks_nobody(flowlang, kept: Path):
    before = (kept / ".flowlang" / "store.sqlite").read_bytes()
    for words in (("runs",), ("show",), ("show", "1", "verdict"), ("diff", "1", "2")):
        assert flowlang(*words).code == 0
    assert (kept / ".flowlang" / "store.sqlite").read_bytes() == before


def test_a_run_that_was_killed_is_cut_off_and_can_be_repeated(flowlang, kept: Path, monkeypatch: pytest.MonkeyPatch):
    with Gateway(says) as url:
        project(kept, url, monkeypatch)
        start = "import os, sys\nfrom flowlang.run import executor\nfrom flowlang.workbench.cli import main\n"
        kill = "executor.run_step = lambda *_: os.kill(os.getpid(), 9)\n"
        words = ["run", "claims.flow", "--mail", "Another mail.", "--trust"]
        done = subprocess.run([sys.executable, "-c", f"{start}{kill}main({words!r})"], capture_output=True)
        assert done.returncode == -9
        assert json.loads(flowlang("runs", "--json").out)[0]["outcome"] == "cut off"
        assert "cut off" in flowlang("show").out
        assert flowlang("retry", "--trust").code == 0
    assert json.loads(flowlang("runs", "--json").out)[0]["repeats"] == [3]


def test_a_store_elsewhere_is_named_in_what_to_type_next(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    with Gateway(says, faults=numbered({1: "400-parameter"})) as url:
        project(folder, url, monkeypatch)
        told = flowlang("run", "claims.flow", "--mail", "Hm", "--trust", "--store", "elsewhere")
    assert told.err.endswith(
        "run 1: what it asked and was answered: flowlang show 1 claims --store elsewhere"
        "     again: flowlang retry 1 --store elsewhere --trust\n"
    )
    assert flowlang("show", "1", "claims", "--store", "elsewhere").code == 0


def test_a_flow_of_another_folder_is_repeated_from_here(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "other").mkdir()
    shutil.copy(folder / "triage.flow", folder / "other" / "triage.flow")
    (folder / "other" / "flowlang.toml").write_text("[offline]\nfailure_rate = 1.0\n", encoding="utf-8")
    told = flowlang("run", "other/triage.flow", "--mail", "Hm", "--offline")
    assert told.code == 4 and "flowlang retry 1 --store other/.flowlang" in told.err
    (folder / "other" / "flowlang.toml").write_text("", encoding="utf-8")
    assert flowlang("retry", "1", "--store", "other/.flowlang").code == 0


def test_a_key_that_is_refused_is_named_by_its_variable(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    with Gateway(says, key="another") as url:
        project(folder, url, monkeypatch)
        code, _, err = flowlang("run", "claims.flow", "--mail", "A long mail.", "--trust")
    assert code == 4 and "does not accept the key (401)" in err
    assert "  = the key is the one in STAND_IN_KEY\n" in err and KEY not in err
    monkeypatch.delenv("STAND_IN_KEY")
    code, _, err = flowlang("run", "claims.flow", "--mail", "A long mail.", "--trust", "--fresh", "verdit")
    assert code == 2 and "there is no step `verdit`" in err and "key" not in err
    (folder / "warned.flow").write_text('input x: text\nstep a\n  prompt: "A"\n', encoding="utf-8")
    assert "1 warning; to read it: flowlang check warned.flow" in flowlang("describe", "warned.flow").err
