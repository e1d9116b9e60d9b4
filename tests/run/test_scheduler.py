"""What can start when."""

from hypothesis import given
from hypothesis import strategies as st

from flowlang.run.scheduler import Schedule


def test_what_waits_for_nothing_is_ready_in_the_order_of_the_file() -> None:
    schedule = Schedule({"b": (), "a": (), "c": ("a", "b")})
    assert schedule.ready() == ("b", "a")
    assert schedule.ended("a") == ()
    assert schedule.ended("b") == ("c",)


def test_a_name_that_is_waited_for_twice_counts_once() -> None:
    schedule = Schedule({"a": (), "b": ("a", "a")})
    assert schedule.ended("a") == ("b",)


@given(st.lists(st.sets(st.integers(0, 9)), max_size=10), st.randoms(use_true_random=False))
def test_in_any_order_each_node_is_handed_out_once_and_never_early(picks: list[set[int]], random: object) -> None:
    waits = {str(place): {str(other) for other in others if other < place} for place, others in enumerate(picks)}
    schedule, ended = Schedule(waits), []
    ready = list(schedule.ready())
    handed = list(ready)
    while ready:
        random.shuffle(ready)  # type: ignore[attr-defined]
        name = ready.pop()
        assert waits[name] <= set(ended)
        ended.append(name)
        freed = schedule.ended(name)
        ready += freed
        handed += freed
    assert sorted(handed) == sorted(waits)
