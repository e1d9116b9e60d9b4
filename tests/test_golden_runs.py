"""Whole flows, from their text to their results: checked, planned, laid out and run without a network.

Beside `golden/run/NAME.flow` stand `NAME.plan` and `NAME.out`, and where there is something to say `NAME.inputs` (the
flags), `NAME.files/` (what lies beside the flow), `NAME.written/` (what the run writes) and `NAME.messages` (what some
steps send, by the words of `preview`). Answers are of types that leave the built-in model no choice, so every value
can be worked out by hand: do that before you keep what `--update` writes.
"""

import json
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from flowlang.workbench.cli import main

GOLDEN = Path(__file__).resolve().parent / "golden" / "run"
NAMES = sorted(path.name.removesuffix(".flow") for path in GOLDEN.glob("*.flow"))
WITH_MESSAGES = [name for name in NAMES if (GOLDEN / f"{name}.messages").exists()]
TOLD_BY_ENVIRONMENT = ("CI", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "OPENAI_API_KEY", "BYTESPIKE_API_KEY")


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a case. The current folder is a copy of what it needs."""
    name = str(request.param)
    for variable in TOLD_BY_ENVIRONMENT:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    place = tmp_path / "project"
    if (GOLDEN / f"{name}.files").is_dir():
        shutil.copytree(GOLDEN / f"{name}.files", place)
    else:
        place.mkdir()
    shutil.copy(GOLDEN / f"{name}.flow", place)
    monkeypatch.chdir(place)
    return name


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


def test_it_is_right_in_any_layout(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    flow, inputs = f"{case}.flow", _inputs(case)
    assert _mistakes(capsys, flow) == []
    plan = _done(capsys, "plan", flow, "--json", *inputs)
    _done(capsys, "fmt", flow)
    _done(capsys, "fmt", "--check", flow)
    assert _mistakes(capsys, flow) == []
    assert _done(capsys, "plan", flow, "--json", *inputs) == plan


def test_its_plan(case: str, capsys: pytest.CaptureFixture[str], update: bool) -> None:
    plan = _done(capsys, "plan", f"{case}.flow", "--json", *_inputs(case))
    _compare(GOLDEN / f"{case}.plan", plan, update)


def test_its_run(case: str, capsys: pytest.CaptureFixture[str], update: bool) -> None:
    flow, inputs = f"{case}.flow", _inputs(case)
    out = _done(capsys, "run", flow, "--offline", "--json", "--console", "none", "--out", "written", *inputs)
    _compare(GOLDEN / f"{case}.out", out, update)
    written, wanted = Path("written"), GOLDEN / f"{case}.written"
    if update:
        shutil.rmtree(wanted, ignore_errors=True)
        if written.is_dir():
            shutil.copytree(written, wanted)
    assert _files(written) == _files(wanted)


@pytest.mark.parametrize("case", WITH_MESSAGES, indirect=True)
def test_its_messages(case: str, capsys: pytest.CaptureFixture[str], update: bool) -> None:
    golden = GOLDEN / f"{case}.messages"
    found = {}
    for words in json.loads(golden.read_text(encoding="utf-8")):
        body = json.loads(_done(capsys, "preview", f"{case}.flow", *words.split(), "--json", *_inputs(case)))
        found[words] = body["messages"]
    _compare(golden, json.dumps(found, indent=2, ensure_ascii=False) + "\n", update)


def test_its_events_tell_what_its_plan_says(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    flow, inputs = f"{case}.flow", _inputs(case)
    plan = json.loads(_done(capsys, "plan", flow, "--json", *inputs))
    _done(capsys, "run", flow, "--offline", "--console", "none", "--events", "events.jsonl", *inputs)
    events = [json.loads(line) for line in Path("events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert events[0]["event"] == "run_started"
    assert (events[-1]["event"], events[-1]["outcome"]) == ("run_finished", "done")
    ended = {event["step"] for event in events if event["event"] in ("step_finished", "step_skipped")}
    assert {step["name"] for step in plan["steps"] if step["kind"] != "let"} <= ended
    called = [event for event in events if event["event"] == "call_finished"]
    assert len(called) == events[-1]["calls"]
    assert plan["calls"] in (None, len(called))


def _inputs(case: str) -> list[str]:
    path = GOLDEN / f"{case}.inputs"
    return shlex.split(path.read_text(encoding="utf-8")) if path.exists() else []


def _done(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints that must succeed."""
    capsys.readouterr()
    code = main(list(words))
    told = capsys.readouterr()
    assert code == 0, told.err
    return told.out


def _mistakes(capsys: pytest.CaptureFixture[str], flow: str) -> list[object]:
    """What `check` finds, warnings included."""
    main(["check", flow, "--output-format", "json"])
    return list(json.loads(capsys.readouterr().out))


def _compare(golden: Path, found: str, update: bool) -> None:
    if update:
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def _files(folder: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
