"""Nothing that a flow, an input, a model or a file's name says steers the terminal that reads it, or a job's log."""

import io
import json
import os
import pty
import random
import re
import sys
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from flowlang.run.event import CallStarted, Delta, Event, Noted, RunStarted, StepStarted
from flowlang.show.live import start_live
from flowlang.show.progress import Progress
from flowlang.show.terminal import visible, visible_but_colours
from flowlang.workbench.cli import main
from flowlang.workbench.screen import Screen
from tests.workbench.conftest import Type

ATTACKS = (
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[H",
    "\x1bP+q544e\x1b\\",
    "\x9b2J",
    "\x9d0;title\x9c",
    "\x1b[8mhidden",
    "\x1b[6n",
    "\x1bc",
    "over\rwritten",
    "\x08\x08\x08\x7f",
    "\u202egpj.exe\u202c",
    "\u2066\u2069\u200b\ufeff\u200f",
    "\x0e\x0f\x05",
)
# What a terminal may be sent: text, colours of ours, and what a redrawn line needs.
ALLOWED = re.compile(
    "\x1b\\[(?:0|1|2|3|[12];3|3[1-6]|[12];3[1-6]|1;3;3[1-6])m|\x1b\\[\\?25[lh]|\x1b\\[[0-9]*[AK]|\r(?=\x1b\\[|\n|$)"
)


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


@contextmanager
def terminal() -> Iterator[Callable[[], str]]:
    """Standard output and error are a terminal; called, it gives what was sent there since."""
    outer, inner = pty.openpty()
    tty.setraw(inner)
    got, lock = bytearray(), threading.Condition()

    def drain() -> None:
        while True:
            try:
                data = os.read(outer, 65536)
            except OSError:
                return
            with lock:
                got.extend(data)
                lock.notify_all()

    stream = io.TextIOWrapper(io.FileIO(inner, "w", closefd=False), encoding="utf-8", write_through=True)
    thread = threading.Thread(target=drain, daemon=True)
    thread.start()

    def sent() -> str:
        stream.write("\x00end\x00")
        stream.flush()
        with lock:
            assert lock.wait_for(lambda: got.endswith(b"\x00end\x00"), timeout=20)
            text = bytes(got[: -len(b"\x00end\x00")]).decode("utf-8")
            got.clear()
        return text

    try:
        with redirect_stdout(stream), redirect_stderr(stream):
            yield sent
    finally:
        os.close(inner)
        thread.join(timeout=20)
        os.close(outer)


def steers(text: str) -> bool:
    left = ALLOWED.sub("", text)
    return left != visible(left)


def outputs(count: int) -> Iterator[str]:
    """What a model may say that was talked into it."""
    draw = random.Random(11)
    for _ in range(count):
        parts = [
            draw.choice(ATTACKS) if draw.random() < 0.4 else _random_text(draw) for _ in range(draw.randrange(1, 6))
        ]
        yield "".join(parts)


def _random_text(draw: random.Random) -> str:
    if draw.random() < 0.5:
        return "".join(chr(draw.randrange(0x100)) for _ in range(draw.randrange(12)))
    return "".join(chr(draw.choice([*range(0x20, 0x7F), *range(0x2000, 0x2070), 0xFEFF, 0xE0041])) for _ in range(8))


def test_ten_thousand_outputs_on_a_terminal(folder: Path) -> None:
    with terminal() as sent:
        screen = Screen(os.environ)
        screen.steadied = visible_but_colours
        assert screen.reads_out
        for number, text in enumerate(outputs(10_000)):
            (screen.out if number % 2 else screen.err)(text)
            if number % 500 == 499:
                assert not steers(sent())


def test_the_live_view_of_ten_thousand_pieces(folder: Path) -> None:
    with terminal() as sent:
        view = start_live(sys.stderr, Progress(lambda: 0.0), colour=True)
        view.emit(RunStarted("\x1b[2J.flow", ("a",), True))
        view.emit(StepStarted("", "a", "prompt", None))
        view.emit(CallStarted("", "a", None, "\x1b]0;model\x07"))
        for number, text in enumerate(outputs(10_000)):
            told: Event = Delta("", "a", None, text) if number % 50 else Noted("", "a", text)
            view.emit(told)
            if number % 100 == 99:
                view.tick()
                assert not steers(sent())
        view.close()
        assert not steers(sent())


HOSTILE = """\
# It reads a mail.@
input mail: text
# One of them.@
input tone: one of "warm@", "cold@" = "warm@"

preset odd
  model: MODEL

step reply
  model: odd
  system:    "You write.@"
  prompt: "{{ mail }} in a {{ tone }} tone@"

step broken
  returns: list of whole number
  prompt: "{{ reply }}@"

output reply
output broken
"""


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_no_command_steers_the_terminal(attack: str, folder: Path) -> None:
    name = f"odd{attack}.flow".replace("/", "")
    inner = attack.replace("\\", "").replace("\r", "")
    for model in ("gemini-3-1-pro", f"odd{inner}"):
        text = HOSTILE.replace("@", inner).replace("MODEL", model)
        (folder / name).write_text(text, encoding="utf-8")
        for words in (
            ["check", name],
            ["check", "--output-format", "concise", name],
            ["fmt", "--diff", name],
            ["plan", name],
            ["plan", "--full", name, "--mail", attack],
            ["preview", name, "reply", "--mail", attack],
            ["preview", name, attack, "--mail", attack],
            ["graph", name],
            ["graph", "--format", "mermaid", name],
            ["describe", name],
            ["run", name, "--help"],
            ["run", name, "--offline", "--mail", attack],
            ["run", name, "--offline", "--json", "--mail", attack, "--events", "events.jsonl"],
            ["run", name, "--offline", "--mail", attack, "--" + attack, attack, "--tone", attack],
            ["run", "no" + name],
            ["explain", attack],
            [attack],
        ):
            with terminal() as sent:
                assert main(words) != 70
                shown = sent()
            assert shown and not steers(shown), (words, shown)


def test_a_file_and_a_pipe_get_the_very_text(flowlang: Type, folder: Path) -> None:
    (folder / "same.flow").write_text("input mail: text\noutput mail\n", encoding="utf-8")
    for attack in ATTACKS:
        typed = flowlang("run", "same.flow", "--offline", "--mail", attack, "-o", "mail.txt")
        assert (folder / "mail.txt").read_bytes().decode("utf-8") == f"{attack}\n"
        typed = flowlang("run", "same.flow", "--offline", "--mail", attack)
        assert typed.out == f"{attack}\n"
        assert not steers(typed.err)


def test_no_line_of_a_job_with_a_terminal_is_obeyed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "same.flow").write_text("input mail: text\noutput mail\n", encoding="utf-8")
    for name, value in (("GITHUB_ACTIONS", "true"), ("TF_BUILD", "True")):
        with monkeypatch.context() as patch, terminal() as sent:
            patch.setenv(name, value)
            main(["run", "same.flow", "--offline", "--mail", "one\n::set-env name=A::b\n##vso[task.setvariable]y"])
            assert not re.search("^(?:::set-env|##vso\\[)", sent(), re.MULTILINE)


def test_no_line_of_a_job_is_obeyed(flowlang: Type, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    orders = "::set-env name=A::b\n  ::add-mask::x\n##[error]x ##vso[task.setvariable]y\n##teamcity[x]\r::error::z"
    (folder / "same.flow").write_text(
        'input mail: text\nstep odd\n  returns: whole number\n  ensure: odd < 0\n  prompt: "{{ mail }}"\n'
        'output mail\noutput odd: odd | default 1\ntest "x"\n  with mail: "x"\n  expect mail is "##[warning]x"\n',
        encoding="utf-8",
    )
    command = re.compile(r"\s*::|.*##(?:vso|teamcity)?\[", re.DOTALL)
    for words in (["run", "--offline", "--mail", orders], ["preview", "odd", "--mail", orders], ["check"]):
        typed = flowlang(words[0], "same.flow", *words[1:])
        lines = re.split("[\r\n]", typed.out + typed.err)
        # Only what we say ourselves is obeyed: where something is wrong, and in one line.
        own = re.compile(r"::(?:error|warning) file=same\.flow,line=\d+[^\r\n]*")
        assert not [line for line in lines if command.match(line) and not own.fullmatch(line)]
    typed = flowlang("run", "same.flow", "--offline", "--json", "--mail", orders)
    assert json.loads(typed.out)["mail"] == orders
    flowlang("run", "same.flow", "--offline", "--mail", orders, "--only", "odd", "-o", "exact.json")
    flowlang("run", "same.flow", "--offline", "--json", "--mail", orders, "-o", "exact.json")
    assert json.loads((folder / "exact.json").read_text(encoding="utf-8"))["mail"] == orders
    assert "##[error]" in (folder / "exact.json").read_text(encoding="utf-8")
