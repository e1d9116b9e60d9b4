"""What values and conditions come to, and how what is empty travels through them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language import ast
from flowlang.language.expression import Scope, blame, evaluate, holds, truth
from flowlang.language.values import EMPTY, Document, Value, ValueMistake

from .build import (
    NOWHERE,
    atom,
    both,
    call,
    compare,
    either,
    is_empty,
    no,
    number,
    one_of,
    pipe,
    ref,
    remembering,
    slot,
    text,
    values,
)

CLAIMS = (
    remembering({"statement": "Revenue rose", "page": number(3), "kind": "figure"}, 1, topic={"name": "money"}),
    remembering({"statement": "A plant in 2027", "page": EMPTY, "kind": "promise"}, 2, topic={"name": "plans"}),
    remembering({"statement": "A strike", "page": number(1), "kind": "risk"}, 3, topic={"name": "plans"}),
)
SCOPE = Scope(
    {
        "claims": CLAIMS,
        "kind": "promise",
        "wanted": "Promise",
        "skipped": EMPTY,
        "n": number(2),
        "yes_no": True,
        "words": ("a", "", "b"),
        "paid_on": date(2026, 3, 10),
        "filing": Document("Revenue rose.", "a.pdf", ("Revenue rose.",)),
    }
)
NOTHING = "skipped"


def value(of: ast.Value) -> Value:
    return evaluate(of, SCOPE)


def statements(of: ast.Value) -> list[Value]:
    taken = evaluate(pipe("picked", call("take", path="statement")), Scope({"picked": value(of)}))
    assert isinstance(taken, tuple)
    return list(taken)


# ── Values ──


def test_plain_values() -> None:
    assert value(atom(3)) == 3
    assert value(atom(True)) is True
    assert value(text()) == ""
    assert value(text("as it is")) == "as it is"
    assert value(atom(["n", text("b")])) == (2, "b")
    assert value(atom([])) == ()
    assert value(ref("filing.name")) == "a.pdf"
    assert value(text("n is ", slot("n"))) == "n is 2"


def test_filters_in_a_row() -> None:
    assert value(pipe("claims", call("where", condition=compare("kind", "is", text("figure"))), call("count"))) == 1
    assert value(pipe("claims", call("take", path="topic.name"), call("unique"), call("join", text(", ")))) == (
        "money, plans"
    )
    assert value(pipe("words", call("first", "n"))) == ("a", "")
    assert value(pipe("claims", call("group by", path="topic.name"), call("take", path="key"))) == ("money", "plans")
    assert value(pipe(9, call("divided by", 0), call("default", text("nothing to share")))) == "nothing to share"


def test_an_item_keeps_its_memory() -> None:
    assert value(pipe("claims", call("first"))) is CLAIMS[0]
    assert value(pipe("claims", call("sort by", path="page"), call("last"))) is CLAIMS[1]


def test_sorting_by_a_field_by_memory_and_by_the_item_itself() -> None:
    assert statements(pipe("claims", call("sort by", path="page"))) == ["A strike", "Revenue rose", "A plant in 2027"]
    assert statements(pipe("claims", call("sort by", path="place", largest_first=True)))[0] == "A strike"
    by_choice = call("sort by", path="kind", choices=("risk", "promise", "figure"))
    assert statements(pipe("claims", by_choice))[0] == "A strike"
    assert value(pipe("words", call("sort by", path="it"))) == ("", "a", "b")


def test_a_word_is_first_a_field_of_the_item_and_then_a_name() -> None:
    kinds = pipe("claims", call("where", condition=compare("kind", "is", "wanted")))
    assert statements(kinds) == ["A plant in 2027"]
    assert statements(pipe("claims", call("where", condition=compare("place", ">=", "n"))))[0] == "A plant in 2027"
    assert value(pipe("claims", call("share", condition=compare("topic.name", "is", text("plans"))))) == (
        number("0.666666666667")
    )
    assert value(pipe("words", call("where", condition=is_empty("it", negated=True)))) == ("a", "b")
    by_text = compare("statement", "contains", text(slot("kind")))
    assert value(pipe("claims", call("where", condition=by_text), call("count"))) == 0


def test_a_table_may_lack_a_column() -> None:
    rows = Scope({"rows": ({"a": "x"}, {"a": "y", "b": "z"}), "n": number(2)})
    assert evaluate(pipe("rows", call("where", condition=is_empty("b"))), rows) == ({"a": "x"},)
    assert evaluate(pipe("rows", call("where", condition=compare("b", "is not", text("q")))), rows) == (
        {"a": "y", "b": "z"},
    )


def test_what_does_not_fit_is_a_sentence() -> None:
    with pytest.raises(ValueMistake, match="`where` needs a list, and this is a text"):
        value(pipe("kind", call("where", condition=compare("it", "is", 1))))
    with pytest.raises(ValueMistake, match="a condition needs yes or no, and this is a text"):
        truth(ref("kind"), SCOPE)


# ── Empty values ──


def test_what_reads_something_empty_is_empty() -> None:
    assert value(ref("skipped")) is EMPTY
    assert value(ref("skipped.field.more")) is EMPTY
    assert value(pipe("skipped", call("count"))) is EMPTY
    assert value(pipe("claims", call("first", "skipped"))) is EMPTY
    assert value(atom(["n", "skipped"])) is EMPTY
    assert value(text("a ", slot("skipped"))) is EMPTY
    assert value(pipe(atom([]), call("first"))) is EMPTY


def test_default_ends_what_is_empty() -> None:
    assert value(pipe("skipped", call("default", "n"))) == 2
    assert value(pipe("skipped", call("default", "skipped"), call("default", text("c")))) == "c"
    assert value(pipe("skipped", call("default", "skipped"))) is EMPTY
    assert value(pipe("skipped", call("default", "claims"), call("count"))) == 3
    assert value(pipe(text(), call("default", text("x")))) == ""


def test_default_reads_the_other_value_only_if_it_has_to() -> None:
    assert value(pipe("n", call("default", "nobody"))) == 2
    with pytest.raises(KeyError):
        value(pipe("skipped", call("default", "nobody")))


# ── Conditions ──


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (compare("kind", "is", text(" PROMISE ")), True),
        (compare("kind", "is not", text("risk")), True),
        (compare("n", "<", 3), True),
        (compare("n", "<=", 2), True),
        (compare("n", ">", 2), False),
        (compare("n", ">=", 2), True),
        (compare("paid_on", "<", text("2026-03-11")), True),
        (compare("paid_on", "is", text("2026-03-10")), True),
        (compare("filing", "contains", text("REVENUE")), True),
        (compare("filing", "does not contain", text("loss")), True),
        (compare("filing", "starts with", text("rev")), True),
        (compare("filing", "ends with", text("rose")), False),
        (compare("words", "contains", text("B")), True),
        (compare(pipe("claims", call("count")), ">=", 3), True),
        (one_of("kind", text("figure"), text("Promise")), True),
        (one_of("kind", text("figure"), negated=True), True),
        (one_of("kind", "kind", negated=True), False),
        (is_empty("words"), False),
        (is_empty(text()), True),
        (is_empty(atom([])), True),
        (is_empty("n", negated=True), True),
        (ref("yes_no"), True),
        (atom(False), False),
        (no(atom(False)), True),
        (both(atom(True), atom(False)), False),
        (either(atom(False), atom(True)), True),
    ],
)
def test_conditions(condition: ast.Condition, outcome: bool) -> None:
    assert truth(condition, SCOPE) is outcome
    assert holds(condition, SCOPE) is outcome


OPERATORS = ["is", "is not", "<", "<=", ">", ">=", "contains", "does not contain", "starts with", "ends with"]


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_comparison_with_something_empty_hangs_on_it(operator: str) -> None:
    for condition in (compare(NOTHING, operator, 1), compare(1, operator, NOTHING)):
        assert truth(condition, SCOPE) is None
        assert truth(no(condition), SCOPE) is None
        assert not holds(condition, SCOPE)
        assert not holds(no(condition), SCOPE)


def test_one_of_with_something_empty() -> None:
    assert truth(one_of(NOTHING, text("a")), SCOPE) is None
    assert truth(one_of(NOTHING, text("a"), negated=True), SCOPE) is None
    assert truth(one_of("n", NOTHING, 2), SCOPE) is True
    assert truth(one_of("n", NOTHING, 3), SCOPE) is None
    assert truth(one_of("n", NOTHING, 3, negated=True), SCOPE) is None


def test_is_empty_always_knows() -> None:
    assert truth(is_empty(NOTHING), SCOPE) is True
    assert truth(is_empty(NOTHING, negated=True), SCOPE) is False
    assert truth(ref(NOTHING), SCOPE) is None


def test_an_earlier_part_decides() -> None:
    not_read = compare("nobody", "is", 1)
    assert truth(both(is_empty(NOTHING, negated=True), not_read), SCOPE) is False
    assert truth(either(is_empty(NOTHING), not_read), SCOPE) is True


OUTCOMES: dict[bool | None, ast.Condition] = {True: atom(True), False: atom(False), None: ref(NOTHING)}
outcomes = st.sampled_from([True, False, None])


@given(st.lists(outcomes, min_size=1, max_size=4))
def test_and_or_not_have_three_outcomes(parts: list[bool | None]) -> None:
    conditions = [OUTCOMES[part] for part in parts]
    every = False if False in parts else None if None in parts else True
    some = True if True in parts else None if None in parts else False
    assert truth(both(*conditions), SCOPE) is every
    assert truth(either(*conditions), SCOPE) is some
    opposite = truth(no(either(*[no(condition) for condition in conditions])), SCOPE)
    assert opposite is every  # De Morgan holds with three outcomes too


@given(values, values, st.sampled_from(OPERATORS))
def test_a_comparison_gives_an_outcome_or_a_sentence(left: Value, right: Value, operator: str) -> None:
    scope = Scope({"left": left, "right": right})
    try:
        outcome = truth(compare("left", operator, "right"), scope)
    except ValueMistake as mistake:
        assert mistake.message
        return
    assert outcome in (True, False, None)


@given(values, values)
def test_is_and_is_not_are_opposites(left: Value, right: Value) -> None:
    scope = Scope({"left": left, "right": right})
    same, different = compare("left", "is", "right"), compare("left", "is not", "right")
    assert truth(no(same), scope) is truth(different, scope)


# ── What is to blame ──


def test_the_empty_names_are_to_blame() -> None:
    assert blame(ref("skipped.field"), SCOPE) == (ref("skipped.field"),)
    assert blame(pipe("skipped", call("count")), SCOPE) == (ref("skipped"),)
    assert blame(pipe("claims", call("first", "skipped")), SCOPE) == (ref("skipped"),)
    assert blame(atom(["n", "skipped", "skipped"]), SCOPE) == (ref("skipped"),)
    assert blame(text("a ", slot("skipped"), slot("n")), SCOPE) == (ref("skipped"),)
    condition = both(compare("n", "is", 2), no(one_of("skipped", 1)))
    assert blame(condition, SCOPE) == (ref("skipped"),)


def test_a_value_that_came_to_nothing_is_to_blame_itself() -> None:
    first = pipe(atom([]), call("first"))
    assert blame(first, SCOPE) == (first,)


def test_a_file_that_was_never_read_is_our_mistake() -> None:
    with pytest.raises(TypeError):
        value(ast.FileText("a.md", NOWHERE))
