"""Records behave like frozen dataclasses, but for the guard at run time."""

from collections.abc import Callable
from dataclasses import field, fields, replace

from flowlang.record import record


@record
class Point:
    """A record with every kind of field."""

    x: int
    label: str = "here"
    notes: dict[str, int] = field(default_factory=dict)
    hidden: int = field(default=3, repr=False)


@record
class Spot:
    """Another one with the same fields."""

    x: int
    label: str = "here"


def test_fields_are_given_by_place_or_name_and_have_defaults() -> None:
    assert Point(1) == Point(x=1, label="here", notes={}, hidden=3)
    assert Point(1, "there").label == "there"


def test_every_record_has_a_default_of_its_own() -> None:
    one, other = Point(1), Point(1)
    one.notes["a"] = 1
    assert other.notes == {}


def test_equal_are_records_of_one_kind_with_equal_fields() -> None:
    assert Spot(1) == Spot(1) and hash(Spot(1)) == hash(Spot(1))
    assert Spot(1) != Spot(2) and Spot(1) != Point(1)


def test_the_tools_for_dataclasses_work() -> None:
    assert replace(Point(1), label="there") == Point(1, "there")
    assert [one.name for one in fields(Point)] == ["x", "label", "notes", "hidden"]
    match Point(1, "there"):
        case Point(x, label):
            assert (x, label) == (1, "there")


def test_it_shows_what_is_not_hidden() -> None:
    assert repr(Point(1)) == "Point(x=1, label='here', notes={})"


@record
class Means:
    """A record with a function in it."""

    shout: Callable[[str], str] = str.upper
    double: Callable[[int], int] = lambda number: 2 * number


def test_a_function_as_default_is_a_value_like_any() -> None:
    assert Means().double(2) == 4 and Means().shout("a") == "A"
    assert Means(double=lambda number: number).double(2) == 2
