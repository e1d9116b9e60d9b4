"""Programs in a process of their own."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from flowlang.run.process import Finished, ProcessFailed, environment_for_tools, find_program, run_process

HERE = environment_for_tools(os.environ)


def ran(*words: str, given: bytes = b"", most_bytes: int = 10_000, folder: Path = Path("/")) -> Finished:
    return asyncio.run(run_process(words, folder, HERE, given=given, most_bytes=most_bytes))


def test_a_word_stays_one_word_and_no_shell_reads_it(tmp_path: Path) -> None:
    for word in ("a b", "$(touch pwned)", "; touch pwned", "`touch pwned`", "*", '"', "'", "\n", "a\tb", "> pwned"):
        assert ran("printf", "%s", word, folder=tmp_path).output == word.encode()
    assert list(tmp_path.iterdir()) == []


def test_what_it_is_given_comes_back_whole_however_much_it_is() -> None:
    data = os.urandom(3_000_000)
    assert ran("cat", given=data, most_bytes=3_000_000).output == data


def test_without_anything_given_its_input_is_empty() -> None:
    assert ran("cat").output == b""


def test_a_program_that_does_not_read_what_it_is_given_does_no_harm() -> None:
    assert ran("true", given=bytes(1_000_000)).status == 0


def test_status_and_complaint() -> None:
    ended = ran("sh", "-c", "echo no such thing >&2; exit 3")
    assert (ended.status, ended.complaint) == (3, "no such thing")
    assert ran("sh", "-c", "kill -9 $$").status == -9


def test_of_many_complaints_the_last_ones_are_kept() -> None:
    script = "import sys\nfor n in range(20000): print('line', n, file=sys.stderr)"
    complaint = ran(sys.executable, "-c", script).complaint
    assert complaint.endswith("line 19999") and len(complaint) <= 16_000


def test_a_program_that_talks_for_ever_is_stopped() -> None:
    with pytest.raises(ProcessFailed, match="more than 10 KB"):
        ran("yes")


def test_what_it_left_running_is_ended_with_it(tmp_path: Path) -> None:
    ended = ran("sh", "-c", "sleep 600 & echo $!", folder=tmp_path)
    left = int(ended.output)
    assert not is_alive(left)


def test_cancelled_it_ends_with_all_that_it_started(tmp_path: Path) -> None:
    async def cancelled() -> None:
        words = ("sh", "-c", "sleep 600 & echo $! > child; wait")
        running = asyncio.ensure_future(run_process(words, tmp_path, HERE, most_bytes=10))
        while not (tmp_path / "child").is_file() or not (tmp_path / "child").read_text().strip():
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert not is_alive(int((tmp_path / "child").read_text()))


def test_what_cannot_be_started() -> None:
    for words, told in (
        (("no-such-program-here",), "there is no program `no-such-program-here`"),
        (("/",), "may not be run"),
        (("echo", "a\0b"), "NUL"),
        (("echo", "x" * 3_000_000), "too long for a command"),
    ):
        with pytest.raises(ProcessFailed, match=told):
            ran(*words)


def test_keys_are_not_passed_on_and_no_program_is_taken_from_the_folder(tmp_path: Path) -> None:
    given = {"PATH": f".:{os.environ['PATH']}:", "HOME": "/h", "OPENAI_API_KEY": "k", "LC_ALL": "C", "PYTHONPATH": "x"}
    passed = environment_for_tools(given)
    assert {name for name in passed if not name.startswith("GIT_")} == {"PATH", "HOME", "LC_ALL", "TERM"}
    assert all(place.startswith("/") for place in passed["PATH"].split(":"))
    planted = tmp_path / "planted-tool"
    planted.write_text("#!/bin/sh\n")
    planted.chmod(0o755)
    assert find_program("planted-tool", {"PATH": f":.:{tmp_path.name}"}) is None
    assert find_program("sh", os.environ) is not None


def is_alive(number: int) -> bool:
    """Whether a process still runs, once the system has had its moment to clear it away."""
    for _ in range(200):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return False
        stat = Path(f"/proc/{number}/stat")
        if stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return False
        time.sleep(0.01)
    return True
