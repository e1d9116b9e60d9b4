"""The page for a pull request, read back by a reader of Markdown that is not ours: foreign text is code, or nothing."""

import re

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from flowlang.diagnostics.diagnostic import Diagnostic
from flowlang.diagnostics.source import SourceFile, Span
from flowlang.show.behaviour import Behaviour, CaseName
from flowlang.show.behaviour_diff import BehaviourDiff, Flip, Reason
from flowlang.show.comparing import Change, StepDiff
from flowlang.show.flow_diff import flows_text
from flowlang.show.flow_diff_page import fenced, flows_page

READER = MarkdownIt("commonmark", {"html": True}).enable("table")
FOREIGN = st.one_of(
    st.text(max_size=60),
    st.text("`~|<>[]()!*_#-+=\\\\&@ \n\r\tab1", max_size=40),
    st.sampled_from(
        [
            "```\n# x",
            "~~~",
            "<img src=x>",
            "![x](http://e.example)",
            "[x](http://e.example)",
            "a | b",
            "<!--",
            "````",
            "`",
        ]
    ),
)
CODE = ("code_inline", "fence")


def diffs_of(texts: list[str]) -> tuple[tuple[str, str], list[BehaviourDiff]]:
    a, b, c, d, e, f = texts
    whole = Behaviour({})
    broken = Behaviour({}, (Diagnostic("bad-name", a, SourceFile(b, c), Span(0, 0)),))
    changes = (Change(a, "", b, c), Change("prompt", d, e + "\nx", f), Change("answer", a, "", b))
    step = StepDiff(d, changes, (e,), (f,), 3, 1)
    flip = Flip(CaseName(a, b, c), "passed", "failed", (Reason(d, (e,)),), (Reason(e),))
    figures = (("tests", "1 passed", "1 failed"),)
    complete = BehaviourDiff(
        a, whole, whole, {b: (None, c), d: (e, f)}, (step,), (b,), (c,), (flip,), figures, (None, None)
    )
    gone = BehaviourDiff(b, None, whole, {}, (), (), (), (), figures, (None, None))
    wrong = BehaviourDiff(c, whole, broken, {}, (), (), (), (), (), (None, None))
    return (d or "x", f or "y"), [complete, gone, wrong]


@example(["", "", "", "", "`", "<A>"])  # empty code was two fences, which opened a piece of code
@given(st.lists(FOREIGN, min_size=6, max_size=6))
def test_foreign_text_is_nothing_but_code(texts: list[str]) -> None:
    names, diffs = diffs_of(texts)
    tokens = READER.parse(flows_page(names, diffs, 3))
    inner = [one for token in tokens for one in (token.children or ())]
    kinds = {token.type for token in [*tokens, *inner]}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_block", "blockquote_open", "hr"}
    # Headings and tables are ours, as many as there are flows.
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h3", *["h4"] * 3]
    assert sum(token.type == "table_open" for token in tokens) == 2
    assert all(len(row) == 3 for row in rows_of(tokens))
    fences = [token for token in tokens if token.type == "fence"]
    assert {token.info for token in fences} <= {"diff"}


def rows_of(tokens: list) -> list[list[str]]:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("td_open", "th_open"):
            rows[-1].append(token.tag)
    return rows


@given(FOREIGN)
def test_a_fence_ends_where_we_end_it(text: str) -> None:
    (token,) = READER.parse(fenced(text.replace("\0", "").replace("\r", ""), "diff"))
    assert token.type == "fence"


@given(st.lists(FOREIGN, min_size=6, max_size=6))
def test_nothing_steers_a_terminal(texts: list[str]) -> None:
    names, diffs = diffs_of([f"{text}\x1b]0;x\x07\u202e" for text in texts])
    told = "".join(flows_text(names, diffs, 3, in_full=True, colour=False))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", told)
