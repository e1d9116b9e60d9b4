"""Stopped by a person or by the system: what has come is saved, and the same command goes on."""

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from flowlang.store.connecting import connect
from tests.gateway import Gateway

from .project import CALLS, KEY, WIDTH, Project, answer, gateway, judged
from .strace import injecting, needs_strace


def started(project: Project, requests: int, log: list[object]) -> "subprocess.Popen[str]":
    """A run that has sent so many requests."""
    process = project.start()
    while len(log) < requests and process.poll() is None:
        time.sleep(0.005)
    return process


@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 143)])
def test_a_run_that_is_stopped_says_what_is_saved_and_goes_on(number: str, code: int, tmp_path: Path) -> None:
    with (gate := gateway(0.15)) as url:
        project = Project.new(tmp_path / "p", url)
        process = started(project, WIDTH + 1, gate.log)  # type: ignore[arg-type]
        process.send_signal(getattr(signal, number))
        _, err = process.communicate(timeout=20)
        assert process.returncode == code, err
        assert "Traceback" not in err
        told = re.search(r"(\d+) answers saved: the same command goes on from there", err)
        assert told is not None and int(told[1]) >= WIDTH, err
        assert re.search(r"calls? (was|were) open, and may be billed without an answer \(\w+\[\d+\]", err), err
        before = list(gate.log)
        gate.forget()
        again = project.run()
        assert again.code == 0 and len(gate.log) == CALLS - int(told[1])
        assert judged(before, gate.log)[1] == 0


def test_a_second_signal_ends_it_at_once_and_the_store_is_whole(tmp_path: Path) -> None:
    with (gate := gateway(0.5)) as url:
        project = Project.new(tmp_path / "p", url)
        process = started(project, WIDTH + 1, gate.log)  # type: ignore[arg-type]
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130 and "Traceback" not in err
        reader = connect(project.store / "store.sqlite", readonly=True)
        assert reader.execute("pragma integrity_check").fetchone() == ("ok",)
        assert reader.execute("select count(*) from answers").fetchone()[0] >= WIDTH
        reader.close()


def test_a_run_that_was_killed_is_named_once_with_what_it_may_have_cost(tmp_path: Path) -> None:
    with (gate := gateway(0.5)) as url:
        project = Project.new(tmp_path / "p", url)
        process = started(project, WIDTH, gate.log)  # type: ignore[arg-type]
        process.kill()
        process.communicate()
        told = project.run().err
        assert "run 1 was cut off: 5 calls may have been billed without an answer, for at most $" in told
        assert "layer1[" in told
        assert "cut off" not in project.run().err


def test_a_reader_that_hangs_up_is_no_error(tmp_path: Path) -> None:
    with gateway() as url:
        project = Project.new(tmp_path / "p", url)
        with project.start() as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.close()
            err = process.stderr.read()
        assert process.returncode in (0, 141) and "Traceback" not in err
        assert len(project.run().out) > 0


@needs_strace
def test_few_open_files_and_no_thread_are_enough(tmp_path: Path) -> None:
    with (gate := gateway()) as url:
        project = Project.new(tmp_path / "p", url)
        few = project.run(before=("bash", "-c", 'ulimit -n 40; exec "$@"', "-"))
        assert few.code == 0, few.err
        gate.forget()
        other = Project.new(tmp_path / "q", url)
        # A thread is made with clone3, and with clone where that is not there.
        none = other.run(before=injecting("clone3,clone", "error=EAGAIN"))
        assert none.code == 0, none.err
        assert len(gate.log) == CALLS and project.report() == other.report()


def test_a_flow_that_is_edited_while_it_runs_is_run_as_it_was(tmp_path: Path) -> None:
    edited: list[Path] = []

    def answer_and_edit(request: dict[str, Any]) -> str:
        for path in edited:
            path.write_text(path.read_text().replace("Begin.", "Begin anew."))
        edited.clear()
        return answer(request)

    with (gate := Gateway(answer_and_edit)) as url:
        reference = Project.new(tmp_path / "a", url)
        assert "changed since" not in reference.run().err
        project = Project.new(tmp_path / "b", url)
        edited.append(project.home / "twenty.flow")
        ended = project.run()
        assert ended.code == 0 and "1 file changed since the start (twenty.flow)" in ended.err
        assert project.report() == reference.report()
        gate.forget()
        assert project.run().code == 0 and len(gate.log) == CALLS


def test_no_key_is_in_any_file_of_a_project(tmp_path: Path) -> None:
    with gateway() as url:
        project = Project.new(tmp_path / "p", url)
        flow = project.home / "twenty.flow"
        flow.write_text(flow.read_text().replace("Begin.", f"Begin with {KEY}."))
        assert project.run().code == 0
        files = [path for path in project.home.rglob("*") if path.is_file() and path != flow]
        assert len(files) > 3 and [path.name for path in files if KEY.encode() in path.read_bytes()] == []
