"""What an earlier run is put together from: names of steps, rows, and bodies of which nothing can be taken on trust."""

import pytest

from flowlang.store.history import PastRun
from flowlang.store.past import commit_of, graph_of, money_of, name_of, repeats_of, row_of


def run(**body: object) -> PastRun:
    return PastRun(7, "a.flow", 0.0, None, None, body)


@pytest.mark.parametrize(
    ("path", "by_row", "name"),
    [
        ("", False, "said"),
        ("outer", False, "outer.said"),
        ("outer[2]/inner[3]", False, "outer.inner.said"),
        ("row[3]", True, "said"),
        ("row[3]/outer[2]", True, "outer.said"),
        ("row[3]", False, "row.said"),  # a step may be called so
    ],
)
def test_a_step_is_named_as_a_person_names_it(path: str, by_row: bool, name: str) -> None:
    assert name_of(path, "said", by_row) == name


def test_the_row_of_a_path() -> None:
    assert (row_of("row[12]/outer[2]"), row_of("outer[2]"), row_of(""), row_of("row[x]")) == (12, None, None, None)


def test_money_is_a_finite_number_or_not_known() -> None:
    assert str(money_of("0.25")) == "0.25"
    assert [money_of(told) for told in (None, "", "much", "NaN", "Infinity", 0.25)] == [None] * 6


@pytest.mark.parametrize("odd", [None, "x", 3, [1], {"id": 3}, [["a"]], [["a", "prompt", "0", [], [], []]], [[1] * 6]])
def test_what_is_odd_in_a_body_is_passed_over(odd: object) -> None:
    found = run(graph=odd, commit=odd, repeats=odd)
    assert graph_of(found) == () and commit_of(found) is None
    assert repeats_of(found) == ((1,) if odd == [1] else ())


def test_what_is_in_a_body_is_read() -> None:
    node = ["a", "prompt", 1, [], ["mail"], []]
    found = run(graph=[node], commit={"id": "abc", "changed": ["a.flow"]}, repeats=[6, 5])
    assert (graph_of(found), commit_of(found), repeats_of(found)) == ((node,), ("abc", ("a.flow",)), (6, 5))
