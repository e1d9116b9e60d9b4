"""Reading survives everything: files that are no flows, and texts made to hurt.

Nothing here is asserted about time. What keeps the work small is counted instead: how many reports there are, how far a
line is read, how many steps a parser takes.
"""

import random
from typing import Any

import pytest

from flowlang.diagnostics.diagnostic import Diagnostic
from flowlang.language import parser, read, section_reader, texts
from flowlang.language.cut import cut
from flowlang.language.grammar import Rule
from flowlang.language.loader import MAX_SOURCE, Denied, Loader, decode
from flowlang.language.parser import MAX_WORDS, Node, Unreadable, the_parser
from flowlang.language.texts import first_too_deep
from flowlang.pipeline import check_text

STEP = 'step a\n  prompt: "x"\n'


def reports(text: str) -> list[tuple[str, int]]:
    """Rule and line of each report."""
    return [(one.rule, one.source.position(one.span.start)[0]) for one in check_text(text)]


def load(data: bytes) -> list[Diagnostic]:
    loader = Loader(lambda path: data)
    loader.load("a.flow")
    return loader.diagnostics


# ── Bytes that are no flow ──


@pytest.mark.parametrize("text", ["", "\n", "   \n\t\n", "\ufeff", "# only a comment", "\r\r\n\n"])
def test_a_file_with_nothing_in_it_has_nothing_wrong(text: str) -> None:
    assert reports(text) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (STEP.encode("utf-16"), "UTF-16"),
        (STEP.encode("utf-16-le"), "UTF-16"),
        (STEP.encode("utf-16-be"), "UTF-16"),
        (b"step a\n\0\n", "a NUL at byte 8"),
        ("step caf\u00e9\n".encode("latin-1"), "byte 9"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "NUL"),
        (b"step a\n\xed\xa0\x80", "byte 8"),
        (b"a" * (MAX_SOURCE + 1), "too large"),
    ],
)
def test_bytes_that_are_no_text_are_told_once(data: bytes, words: str) -> None:
    (told,) = load(data)
    assert told.rule == "bad-file" and words in told.message


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_line_end_reads_the_same(newline: str) -> None:
    source = decode((STEP + "output a\n").replace("\n", newline).encode(), "a.flow")
    assert not isinstance(source, Denied)
    assert source.newline == newline and source.text == STEP + "output a\n"


# ── Noise ──

SIGNS = "\"'{}[]()|,:#=\\ \n\n-*.<>!"
WORDS = (
    *("step", "let", "input", "prompt:", "model:", "when", "and", "or", "not", "is", '"a"', '"""', "{{", "}}", "for"),
    *("each", "in", ",", "|", "(", ")", "[", "]", ":", "=", "of", "x", "y", "\n", "\n"),
)


@pytest.mark.parametrize("seed", range(6))
def test_noise_ends_in_reports(seed: int) -> None:
    chance = random.Random(seed)
    noises = [
        "".join(chance.choice(SIGNS) for _ in range(4_000)),
        "".join(chr(chance.randrange(32, 127)) if chance.random() > 0.03 else "\n" for _ in range(8_000)),
        " ".join(chance.choice(WORDS) for _ in range(3_000)),
        bytes(chance.randrange(1, 256) for _ in range(4_000)).decode("latin-1"),
    ]
    for noise in noises:
        told = check_text(noise)
        assert told and all(one.span.start <= one.span.end <= len(one.source.text) for one in told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(" * 3_000, [("stray-text", 1)]),
        ("[" * 3_000, [("stray-text", 1)]),
        ("{" * 3_000, [("stray-text", 1)]),
        ("let a = " + "(" * 3_000, [("syntax", 1)]),
        ("let a = " + "[" * 3_000, [("syntax", 1)]),
        ("let a = " + "[" * 3_000 + "]" * 3_000, [("syntax", 1)]),
        ("let a = " + "{" * 3_000, [("unclosed-tag", 1)]),
        (STEP + "  when " + "not " * 3_000, [("syntax", 3)]),
        (STEP + "  when " + "(" * 3_000 + "x" + ")" * 3_000, [("syntax", 3)]),
        ("input a: " + "list of " * 3_000 + "text", [("syntax", 1)]),
        ("input a: " + "optional " * 3_000 + "text", [("syntax", 1)]),
        ('"' * 3_000, [("stray-text", 1)]),
        ("step a\n  prompt: " + '"' * 3_000, [("unclosed-text", 2)]),
        ('let a = "' + '\\"' * 3_000, [("unclosed-text", 1)]),
        ("{{" * 3_000, [("stray-text", 1)]),
        ('step a\n  prompt: "' + "{{" * 3_000 + '"', [("unclosed-tag", 2)]),
        ('step a\n  prompt: """\n' + "\\{{" * 3_000 + '\n  """\noutput a', []),
        ('step a\n  prompt: """\n{{ x ' + "((" * 200 + ' }}\n"""\n', [("syntax", 3)]),
        ("x" * 100_000, [("stray-text", 1)]),
        ("," * 3_000, [("stray-text", 1)]),
        (":" * 3_000, [("stray-text", 1)]),
        ("\u200b" * 3_000, [("stray-text", 1)]),
        ("step " + "x" * 100_000, [("missing-setting", 1)]),
    ],
)
def test_one_thing_over_and_over_is_told_once(text: str, told: list[tuple[str, int]]) -> None:
    assert reports(text) == told


# ── Limits ──


def test_the_same_line_over_and_over_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MAX_LINES", 100)
    assert reports("x\n" * 1_000) == [("out-of-range", 101)]
    assert reports("let a = 1\n" * 1_000) == [("out-of-range", 101)]


def test_only_as_many_lines_are_cut_as_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    cuts: list[object] = []

    def counted(text: str) -> object:
        for piece in cut(text):
            cuts.append(piece)
            yield piece

    monkeypatch.setattr(read, "MAX_LINES", 100)
    monkeypatch.setattr(read, "cut", counted)
    assert reports("x\n" * 10_000) == [("out-of-range", 101)]
    assert len(cuts) == 101


def test_a_section_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section_reader, "MAX_SECTION_LINES", 10)
    lines = "".join(f"  f{number}: text\n" for number in range(100))
    assert reports("schema A\n" + lines + "step a\n  returns: A\n  prompt: 'x'\n") == [
        ("out-of-range", 12),
        ("syntax", 104),
    ]


def test_reports_have_an_end() -> None:
    flow = "hello there, my dear\n\n" * 5_000
    assert len(reports(flow)) == texts.MAX_MISTAKES
    section = "schema A\n" + "".join(f"  f{number} text\n" for number in range(3_000))
    assert len(check_text(section)) == texts.MAX_MISTAKES
    prompt = 'step a\n  prompt: """\n' + "{{ a b }}\n" * 3_000 + '"""\n'
    assert len(check_text(prompt)) == texts.MAX_MISTAKES


def test_a_text_has_only_so_many_places_to_fill_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MAX_TAGS", 20)
    prompt = 'input x: text\nstep a\n  prompt: """\n' + "{{ x }}\n" * 100 + '"""\n'
    assert reports(prompt) == [("out-of-range", 24)]


def test_a_line_is_read_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "MAX_WORDS", 50)
    assert reports("let a = " + " + ".join(["1"] * 10)) == [("syntax", 1)]
    assert reports("let a = [" + ", ".join(["1"] * 100) + "]\noutput a") == [("out-of-range", 1)]
    assert reports("let a = 1" + " | round 1" * 100) == [("out-of-range", 1)]


@pytest.mark.parametrize("depth", [64, 65])
def test_brackets_nest_so_deep(depth: int) -> None:
    told = reports("let a = " + "[" * depth + "1" + "]" * depth + "\noutput a")
    assert told == ([] if depth == 64 else [("syntax", 1)])


def test_tags_nest_so_deep() -> None:
    for depth, told in ((64, []), (65, [("syntax", 69)])):
        opens, ends = "{{ if x }}\n" * depth, "{{ end }}\n" * depth
        flow = f'input x: yes/no\nstep a\n  prompt: """\n\nhi\n{opens}hello\n{ends}bye\n"""\noutput a\n'
        assert [(rule, line - 1) for rule, line in reports(flow)] == told


# ── Nothing is nested that only looks so ──


@pytest.mark.parametrize(
    "line",
    [
        'prompt: """\n' + "of not ( [ " * 500 + '\n  """',
        'prompt: "' + "of not ( [ " * 500 + '"',
        "when " + " or ".join(["k is one of a, b"] * 500),
        "when " + " and ".join(["not (k is a)"] * 500),
        "when k is one of " + ", ".join(["a"] * 500),
    ],
)
def test_words_of_a_text_and_rows_of_conditions_are_not_deep(line: str) -> None:
    assert first_too_deep(line) is None


def test_long_right_flows_are_right() -> None:
    conditions = " or ".join(["k is one of a, b"] * 100)
    prose = "one of the parts of the whole (of it [of that\n" * 200
    prompt = f"{prose}\n  {{{{ if {conditions} }}}}x{{{{ end }}}}"
    flow = f'input k: one of a, b, c\nstep s\n  prompt: """\n{prompt}\n  """\noutput s\n'
    assert reports(flow) == []
    items = ", ".join(f'"{number}"' for number in range(5_000))
    assert reports(f"let a = [{items}]\noutput a\n") == []
    assert reports("input a: list of text\nlet b = a" + "\n  | unique" * 1_000 + "\noutput b\n") == []


# ── Counted work ──


def test_a_list_grows_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The items of a row stay in one list; a new one for every item would make reading quadratic."""
    reduce = parser.Parser._reduce
    grown: list[bool] = []

    def watched(self: parser.Parser, rule: Rule, states: Any, values: Any, spans: Any, position: int) -> None:
        first = values[-len(rule.keep)] if rule.keep else None
        reduce(self, rule, states, values, spans, position)
        if isinstance(first, list):
            grown.append(first is (values[-1] if rule.inline else values[-1].children))

    monkeypatch.setattr(parser.Parser, "_reduce", watched)
    tree = the_parser().parse("any_header", "let a = [" + ", ".join(["1"] * 400) + "]")
    assert isinstance(tree, Node)
    items = tree.children[1]
    assert isinstance(items, Node) and len(items.children) == 400
    assert len(grown) > 390 and all(grown)


def test_lines_are_cut_once() -> None:
    """Every character belongs to one piece, also where quotes and blocks are never closed."""
    for text in (
        '"' * 2_000,
        'a "' * 2_000,
        '""" ' * 2_000,
        'step a\nprompt: """ x\n' * 300,
        "\u201c\n" * 500,
        '"\n' * 500,
    ):
        end = 0
        for piece in cut(text):
            assert end <= piece.start < piece.end <= len(text)
            end = piece.end


def test_where_nothing_fits_the_parser_says_what_would() -> None:
    found = the_parser().parse("line", "when x = 3")
    assert isinstance(found, Unreadable) and found.offset == 7
    assert {"IS", "_AND"} <= found.expected and "_COMMA" not in found.expected
    assert MAX_WORDS > 200_000  # a list of a hundred thousand items can be read
