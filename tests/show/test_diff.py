"""Differences as they are told: small, and at the place where they are."""

from flowlang.show.comparing import MOST_COMPARED, line_diff
from flowlang.show.diff import MOST_OF_A_LINE, fitted
from flowlang.show.told import prefix_length


def test_lines_that_differ_stand_with_one_around_them() -> None:
    assert line_diff("a\nb\nc\nd\ne", "a\nb\nX\nd\ne") == ["@@ -2,3 +2,3 @@", " b", "-c", "+X", " d"]


def test_texts_too_long_to_compare_are_told_by_their_first_difference() -> None:
    lines = [f"line {place}" for place in range(MOST_COMPARED // 10)]
    other = [*lines[:70_000], "something else", *lines[70_001:]]
    head, old, new = line_diff("\n".join(lines), "\n".join(other))
    assert "from line 70001 on" in head and (old, new) == ("-line 70000", "+something else")


def test_texts_of_which_only_line_ends_differ_are_not_told_to_be_equal() -> None:
    assert line_diff("a\n", "a") == ["(only line ends differ)"]


def test_a_line_too_long_to_read_is_cut_to_its_difference() -> None:
    before, after = "x" * 5_000 + "old" + "y" * 5_000, "x" * 5_000 + "new" + "y" * 5_000
    old, new = fitted([f"-{before}", f"+{after}"])
    assert len(old) <= MOST_OF_A_LINE + 3 and "xold" in old and "xnew" in new
    assert old.startswith("-…") and old.endswith("…")
    assert fitted(["-short", "+" + "z" * 300])[1] == "+" + "z" * MOST_OF_A_LINE + "…"


def test_what_two_texts_begin_with() -> None:
    assert [prefix_length(one, other) for one, other in (("", "a"), ("ab", "ac"), ("ab", "ab"), ("abc", "ab"))] == [
        *(0, 1, 2, 2)
    ]
