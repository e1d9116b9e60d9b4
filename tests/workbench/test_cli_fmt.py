import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

UGLY = "input   name:text\n\n\n\nstep hello\n        model: gemini-3-flash\n  prompt: “Hello {{ name }}”\n"


@pytest.fixture
def pretty(flowlang, folder: Path) -> str:
    """What `UGLY` becomes."""
    (folder / "x.flow").write_text(UGLY, encoding="utf-8")
    assert flowlang("fmt", "x.flow").code == 0
    return (folder / "x.flow").read_text(encoding="utf-8")


def test_a_file_is_laid_out_and_told_once(flowlang, folder: Path, pretty: str):
    assert pretty != UGLY
    assert flowlang("fmt", "x.flow") == (0, "", "")
    assert (folder / "x.flow").read_text(encoding="utf-8") == pretty
    assert flowlang("fmt", "--check", "x.flow").code == 0


def test_check_changes_nothing_and_names_the_files(flowlang, folder: Path):
    (folder / "x.flow").write_text(UGLY, encoding="utf-8")
    (folder / "y.flow").write_text(UGLY, encoding="utf-8")
    code, out, err = flowlang("fmt", "--check", "x.flow", "y.flow")
    assert (code, out) == (8, "x.flow\ny.flow\n")
    assert "2 files would change" in err
    assert (folder / "x.flow").read_text(encoding="utf-8") == UGLY


def test_diff_shows_what_would_change(flowlang, folder: Path):
    (folder / "x.flow").write_text(UGLY, encoding="utf-8")
    code, out, _ = flowlang("fmt", "--diff", "x.flow")
    assert code == 0
    assert "-input   name:text\n" in out
    assert (folder / "x.flow").read_text(encoding="utf-8") == UGLY
    assert flowlang("fmt", "--diff", "--check", "x.flow").code == 8


def test_line_ends_mark_and_permissions_stay(flowlang, folder: Path, pretty: str):
    path = folder / "x.flow"
    path.write_bytes(b"\xef\xbb\xbf" + UGLY.replace("\n", "\r\n").encode())
    path.chmod(0o640)
    assert flowlang("fmt", "x.flow").code == 0
    assert path.read_bytes() == b"\xef\xbb\xbf" + pretty.replace("\n", "\r\n").encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_nothing_is_left_beside_the_file(flowlang, folder: Path, pretty: str):
    assert sorted(os.listdir(folder)) == ["triage.flow", "x.flow"]  # noqa: PTH208


def test_what_is_no_text_is_told_and_the_others_are_laid_out(flowlang, folder: Path):
    (folder / "a.flow").write_bytes(b"\xff\xfes\0t\0")
    (folder / "b.flow").write_text(UGLY, encoding="utf-8")
    code, _, err = flowlang("fmt", "a.flow", "b.flow")
    assert code == 3
    assert "UTF-16" in err
    assert (folder / "b.flow").read_text(encoding="utf-8") != UGLY


def test_standard_input_becomes_standard_output(folder: Path, pretty: str):
    start = "import sys; from flowlang.workbench.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", start, "fmt", "-"], input=UGLY.encode(), capture_output=True)
    assert (done.returncode, done.stdout.decode()) == (0, pretty)


def test_standard_input_stands_alone(flowlang):
    assert flowlang("fmt", "-", "x.flow").code == 2
