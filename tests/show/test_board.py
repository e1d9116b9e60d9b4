"""The board of a session, and the lines that it makes at any size."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from flowlang.run.event import CallFinished, CallStarted, Delta, StepFailed, StepFinished, StepStarted
from flowlang.show.board import Board
from flowlang.show.board_frame import Look, frame
from flowlang.show.cells import written
from flowlang.show.marked import marked
from flowlang.show.terminal import columns

COST = Decimal("0.0012")


def finished(step: str, cached: bool = False, item: int | None = None) -> CallFinished:
    return CallFinished("", step, item, "m", "ok", 1, cached, 10, 20, 0, Decimal(0) if cached else COST, 0.5)


def board_of(*steps: str, now: list[float] | None = None) -> Board:
    times = now or [100.0]
    board = Board(lambda: times[0])
    board.begin("a.flow", [(name, "a.flow", number) for number, name in enumerate(steps, 1)], steps, ())
    board.good_at = "10:42:07"
    return board


def told(board: Board, look: Look | None = None, width: int = 60, height: int = 16) -> list[str]:
    return ["".join(one.text for one in line).rstrip() for line in frame(board, look or Look(), width, height)]


def test_a_step_says_what_it_does_how_long_and_for_how_much() -> None:
    now = [100.0]
    board = board_of("one", "two", now=now)
    board.take(StepStarted("", "one", "prompt", None))
    board.take(CallStarted("", "one", None, "m"))
    board.take(Delta("", "one", None, "It is a dark night"))
    now[0] += 3.25
    assert told(board)[1] == "● one  3.2s 4 tokens  It is a dark night"
    assert told(board)[2] == "· two"
    board.take(finished("one"))
    board.take(StepFinished("", "one", None, 0, 3.5))
    board.answered("one", "It is a dark night, and stormy.")
    assert told(board)[1] == "✓ one  3.5s 20 tokens $0.0012"
    assert "It is a dark night, and stormy." in told(board)


def test_a_step_that_only_waits_for_its_turn_does_not_look_as_if_it_ran() -> None:
    now = [100.0]
    board = board_of("one", "two", now=now)
    for name in ("one", "two"):
        board.take(StepStarted("", name, "prompt", None))
    board.take(CallStarted("", "one", None, "m"))
    now[0] += 2.0
    assert told(board)[1:3] == ["● one  2.0s", "· two   waits for its turn"]


def test_keys_that_do_not_fit_can_be_seen_on_any_screen() -> None:
    board = board_of("one")
    for width in (20, 40, 80, 200):
        line = told(board, width=width)[-1]
        assert line.endswith("? keys") == (width < 200) and len(line) <= width
        shown = "\n".join(told(board, Look(pane="keys"), width, 30))
        assert all(f"{key} " in shown for key in ("x", "r", "s", "↑↓", "p", "w", "a", "d", "q", "e", "← →", "m"))


def test_of_many_mistakes_those_that_do_not_fit_are_counted_and_can_be_reached() -> None:
    board, look = board_of("one"), Look()
    board.trouble = "".join(f"error[unknown-name]: there is no `{n}`\n --> a.flow:{n}:1\n\n" for n in range(30))
    assert "… and 28 more mistakes: m shows all" in told(board, look)
    assert "… and 28 more mistakes: flowlang check" in told(board, Look(keys=False))
    look.pane, seen = "mistakes", set[str]()
    for number in range(25):
        look.scroll = 4 * number
        seen |= {line.strip() for line in told(board, look) if line.startswith(" -->")}
    assert seen == {f"--> a.flow:{n}:1" for n in range(30)}
    board.trouble = ""
    frame(board, look, 60, 16)
    assert look.pane == "answer"


def test_a_step_that_was_answered_before_says_so() -> None:
    board = board_of("one")
    board.take(StepStarted("", "one", "prompt", None))
    board.take(CallStarted("", "one", None, "m"))
    board.take(finished("one", cached=True))
    board.take(StepFinished("", "one", None, 0, 0.0))
    assert told(board)[1] == "= one   from before"
    assert (board.calls, board.cached) == (0, 1)


def test_the_first_line_counts_the_present_run_and_what_all_of_them_cost() -> None:
    board = board_of("one", "two")
    board.take(finished("one"))
    board.take(finished("two"))
    assert told(board, width=100)[0] == "a.flow  runs  run 1, 10:42:07: 2 asked, 0 from before, $0.0024"
    board.begin("a.flow", [("one", "a.flow", 1), ("two", "a.flow", 2)], ("one", "two"), ())
    board.take(finished("one", cached=True))
    board.take(finished("two"))
    assert told(board, width=100)[0] == "a.flow  runs  run 2, 10:42:07: 1 asked, 1 from before, $0.0012; $0.0036 in all"


def test_what_changed_in_an_answer_is_marked_and_what_is_gone_is_shown_on_request() -> None:
    board = board_of("one")
    board.answered("one", "The sky is blue today.")
    board.answered("one", "The sky is grey today.")
    lines = frame(board, Look(), 60, 16)
    assert [one.text for line in lines for one in line if one.style == "new"] == ["grey"]
    lines = frame(board, Look(pane="difference"), 60, 16)
    assert [one.text for line in lines for one in line if one.style == "gone"] == ["blue"]
    assert board.rows["one"].previous == "The sky is blue today."


def test_words_that_changed_side_by_side_are_one_change() -> None:
    pieces = marked("It rose by two percent in May.", "It fell to three percent in May.", with_gone=True)
    assert [piece[:] for piece in pieces] == [
        ("It ", ""),
        ("rose by two", "-"),
        ("fell to three", "+"),
        (" percent in May.", ""),
    ]


def test_a_step_that_never_began_shows_nothing_of_the_run_before() -> None:
    now = [100.0]
    board = board_of("one", now=now)
    board.take(StepStarted("", "one", "prompt", None))
    board.take(finished("one"))
    board.take(StepFinished("", "one", None, 0, 0.5))
    board.begin("a.flow", [("one", "a.flow", 1)], ("one",), ())
    assert told(board)[1] == "· one"
    now[0] += 60
    board.take(StepFailed("", "one", None, "skipped", "step `one` cannot run", None))  # type: ignore[arg-type]
    assert told(board)[1] == "✗ one   step `one` cannot run"


def test_of_more_steps_than_fit_it_is_said_how_many_are_over() -> None:
    board = board_of(*(f"s{number}" for number in range(200)))
    board.take(StepStarted("", "s0", "prompt", None))
    board.take(finished("s0"))
    board.take(StepFinished("", "s0", None, 0, 0.5))
    assert told(board)[0].startswith("a.flow  runs  1 of 200 steps  run 1, ")


def test_what_streamed_is_gone_when_its_call_is_over() -> None:
    board = board_of("outer")
    board.take(StepStarted("", "outer", "run", None))
    board.take(CallStarted("outer", "inner", None, "m"))
    board.take(Delta("outer", "inner", None, "the first one's words"))
    board.take(CallFinished("outer", "inner", None, "m", "ok", 1, False, 10, 20, 0, COST, 0.5))
    assert "words" not in told(board)[1]


def test_mistakes_stand_at_the_top_and_the_answers_stay_below() -> None:
    board = board_of("one")
    board.answered("one", "Still here.")
    board.trouble, board.trouble_note = (
        "\x1b[1;31merror[syntax]\x1b[0m: what is this\n --> a.flow:1:1\n",
        "these mistakes",
    )
    lines = told(board)
    assert lines[1] == "error[syntax]: what is this"
    assert "as of 10:42:07, before these mistakes:" in lines
    assert "Still here." in lines
    assert not any("\x1b" in line for line in lines)


def test_the_line_above_an_answer_fills_the_screen_exactly() -> None:
    board = board_of("one")
    board.answered("one", "Yes.")
    assert told(board, width=30)[2] == "── one: answer ───────────────"


def test_a_failed_step_says_why() -> None:
    board = board_of("one")
    place = None
    board.take(StepStarted("", "one", "prompt", None))
    board.take(StepFailed("", "one", None, "refused", "the key was refused", place))  # type: ignore[arg-type]
    assert told(board)[1].startswith("✗ one")
    assert "the key was refused" in told(board)[1]


def test_steps_of_flows_that_a_step_runs_count_as_its_own() -> None:
    board = board_of("outer")
    board.take(StepStarted("", "outer", "run", None))
    board.take(StepStarted("outer[2]", "inner", "prompt", None))
    board.take(CallStarted("outer[2]", "inner", None, "m"))
    board.take(Delta("outer[2]", "inner", None, "deep"))
    assert board.rows["outer"].tail == "deep"
    assert list(board.rows) == ["outer"]


def test_below_a_step_that_runs_a_flow_stand_the_steps_of_that() -> None:
    now = [100.0]
    board = board_of("outer", "last", now=now)
    board.take(StepStarted("", "outer", "run", 2))
    for item in ("outer[1]", "outer[2]"):
        board.take(StepStarted(item, "inner", "prompt", None))
    assert told(board)[2] == "  · inner  waits for its turn"
    board.take(CallStarted("outer[1]", "inner", None, "m"))
    now[0] += 2.0
    board.take(CallFinished("outer[1]", "inner", None, "m", "ok", 1, False, 10, 20, 0, COST, 0.5))
    board.take(StepFinished("outer[1]", "inner", None, 0, 2.0))
    assert told(board)[1:4] == [
        "● outer   2.0s 20 tokens $0.0012",
        "  ● inner 2.0s 1/2 20 tokens $0.0012",
        "· last",
    ]
    board.take(CallFinished("outer[2]", "inner", None, "m", "ok", 1, False, 10, 20, 0, COST, 0.5))
    board.take(StepFinished("outer[2]", "inner", None, 0, 2.0))
    board.take(StepStarted("outer[1]/deep", "deepest", "prompt", None))
    board.take(CallStarted("outer[1]/deep", "deepest", None, "m"))
    assert told(board)[2:4] == ["  ✓ inner        2.0s 2/2 40 tokens $0.0024", "  ● deep.deepest 0.00s"]
    assert [line for line in told(board, Look(chosen="last"), height=7) if "inner" in line] == []


TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


@given(
    st.lists(TEXTS.filter(bool), max_size=30, unique=True), TEXTS, TEXTS, st.integers(1, 50), st.integers(1, 20), TEXTS
)
def test_any_screen_is_filled_exactly_and_no_text_steers_it(
    names: list[str], answer: str, trouble: str, width: int, height: int, before: str
) -> None:
    board = board_of(*names)
    board.trouble = trouble
    for name in names[:2]:
        board.answered(name, before)
        board.answered(name, answer)
    look = Look(chosen=names[0] if names else "")
    lines = frame(board, look, width, height)
    assert len(lines) <= height
    for line in lines:
        text = "".join(one.text for one in line)
        assert columns(text) <= width
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)


def test_what_a_save_would_cost_can_be_read_on_a_narrow_screen_too() -> None:
    board = board_of("one")
    board.says = "this save would make 3 calls, about $0.50: r runs it"
    assert told(board, width=20)[-4:] == [
        "this save would make",
        "3 calls, about",
        "$0.50: r runs it",
        "x end  r run  ? keys",
    ]


def test_of_many_steps_those_around_the_chosen_one_are_shown() -> None:
    board = board_of(*(f"step_{number}" for number in range(200)))
    look = Look(chosen="step_150")
    assert any("step_150" in line for line in told(board, look, 20, 24))
    look.choose(board, 1)
    assert look.chosen == "step_151"
    look.choose(board, -100_000)
    assert look.chosen == "step_0"


def test_a_long_text_that_changed_everywhere_is_compared_by_lines_or_not_at_all() -> None:
    old, new = "a b c\n" * 2_000, "a b d\n" * 2_000
    assert {piece.mark for piece in marked(old, new)} == {"+"}
    assert [piece.mark for piece in marked("x\n" * 5_000, "y\n" * 5_000)] == [""]
    assert "".join(piece.text for piece in marked(old, new)) == new


@given(TEXTS, TEXTS)
def test_the_pieces_of_a_text_are_the_text(before: str, now: str) -> None:
    assert "".join(piece.text for piece in marked(before, now)) == now
    both = marked(before, now, with_gone=True)
    assert "".join(piece.text for piece in both if piece.mark != "-") == now


def test_without_colours_marks_are_still_seen() -> None:
    board = board_of("one")
    board.answered("one", "blue")
    board.answered("one", "grey")
    lines = [written(line, colour=False) for line in frame(board, Look(), 40, 10)]
    assert any("\x1b[4mgrey\x1b[0m" in line for line in lines)
    assert not any("32m" in line or "31m" in line for line in lines)
