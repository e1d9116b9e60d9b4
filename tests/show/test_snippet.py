"""The form of a report, character by character, and carets that stand under what they mean."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.diagnostics.diagnostic import Diagnostic, Severity
from flowlang.diagnostics.source import SourceFile, Span
from flowlang.show.snippet import concise, summary, tell
from flowlang.show.terminal import columns, visible_line


def report(text: str, word: str | Span, *hints: str, **changes: str) -> Diagnostic:
    """A report about the first place where `word` stands in `text`."""
    span = Span(text.index(word), text.index(word) + len(word)) if isinstance(word, str) else word
    source = SourceFile(changes.get("path", "brief.flow"), text)
    message = changes.get("message", "there is no input, step, let or snippet called `sumary`")
    severity: Severity = "warning" if changes.get("severity") == "warning" else "error"
    return Diagnostic("unknown-name", message, source, span, hints, severity)


def test_the_form_of_the_manual() -> None:
    text = "\n" * 40 + "    {{ sumary }}\n"
    assert tell(report(text, "sumary", "did you mean `summary`? It is a step, on line 27.")) == (
        "error[unknown-name]: there is no input, step, let or snippet called `sumary`\n"
        "  --> brief.flow:41:8\n"
        "   |\n"
        "41 |     {{ sumary }}\n"
        "   |        ^^^^^^\n"
        "   = did you mean `summary`? It is a step, on line 27."
    )


def test_the_gutter_is_as_wide_as_the_number() -> None:
    assert tell(report("a sumary", "sumary", "one", "two", "three")) == (
        "error[unknown-name]: there is no input, step, let or snippet called `sumary`\n"
        " --> brief.flow:1:3\n"
        "  |\n"
        "1 | a sumary\n"
        "  |   ^^^^^^\n"
        "  = one\n"
        "  = two"
    )


def shown(diagnostic: Diagnostic, width: int = 100) -> list[str]:
    """The line and the carets under it, without the gutter."""
    lines = tell(diagnostic, width).split("\n")[3:5]
    gutter = len(lines[1]) - len(lines[1].lstrip(" ")) + 2
    return [line[gutter:] for line in lines]


@pytest.mark.parametrize(
    ("text", "word", "line", "carets"),
    [
        ("\tmodel: fst", "fst", "    model: fst", "           ^^^"),
        ("ab\tcd fst", "fst", "ab  cd fst", "       ^^^"),
        ("漢字 {{ naem }}", "naem", "漢字 {{ naem }}", "        ^^^^"),
        ("x: 漢字!", "漢字", "x: 漢字!", "   ^^^^"),
        ("e\u0301e\u0301 fst", "fst", "e\u0301e\u0301 fst", "   ^^^"),
        ("👍 fst", "fst", "👍 fst", "   ^^^"),
        ("a\x1bb fst", "fst", "a\\x1bb fst", "       ^^^"),
        ("a\u202eb", "\u202e", "a\\u202eb", " ^^^^^^"),
        ("abc", Span(1, 1), "abc", " ^"),
        ("abc", Span(3, 3), "abc", "   ^"),
        ('one """\ntwo\nthree', Span(4, 14), 'one """', "    ^^^"),
        ("abc\n\ndef", Span(4, 4), "", "^"),
        ("abc\n", Span(4, 4), "", "^"),
        ("abc", Span(90, 99), "abc", "   ^"),
    ],
)
def test_carets(text: str, word: str | Span, line: str, carets: str) -> None:
    assert shown(report(text, word)) == [line, carets]


def test_a_long_line_is_cut_around_the_mistake() -> None:
    words = " ".join(f"word{n}" for n in range(200))
    assert shown(report(words, "word100"), 44) == [
        "… word98 word99 word100 word101 word102…",
        "                ^^^^^^^",
    ]
    assert shown(report(words, "word0"), 34) == ["word0 word1 word2 word3 word…", "^^^^^"]
    assert shown(report(words, "word199"), 34) == ["…d196 word197 word198 word199", "                      ^^^^^^^"]


def test_a_mistake_longer_than_the_line_is_shown_from_its_start() -> None:
    assert shown(report("a" * 500, Span(100, 400)), 24) == ["…" + "a" * 18 + "…", " " + "^" * 18]


def test_a_line_as_long_as_the_file_costs_no_more_than_what_is_shown() -> None:
    text = "x" * 4_000_000 + "here" + "y" * 4_000_000
    line, carets = shown(report(text, "here"), 60)
    assert len(line) <= 60 and line[carets.index("^") :].startswith("here")


def test_a_file_without_text_has_no_line_to_show() -> None:
    assert tell(report("", Span(0, 0), message="this file is empty")) == (
        "error[unknown-name]: this file is empty\n --> brief.flow:1:1"
    )


def test_colours_are_only_paint() -> None:
    diagnostic = report("a sumary", "sumary", "did you mean `summary`?")
    painted = tell(diagnostic, colour=True)
    assert painted.startswith("\x1b[1;31merror[unknown-name]\x1b[0m: ")
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == tell(diagnostic)
    assert "\x1b[1;33mwarning" in tell(report("a sumary", "sumary", severity="warning"), colour=True)


def test_nothing_in_a_report_can_start_a_line_or_steer_the_terminal() -> None:
    nasty = "\x1b]52;c;x\x07\n::error::no"
    told = tell(report("a\x1b[2J", Span(0, 1), nasty, message=nasty, path=f"{nasty}.flow"))
    assert "\x1b" not in told
    assert not [line for line in told.split("\n") if line.startswith("::")]


PIECES = st.text(st.sampled_from("abc \t漢字ｆ👍e\u0301\x1b\u202e\u200d{}") | st.characters(exclude_categories=["Cs"]))


@given(PIECES, st.text("xyz漢👍", min_size=1, max_size=8), PIECES, st.integers(20, 120))
def test_carets_stand_under_the_word(before: str, word: str, after: str, width: int) -> None:
    text = f"{before}{word}{after}"
    line, carets = shown(report(text, Span(len(before), len(before) + len(word))), width)
    assert columns(line) <= max(width - 4, 16)
    place = len(carets) - len(carets.lstrip())
    assert strip_columns(line, place).startswith(visible_line(word).rstrip())
    assert carets.strip() == "^" * columns(word)


def strip_columns(line: str, count: int) -> str:
    """What is left of a line from a column on."""
    while count > 0:
        count -= columns(line[0])
        line = line[1:]
    return line.lstrip("".join(char for char in line if columns(char) == 0)) if line else line


def test_concise() -> None:
    assert concise(report("abc\nsumary", "sumary")) == (
        "brief.flow:2:1: error[unknown-name] there is no input, step, let or snippet called `sumary`"
    )


def test_summary() -> None:
    error, other = report("a", "a"), report("a", "a", path="other.flow")
    warning = report("a", "a", severity="warning")
    assert summary([]) == "no mistakes"
    assert summary([error]) == "1 mistake in 1 file"
    assert summary([error, other, warning]) == "2 mistakes, 1 warning in 2 files"
    assert summary([warning, warning]) == "2 warnings in 1 file"
