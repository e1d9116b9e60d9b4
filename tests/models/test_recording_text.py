"""Recorded answers as text: what is written is read back, and what was edited into nonsense is told at its place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.diagnostics.source import SourceFile
from flowlang.models.recording import BIGGEST, Recorded, Which
from flowlang.models.recording_reader import KNOWN, read_recordings
from flowlang.models.recording_text import write_recordings

REQUEST = "5f0c-2a91-81d3-be07-1c2d3e4f"

# Any text, with what is hard to quote far more often than chance would have it.
HARD = st.sampled_from(['"', '"""', '""""', "\r", "\r\n", "\n", " ", "  \n", "\t", "\\", "{{ x }}", "\\{{", "\ud800"])
EXOTIC = st.sampled_from(["\x00", "\x85", "\u2028", "\ufeff", "\u202e", "#", "answer x", "answers 2", "\u201c", "x"])
TEXTS = st.one_of(
    st.text(st.characters()), st.lists(st.one_of(HARD, EXOTIC, st.text(max_size=5)), max_size=12).map("".join)
)
NAMES = st.sampled_from(["topic", "verdict", "größe", "b-2"])
NUMBERS = st.integers(1, 10_000)
WHICH = st.builds(
    Which,
    step=NAMES,
    flow=st.lists(NAMES, max_size=2).map(tuple),
    place=st.lists(NUMBERS, max_size=2).map(tuple),
    sample=st.integers(0, 3),
    round=st.lists(NUMBERS, max_size=2).map(tuple),
    run=st.integers(0, 3),
    again=st.integers(0, 3),
    judge=TEXTS,
)
RECORDED = st.builds(
    Recorded,
    which=WHICH,
    request=st.just(REQUEST),
    text=TEXTS,
    calls=st.lists(st.tuples(st.one_of(NAMES, TEXTS), st.one_of(TEXTS, st.just('{"a": "b"}'))), max_size=3).map(tuple),
    tokens=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)),
)


def read(text: str) -> tuple[list[Recorded], list[str]]:
    """The answers, and each mistake as "line:column rule: message"."""
    source = SourceFile("a.answers", text)
    found, mistakes = read_recordings(source, {})
    told = []
    for one in mistakes:
        line, column = one.source.position(one.span.start)
        told.append(f"{line}:{column} {one.rule}: {one.message}")
    return [one.without_source() for one in found], told


@given(st.lists(RECORDED, max_size=4, unique_by=lambda one: one.which))
def test_what_is_written_is_read_back(answers: list[Recorded]) -> None:
    text, _ = write_recordings(answers, "")
    assert text.encode() and "\r" not in text
    assert read(text) == (answers, [])
    assert write_recordings(read(text)[0], "")[0] == text


def test_the_file_is_made_for_reading() -> None:
    long = 'Two lines,\nand a fence: """ in the second. What is in {{ braces }} means nothing here.'
    answers = [
        Recorded(Which("topic"), REQUEST, "billing", tokens=(12, 1)),
        Recorded(Which("reply", ("polished",), (2,), round=(1,), run=2), REQUEST, long),
        Recorded(Which("reply", judge="Is polite"), REQUEST, "x"),
        Recorded(Which("find"), REQUEST, None, (("search", '{"text": "tax"}'),)),
        Recorded(Which("find", tool="search"), "9a8b-7c6d5e4f", None, failed="nobody is there"),
    ]
    assert (
        write_recordings(answers, "")[0]
        == f'''answers 1

answer topic
  request: {REQUEST}
  tokens: 12, 1
  text: "billing"

answer reply
  flow: polished
  place: 2
  round: 1
  run: 2
  request: {REQUEST}
  text: """"
    Two lines,
    and a fence: """ in the second. What is in {{{{ braces }}}} means nothing here.
  """"

answer reply
  judge: "Is polite"
  request: {REQUEST}
  text: "x"

answer find
  request: {REQUEST}
  calls: """
    search {{"text": "tax"}}
  """

answer find
  tool: search
  request: 9a8b-7c6d5e4f
  failed: "nobody is there"
'''
    )


def test_a_long_answer_stands_beside_the_file() -> None:
    long = "word " * BIGGEST
    text, beside = write_recordings([Recorded(Which("a"), REQUEST, long)], "a.answers.d")
    ((name, content),) = beside.items()
    assert content == long and f'text: file "a.answers.d/{name}"' in text and len(text) < 200
    found, mistakes = read_recordings(SourceFile("a.answers", text), {f"a.answers.d/{name}": long})
    assert found[0].text == long and not mistakes


GOOD = f'answers 1\n\nanswer topic\n  request: {REQUEST}\n  text: "billing"\n'


def test_the_reference_has_a_row_for_each_line() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/language.md").read_text(encoding="utf-8")
    table = page.partition("| of an answer | meaning |")[2].partition("\n\n")[0]
    assert {name for name in KNOWN if f"`{name}:`" not in table} == set()


def test_comments_and_layout_mean_nothing() -> None:
    edited = GOOD.replace("\n\n", "\n# why this is so\n\n\n").replace('"billing"', '"billing"  # sure?')
    assert read(edited) == read(GOOD)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (("answers 1", "answers 2"), "1:1 wrong-value: this file is of version 2, and this flowlang reads up to 1"),
        (("answers 1\n\n", ""), "1:1 syntax: a file of recorded answers begins with `answers 1`"),
        (("  text", "  txet"), "5:3 unknown-setting: a recorded answer has no `txet`"),
        (('"billing"', "billing"), "5:9 wrong-type: a text is wanted here"),
        (('"billing"', '"billing'), "5:9 syntax: this line can't be read"),
        (('"billing"', '"""\n  billing'), "5:9 unclosed-text: this text is opened and never closed"),
        (("  text", "  place: 0\n  text"), "5:10 wrong-value: `place` takes a whole number, from 1"),
        (("  text", "  tokens: 3\n  text"), "5:11 wrong-value: `tokens` takes two numbers, as in `812, 64`"),
        (("  text", '  text: "bug"\n  text'), "6:3 duplicate-setting: `text` stands twice"),
        (("answer topic", "answer topic and more"), "3:1 syntax: `answer` names one step here"),
        (("answer topic\n", ""), "3:3 stray-text: this stands below no answer"),
        ((f"  request: {REQUEST}\n", ""), "3:8 missing-setting: this answer of `topic` has no `request:`"),
        (('  text: "billing"\n', ""), "3:8 missing-setting: this answer of `topic` has no `text:`"),
        (('"billing"', '"\\x" json'), "5:9 wrong-value: this is no text"),
        (('"billing"', 'file "gone.txt"'), "5:14 not-found: there is no file `gone.txt`"),
        (("  text", '  calls: "search tax"\n  text'), "5:10 wrong-value: a call is like"),
    ],
)
def test_a_slip_is_told_at_its_place(edit: tuple[str, str], told: str) -> None:
    _, mistakes = read(GOOD.replace(*edit))
    assert mistakes and mistakes[0].startswith(told)


def test_a_conflict_of_git_is_told_once_and_never_taken_for_an_answer() -> None:
    one = f'answer a\n  request: {REQUEST}\n  text: """\n<<<<<<< HEAD\n    x\n=======\n    y\n>>>>>>> main\n  """\n'
    assert read(f"answers 1\n\n{one}") == ([], ["6:1 syntax: git has left both sides of a conflict here"])
    told = [Recorded(Which("a"), REQUEST, "<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> main")]
    assert read(write_recordings(told, "")[0]) == (told, [])


def test_the_same_answer_twice_is_told_at_the_second() -> None:
    twice = GOOD + GOOD.removeprefix("answers 1\n")
    assert read(twice)[1] == [
        "7:8 duplicate-name: this answer of `topic` stands here twice; the other one is on line 3"
    ]


def test_a_mistake_costs_no_other_answer() -> None:
    more = GOOD.replace("  text", "  txet") + GOOD.removeprefix("answers 1\n")
    found, mistakes = read(more)
    assert len(mistakes) == 1 and [one.text for one in found] == ["billing"]
