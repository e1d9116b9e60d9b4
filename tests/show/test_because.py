"""The words for why something is asked."""

import pytest

from flowlang.models.chat import ChatRequest, Usage
from flowlang.plan.seen import Asked, FromBefore, Open, Seen, Why
from flowlang.show.because import Reason, as_line, in_full, in_short, of_cached, of_new, reason_json

HERE = "brief.flow"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason("never"), "never asked before"),
        (Reason("text", "prompt", path=HERE, line=34), "its prompt changed (line 34)"),
        (Reason("text", "snippet tone", path="house.flow", line=8), "snippet `tone` changed (house.flow:8)"),
        (Reason("text", "file judge.md", path="judge.md", line=1), "file `judge.md` changed (judge.md:1)"),
        (Reason("input", "reader", "investor", "lawyer"), "`reader` changed: investor → lawyer"),
        (Reason("input", "filing", "x" * 50, "y", what="text"), "`filing` is another text"),
        (Reason("input", "filing", "a\nb", "y", what="text"), "`filing` is another text"),
        (Reason("step", "claims"), "`claims` gave another answer"),
        (Reason("model", "", "a", "b", HERE, 7), "its model changed: a → b (line 7)"),
        (Reason("parameter", "temperature", "0.2", "0.3", HERE, 8), "temperature 0.2 → 0.3 (line 8)"),
        (Reason("parameter", "seed", None, "4", HERE, 9), "seed 4 is new (line 9)"),
        (Reason("parameter", "seed", "4", None), "seed 4 was taken away"),
        (Reason("schema", "page", None, "{}"), "field `page` of its `returns` is new"),
        (Reason("schema", "", "", None), "its `returns` was taken away"),
        (Reason("tools", "look", "{}", "[]"), "its tool `look` changed"),
        (Reason("sample", "", "2", "3"), "sample 3 is new"),
        (Reason("too old", old="7d"), "older than `cache: 7d`"),
        (Reason("cut-off"), "its answer was cut off the last time"),
        (Reason("input", "x", "\x1b[2J", "b"), "`x` changed: \\x1b[2J → b"),
    ],
)
def test_each_reason_has_its_words(reason: Reason, words: str) -> None:
    assert in_short([reason], HERE) == words


def test_of_many_reasons_the_first_two_are_told() -> None:
    reasons = [Reason("step", name) for name in "abcd"]
    assert in_short(reasons, HERE) == "`a` gave another answer, `b` gave another answer and 2 more"
    assert as_line([Reason("never")], HERE) == "new"


def test_in_full_the_lines_stand_below_and_many_are_counted() -> None:
    reason = Reason("text", "prompt", path=HERE, line=3, lines=(("old",), tuple(f"new {n}" for n in range(12))))
    told = in_full([reason], HERE)
    assert told[:3] == ["its prompt changed (brief.flow:3)", "  - old", "  + new 0"]
    assert told[-1] == "  + … and 4 more lines"
    assert reason_json(reason)["old"] == "old"


def asked(item: int | None, again: bool = False, why: Why = "") -> Asked:
    return Asked(item, ChatRequest("m", ()), b"", why=why, again=again)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Seen(items=7, asked=[asked(1)], from_before=[]), "1 of 7 items is new: so"),
        (Seen(items=7, asked=[asked(1), asked(5), asked(5)]), "2 of 7 items are new: so"),
        (Seen(items=2, asked=[asked(1), asked(2)]), "so"),
        (Seen(asked=[asked(None)]), "so"),
        (Seen(asked=[asked(None, again=True)]), "another step asks the same"),
        (
            Seen(asked=[asked(None)], from_before=[FromBefore(None, "m", Usage(), 3, 0.0, b"")] * 2),
            "1 of 3 questions is new: so",
        ),
        (
            Seen(asked=[asked(None, why="led nowhere")], from_before=[FromBefore(None, "m", Usage(), 3, 0.0, b"")] * 4),
            "so",
        ),
    ],
)
def test_items_that_are_new_are_counted(seen: Seen, words: str) -> None:
    assert of_new(seen, "so") == words


def test_what_is_cached_says_from_where() -> None:
    def found(item: int | None, run: int) -> FromBefore:
        return FromBefore(item, "m", Usage(), run, 0.0, b"")

    assert of_cached(Seen(from_before=[found(None, 3)])) == "answered in run 3"
    assert (
        of_cached(Seen(items=2, from_before=[found(1, 3), found(2, 5)])) == "all 2 items were answered in runs 3 to 5"
    )
    assert of_cached(Seen(items=1, from_before=[found(1, 3)])) == "its one item was answered in run 3"
    assert of_cached(Seen(skipped="its `when` did not hold")) == "it is skipped: its `when` did not hold"
    assert of_cached(Seen(items=0)) == "it has nothing to ask"
    assert Open(None, "x").by == "x"
