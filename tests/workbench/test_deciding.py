"""What a save starts, and when runs lead to runs: pure, with times handed in."""

from decimal import Decimal

import pytest

from flowlang.workbench.deciding import MOST_WITHOUT_PEOPLE, Loops, Mode, Need, step_for, told_need

FREE = Need(3, Decimal(0), True)
CENT = Need(3, Decimal("0.01"), False)
UNKNOWN = Need(None, None, False)
NOTHING = Need(0, Decimal(0), False)


@pytest.mark.parametrize(
    ("mode", "need", "most", "step"),
    [
        ("", FREE, None, "run"),
        ("", CENT, None, "ask"),
        ("", UNKNOWN, None, "ask"),
        ("", CENT, "0.02", "run"),
        ("", CENT, "0.005", "ask"),
        ("auto", CENT, None, "run"),
        ("auto", CENT, "0.005", "ask"),
        ("ask", FREE, None, "ask"),
        ("lazy", FREE, None, "mark"),
        ("ask", NOTHING, None, "run"),
        ("lazy", NOTHING, None, "run"),
        ("", NOTHING, None, "run"),
    ],
)
def test_who_pays_is_asked(mode: Mode, need: Need, most: str | None, step: str) -> None:
    assert step_for(mode, need, Decimal(most) if most else None) == step


def test_a_file_that_a_tool_of_the_run_changes_starts_three_runs_and_no_more() -> None:
    loops, starts, now = Loops(), [], 0.0
    for _ in range(10):
        loops.began(now)
        loops.tool_began()
        starts.append(loops.changed(False, ["notes.txt"], now + 0.1))
        loops.tool_ended(now + 0.2)
        loops.ended(now + 0.3)
        now += 1.0
    assert starts == [True] * MOST_WITHOUT_PEOPLE + [False] * (10 - MOST_WITHOUT_PEOPLE)


def test_another_program_that_answers_our_output_is_noticed() -> None:
    loops, starts, now = Loops(), [], 0.0
    for _ in range(6):
        loops.began(now)
        loops.wrote()
        loops.ended(now + 5.0)
        now += 9.0  # it takes about as long as we do
        starts.append(loops.changed(False, ["in.txt"], now))
    assert starts == [True, True, True, False, False, False]


def test_saves_of_a_person_are_never_taken_for_a_loop() -> None:
    loops, now = Loops(), 0.0
    for _ in range(20):
        loops.began(now)
        loops.wrote()
        loops.ended(now + 0.1)
        now += 0.5
        assert loops.changed(True, ["a.flow"], now)  # the flow itself, soon after each run
    for _ in range(20):
        loops.began(now)
        loops.wrote()
        loops.ended(now + 0.1)
        now += 30.0
        assert loops.changed(False, ["in.txt"], now)  # an input, long after


def test_a_key_lets_it_go_on() -> None:
    loops = Loops()
    loops.tool_began()
    for _ in range(MOST_WITHOUT_PEOPLE + 1):
        last = loops.changed(False, ["in.txt"], 0.0)
    assert not last
    loops.key()
    assert loops.changed(False, ["in.txt"], 0.0)


def test_what_is_known_of_the_cost_is_told_and_counts() -> None:
    some = Need(3, None, False, Decimal("0.02"))
    assert told_need(some) == "this save would make 3 calls, about $0.020, and what hangs on their answers"
    assert step_for("", some, Decimal("0.01")) == "ask"
    assert told_need(UNKNOWN) == "this save would make some calls, nobody knows what they cost"
