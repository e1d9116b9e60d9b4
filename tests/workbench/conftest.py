"""A place of its own for each test, and `flowlang` to type in it."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from flowlang.workbench.cli import main

# What would change the looks of what is told, or answer for a key.
TOLD_BY_ENVIRONMENT = (
    "BYTESPIKE_API_KEY",
    "CI",
    "COLUMNS",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",
    "GITHUB_STEP_SUMMARY",
    "NO_COLOR",
    "OPENAI_API_KEY",
)

TRIAGE = '''\
# Sorts a customer's mail and answers it.

# The mail, as it came.
input mail: text
input polite: yes/no = yes

step topic
  model: gemini-3-flash
  returns: one of billing, bug, other
  prompt: """
    {{ mail }}

    What is this mail about?
  """

step bug_reply
  when topic is bug
  model: gemini-3-flash
  prompt: """
    Answer this mail about a fault{{ if polite }} politely{{ end }}.
    {{ mail }}
  """

step other_reply
  when topic is not bug
  model: gemini-3-flash
  prompt: """
    Answer this mail.
    {{ mail }}
  """

let reply = bug_reply | default other_reply

output reply
'''


class Typed(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


Type = Callable[..., Typed]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `triage.flow` in it, and an environment that says nothing."""
    for name in TOLD_BY_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    place = tmp_path / "project"
    place.mkdir()
    monkeypatch.chdir(place)
    (place / "triage.flow").write_text(TRIAGE, encoding="utf-8")
    return place


@pytest.fixture
def flowlang(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Type]:
    """Types a command line; the exit code is never 70, whatever was typed."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def typed(*words: str | os.PathLike[str]) -> Typed:
        capsys.readouterr()
        code = main([os.fspath(word) for word in words])
        told = capsys.readouterr()
        assert code != 70, told.err
        assert "Traceback" not in told.err
        return Typed(code, told.out, told.err)

    yield typed
    for number, handler in kept.items():
        signal.signal(number, handler)
