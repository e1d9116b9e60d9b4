"""What a person is told when a provider misbehaves: plain words, the step, the right exit code, and never the key."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowlang.workbench.cli import main
from tests.gateway import FAULTS, REFUSALS, Gateway, Seen
from tests.gateway.odd_bodies import ODD

ROOT = Path(__file__).resolve().parents[1]
KEY = "sk-canary-1234567890"
FLOW = 'step a\n  model: gpt-5-4\n  tries: 1\n  timeout: 1s\n  prompt: "Say hello."\n'
UNPRINTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# These last until the time is up; one of them is enough here.
LASTING = {"drip", "slow-headers", "stall-after-headers", "stall-in-body", "keep-alives", "data-keep-alives"}
LASTING |= {"blank-lines", "endless-stream"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with `a.flow` in it, and an environment that knows only the key."""
    for name in ("BYTESPIKE_API_KEY", "CI", "FORCE_COLOR", "GITHUB_ACTIONS", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.flow").write_text(FLOW, encoding="utf-8")
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield tmp_path
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    "fault",
    [*sorted(set(FAULTS) - LASTING), *REFUSALS, *(f"body-{name}" for name in ODD), *(f"frame-{name}" for name in ODD)],
)
def test_what_goes_wrong_is_told_plainly(
    fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway = Gateway(faults=lambda seen: fault)
    with gateway as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        code = main(["run", "a.flow"])
    out, err = capfd.readouterr()
    assert gateway.log[0].headers["authorization"] == f"Bearer {KEY}"
    assert "canary" not in out + err
    assert not UNPRINTED.search(err)
    if code == 0:
        assert out.strip() and gateway.log[-1].status == 200
        return
    assert code in (1, 4, 5)
    told = re.search(r"^error\[([a-z-]+)\]: (.{10,700})\n +--> a\.flow:1:6$", err, re.M)
    assert told is not None and out == "", err
    codes = {"unreachable": 4, "refused": 4, "limit-reached": 5}
    assert code == codes.get(told[1], 1), err
    assert not re.search(r"Error\b|Traceback|httpx|None\b|\btoken\b", told[2].partition(": ")[0]), err


@pytest.mark.parametrize("fault", ["stall-before-headers", "stall-in-body"])
def test_an_interrupted_call_ends_at_once(fault: str, folder: Path) -> None:
    came = threading.Event()

    def fails(seen: Seen) -> str:
        came.set()
        return fault

    gateway = Gateway(faults=fails)
    flow = FLOW.replace("timeout: 1s", "timeout: 60s")
    (folder / "a.flow").write_text(flow, encoding="utf-8")
    with gateway as url:
        words = [sys.executable, "-m", "flowlang", "run", "a.flow"]
        ran = subprocess.Popen(words, env={**os.environ, "OPENAI_BASE_URL": url}, stderr=subprocess.PIPE, text=True)
        assert came.wait(20)
        began = time.monotonic()
        ran.send_signal(signal.SIGINT)
        _, err = ran.communicate(timeout=20)
        took = time.monotonic() - began
    assert ran.returncode == 130 and "interrupted" in err
    assert took < 1
    assert "Traceback" not in err
