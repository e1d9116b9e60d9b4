"""The last line of a run: what to type next."""

from pathlib import Path

import pytest

from flowlang.models.chat import ChatRequest, Reply, Usage
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.show.ending import KeptRun, failures, last_line
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


def ending(text: str, folder: Path, kept: KeptRun | None = None, **inputs: object) -> str:
    def nonsense(request: ChatRequest) -> str:
        return "nonsense"

    flow = flow_of(text, folder)
    found = run(flow, nonsense, inputs)  # type: ignore[arg-type]
    return last_line(found.report, found.report.exit_code, "a.flow", False, build(flow, Defaults()), kept)


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


@pytest.mark.parametrize(
    ("text", "words"), [(TOPIC, "7 topic"), (INNER, "7 sorted.topic"), ("limits\n  calls: 1\n" + LET, "7")]
)
def test_a_run_that_was_kept_names_what_goes_on_from_it(text: str, words: str, tmp_path: Path) -> None:
    inputs = {"rows": ({"n": "many"},)} if "rows" in text else {}
    told = ending(text, tmp_path, KeptRun(7), **inputs)
    last = told.splitlines()[-1]
    assert last == f"run 7: what it asked and was answered: flowlang show {words}     again: flowlang retry 7"


def test_steps_are_the_flows_own_however_often_those_of_another_flow_run(tmp_path: Path) -> None:
    def counted(text: str) -> str:
        found = run(flow_of(text, tmp_path), lambda request: "nonsense")
        code = found.report.exit_code
        return last_line(found.report, code, "a.flow", False, build(flow_of(text, tmp_path), Defaults()))

    inner = 'flow inner\ninput n: number = 1\nstep x\n  prompt: "X"\nstep y\n  when x is "y"\n  prompt: "Y"\noutput x'
    rounds = f'step a\n  run: inner\n  repeat until a is "good", at most 3 times\nstep b\n  prompt: "B"\n{inner}'
    assert counted(rounds).startswith("done: 2 steps, 4 calls") and "skipped" not in counted(rounds)
    assert counted(INNER).startswith("failed (exit 1): 0 steps") and ", 1 failed" in counted(INNER)


def test_a_store_elsewhere_is_named(tmp_path: Path) -> None:
    told = ending(TOPIC, tmp_path, KeptRun(7, " --store DIR"))
    assert "flowlang show 7 topic --store DIR " in told and told.endswith("flowlang retry 7 --store DIR")


def test_of_a_limit_it_is_said_which_one_to_raise(tmp_path: Path) -> None:
    limited = 'step a\n  prompt: "A"\nstep b\n  prompt: "B {{ a }}"\nlimits\n  calls: 1'
    told = ending(limited, tmp_path, KeptRun(7))
    assert "run 7: to go further, raise `limits` in a.flow; what it asked" in told
    assert told.endswith("again: flowlang retry 7")


def test_a_run_that_ended_well_names_nothing(tmp_path: Path) -> None:
    assert "flowlang" not in ending('step a\n  prompt: "A"', tmp_path, KeptRun(7))


@pytest.mark.parametrize(("text", "words"), [(TOPIC, "7 topic"), (INNER, "7 sorted.topic")])
def test_the_whole_of_a_wrong_answer_is_a_command_away(text: str, words: str, tmp_path: Path) -> None:
    def nonsense(request: ChatRequest) -> str:
        return "nonsense"

    found = run(flow_of(text, tmp_path), nonsense)
    (told,) = failures(found.report, KeptRun(7))
    assert told.hints[-1] == f"the answer: nonsense     all of it: flowlang show {words}"
    (told,) = failures(found.report)
    assert told.hints[-1] == "the answer: nonsense"


def test_a_run_of_which_nobody_knows_the_price_does_not_look_free(tmp_path: Path) -> None:
    def counted(request: ChatRequest) -> Reply:
        return Reply("yes", usage=Usage(20, 5))

    flow = flow_of('step a\n  prompt: "A"', tmp_path)
    report = run(flow, counted).report
    assert ", nobody knows the price, " in last_line(report, 0, "a.flow", False, build(flow, Defaults()))
    assert "price" not in last_line(report, 0, "a.flow", True, build(flow, Defaults()))
