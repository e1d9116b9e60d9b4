"""The canonical layout: golden cases, and the laws that hold for every file."""

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.diagnostics.source import SourceFile, Span
from flowlang.language.cut import LogicalLine, cut
from flowlang.language.format import Note, encode, format_source
from flowlang.language.read import read

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = sorted((ROOT / "tests" / "golden" / "format").glob("*.flow"))
CANONICAL = sorted([*ROOT.glob("flows/**/*.flow"), *ROOT.glob("stdlib/**/*.flow")])


def formatted(text: str) -> str:
    return format_source(SourceFile("some.flow", text)).text


def meaning(text: str) -> tuple[object, list[str]]:
    """What a file says and the rules of its mistakes in their order, without any place."""
    flow, diagnostics = read(SourceFile("some.flow", text))
    return without_places(flow), [diagnostic.rule for diagnostic in diagnostics]


def without_places(value: object) -> object:
    if isinstance(value, Span):
        return None
    if isinstance(value, tuple):
        return tuple(without_places(item) for item in value)
    if is_dataclass(value):
        told = [f.name for f in fields(value) if f.name != "start"]
        return (type(value).__name__, *[without_places(getattr(value, name)) for name in told])
    return value


# ── Cases ──


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_flow_is_laid_out_as_expected(path: Path, request: pytest.FixtureRequest) -> None:
    text = path.read_text(encoding="utf-8")
    expected = path.with_suffix(".format")
    if request.config.getoption("--update", default=False):
        expected.write_text(formatted(text), encoding="utf-8")
    assert formatted(text) == expected.read_text(encoding="utf-8")
    assert formatted(formatted(text)) == formatted(text)
    assert meaning(formatted(text)) == meaning(text)


@pytest.mark.parametrize("path", CANONICAL, ids=lambda path: path.stem)
def test_our_own_flows_are_canonical(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_source(SourceFile(path.name, text)).text == text
    assert format_source(SourceFile(path.name, text)).notes == ()


def test_notes_tell_what_was_put_right_and_where() -> None:
    text = "input a： text\nstep b\n\tmodel:\u00a0x  \n  user: “y”\n  # “as it\u00a0is”\n\n\tprompt: “{{\u2003a }}”\n"
    assert format_source(SourceFile("some.flow", text)).notes == (
        Note(1, "full-width signs are plain ones now"),
        Note(3, "tabs are spaces now"),
        Note(3, "non-breaking spaces are plain ones now"),
        Note(4, "curly quotes are straight now"),
        Note(7, "tabs are spaces now"),
        Note(7, "curly quotes are straight now"),
    )


def test_unusual_spaces_get_a_note_of_their_own() -> None:
    assert format_source(SourceFile("some.flow", "input\u2003a: text")).notes == (
        Note(1, "unusual spaces are plain ones now"),
    )


def test_what_stays_odd_gets_no_note() -> None:
    text = 'step a\n  prompt: """\n\t“text”：\u00a0\n  """\n  user: “never closed\n'
    found = format_source(SourceFile("some.flow", text))
    assert (found.text, found.notes) == (text, ())


@pytest.mark.parametrize(
    ("curly", "straight"),
    [
        ("“plain”", '"plain"'),
        ("“”", '""'),
        ('„he said "hi"“', r'"he said \"hi\""'),
        (r"“C:\”", r'"C:\\"'),
        (r"“a\\”", r'"a\\"'),
        (r"“a\"b”", r'"a\"b"'),
        (r"“\{{ x }} \q”", r'"\{{ x }} \q"'),
        ('“{{ x | default "y" }}”', r'"{{ x | default \"y\" }}"'),
    ],
)
def test_curly_quotes_become_straight_ones_around_the_same_text(curly: str, straight: str) -> None:
    before, after = f"step a\n  prompt: {curly}\n", f"step a\n  prompt: {straight}\n"
    assert formatted(before) == after
    assert meaning(before) == meaning(after)


def test_a_line_that_would_not_be_read_again_keeps_its_spaces() -> None:
    text = 'test "a"\n  judge  5 : "is right"\n'
    assert meaning(text)[1] == []
    assert formatted(text) == text


def test_an_unclosed_text_is_kept_to_the_last_byte() -> None:
    rest = '"""\n  never   closed  \n\n# no comment\nstep  b\n\n \n'
    assert formatted("step   a\nprompt: " + rest) == "step a\n  prompt: " + rest


def test_a_comment_stays_the_description_of_what_it_describes() -> None:
    text = "# The flow.\n\n# One.\ninput a: text\n  # Two.\ninput b: text\n#Three.\n\ninput c: text"
    flow, _ = read(SourceFile("some.flow", formatted(text)))
    assert flow.description == "The flow."
    assert [placed.section.description for placed in flow.sections] == ["One.", "Two.", ""]


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n\n"])
def test_an_empty_file_stays_empty(text: str) -> None:
    assert formatted(text) == ""


@pytest.mark.parametrize(
    ("newline", "bom", "data"),
    [
        ("\n", False, b"step a\n  x: 1\n"),
        ("\r\n", True, b"\xef\xbb\xbfstep a\r\n  x: 1\r\n"),
        ("\r", False, b"step a\r  x: 1\r"),
    ],
)
def test_a_file_keeps_its_line_ends_and_its_mark(newline: str, bom: bool, data: bytes) -> None:
    source = SourceFile("some.flow", "step a\nx:1", newline, bom)
    assert encode(format_source(source).text, source) == data


# ── Laws ──

blanks = st.sampled_from(["", " ", "  ", "   ", "\t", "\u00a0", "\u3000 "])
SOME_BLANKS = [" ", "  ", "\t", " \u00a0"]
wild = st.text(st.sampled_from("a#:,|“”\"'\\{} \t：ü\u00a0.-"), max_size=24)
names = st.sampled_from(["a", "draft", "max_claims", "größe", "step", "名前"])
comments = wild.map(lambda words: "#" + words)
strings = st.sampled_from(
    ['"text"', "“curly”", '“with "quotes"”', '"{{ a }} # no comment"', r'"a \" b, c: | d"', '""', '"“”"', r"“\”"]
)


@st.composite
def blocks(draw: Callable[..., str]) -> str:
    quotes = '"' * draw(st.sampled_from([3, 4, 5]))
    inner = [line for line in draw(st.lists(wild, max_size=4)) if quotes not in line]
    opening = quotes + draw(st.sampled_from(["", " verbatim", "  verbatim "]))
    behind = [draw(blanks) + draw(st.one_of(st.just(""), comments)) for _ in "ab"]
    return "\n".join([opening + behind[0], *inner, draw(blanks) + quotes + behind[1]])


HEADERS = [
    "flowlang 1",
    'import "a.flow" as NAME',
    "flow NAME",
    "input NAME : text = TEXT",
    "input NAME : one of a , b , TEXT = a",
    "input NAME : list of at most 3 yes / no = [ yes , no ]",
    "preset NAME",
    "schema NAME",
    "schema NAME : one of low , high TEXT",
    "snippet NAME : TEXT",
    "tool NAME",
    "let NAME = draft | where score >= 3 and not ( a | count ) is empty , | sort by page , largest first",
    "let NAME = draft BREAK | first 3 BREAK | default TEXT",
    "let NAME = [ 1 , BREAK TEXT , BREAK ]",
    "step NAME",
    'output NAME : draft to "a.md"',
    "limits",
    'test "it works"',
    "stpe NAME",
    "shcema NAME",
    "step NAME NAME",
    "hello world",
]
LINES = [
    "model : openai/gpt-5.5",
    "NAME : TEXT , BREAK TEXT",
    "NAME : {{ a | round 2 }}",
    "prompt : TEXT",
    "prompt : BLOCK",
    "prompt : BLOCK",
    "stop ： TEXT 、 TEXT",
    "returns : list of 3 to 10 optional Claim",
    "NAME : optional whole number from 1 to 5 TEXT",
    "ensure : judge TEXT using quick",
    "repeat for each a in b and each c in d , 8 at a time",
    "repeat until （ a | count ） ＞ 3 , at most 3 times",
    "when a is one of b , c BREAK and d is not empty BREAK or not e",
    "with NAME : “a”",
    "takes NAME : text TEXT",
    "judge a | first 2 : TEXT",
    "judge 5 : TEXT",
    "expect ( a | count ) <= 2",
    # And lines with mistakes.
    "model fast",
    "NAME = 3",
    "prompt : no quotes , here",
    'prompt : "never closed',
    'prompt : """ begins here',
    "when a | count > 3",
    "returns : list [ Claim ]",
    "stop : TEXT ,",
    "kind : one of a b",
    "( [ | , : =",
]


@st.composite
def flow_lines(draw: Callable[..., str]) -> str:
    """A header, a setting, a comment or nothing, in any spacing."""
    form = draw(st.one_of(st.sampled_from(HEADERS), st.sampled_from(LINES), st.sampled_from(["#", ""])))
    if form == "#":
        return draw(blanks) + draw(comments)

    def fill(found: re.Match[str]) -> str:
        match found.group():
            case "NAME":
                return draw(names)
            case "TEXT":
                return draw(strings)
            case "BLOCK":
                return draw(blocks())
            case "BREAK":
                between = draw(st.lists(st.one_of(blanks, comments), min_size=1, max_size=4))
                return "\n".join(["", *between[1:], ""]) if draw(st.booleans()) else "\n".join([*between, ""])
        return draw(st.sampled_from(SOME_BLANKS)) if found.group() == " " else found.group()

    line = re.sub(r"NAME|TEXT|BLOCK|BREAK| (?=[:,)\]|=])| ", fill, form)
    if draw(st.booleans()):
        line = re.sub(r"(?<=\w)[ \t]([:：,)|])", r"\1", line)
    end = draw(blanks) + draw(st.one_of(st.just(""), comments)) if "BLOCK" not in form else ""
    return draw(blanks) + line + end


flows = st.builds(
    lambda lines, end: "\n".join(lines) + end, st.lists(flow_lines(), max_size=14), st.sampled_from(["", "\n", "\n\n "])
)


@given(flows)
def test_formatting_twice_is_formatting_once(text: str) -> None:
    once = formatted(text)
    assert formatted(once) == once


@given(flows)
def test_formatting_changes_no_meaning_and_no_mistake(text: str) -> None:
    assert meaning(formatted(text)) == meaning(text)


@given(st.text())
def test_any_text_can_be_formatted(text: str) -> None:
    once = formatted(text)
    assert formatted(once) == once
    assert meaning(once) == meaning(text)


@given(st.lists(blocks(), min_size=1, max_size=4))
def test_the_lines_of_a_text_block_are_never_touched(texts: list[str]) -> None:
    def inner(text: str) -> list[list[str]]:
        found = re.finditer(r'^[^\S\n]*\w+:\s("{3,}).*\n((?:.*\n)*?)[^\S\n]*\1(?!")', text, re.M)
        return [block.group(2).split("\n") for block in found]

    text = "step a\n" + "".join(f"  user: {block}\n" for block in texts)
    assert inner(formatted(text)) == inner(text)
    assert len(inner(text)) >= 1


@given(flows)
def test_nothing_is_left_to_trim(text: str) -> None:
    laid_out = formatted(text)
    unclosed = any(isinstance(piece, LogicalLine) and piece.unclosed for piece in cut(text))
    if laid_out and not unclosed:
        assert laid_out.endswith("\n") and not laid_out.endswith("\n\n") and not laid_out.startswith("\n")
