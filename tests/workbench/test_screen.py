import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from flowlang.workbench.screen import Screen

LOOKS = "from flowlang.workbench.screen import Screen; import os; s = Screen(os.environ); "


def looks(told: str, on_terminal: bool, **environment: str) -> str:
    """What a screen says of itself in a process whose standard error is a terminal, or a pipe."""
    outer, inner = pty.openpty()
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", **environment}
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"{LOOKS} print(({told}))"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=inner if on_terminal else subprocess.PIPE,
            env=known,
            text=True,
            check=True,
        )
    finally:
        os.close(inner)
        os.close(outer)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("on_terminal", "environment", "colour", "live"),
    [
        (True, {}, True, True),
        (False, {}, False, False),
        (True, {"NO_COLOR": "1"}, False, True),
        (False, {"FORCE_COLOR": "1"}, True, False),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, True),
        (True, {"TERM": "dumb"}, False, False),
        (True, {"CI": "true"}, True, False),
        (True, {"CI": "false"}, True, True),
        (True, {"GITHUB_ACTIONS": "true"}, True, False),
    ],
)
def test_what_the_environment_says_is_heeded(on_terminal: bool, environment: dict[str, str], colour: bool, live: bool):
    assert looks("s.colour_err, s.live", on_terminal, **environment) == str((colour, live))


@pytest.mark.parametrize(
    ("columns", "width"), [("20", 20), ("0", 100), ("x", 100), ("99999999999", 100), ("5000", 200)]
)
def test_the_width_is_told_or_guessed(columns: str, width: int):
    assert looks("s.width", False, COLUMNS=columns) == str(width)


def test_a_reader_who_hangs_up_is_no_error():
    writes = LOOKS + "[s.out('x' * 100_000) for _ in range(100)]; s.err('still here')"
    command = [sys.executable, "-c", writes]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        assert done.stdout is not None and done.stderr is not None
        done.stdout.read(10)
        done.stdout.close()
        assert done.stderr.read() == b"still here\n"
    assert done.returncode == 0


def test_a_full_disk_is_told():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        start = "import sys; from flowlang.workbench.cli import main; sys.exit(main())"
        done = subprocess.run([sys.executable, "-c", start, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 6
    assert "no space left" in done.stderr


def test_a_screen_without_streams_swallows_everything():
    start = "import sys; from flowlang.workbench.cli import main; sys.exit(main())"
    done = subprocess.run(f"exec '{sys.executable}' -c '{start}' chek >&- 2>&-", shell=True)
    assert done.returncode == 2


def test_no_text_is_added_or_changed(capsys: pytest.CaptureFixture[str]):
    screen = Screen({})
    screen.out("no line break")
    screen.err("one line")
    screen.err("")
    assert capsys.readouterr() == ("no line break", "one line\n")


def test_a_summary_that_github_would_drop_is_cut_at_a_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    screen = Screen({"GITHUB_STEP_SUMMARY": str(page)})
    screen.add_summary("| ä |\n" * 1000)
    assert page.read_text(encoding="utf-8") == "| ä |\n" * 1000
    screen.add_summary("| äöü |\n" * 200_000)
    screen.add_summary("### More\n" * 100)
    text = page.read_text(encoding="utf-8")
    assert 990_000 < page.stat().st_size < 1024 * 1024 and set(text.split("\n")) <= {
        "| ä |",
        "| äöü |",
        "",
        "More was left out.",
    }
