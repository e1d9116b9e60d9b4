"""Keys out of bytes, however these were cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from flowlang.workbench.keyboard import keys_in

TYPED = (
    "ja\x1b[A\x1b[B\x1bOAé€x\x1b[5~\x1b[6~𝄞q\x1b[99;5u"
    "\x1b[200~rs\x1b[A\x1b]x\x1b[201~\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b]4;r\x07\x1bP>|xterm(370)\x1b\\!"
).encode()
KEYS = ["j", "a", "up", "down", "up", "é", "€", "x", "page up", "page down", "𝄞", "q", "!"]


def test_keys_have_names_and_what_is_none_is_left_out_like_a_paste_and_a_terminals_answer() -> None:
    assert keys_in(TYPED) == (KEYS, b"")


@given(st.sets(st.integers(1, len(TYPED) - 1)))
def test_it_does_not_matter_where_bytes_are_cut(cuts: set[int]) -> None:
    places, found, rest = [0, *sorted(cuts), len(TYPED)], list[str](), b""
    for start, end in pairwise(places):
        keys, rest = keys_in(rest + TYPED[start:end])
        found += keys
    assert (found, rest) == (KEYS, b"")


@given(st.binary())
def test_no_bytes_do_harm(data: bytes) -> None:
    keys, rest = keys_in(data)
    assert len(rest) <= 64 and all(keys)


def test_a_paste_and_an_answer_that_never_end_are_not_kept() -> None:
    assert keys_in(b"j\x1b[200~" + b"r" * 100_000 + b"\x1b[20") == (["j"], b"\x1b[200~r\x1b[20")
    assert keys_in(b"j\x1b]11;" + b"r" * 100_000) == (["j"], b"\x1b]r")
