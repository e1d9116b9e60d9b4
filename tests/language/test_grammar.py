"""grammar.lark as Lark itself reads it, and the tables that the parser runs."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark import Lark, Token, Tree

from flowlang import resources
from flowlang.language.grammar import STARTS
from flowlang.language.parser import Node, Unreadable, the_parser
from flowlang.language.parser import Token as OurToken

ROOT = Path(__file__).resolve().parents[2]
FLOWS = [
    *sorted(ROOT.glob("flows/*/*.flow")),
    *sorted(ROOT.glob("stdlib/*.flow")),
    ROOT / "tests/golden/acceptance/hard_text.flow",
]


@pytest.fixture(scope="module")
def strict() -> Lark:
    """Lark's own parser, which refuses a grammar with any conflict or two words that could be the same."""
    grammar = resources.find_grammar().read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", strict=True, start=list(STARTS))


@cache
def lark() -> Lark:
    """The same, for laws that cannot take a fixture; the grammar's strictness is proved above."""
    grammar = resources.find_grammar().read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", start=list(STARTS))


def plain(tree: object) -> object:
    """A tree of either parser as nested tuples."""
    match tree:
        case Tree():
            return str(tree.data), *map(plain, tree.children)
        case Token():
            return str(tree.type), str(tree), tree.start_pos, tree.end_pos
        case Node():
            return tree.rule, *map(plain, tree.children)
        case OurToken():
            return tree.type, tree.text, tree.start, tree.end
    return tree


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_whole_files_give_larks_own_trees(path: Path, strict: Lark) -> None:
    text = path.read_text(encoding="utf-8")
    ours = the_parser().parse("start", text)
    assert not isinstance(ours, Unreadable)
    assert plain(ours) == plain(strict.parse(text, start="start"))


LINES = [
    "returns: list of 3 to 10 Claim",
    'returns: one of billing, bug, "with spaces"',
    'ensure: (draft | words | count) <= 150 and not (draft contains "!" or draft is empty)',
    'ensure: judge "no advice" using careful',
    "ensure: judge is not empty",
    "repeat for each topic in topics and each tip in topic.tips, 8 at a time",
    "repeat until kind is one of a, b, at most 3 times",
    'when a is not one of yes, "no"',
    "with x: [hotel.lines, meal.lines] | flatten",
    "model: ollama/llama3.2:3b",
    "failures: at most 3",
    "passes: 4 of 5",
    'python: "tools.py" lookup',
    "temperature: {{ heat | round 1 }}",
    'extra region: "eu"  # a comment',
    'judge brief: "Neutral"',
    'for each row in "cases.csv"',
    'answer topic: "billing"',
    "with total: lines | take amount | sum | divided by 2 | round 2",
    "with best: scores | sort by place, largest first | chunks of 5 words, 2 overlapping",
    "fallback: gpt-5.5,\n  careful",
    "when a is b\n  # between\n\n  and c",
]


@pytest.mark.parametrize("line", LINES)
def test_single_lines_give_larks_own_trees(line: str, strict: Lark) -> None:
    ours = the_parser().parse("line", line)
    assert not isinstance(ours, Unreadable)
    assert plain(ours) == plain(strict.parse(line, start="line"))


@pytest.mark.parametrize("name", ["एक", "हिन्दी", "漢字かな", "Ünïcödé", "a-b_c", "ölçü"])
def test_names_of_any_script(name: str) -> None:
    tree = the_parser().parse("any_header", f"step {name}")
    assert isinstance(tree, Node)
    assert plain(tree) == ("step", ("NAME", name, 5, 5 + len(name)))


WORDS = "step x a.b is not empty where first and or times when with yes 3 , : | ( ) [ ] #c".split()
PIECES = st.sampled_from([*WORDS, "one of", '"t"', "at most", "repeat until", "{{ x }}", "\n", "list of"])


@given(st.sampled_from(("line", "any_header", "field", "tag")), st.lists(PIECES, max_size=12).map(" ".join))
def test_what_lark_reads_we_read_and_nothing_else(start: str, text: str) -> None:
    try:
        theirs = plain(lark().parse(text, start=start))
    except Exception:  # whatever Lark raises for a text that it cannot read
        assert isinstance(the_parser().parse(start, text), Unreadable)
    else:
        assert plain(the_parser().parse(start, text)) == theirs
