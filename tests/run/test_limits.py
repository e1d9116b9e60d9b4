"""Limits, time-outs, and a run that is stopped from outside."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from flowlang.models.catalog import Model, Price, catalogue_of
from flowlang.models.chat import ChatRequest, Chunk, EmitChunk, Reply, Usage
from flowlang.models.cost import Prices
from flowlang.models.errors import NoRoom, Unreachable
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.run.each import Tally, execute_each
from flowlang.run.event import CallFinished, CallStarted, Event, Noted, RunFinished, StepFailed, StepStarted
from flowlang.run.executor import execute
from flowlang.run.means import Means
from flowlang.run.outcome import UNMET
from flowlang.run.report import fold
from flowlang.run.row_inputs import read_row_inputs
from flowlang.show.ending import KeptRun, last_line
from tests.run.scripted import Model as Answers
from tests.run.scripted import Script, echo, flow_of, run

TEN = 'let numbers = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]\n'
EACH = TEN + 'step a\n  repeat for each n in numbers\n  failures: skip\n  prompt: "{{ n }}"\n'


def test_the_limit_of_calls_stops_starting_calls(tmp_path: Path) -> None:
    found = run(flow_of(f'{EACH}step b\n  prompt: "b"\nlimits\n  calls: 4\n', tmp_path), echo)
    assert len(found.requests) == 4
    assert found.value("b") == "b"
    assert found.result.outcome == "limit"
    assert found.report.exit_code == 5
    assert "the limit of 4 calls is reached" in found.of(StepFailed)[0].message


def test_a_limit_that_is_just_enough_is_no_limit(tmp_path: Path) -> None:
    assert run(flow_of(f"{EACH}limits\n  calls: 10\n", tmp_path), echo).report.exit_code == 0


def test_a_call_for_which_this_computer_has_no_room_counts_neither_as_call_nor_as_try(tmp_path: Path) -> None:
    turned_away: list[ChatRequest] = []

    def model(request: ChatRequest) -> str | NoRoom:
        if len(turned_away) < 7:
            turned_away.append(request)
            return NoRoom()
        return echo(request)

    text = EACH.replace("  prompt", "  tries: 1\n  prompt")
    found = run(flow_of(f"{text}limits\n  calls: 10\n", tmp_path), model)
    assert found.report.exit_code == 0, found.of(StepFailed)
    assert (len(found.requests), found.report.calls) == (17, 10)
    (noted,) = found.of(Noted)
    assert "allows no more open connections" in noted.message
    assert len(found.of(CallStarted)) == len(found.of(CallFinished)) == 17


def test_the_limit_of_time_stops_starting_calls(tmp_path: Path) -> None:
    seconds = 0.0

    def model(request: ChatRequest) -> str:
        nonlocal seconds
        seconds += 30
        return echo(request)

    flow = flow_of(f"{EACH}limits\n  time: 2m\n", tmp_path)
    found = run(flow, model, at_once=1, clock=lambda: seconds)
    assert len(found.requests) == 4
    assert "the limit of 2 minutes is reached" in found.of(StepFailed)[0].message
    assert found.report.exit_code == 5


def test_a_sub_flows_limit_holds_for_each_of_its_runs(tmp_path: Path) -> None:
    text = (
        'let words = ["x", "y"]\n'
        "step s\n  repeat for each w in words\n  run: sub\n  with n: w\n"
        'flow sub\ninput n: text\nstep a\n  samples: 2\n  prompt: "{{ n }}"\nlimits\n  calls: 2\n'
    )
    assert run(flow_of(text, tmp_path), echo).report.exit_code == 0
    found = run(flow_of(text.replace("calls: 2", "calls: 1"), tmp_path), echo)
    assert found.report.exit_code == 5


def test_whose_limit_is_reached_is_said(tmp_path: Path) -> None:
    text = """
step s
  run: sub
limits
  calls: 5
flow sub
step a
  samples: 2
  prompt: "x"
limits
  calls: 1
"""
    failed = run(flow_of(text, tmp_path), echo).of(StepFailed)[0]
    assert "the limit of 1 call of flow `sub` is reached" in failed.message


def test_what_is_expected_is_told_at_its_line_and_fails_the_run(tmp_path: Path) -> None:
    text = 'step a\n  prompt: "a"\noutput a\nlimits\n  expect a is "b"\n  expect a is "a"\n'
    found = run(flow_of(text, tmp_path), echo)
    (unmet,) = found.of(StepFailed)
    assert (unmet.rule, found.report.exit_code) == (UNMET, 1)
    assert 'a is "b"' in unmet.message
    assert found.value("a") == "a"


async def hanging(request: ChatRequest, emit: EmitChunk) -> Reply:
    emit(Chunk("Once"))
    await asyncio.Event().wait()
    raise AssertionError


def test_a_call_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    flow, events = flow_of('step a\n  timeout: 10ms\n  tries: 2\n  prompt: "a"\n', tmp_path), list[Event]()
    asyncio.run(execute(build(flow, Defaults("m")), {}, Means(hanging), events.append))
    report = fold(events)
    assert [event.status for event in events if isinstance(event, CallFinished)] == ["failed", "failed"]
    assert report.failed[0].message == "`m` did not answer within 0.01 seconds"
    assert report.exit_code == 4


def test_the_time_of_a_run_ends_a_call_that_is_open(tmp_path: Path) -> None:
    text = 'step a\n  timeout: 1h\n  prompt: "a"\nlimits\n  time: 20ms\n'
    flow, events = flow_of(text, tmp_path), list[Event]()
    asyncio.run(execute(build(flow, Defaults("m")), {}, Means(hanging), events.append))
    report = fold(events)
    assert report.exit_code == 5 and "the limit of 0.02 seconds is reached" in report.failed[0].message


def test_a_run_that_is_cancelled_says_so_and_stops(tmp_path: Path) -> None:
    flow, events = flow_of(EACH, tmp_path), list[Event]()

    async def interrupted() -> None:
        task = asyncio.create_task(execute(build(flow, Defaults("m")), {}, Means(hanging), events.append))
        while not any(isinstance(event, StepStarted) for event in events):
            await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())
    assert {event.status for event in events if isinstance(event, CallFinished)} == {"cancelled"}
    assert isinstance(events[-1], RunFinished)
    assert fold(events).exit_code == 130


# ── Cost ──

# A call whose answer has the most tokens costs a dollar, and its question a little beside.
DEAR = {"dear": Model(max_output=1000, price=Price(Decimal(1), Decimal(1000)))}
PRICES = Prices(catalogue_of(DEAR), lambda model: False)
DEAR_EACH = EACH.replace("  prompt:", "  model: dear\n  prompt:")


def answering(tokens_out: int) -> Answers:
    return lambda request: Reply("yes", usage=Usage(20, tokens_out))


def test_no_call_starts_that_could_pass_the_limit_of_cost(tmp_path: Path) -> None:
    flow = flow_of(f"{DEAR_EACH}limits\n  cost: 3.50\n", tmp_path)
    found = run(flow, answering(1000), prices=PRICES)
    assert len(found.requests) == 3
    assert found.report.cost_usd == 3 * Decimal("1.00002")
    assert found.report.exit_code == 5
    assert "of $3.50 is spent, and a call to `dear` may cost $1.00" in found.of(StepFailed)[0].message


def test_calls_wait_for_what_others_leave_instead_of_giving_up(tmp_path: Path) -> None:
    flow = flow_of(f"{DEAR_EACH}limits\n  cost: 2.50\n", tmp_path)
    found = run(flow, answering(50), prices=PRICES)
    assert found.report.exit_code == 0
    assert (len(found.requests), found.most_open) == (10, 2)
    assert found.report.cost_usd == 10 * Decimal("0.05002")


def test_without_prices_nothing_costs_anything(tmp_path: Path) -> None:
    found = run(flow_of(f"{DEAR_EACH}limits\n  cost: 0\n", tmp_path), answering(1000))
    assert (found.report.exit_code, found.report.cost_usd) == (0, None)


def test_the_limit_of_the_command_line_holds_beside_the_flows_own(tmp_path: Path) -> None:
    flow = flow_of(f"{DEAR_EACH}limits\n  cost: 9\n", tmp_path)
    found = run(flow, answering(1000), prices=PRICES, max_cost_usd=Decimal("2.50"))
    assert len(found.requests) == 2
    assert "$2.00 of $2.50 (`--max-cost`) is spent" in found.of(StepFailed)[0].message
    told = last_line(found.report, 5, "a.flow", False, build(flow, Defaults("m")), KeptRun(7))
    assert "run 7: to go further, raise `--max-cost`; what it asked" in told
    own = run(flow, answering(1000), prices=PRICES, max_cost_usd=Decimal(50)).report
    assert "raise `limits` in a.flow" in last_line(own, 5, "a.flow", False, build(flow, Defaults("m")), KeptRun(7))


def test_a_sub_flows_cost_counts_for_it_and_for_all_above_it(tmp_path: Path) -> None:
    text = (
        'let words = ["x", "y", "z"]\n'
        "step s\n  repeat for each w in words\n  failures: skip\n  run: sub\n  with n: w\n"
        "limits\n  cost: 2.20\n"
        'flow sub\ninput n: text\nstep a\n  model: dear\n  samples: 2\n  prompt: "{{ n }}"\nlimits\n  cost: 1.50\n'
    )
    found = run(flow_of(text, tmp_path), answering(1000), prices=PRICES, at_once=1)
    assert len(found.requests) == 2
    assert found.report.exit_code == 5


def test_max_tokens_sets_less_aside(tmp_path: Path) -> None:
    short = DEAR_EACH.replace("model: dear\n", "model: dear\n  max_tokens: 100\n")
    flow = flow_of(f"{short}limits\n  cost: 2.50\n", tmp_path)
    assert run(flow, answering(50), prices=PRICES).most_open == 10


def test_a_call_that_failed_is_not_billed_and_one_that_we_hung_up_on_is(tmp_path: Path) -> None:
    flow = flow_of('step a\n  model: dear\n  tries: 1\n  timeout: 10ms\n  prompt: "a"\n', tmp_path)
    failed = run(flow, lambda request: Unreachable("down"), prices=PRICES)
    assert failed.report.cost_usd is None
    events = list[Event]()
    asyncio.run(execute(build(flow, Defaults("m")), {}, Means(hanging, prices=PRICES), events.append))
    cost = fold(events).cost_usd
    assert cost is not None and cost >= Decimal("0.001")


def test_what_an_earlier_answer_cost_too_much_is_learnt(tmp_path: Path) -> None:
    flow = flow_of(f"{DEAR_EACH}limits\n  cost: 7\n", tmp_path)
    found = run(flow, answering(2000), prices=PRICES, at_once=1)
    assert found.report.cost_usd is not None and found.report.cost_usd <= 7
    assert len(found.requests) == 3


def test_an_unknown_price_starts_no_call_where_cost_has_a_limit(tmp_path: Path) -> None:
    flow = flow_of('step a\n  prompt: "a"\nlimits\n  cost: 1\n', tmp_path)
    found = run(flow, echo, prices=PRICES)
    assert found.requests == []
    assert "nobody knows what `default-model` costs" in found.of(StepFailed)[0].message


def test_every_call_tells_its_cost(tmp_path: Path) -> None:
    flow = flow_of('step a\n  model: dear\n  prompt: "a"\nstep b\n  prompt: "b"\noutput a\noutput b\n', tmp_path)
    found = run(flow, answering(10), prices=PRICES)
    assert {event.model: event.cost_usd for event in found.of(CallFinished)} == {
        "dear": Decimal("0.01002"),
        "default-model": None,
    }
    assert found.report.cost_usd == Decimal("0.01002")


def test_rows_share_the_limit_of_the_command_line(tmp_path: Path) -> None:
    flow = flow_of('input n: text\nstep a\n  model: dear\n  prompt: "{{ n }}"\n', tmp_path)
    (tmp_path / "rows.csv").write_text("n\n" + "x\n" * 20, encoding="utf-8")
    rows = read_row_inputs(flow, {}, None, str(tmp_path / "rows.csv"))
    script, lines, tally = Script(answering(1000)), list[str](), Tally()
    asyncio.run(
        execute_each(
            build(flow, Defaults("m")),
            rows,
            Means(script, at_once=1, prices=PRICES, max_cost_usd=Decimal("2.50")),
            lambda event: None,
            lines.append,
            tally,
        )
    )
    assert len(script.requests) == 2
    assert (tally.good, tally.failed, tally.exit_code()) == (2, 1, 5)
    assert (tally.tokens_in, tally.tokens_out) == (2 * 20, 2 * 1000)
    assert tally.cost_usd == 2 * Decimal("1.00002")
