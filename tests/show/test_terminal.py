"""Nothing that a model, a file or its name says reaches a terminal as a command."""

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.show.terminal import columns, visible, visible_but_colours, visible_line, without_commands

ANYTHING = st.text(st.characters(exclude_categories=()))


@given(ANYTHING)
def test_no_steering_character_comes_through(text: str) -> None:
    shown = visible(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t"]
    assert not [char for char in shown if char.isspace() and char in "\r\x0b\x0c\x85\u2028\u2029"]
    assert not [char for char in shown if unicodedata.bidirectional(char) in BIDI_CONTROLS]


BIDI_CONTROLS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


@given(ANYTHING)
def test_visible_line_is_one_line(text: str) -> None:
    assert len(visible_line(text).splitlines()) <= 1
    assert "\t" not in visible_line(text)


@given(ANYTHING)
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    once = visible(text)
    assert visible(once) == once
    assert once.encode().decode() == once  # no halves of characters are left


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc", "a\nb\tc"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b[2J", "\\x1b[2J"),
        ("over\rwritten", "over\\x0dwritten"),
        ("\x9b31m\x7f\x00", "\\x9b31m\\x7f\\x00"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("pay\u200bpal\ufeff", "pay\\u200bpal\\ufeff"),
        ("a\u200db \u200d", "a\\u200db \\u200d"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("Ünï 漢字 हिन्दी", "Ünï 漢字 हिन्दी"),
        ("👩\u200d🚀 ❤\ufe0f\u200d🔥", "👩\u200d🚀 ❤\ufe0f\u200d🔥"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("👍", 2), ("ｆ", 2), ("", 0)])
def test_columns(text: str, width: int) -> None:
    assert columns(text) == width


@given(ANYTHING, st.lists(st.sampled_from(["\x1b[1;31m", "\x1b[0m", "\x1b[34m"])))
def test_only_colours_of_our_own_come_through(text: str, colours: list[str]) -> None:
    painted = text.join(["", *colours, ""])
    shown = visible_but_colours(painted)
    for colour in OURS:
        shown = shown.replace(colour, "")
    assert shown == visible(shown)


OURS = [f"\x1b[{code}m" for code in ("0", "1", "2", *range(31, 37), *(f"1;{hue}" for hue in range(31, 37)))]


@pytest.mark.parametrize("code", ["8", "30", "38;5;0", "7", "5", "", "1;30", "31;8"])
def test_colours_that_hide_do_not_come_through(code: str) -> None:
    assert visible_but_colours(f"\x1b[{code}m") == f"\\x1b[{code}m"


# How GitHub's runner, and Azure's and TeamCity's agents, look for commands in a line.
def obeyed(line: str) -> bool:
    start = line.lstrip().lstrip("\ufeff\u200b").lstrip()
    return start.startswith("::") or any(sign in line.lower() for sign in ("##[", "##vso[", "##teamcity["))


SIGNS = st.lists(
    st.sampled_from(
        [":", "::", "#", "##", "[", "##[", "vso[", "##VSO[", "teamcity[", " ", "\t", "\n", "\r", "\xa0", "x"]
    )
)


@given(st.one_of(SIGNS.map("".join), ANYTHING))
def test_no_line_of_a_log_is_a_command(text: str) -> None:
    assert not any(obeyed(line) for line in re.split("[\r\n]", without_commands(text)))


@given(st.one_of(SIGNS.map("".join), st.text()))
def test_json_in_a_log_still_means_the_same(text: str) -> None:
    for indent in (None, 2):
        written = json.dumps({"a": [text], text: 1}, ensure_ascii=False, indent=indent)
        assert json.loads(without_commands(written)) == json.loads(written)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::set-env name=A::b", "\\u003a:set-env name=A::b"),
        ("ok\n  ::error::x", "ok\n  \\u003a:error::x"),
        ("a ##[error]x ##vso[task.x]", "a \\u0023#[error]x \\u0023#vso[task.x]"),
        ("std::vector, 12::30, ## [a]", "std::vector, 12::30, ## [a]"),
    ],
)
def test_commands_are_spelled_out(text: str, shown: str) -> None:
    assert without_commands(text) == shown
