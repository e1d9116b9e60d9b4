from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.models.sse import Frames


def frames(*pieces: bytes) -> list[str]:
    reading = Frames()
    return [frame for piece in pieces for frame in reading.feed(piece)] + reading.end()


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data:a\r\n\r\ndata:  b\r\n\r\n", ["a", " b"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b"]),
        (b": a comment\n\nevent: message\nid: 7\nretry: 10\ndata: a\n\n", ["a"]),
        (b"data: one\ndata: two\n\n", ["one\ntwo"]),
        (b"data: one\r\ndata: two\r\n\r\n", ["one\ntwo"]),
        (b"data:\n\ndata: \n\ndata: a\n\n", ["a"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data: a\n\ndata: never ended", ["a", "never ended"]),
        (b"data: a\n", ["a"]),
        (b"", []),
        (b"\n\n\n", []),
        ("data: größe\u2028\x0b\x85\n\n".encode(), ["größe\u2028\x0b\x85"]),
        (b"data: \xff\n\n", ["\udcff"]),
        (b"database: a\n\n", []),
    ],
)
def test_the_data_of_events(stream: bytes, found: list[str]) -> None:
    assert frames(stream) == found
    assert frames(*(stream[place : place + 1] for place in range(len(stream)))) == found


LINES = st.sampled_from(
    [b"data: a", b"data:", b"data: {", b": x", b"event: y", b"", b"", "data: é🎉".encode(), b"data\x0c: a"]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@given(st.lists(st.tuples(LINES, ENDS)), st.lists(st.integers(0, 400)))
def test_it_makes_no_difference_where_the_bytes_are_cut(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(line + end for line, end in lines)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert frames(*pieces) == frames(stream)


def test_an_event_comes_out_as_soon_as_it_is_complete() -> None:
    reading = Frames()
    assert reading.feed(b"data: a\r") == []
    assert reading.feed(b"\n\r") == ["a"]
    assert reading.feed(b"\ndata: b\n\n") == ["b"]
