"""Responses as bytes: whatever is HTTP is read the same for any split, whatever is not ends in one sentence."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowlang.models.http1 import (
    MOST_FIELDS,
    MOST_HEAD,
    MOST_INTERIM,
    MOST_LINE,
    NotHttp,
    ResponseReading,
    request_head,
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*pieces: bytes, connects: bool = False) -> tuple[int, dict[str, str], bytes, bool]:
    """Status, headers, body and whether the connection can be used again, of a response after which nothing comes."""
    reading = ResponseReading(connects=connects)
    body = b"".join([reading.feed(piece) for piece in pieces if reading.problem is None])
    if reading.problem is not None:
        raise reading.problem
    reading.end()
    assert reading.is_done, "it is cut off"
    return reading.status, reading.headers, body, reading.keeps


def outcome(pieces: list[bytes]) -> object:
    """All that comes of a response, good or bad.

    How much of a strange beginning is told may depend on how much of it has come, so that is left out.
    """
    reading = ResponseReading()
    body = b"".join([reading.feed(piece) for piece in pieces if reading.problem is None])
    problem = reading.problem.why.partition(", and begins")[0] if reading.problem is not None else ""
    if not problem:
        reading.end()
    return problem, reading.status, reading.headers, body, reading.is_done, reading.is_done and reading.keeps


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The bytes, cut at these places."""
    ends = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(ends) if a < b]


def single_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


FINE = [
    (OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", True),
    (OK + b"content-LENGTH:5\r\n\r\nhello", 200, b"hello", True),
    (OK + b"Content-Length: 5\r\nTransfer-Encoding: identity\r\n\r\nhello", 200, b"hello", True),
    (OK + b"Content-Length: 0\r\n\r\n", 200, b"", True),
    (OK + b"Content-Length: 5\r\nConnection: close\r\n\r\nhello", 200, b"hello", False),
    (OK + b"Content-Length: 5\r\nConnection: keep-alive, Close\r\n\r\nhello", 200, b"hello", False),
    (OK + b"Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n", 200, b"hello", False),
    (OK + b"\r\nup to the end", 200, b"up to the end", False),
    (OK + b"\r\n", 200, b"", False),
    (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", 200, b"hello", True),
    (CHUNKED + b"5;name=\"a;b\"\r\nhel\r\n\r\n00000\r\n\r\n", 200, b"hel\r\n", True),
    (CHUNKED + b"A \r\n0123456789\r\n1;x\r\n!\r\n0;last\r\nX-Sum: 7\r\nX-More: 8\r\n\r\n", 200, b"0123456789!", True),
    (CHUNKED + b"5\nhello\n0\n\n", 200, b"hello", True),
    (CHUNKED + b"5\r\nhello\r\n0\r\n\r\nmore", 200, b"hello", False),
    (OK.replace(b"\r", b"") + b"Content-Length: 2\n\nhi", 200, b"hi", True),
    (b"\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi", 200, b"hi", True),
    (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, b"", True),
    (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, b"", True),
    (b"HTTP/1.1 100\r\n\r\nHTTP/1.1 103 Hint\r\nA: b\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", 200, b"", True),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nhi", 200, b"hi", True),
    (b"HTTP/1.0 200 OK\r\n\r\nhi", 200, b"hi", False),
    (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", True),
    (b"HTTP/1.1 418 \xff\xfe\r\nContent-Length: 2\r\n\r\nhi", 418, b"hi", True),
]  # fmt: skip


@pytest.mark.parametrize(("data", "status", "body", "keeps"), FINE)
def test_a_response_is_read(data: bytes, status: int, body: bytes, keeps: bool) -> None:
    found = read(data)
    assert (found[0], found[2], found[3]) == (status, body, keeps)
    assert read(*single_bytes(data)) == found


MALFORMED = [
    (b"SSH-2.0-OpenSSH_9.6\r\n", "is no HTTP, and begins `SSH-2.0-OpenSSH_9.6`"),
    (b"\x15\x03\x01\x00\x02\x02\x16", "is no HTTP"),
    (b"HTTP/2 200 OK\r\n\r\n", "is no HTTP"),
    (b"HTTP/1.1 2000 OK\r\n\r\n", "is no HTTP"),
    (b"HTTP/1.1 OK\r\n\r\n", "is no HTTP"),
    (b"HTTP/1.1 099 OK\r\n\r\n", "is no HTTP"),
    (b"<html>no head at all</html>", "is no HTTP"),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "changes the protocol"),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * (MOST_INTERIM + 1), "never comes"),
    (OK + b"no colon\r\n\r\n", "cannot be read: `no colon`"),
    (OK + b"Content-Length : 5\r\n\r\nhello", "cannot be read"),
    (OK + b": nothing\r\n\r\n", "cannot be read"),
    (OK + b" folded: too early\r\n\r\n", "cannot be read"),
    (OK + b"X-A: a\0b\r\n\r\n", "a sign in them"),
    (OK + b"X-A: a\rX-B: b\r\n\r\n", "a sign in them"),
    (OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "told more than once"),
    (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "told more than once"),
    (OK + b"Content-Length: 5, 6\r\n\r\nhello", "told more than once"),
    (OK + b"Content-Length: -5\r\n\r\nhello", "no number: `-5`"),
    (OK + b"Content-Length: +5\r\n\r\nhello", "no number"),
    (OK + b"Content-Length: 0x5\r\n\r\nhello", "no number"),
    (OK + b"Content-Length: \r\n\r\nhello", "no number"),
    (OK + "Content-Length: ٥\r\n\r\n".encode(), "no number"),
    (OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", "no number"),
    (OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "a length as well"),
    (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "encoded as `gzip, chunked`"),
    (OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "encoded as `chunked, chunked`"),
    (OK + b"Transfer-Encoding: xchunked\r\n\r\n", "encoded as"),
    (CHUNKED + b"zz\r\nhello\r\n", "has no length: `zz`"),
    (CHUNKED + b"-5\r\nhello\r\n", "has no length"),
    (CHUNKED + b"0x5\r\nhello\r\n", "has no length"),
    (CHUNKED + b"\r\nhello\r\n", "has no length"),
    (CHUNKED + b"1" * 20 + b"\r\n", "has no length"),
    (CHUNKED + b"5\r\nhello, and more\r\n0\r\n\r\n", "does not end where it should"),
    (CHUNKED + b"5\r\nhello5\r\nhello\r\n", "does not end where it should"),
    (CHUNKED + b"5;" + b"x" * MOST_LINE + b"\r\nhello\r\n", "does not end where it should"),
    (CHUNKED + b"5;" + b"x" * MOST_LINE, "does not end where it should"),
    (CHUNKED + (b"1;" + b"x" * 4_000 + b"\r\n!\r\n") * 20, "beside its body"),
    (CHUNKED + b"0\r\n" + b"X-Trailer: more\r\n" * 5_000 + b"\r\n", "beside its body"),
    (OK + b"X-More: more\r\n" * (MOST_FIELDS + 1) + b"\r\n", f"more than {MOST_FIELDS} headers"),
    (OK + b"X-More: more\r\n" * 100_000 + b"\r\n", "longer than 64 KB"),
    (OK + b"X-More: " + b"a" * MOST_HEAD, "longer than 64 KB"),
    (b"\r\n" * MOST_HEAD, "longer than 64 KB"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "why"), MALFORMED)
def test_what_is_no_response_is_told_in_one_sentence(data: bytes, why: str) -> None:
    with pytest.raises(NotHttp) as problem:
        read(data)
    assert why in problem.value.why and len(problem.value.why) < 200 and problem.value.why.isprintable()
    assert outcome(single_bytes(data)) == outcome([data])


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"HT", OK, OK + b"Content-Length: 5\r\n", OK + b"Content-Length: 5\r\n\r\nhell"),
        *(
            CHUNKED,
            CHUNKED + b"5",
            CHUNKED + b"5\r\nhel",
            CHUNKED + b"5\r\nhello\r\n",
            CHUNKED + b"5\r\nhello\r\n0\r\n",
        ),
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_an_end_that_comes_too_early_is_told_from_a_good_one(data: bytes) -> None:
    with pytest.raises(AssertionError, match="cut off"):
        read(data)


def test_headers_of_one_name_are_joined_and_folded_ones_unfolded() -> None:
    _, headers, _, _ = read(
        OK + b"X-A: one\r\nx-a:two \r\nX-B: long\r\n  words\r\n\tof \xe9\r\nX-C:\r\nContent-Length: 0\r\n\r\n"
    )
    assert headers == {"x-a": "one, two", "x-b": "long words of é", "x-c": "", "content-length": "0"}


def test_what_follows_the_yes_of_a_proxy_is_no_body() -> None:
    assert read(b"HTTP/1.1 200 Connected\r\nContent-Length: 5\r\n\r\n", connects=True)[2:] == (b"", True)
    assert read(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", connects=True)[2:] == (b"no", True)
    assert read(OK + b"\r\nSSH-2.0", connects=True)[2:] == (b"", False)


ALL = [data for data, *_ in FINE] + [data for data, _ in MALFORMED if len(data) < 2_000]


@given(st.sampled_from(ALL), st.lists(st.integers(0, 2_000)), st.integers(0, 2_000))
@example(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", [len(CHUNKED) + 2, len(CHUNKED) + 9], 1_000)
def test_any_split_of_the_bytes_gives_the_same(data: bytes, cuts: list[int], end: int) -> None:
    data = data[:end]
    assert outcome(cut(data, cuts)) == outcome(cut(data, []))


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4), st.data())
def test_noise_in_a_response_is_read_or_told_but_never_a_crash(
    noise: bytes, cuts: list[int], draw: st.DataObject
) -> None:
    whole = draw.draw(st.sampled_from(ALL))
    at = draw.draw(st.integers(0, len(whole)))
    data = whole[:at] + noise + whole[at + draw.draw(st.integers(0, 3)) :]
    assert outcome(cut(data, cuts)) == outcome([data])


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.integers(1, 50))
def test_a_body_in_chunks_comes_out_as_it_went_in(chunks: list[bytes], size: int) -> None:
    data = CHUNKED + b"".join(b"%X;n=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    assert read(*(data[at : at + size] for at in range(0, len(data), size)))[2:] == (b"".join(chunks), True)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a\x7f", "ключ", "\x1b[31m"])
def test_no_value_of_a_header_can_be_more_than_one(value: str) -> None:
    with pytest.raises(ValueError) as problem:
        request_head("POST", "/v1", {"Host": "a.example", "Authorization": value})
    assert str(problem.value) == "Authorization"
    head = request_head("POST", "/v1", {"Host": "a.example", "Authorization": "Bearer a b"})
    assert head == b"POST /v1 HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer a b\r\n\r\n"


@pytest.mark.parametrize("data", [b"HTTP/1.1 102 Processing\r\n\r\n" * 30, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"])
def test_what_only_announces_a_response_is_never_taken_for_one(data: bytes) -> None:
    reading = ResponseReading()
    reading.feed(data)
    assert reading.problem is not None and reading.status == 0
