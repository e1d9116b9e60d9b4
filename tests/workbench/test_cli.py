"""The command line as a whole: what is told of it, and what happens to what it does not know."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowlang import __version__
from flowlang.run import exit as codes
from flowlang.workbench.front_page import COMMANDS, EXIT_CODES

NAMES = [name for name, _ in COMMANDS]
ODD = st.text(st.characters(exclude_characters="/"), max_size=8)  # `/` would be searched for flows, to its end


def test_the_front_page_names_every_command_and_exit_code(flowlang):
    code, out, err = flowlang("--help")
    assert (code, err) == (0, "")
    assert all(f"  {name} " in out for name in NAMES)
    assert all(f"  {number} " in out for number, _ in EXIT_CODES)
    known = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, int)}
    assert {number for number, _ in EXIT_CODES} == known


def test_nothing_typed_is_answered_with_the_front_page(flowlang):
    assert flowlang().code == 2
    assert flowlang().out == flowlang("--help").out


@pytest.mark.parametrize("words", ["run --offline --", "plan --", "describe --", "graph --", "check --", "fmt --"])
def test_a_file_may_be_called_like_an_option(flowlang, folder: Path, words: str):
    (folder / "--help.flow").write_text('step a\n  prompt: "Hello"\n', encoding="utf-8")
    code, out, err = flowlang(*words.split(), "--help.flow")
    assert code == 0 and "Usage" not in out, err
    assert flowlang(*words.split(), "--help").code == 2  # there is no such file


@pytest.mark.parametrize(
    "words", ["diff main..HEAD", "runs", "show last", "models", "watch a.flow", "check", "test", "new a.flow"]
)
def test_a_current_folder_that_was_deleted_is_told_as_that(flowlang, tmp_path: Path, monkeypatch, words: str):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code, out, err = flowlang(*words.split())
    assert (code, out) == (2, "")
    assert "error[not-found]: the current folder was deleted" in err and "cd ." in err
    assert flowlang("explain", "syntax").code == 0


def test_the_version(flowlang):
    assert flowlang("--version") == (0, f"flowlang {__version__}\n", "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("columns", ["20", "100"])
def test_every_command_has_a_manual_with_examples(flowlang, monkeypatch: pytest.MonkeyPatch, name: str, columns: str):
    monkeypatch.setenv("COLUMNS", columns)
    code, out, err = flowlang(name, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: flowlang {name}" in out
    assert "Examples\n  " in out


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        (["chek"], ["there is no command `chek`", "did you mean `flowlang check`?"]),
        (["xyzzy"], ["all commands: flowlang --help"]),
        (["triage.flow"], ["to run it: flowlang run triage.flow"]),
        (["--colour"], ["`--colour` is not an option of `flowlang`"]),
        (["check", "--fromat"], ["`--fromat` is not an option of `flowlang check`"]),
        (["graph"], ["FLOW is missing", "flowlang graph FLOW"]),
        (["explain", "unknwon-name"], ["did you mean `unknown-name`?"]),
        (["completion", "fihs"], ["did you mean `fish`?"]),
        (["run", "."], ["`.` is a folder", "did you mean `triage.flow`?"]),
        (["run", "triag.flow"], ["did you mean `triage.flow`?"]),
        (["run", "-"], ["there is no file `-`"]),
        (["\x1b[2J"], ["\\x1b[2J"]),
    ],
)
def test_what_is_unknown_is_told_with_the_nearest_name(flowlang, words: list[str], sentences: list[str]):
    code, out, err = flowlang(*words)
    assert (code, out) == (2, "")
    assert all(sentence in err for sentence in sentences), err
    assert "\x1b" not in err


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([*NAMES, "triage.flow", "--json", "--only", "topic", "-"]) | ODD, max_size=5))
def test_any_words_come_to_an_exit_code(flowlang, words: list[str]):
    if not {"run", "watch", "new", "fmt"} & set(words):  # these write, or don't end
        assert flowlang(*words).code in {number for number, _ in EXIT_CODES}


def test_a_rule_is_explained_and_all_are_listed(flowlang):
    assert "unknown-name" in flowlang("explain").out
    code, out, _ = flowlang("explain", "error[unknown-name]")
    assert code == 0
    assert out.startswith("unknown-name: ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_for_what_we_answer(flowlang, shell: str):
    code, out, _ = flowlang("completion", shell)
    assert code == 0
    assert "_FLOWLANG_COMPLETE" in out


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("flowlang ch", "plain,check\n"),
        ("flowlang run triage.flow --m", "plain,--mail\nplain,--max-cost\n"),
        ("flowlang run triage.flow --of", "plain,--offline\n"),
        ("flowlang run tri", "file,tri\n"),
        ("flowlang run nothing.flow --mai", "\n"),
    ],
)
def test_completion_answers_the_shell(folder: Path, typed: str, answer: str):
    asked = {"_FLOWLANG_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    start = "import sys; from flowlang.workbench.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", start], env={**os.environ, **asked}, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == answer


def test_help_may_be_asked_for_by_its_name(flowlang):
    assert flowlang("help", "check") == flowlang("check", "--help")


def test_a_new_flow_is_right_and_runs_at_once(flowlang, folder: Path):
    code, out, err = flowlang("new", "notes")
    assert (code, out) == (0, "")
    assert "next: flowlang run notes.flow --offline" in err
    assert flowlang("check", "notes.flow") == (0, "", "no mistakes in 1 file\n")
    assert flowlang("fmt", "--check", "notes.flow").code == 0
    code, out, _ = flowlang("run", "notes.flow", "--offline")
    assert code == 0
    assert len(out) > 100 and not out.startswith("{")


def test_new_never_overwrites(flowlang, folder: Path):
    (folder / "flowlang.toml").write_text("# mine\n", encoding="utf-8")
    assert flowlang("new").code == 0
    assert (folder / "hello.flow").exists()
    assert (folder / "flowlang.toml").read_text(encoding="utf-8") == "# mine\n"
    (folder / "hello.flow").write_text("mine", encoding="utf-8")
    code, _, err = flowlang("new")
    assert code == 2
    assert "is there already" in err
    assert (folder / "hello.flow").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["../up", "a b", ".hidden", "-x.flow", "no/such/folder", "x\0y", "é" * 300, "a\nb"])
def test_new_refuses_what_is_no_name(flowlang, folder: Path, name: str):
    before = sorted(folder.iterdir())
    if name == "../up":
        assert flowlang("new", name).code == 0  # a folder that is there may be named
        return
    assert flowlang("new", name).code == 2
    assert sorted(folder.iterdir()) == before
