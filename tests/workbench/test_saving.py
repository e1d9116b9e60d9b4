"""What `test --record` has paid for is in the file: also if it is stopped, and if somebody else writes there, too."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowlang.workbench import recording, saving
from tests.gateway import Answer, Call, Gateway
from tests.workbench.conftest import Type, Typed

FLOW = """\
input mail: text

tool look
  about: "Looks a word up"
  takes word: text
  command: "echo {{ word }}"

step topic
  model: gpt-5-4
  uses: look
  prompt: "Topic of {{ mail }}"

step short
  model: gpt-5-4
  prompt: "Shorten {{ mail }}"

test "one"
  with mail: "one"
  expect topic is not empty

test "two"
  with mail: "two"
  expect topic is not empty

test "tries"
  with mail: "three"
  expect short is not empty
  passes: 1 of 4
"""


class Script:
    """Answers by what is asked, and calls `then` with the number of the question first."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.then: Callable[[int], None] = lambda number: None

    def __call__(self, request: dict[str, Any]) -> Answer | str:
        message = request["messages"][-1]
        asked = str(message["content"])
        self.asked.append(asked)
        self.then(len(self.asked))
        if message["role"] != "tool" and request.get("tools"):
            return Answer(tool_calls=(Call("look", {"word": asked[-3:]}),))
        return f"Answer to {asked}"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def project(folder: Path, script: Script) -> Iterator[Path]:
    (folder / "triage.flow").unlink()
    (folder / "a.flow").write_text(FLOW, encoding="utf-8")
    with Gateway(script) as url:
        settings = f'[project]\nprovider = "p"\n[providers.p]\nbase_url = "{url}"\n[allow]\ncommands = ["echo"]\n'
        (folder / "flowlang.toml").write_text(settings, encoding="utf-8")
        yield folder


Record = Callable[..., Typed]


@pytest.fixture
def record(flowlang: Type) -> Record:
    return lambda *words: flowlang("test", "a.flow", "--record", "--trust", "--no-store", "--at-once", "1", *words)


def answers(project: Path) -> str:
    return (project / "a.answers").read_text(encoding="utf-8")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_what_came_before_it_was_stopped_is_recorded_and_not_asked_again(
    number: int, code: int, project: Path, script: Script
) -> None:
    command = [
        sys.executable,
        "-m",
        "flowlang",
        "test",
        "a.flow",
        "--record",
        "--trust",
        "--no-store",
        "--at-once",
        "1",
    ]
    running: list[subprocess.Popen[bytes]] = []
    reached, go_on = threading.Event(), threading.Event()

    def stop(asked: int) -> None:
        if asked == 5:
            reached.set()
            go_on.wait(20)

    script.then = stop
    running.append(subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
    assert reached.wait(30)
    running[0].send_signal(number)
    _, said = running[0].communicate(timeout=30)
    go_on.set()
    assert running[0].returncode == code, said
    assert b"wrote a.answers: what was answered so far" in said
    assert answers(project).count("\nanswer ") >= 4
    first = set(script.asked[:4])
    script.then, script.asked = (lambda number: None), []
    assert subprocess.run(command, cwd=project, capture_output=True, timeout=60, check=False).returncode == 0
    assert len(script.asked) == 4 and "Topic of one" not in script.asked, (first, script.asked)


def test_a_signal_that_meets_one_task_ends_them_all(
    project: Path, script: Script, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: saving.Saving) -> None:
        if script.asked:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(saving.Saving, "_save_now_and_then", stop)
    done = record()
    assert done.code == 143 and "stopped from outside" in done.err and len(script.asked) < 6


def test_it_is_saved_while_it_is_asked(
    project: Path, script: Script, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "EVERY_S", 0.0)
    monkeypatch.setattr(saving, "_SHARE", 0)
    found: list[int] = []
    script.then = lambda number: found.append(answers(project).count("\nanswer ") if number > 1 else 0)
    assert record().code == 0
    assert found[0] == 0 and found[-1] >= 7  # turns of tools and further tries, too
    script.then, whole = (lambda number: None), answers(project)
    (project / "a.answers").unlink()
    script.asked.clear()
    assert record().code == 0 and answers(project) == whole


def test_nothing_more_is_asked_where_nothing_can_be_saved(
    project: Path, script: Script, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "EVERY_S", 0.0)
    monkeypatch.setattr(saving, "_SHARE", 0)
    script.then = lambda number: (project / "a.answers").mkdir() if number == 1 else None
    assert record().code == 6
    assert len(script.asked) <= 4, script.asked  # what was under way comes to its end


@pytest.mark.parametrize(("make", "code"), [("link", 7), ("file", 6)])
def test_nobody_is_asked_where_nothing_could_be_recorded(
    make: str, code: int, project: Path, script: Script, record: Record, tmp_path: Path
) -> None:
    beside = project / "a.answers.d"
    if make == "link":
        beside.symlink_to(tmp_path)
    else:
        beside.write_text("x")
    done = record()
    assert done.code == code and "a.answers.d" in done.err and not script.asked


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to this user")
def test_nobody_is_asked_in_a_closed_folder(project: Path, script: Script, record: Record) -> None:
    project.chmod(0o555)
    try:
        assert record().code == 6 and not script.asked
    finally:
        project.chmod(0o755)


@pytest.mark.parametrize("every_s", [1.0, 0.0])
def test_what_others_do_to_the_file_meanwhile_stays(
    every_s: float, project: Path, script: Script, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "EVERY_S", every_s)  # 0: it is saved before each question, and at the end
    assert record("-k", "one").code == 0
    last = script.asked

    def edit(number: int) -> None:
        if last[-1] == "Topic of two":
            text = answers(project).replace('"Answer to one"', '"edited"')
            text += '\nanswer topic\n  place: 9\n  request: aa-bb\n  text: "of another process"\n'
            (project / "a.answers").write_text(text, encoding="utf-8")

    script.then = edit
    assert record("-k", "two").code == 0
    text = answers(project)
    assert '"edited"' in text and "of another process" in text and '"Answer to two"' in text


@pytest.mark.parametrize("every_s", [1.0, 0.0])
def test_what_others_delete_stays_deleted_and_what_they_break_is_not_written_over(
    every_s: float, project: Path, script: Script, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "EVERY_S", every_s)
    assert record("-k", "one").code == 0
    script.then = lambda number: (project / "a.answers").unlink() if number == 3 else None
    assert record("-k", "two").code == 0
    assert "Answer to one" not in answers(project) and "Answer to two" in answers(project)
    script.then = lambda number: (project / "a.answers").write_text("<<<<<<< HEAD\n")
    done = record("-k", "tries")
    assert done.code == 6 and "was changed meanwhile" in done.err and answers(project) == "<<<<<<< HEAD\n"


def test_a_file_that_gets_too_large_has_more_answers_beside_it(
    project: Path, record: Record, flowlang: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_SHORTER", (65_536, 5))
    assert record().code == 0
    size = len(answers(project))
    (project / "a.answers").unlink()
    monkeypatch.setattr(recording, "MOST_BYTES", size - 1)
    monkeypatch.setattr(recording, "_SHORTER", (65_536, 2))
    assert record().code == 6  # names of files are longer than these answers
    monkeypatch.setattr(recording, "MOST_BYTES", 10 * size)
    assert record().code == 0
    assert flowlang("test", "a.flow").code == 0
