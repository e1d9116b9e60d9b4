"""When content counts as saved: times are handed in, nobody sleeps."""

from hypothesis import given
from hypothesis import strategies as st

from flowlang.workbench.settling import LONGEST_S, QUIET_S, Settling


def settled(*seen: tuple[float, bytes, bool], until: float = 10.0) -> list[tuple[float, bytes]]:
    """What counts, and when, if these contents are seen at these times."""
    settling, found = Settling(), list[tuple[float, bytes]]()
    left = sorted(seen)
    now = 0.0
    while now < until:
        while left and left[0][0] <= now + 1e-9:
            at, content, is_good = left.pop(0)
            settling.see(content, is_good, at)
        if settling.take(now):
            found.append((round(now, 3), settling.settled))
        now = round(now + 0.001, 6)
    return found


def test_good_content_counts_after_a_moment_of_quiet() -> None:
    assert settled((1.0, b"a", True), until=2) == [(1.0 + QUIET_S, b"a")]


def test_content_with_mistakes_has_to_stand_longer() -> None:
    assert settled((1.0, b"a", False), until=2) == [(1.0 + LONGEST_S, b"a")]


def test_half_of_a_save_is_never_believed_if_the_rest_comes_in_time() -> None:
    assert settled((1.0, b"", False), (1.15, b"whole", True), until=2) == [(1.2, b"whole")]


def test_the_same_bytes_again_start_nothing_and_wait_no_longer() -> None:
    seen = [(1.0 + number / 100, b"a", True) for number in range(30)]
    assert settled(*seen, until=3) == [(1.05, b"a")]


def test_what_is_put_back_before_it_counts_was_never_there() -> None:
    assert settled((0.0, b"a", True), (1.0, b"b", True), (1.03, b"a", True), until=2) == [(0.05, b"a")]


def test_an_editor_that_writes_on_after_the_quiet_gets_longer_the_next_time() -> None:
    found = settled(
        *((1.0, b"half", True), (1.07, b"whole", True)), *((3.0, b"half 2", True), (3.07, b"whole 2", True)), until=5
    )
    assert [content for _, content in found] == [b"half", b"whole", b"whole 2"]


def test_who_never_saves_halves_hears_of_mistakes_sooner() -> None:
    seen = [(float(number), b"bad %d" % number, False) for number in range(1, 13)]
    found = settled(*seen, until=14)
    assert found[0][0] == 1 + LONGEST_S
    assert found[-1][0] < 12 + LONGEST_S


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from([b"a", b"b", b"c"]), st.booleans()), min_size=1))
def test_the_last_content_always_counts_in_the_end(seen: list[tuple[float, bytes, bool]]) -> None:
    settling, now = Settling(), 0.0
    for at, content, is_good in sorted(seen):
        now = at
        settling.take(now)
        settling.see(content, is_good, now)
    while (due := settling.due()) is not None:
        now = max(now, due)
        assert settling.take(now)
    assert settling.settled == sorted(seen)[-1][1]
    assert not settling.take(now + 100)
