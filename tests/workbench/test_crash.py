import stat
from pathlib import Path

import pytest

from flowlang.workbench import cli
from flowlang.workbench.crash import crash_text, write_crash
from flowlang.workbench.screen import Screen

SECRET = "sk-canary-1234567890"


def failing() -> Exception:
    try:
        raise ValueError(f"could not use {SECRET} of my-merger.pdf for run")
    except ValueError as error:
        return error


def test_what_is_kept_names_the_place_and_nothing_that_was_typed():
    words = ["run", "my-merger.flow", "--filing", "@my-merger.pdf", "--note=between us", "--offline"]
    text = crash_text(failing(), words, {"BYTESPIKE_API_KEY": SECRET, "HOME": "/"})
    assert "test_crash.py" in text
    assert "ValueError" in text
    assert "run --filing --note --offline" in text
    assert not any(hidden in text for hidden in (SECRET, "my-merger", "between us"))


def test_the_file_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    path = Path(write_crash(failing(), ["check"], {}))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "ValueError" in path.read_text(encoding="utf-8")


def test_our_own_bug_is_one_line_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def broken(words: list[str], screen: Screen) -> int:
        raise RecursionError(SECRET)

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SOME_KEY", SECRET)
    monkeypatch.setattr(cli, "_answer", broken)
    assert cli.main(["check"]) == 70
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    assert "Traceback" not in told.err
    (kept,) = tmp_path.rglob("crash-*.txt")
    assert str(kept) in told.err
    assert SECRET not in kept.read_text(encoding="utf-8")
