"""The examples below flows/: each is laid out and without a mistake, and runs with the command of flows/README.md."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from flowlang.workbench.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "flows/README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| \[([a-z_]+)\]\(\1\) \|[^|]+\|[^|]+\| `flowlang (run [^`]+)` \|$", re.M)
COMMANDS = dict(ROW.findall(README))
FOLDERS = sorted(path.name for path in (ROOT / "flows").iterdir() if path.is_dir())
# Their first tests leave answers open, on purpose: these are part of the language reference.
NEED_RECORDINGS = ("filing_brief", "triage")
TOLD_BY_ENVIRONMENT = ("CI", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "OPENAI_API_KEY", "BYTESPIKE_API_KEY")


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a copy of flows/ and nothing else, at somebody's who never ran anything."""
    for variable in TOLD_BY_ENVIRONMENT:
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    shutil.copytree(ROOT / "flows", tmp_path / "copy/flows", ignore=shutil.ignore_patterns("out", "__pycache__"))
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def test_every_example_has_its_row() -> None:
    assert sorted(COMMANDS) == FOLDERS
    for name, command in COMMANDS.items():
        assert command.startswith(f"run flows/{name}/{name}.flow --offline ")


def test_no_example_has_a_mistake_or_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "flows", "--output-format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_every_example_stands_in_the_canonical_layout(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["fmt", "flows", "--check"])
    assert code == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", FOLDERS)
def test_its_inputs_are_told_to_whoever_runs_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", f"flows/{name}/{name}.flow", "--help"])
    told = capsys.readouterr().out
    given = {word[2:] for word in shlex.split(COMMANDS[name]) if word.startswith("--")} - {"offline", "trust"}
    assert given
    assert not [word for word in given if f"--{word}" not in told]


@pytest.mark.parametrize("name", FOLDERS)
def test_it_runs_with_the_command_of_the_readme(name: str, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = written_in(checkout)
    code = main([*shlex.split(COMMANDS[name]), "--json", "--console", "none"])
    told = capsys.readouterr()
    rules = set(re.findall(r"^error\[([a-z-]+)\]", told.err, re.M))
    # An example that guards something may find it; nothing else may go wrong.
    assert (code, rules) in ((0, set()), (1, {"unmet-expectation"})), told.err
    outputs = json.loads(told.out)
    assert outputs and None not in outputs.values()
    assert written_in(checkout) == before  # results are written elsewhere


def written_in(checkout: Path) -> list[Path]:
    """All that stands among the examples, but for what is kept of runs."""
    return sorted(path for path in (checkout / "flows").rglob("*") if ".flowlang" not in path.parts)


@pytest.mark.parametrize("name", FOLDERS)
def test_its_own_tests_pass(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["test", f"flows/{name}", "--json"])
    told = capsys.readouterr()
    results = json.loads(told.out)
    outcomes = [result["outcome"] for result in results]
    assert "passed" in outcomes, told.err
    assert "failed" not in outcomes, told.out
    assert code == (8 if name in NEED_RECORDINGS else 0)
