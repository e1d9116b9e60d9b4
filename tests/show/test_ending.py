"""The last line of a run: what to type next."""

from pathlib import Path

import pytest

from flowlang.models.chat import ChatRequest
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.show.ending import last_line
from tests.run.scripted import flow_of, run

TOPIC = """
step topic
  returns: one of billing, bug
  tries: 1
  prompt: "What is it?"
"""
INNER = "step sorted\n  run: sort\nflow sort\n" + TOPIC
LET = 'input rows: table\nlet total = rows | take n | sum\nstep say\n  prompt: "{{ total }}"'
MANY = 'input n: list of whole number\nstep s\n  repeat for each a in n and each b in n\n  prompt: "{{ a }} {{ b }}"'


def ending(text: str, folder: Path, **inputs: object) -> str:
    def nonsense(request: ChatRequest) -> str:
        return "nonsense"

    flow = flow_of(text, folder)
    found = run(flow, nonsense, inputs)  # type: ignore[arg-type]
    return last_line(found.report, found.report.exit_code, "a.flow", False, build(flow, Defaults()))


@pytest.mark.parametrize(("text", "step"), [(TOPIC, "topic"), (INNER, "sorted.topic")])
def test_an_answer_that_was_no_use_points_at_what_was_asked(text: str, step: str, tmp_path: Path) -> None:
    assert ending(text, tmp_path).endswith(f"\nwhat it was asked: flowlang preview a.flow {step} …")


def test_what_asks_no_model_has_nothing_to_preview(tmp_path: Path) -> None:
    assert "preview" not in ending(LET, tmp_path, rows=({"n": "many"},))


def test_limits_are_to_be_raised_only_where_there_are_some(tmp_path: Path) -> None:
    limited = ending('step a\n  prompt: "A"\nstep b\n  prompt: "B {{ a }}"\nlimits\n  calls: 1', tmp_path)
    assert "raise `limits` in a.flow" in limited
    endless = ending(MANY, tmp_path, n=tuple(range(101)))
    assert endless.startswith("stopped by a limit") and "raise" not in endless
