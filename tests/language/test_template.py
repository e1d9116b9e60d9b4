"""Filling in texts: what goes where, what was empty, and what is never read again."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language import ast
from flowlang.language.expression import Scope
from flowlang.language.template import LONG, MAX_RENDERED, MOST_SHARED, Rendered, render
from flowlang.language.values import EMPTY, Document, Media, Secret, Value, ValueMistake
from flowlang.language.writing import as_text

from .build import call, compare, image, is_empty, loop, number, pipe, ref, remembering, slot, texts, values, when

VERDICTS = (
    remembering({"supported": True, "reason": "p. 3"}, 1, claim={"statement": "Up 12%"}),
    remembering({"supported": False, "reason": "no page"}, 2, claim={"statement": "A plant"}),
)
NAMES: dict[str, Value] = {"name": "Ann", "n": number("12.0"), "verdict": VERDICTS, "skipped": EMPTY, "none": ()}


def fill(*parts: ast.Part, **more: Value) -> Rendered:
    return render(parts, Scope({**NAMES, **more}))


def filled(*parts: ast.Part, **more: Value) -> str:
    rendered = fill(*parts, **more)
    assert rendered.empties == ()
    assert len(rendered.pieces) <= 1
    return rendered.text


def test_texts_without_slots_stand_as_they_are() -> None:
    assert fill() == Rendered(())
    assert fill("{single} \\n $x\n") == Rendered(("{single} \\n $x\n",))


def test_slots() -> None:
    assert filled("Dear ", slot("name"), ", ", slot("n"), ".") == "Dear Ann, 12."
    assert filled(slot(pipe("verdict", call("count"))), slot("none"), "!") == "2!"
    assert filled(slot("name"), name="") == ""


def test_what_a_value_says_is_never_read_again() -> None:
    said = "{{ name }} {{ for x in verdict }} \\{{ {0} %s $name"
    assert filled(slot("said"), said=said) == said
    assert filled(slot("said"), said=Document(said)) == said


def test_for_with_what_its_items_remember() -> None:
    body = (slot("v.place"), ". ", slot("v.claim.statement"), ": ", slot("v.supported"), "\n")
    assert filled(loop("v", "verdict", *body)) == "1. Up 12%: yes\n2. A plant: no\n"
    assert filled("a", loop("v", "none", "never"), "b") == "ab"


def test_a_loop_in_a_loop_sees_both_names_and_leaves_none() -> None:
    inner = loop("b", "letters", slot("a"), slot("b"), " ")
    assert filled(loop("a", "digits", inner), digits=("1", "2"), letters=("x", "y")) == "1x 1y 2x 2y "
    with pytest.raises(KeyError):
        fill(loop("a", "verdict", "."), slot("a"))


def test_if_and_else() -> None:
    def branch(condition: ast.Condition) -> str:
        return filled(when(condition, ("holds",), ("in doubt, ", slot("name"))))

    assert branch(compare("n", "is", 12)) == "holds"
    assert branch(compare("n", "is", 13)) == "in doubt, Ann"
    assert filled("a", when(compare("n", "is", 13), ("b",)), "c") == "ac"


def test_a_line_break_is_taken_back() -> None:
    rows = loop("v", "verdict", "- ", slot("v.reason"), "\n")
    assert filled("List:\n", rows, ast.NoBreak()) == "List:\n- p. 3\n- no page"
    assert filled("List:\n", loop("v", "none", "never\n"), ast.NoBreak()) == "List:"
    assert filled(ast.NoBreak()) == ""


def test_the_line_break_of_a_value_is_data() -> None:
    unsure = when(compare("n", "is", 13), ("\n",))
    assert filled(slot("name"), unsure, ast.NoBreak(), name="Ann\n") == "Ann\n"
    assert filled(slot("photo"), ast.NoBreak(), "x", photo="") == "x"


# ── Empty ──


def test_what_was_filled_in_and_empty_is_told() -> None:
    assert fill("a ", slot("skipped"), slot("name")).empties == (ref("skipped"),)
    assert fill(loop("x", "skipped.items", "a")).empties == (ref("skipped.items"),)
    assert fill(loop("v", "verdict", slot("v.page"), slot("skipped"))).empties == (ref("v.page"), ref("skipped"))
    nothing = pipe("none", call("first"))
    assert fill(slot(nothing)).empties == (nothing,)


def test_a_branch_that_is_not_taken_counts_for_nothing() -> None:
    assert filled(when(is_empty("skipped"), ("none",), (slot("skipped"),))) == "none"
    assert filled(loop("x", "none", slot("skipped")), "a") == "a"
    assert filled(slot(pipe("skipped", call("default", "name")))) == "Ann"


def test_a_branch_that_hangs_on_something_empty_is_told() -> None:
    rendered = fill(when(compare("skipped", "is", 1), ("a",), ("b",)))
    assert rendered.empties == (ref("skipped"),)
    assert rendered.text == ""


# ── Images and audio ──


def test_an_image_becomes_a_piece_at_its_place() -> None:
    photo = image()
    assert fill("Read this.\n", slot("photo"), "\nThanks, ", slot("name"), photo=photo).pieces == (
        "Read this.\n",
        photo,
        "\nThanks, Ann",
    )
    assert fill(slot("photo"), photo=photo).pieces == (photo,)


def test_a_list_of_images_becomes_as_many_pieces() -> None:
    a, b = image("a.png"), image("b.png")
    rendered = fill("Two: ", slot("photos"), photos=(a, remembering(b)))
    assert rendered.pieces == ("Two: ", a, b)
    assert rendered.text == "Two: "
    assert fill(loop("p", "photos", slot("p.name"), ": ", slot("p"), "\n"), photos=(a, b)).pieces == (
        "a.png: ",
        a,
        "\nb.png: ",
        b,
        "\n",
    )


# ── Other ways of writing, and limits ──


def test_a_long_text_is_a_piece_of_its_own_and_the_very_object() -> None:
    book, line = "x" * LONG, "y" * (LONG - 1)
    pieces = fill("Read ", slot("line"), slot("book"), slot("file"), " and ", slot("line"), book=book, line=line,
                  file=Document(book)).pieces  # fmt: skip
    assert pieces == (f"Read {line}", book, book, f" and {line}")
    assert pieces[1] is book and pieces[2] is book
    assert fill(slot("book"), ast.NoBreak(), "\n", book=f"{book}\n").text == f"{book}\n\n"


def test_a_long_list_is_written_once_for_all_texts_that_show_it() -> None:
    lists = [tuple(f"{number}: {word}" * 10 for word in range(LONG)) for number in range(MOST_SHARED + 1)]
    first = fill("a", slot("rows"), rows=lists[0]).pieces[1]
    assert fill("b", slot("rows"), rows=lists[0]).pieces[1] is first
    for rows in lists[1:]:
        assert fill(slot("rows"), rows=rows).text == as_text(rows)
    assert fill(slot("rows"), rows=lists[0]).pieces == (first,)


def test_a_writer_of_its_own_writes_every_value_and_no_text() -> None:
    def shout(value: Value) -> str:
        return value.value if isinstance(value, Secret) else f"<{as_text(value)}>"

    parts = ("name=", slot("name"), "&n=", slot("n"), slot("key"))
    rendered = render(parts, Scope({**NAMES, "key": Secret("sesame")}), write=shout)
    assert rendered.text == "name=<Ann>&n=<12>sesame"


def test_a_secret_is_not_shown() -> None:
    assert filled(slot("key"), key=Secret("sesame")) == "[secret]"


def test_a_text_that_gets_too_long_is_refused() -> None:
    filing = Document("word " * 10_000_000)  # 50 MB
    with pytest.raises(ValueMistake, match=r"longer than 4 MB once everything is filled in; `\| shorten to"):
        fill(slot("filing"), filing=filing)
    with pytest.raises(ValueMistake, match="longer than 4 MB"):
        fill("word " * 1_000_000)
    with pytest.raises(ValueMistake, match="longer than 4 MB"):
        fill(loop("a", "many", slot("long")), many=("x",) * 1000, long="x" * 10_000)


def test_the_limit_counts_bytes() -> None:
    assert len(filled(slot("long"), long="x" * MAX_RENDERED)) == MAX_RENDERED
    with pytest.raises(ValueMistake):
        fill(slot("long"), long="é" * (MAX_RENDERED // 2 + 1))
    with pytest.raises(ValueMistake):
        fill(slot("rows"), rows=({"text": "x" * MAX_RENDERED},))


def test_loops_have_an_end() -> None:
    many = ("x",) * 2_000
    with pytest.raises(ValueMistake, match="more than 1,000,000 times"):
        fill(loop("a", "many", loop("b", "many")), many=many)


def test_for_needs_a_list() -> None:
    with pytest.raises(ValueMistake, match="`for x` needs a list, and this is a text"):
        fill(loop("x", "name", "a"))


@given(st.lists(st.one_of(texts, values), max_size=8))
def test_pieces_are_the_parts_in_their_order(items: list[Value]) -> None:
    scope = Scope({f"v{place}": item for place, item in enumerate(items)})
    rendered = render(tuple(slot(f"v{place}") for place in range(len(items))), scope)
    assert all(rendered.pieces)
    assert not any(isinstance(a, str) and isinstance(b, str) for a, b in pairwise(rendered.pieces))
    if not any(isinstance(piece, Media) for piece in rendered.pieces):
        assert rendered.text == "".join(as_text(item) for item in items)
