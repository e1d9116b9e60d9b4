import json
from pathlib import Path

import pytest

BROKEN = 'step hello\n  model: gemini-3-flash\n  prompt: "Hello {{ nmae }}, é {{ other }}"\n'


def test_a_right_flow_is_said_to_be_right(flowlang):
    assert flowlang("check", "triage.flow") == (0, "", "no mistakes in 1 file\n")


def test_mistakes_are_the_result(flowlang, folder: Path):
    (folder / "broken.flow").write_text(BROKEN, encoding="utf-8")
    code, out, err = flowlang("check")
    assert code == 3
    assert out.count("error[unknown-name]") == 2
    assert "--> broken.flow:3:21" in out
    assert err == "2 mistakes in 1 file\n"


def test_each_form_of_report(flowlang, folder: Path):
    (folder / "broken.flow").write_text(BROKEN, encoding="utf-8")
    found = json.loads(flowlang("check", "broken.flow", "--output-format", "json").out)
    assert [(one["rule"], one["path"], one["line"], one["column"]) for one in found] == [
        ("unknown-name", "broken.flow", 3, 21),
        ("unknown-name", "broken.flow", 3, 35),
    ]
    concise = flowlang("check", "broken.flow", "--output-format=concise").out.splitlines()
    assert concise[0].startswith("broken.flow:3:21: error[unknown-name] ")
    github = flowlang("check", "broken.flow", "--output-format", "github").out.splitlines()
    assert github[0].startswith("::error file=broken.flow,line=3,col=21,")
    sarif = json.loads(flowlang("check", "broken.flow", "--output-format", "sarif").out)
    assert sarif["version"] == "2.1.0"
    assert len(sarif["runs"][0]["results"]) == 2


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_programs_get_a_report_also_when_all_is_right(flowlang, form: str):
    code, out, _ = flowlang("check", "--output-format", form)
    assert code == 0
    assert json.loads(out) is not None


def test_warnings_are_told_and_cost_nothing(flowlang, folder: Path):
    (folder / "odd.flow").write_text('input unused: text\nstep a\n  prompt: "Hello"\n', encoding="utf-8")
    code, out, err = flowlang("check", "odd.flow")
    assert code == 0
    assert "warning[unused-input]" in out
    assert err == "1 warning in 1 file\n"


def test_a_judge_of_a_test_without_any_model_is_told_at_its_line(flowlang, folder: Path):
    """It is no mistake of the flow, which may be run with a model that the command line names."""
    flow = 'step a\n  prompt: "Hello"\ntest "polite"\n  judge a: "Is polite"\n'
    (folder / "odd.flow").write_text(flow, encoding="utf-8")
    code, out, _ = flowlang("check", "odd.flow")
    assert code == 0
    assert "warning[missing-setting]: no model is named that could judge this\n --> odd.flow:4:3" in out
    for named in (
        flow.replace("step a\n", "step a\n  model: gpt-5-4\n"),
        flow.replace('"Is polite"', '"Is polite" using p') + "preset p\n  model: gpt-5-4\n",
    ):
        (folder / "odd.flow").write_text(named, encoding="utf-8")
        assert flowlang("check", "odd.flow") == (0, "", "no mistakes in 1 file\n")
    (folder / "odd.flow").write_text(flow, encoding="utf-8")
    (folder / "flowlang.toml").write_text('[project]\nmodel = "gpt-5-4"\n', encoding="utf-8")
    assert flowlang("check", "odd.flow") == (0, "", "no mistakes in 1 file\n")


def test_folders_are_searched_and_hidden_ones_left_alone(flowlang, folder: Path):
    for inner in ("flows/deep", ".venv", "node_modules/x"):
        (folder / inner).mkdir(parents=True)
        (folder / inner / "a.flow").write_text("step\n", encoding="utf-8")
    found = json.loads(flowlang("check", ".", "--output-format", "json").out)
    assert {one["path"] for one in found} == {"flows/deep/a.flow"}


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        (["nothing.flow"], ["there is no file or folder `nothing.flow`"]),
        (["triag.flow"], ["did you mean `triage.flow`?"]),
        (["triage"], ["did you mean `triage.flow`?"]),
        (["empty"], ["there is no flow file (*.flow) in `empty`"]),
        (["no/such/x.flow"], ["there is no folder `no/such` either"]),
        (["a\0b.flow"], ["`a\\x00b.flow`"]),
        (["\udcff.flow"], ["there is no file or folder"]),
        (["x" * 5000], ["cannot be the name of a file"]),
        (["a.flow", "b.flow"], ["`a.flow`", "`b.flow`"]),
        (["--max-source", "many"], ["a whole number"]),
    ],
)
def test_paths_that_lead_nowhere(flowlang, folder: Path, words: list[str], sentences: list[str]):
    (folder / "empty").mkdir()
    code, out, err = flowlang("check", *words)
    assert (code, out) == (2, "")
    assert all(sentence in err for sentence in sentences), err


def test_a_device_is_refused_and_not_waited_for(flowlang, folder: Path):
    import os

    os.mkfifo(folder / "pipe.flow")
    code, _, err = flowlang("check", "pipe.flow")
    assert code == 2
    assert "device or a pipe" in err


def test_a_file_that_is_too_large_is_a_mistake_of_the_file(flowlang):
    code, out, _ = flowlang("check", "triage.flow", "--max-source", "10")
    assert code == 3
    assert "--max-source" in out


def test_a_log_of_github_gets_annotations_beside_the_report(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "broken.flow").write_text(BROKEN, encoding="utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    code, out, err = flowlang("check", "broken.flow")
    assert code == 3
    assert "::error" not in out
    assert "::error file=broken.flow,line=3" in err
    assert "- `broken.flow:3:21` `unknown-name` " in (folder / "summary.md").read_text(encoding="utf-8")


def test_colours_are_there_when_they_are_forced(flowlang, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "broken.flow").write_text(BROKEN, encoding="utf-8")
    assert "\x1b[" not in flowlang("check", "broken.flow").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31m" in flowlang("check", "broken.flow").out
