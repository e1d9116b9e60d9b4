"""Lines that fit a terminal: broken between words, and written so that none of their characters is lost."""

import io

from hypothesis import given
from hypothesis import strategies as st

from flowlang.show.cells import Line, Span, width_of, wrapped
from flowlang.show.whole_screen import WholeScreen

WORDS = st.text(st.sampled_from("ab éü漢\u0301 \n"), max_size=40)


def lines_of(*texts: str, width: int) -> list[str]:
    return ["".join(one.text for one in line) for line in wrapped([Span(text) for text in texts], width)]


def test_a_line_breaks_between_words() -> None:
    assert lines_of("Net debt rose again in May.", width=12) == ["Net debt", "rose again", "in May."]
    assert lines_of("Net debt", " rose a", "gain in May.", width=12) == ["Net debt", "rose again", "in May."]
    assert lines_of("exactly so", width=7) == ["exactly", "so"]


def test_a_word_that_is_longer_than_a_line_is_broken_and_a_margin_is_no_word() -> None:
    assert lines_of("abcdefghij", width=4) == ["abcd", "efgh", "ij"]
    assert lines_of("    abcdefgh", width=8) == ["    abcd", "efgh"]


def test_styles_stay_on_their_words() -> None:
    lines = wrapped([Span("one "), Span("two three", "new"), Span(" four")], 10)
    assert lines == [(Span("one "), Span("two", "new")), (Span("three", "new"), Span(" four"))]


@given(st.lists(WORDS, max_size=5), st.integers(2, 12))
def test_no_line_is_too_long_and_nothing_but_spaces_is_lost(texts: list[str], width: int) -> None:
    lines = wrapped([Span(text) for text in texts], width)
    assert all(width_of(line) <= width for line in lines)
    assert "".join("".join(one.text for one in line) for line in lines).replace(" ", "") == "".join(texts).replace(
        "\n", ""
    ).replace(" ", "")


def test_nothing_is_erased_behind_a_line_that_fills_the_screen() -> None:
    stream = io.StringIO()
    screen = WholeScreen(stream, colour=False)
    screen.take()
    full: Line = (Span("0123456789"),)
    screen.draw([full, (Span("short"),)], (10, 2))
    text = stream.getvalue()
    assert "0123456789\x1b[0m\x1b[2;1H" in text  # there the cursor stands on the 9, and would erase it
    assert "short\x1b[0m\x1b[K" in text
