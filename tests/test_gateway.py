"""The stand-in gateway: what its faults look like on the wire, what its log says, and that both can be repeated."""

import asyncio
import gzip
import json
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.gateway import (
    FAULTS,
    QUIRKS,
    REFUSALS,
    Answer,
    Call,
    Fault,
    Gateway,
    Latency,
    Limits,
    Price,
    Seen,
    first,
    mixed,
    numbered,
)
from tests.gateway.__main__ import main
from tests.gateway.contract import complaint
from tests.gateway.log import most_open
from tests.gateway.model import Limiter, PromptCache
from tests.gateway.odd_bodies import NO_ANSWER, ODD, odd_body, odd_frames
from tests.gateway.refusals import RETRY_AFTER

ROOT = Path(__file__).resolve().parent.parent
WORDS = "It rains in the north today and tomorrow."
USER = [{"role": "user", "content": "How is the weather? Answer in JSON."}]
PLAIN = {"model": "gemini-3-1-pro", "messages": USER}
STREAM = {**PLAIN, "stream": True, "stream_options": {"include_usage": True}}
TOOLS = Answer(tool_calls=(Call("sun", {"city": "Oslo"}), Call("rain", {"city": "Rome"})))


class Raw(NamedTuple):
    """What came over the wire, and how it ended: "closed", "reset", "silent", or "left" by us."""

    data: bytes
    end: str

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        body = self.data.partition(b"\r\n\r\n")[2]
        return b"".join(chunks(body)) if b"Transfer-Encoding: chunked" in self.head else body

    @property
    def frames(self) -> list[Any]:
        """The JSON of every event but the last, which is `[DONE]`."""
        lines = [line for line in self.body.splitlines() if line.startswith(b"data: {")]
        return [json.loads(line[6:]) for line in lines]

    @property
    def text(self) -> str:
        """The text of all deltas."""
        return "".join(delta.get("content") or "" for delta in self.deltas)

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [choice["delta"] for frame in self.frames for choice in frame["choices"]]

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [call for delta in self.deltas for call in delta.get("tool_calls", [])]


def chunks(body: bytes) -> Iterator[bytes]:
    while body:
        length, _, body = body.partition(b"\r\n")
        size = int(length, 16)
        yield body[:size]
        body = body[size + 2 :]


def opened(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10)


def request_bytes(request: dict[str, Any] | bytes, headers: str = "", path: str = "/v1/chat/completions") -> bytes:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def ask(url: str, request: dict[str, Any] | bytes = STREAM, *, headers: str = "", most: int = 1 << 22) -> Raw:
    """One request on a connection of its own; the client leaves after `most` bytes."""
    with opened(url) as wire:
        wire.sendall(request_bytes(request, f"Connection: close\r\n{headers}"))
        got = bytearray()
        try:
            while len(got) < most:
                data = wire.recv(1 << 20)
                if not data:
                    return Raw(bytes(got), "closed")
                got += data
        except ConnectionResetError:
            return Raw(bytes(got), "reset")
        return Raw(bytes(got), "left")


def ask_in_vain(url: str, least: int) -> Raw:
    """One request that is left after a silence that follows at least so many bytes."""
    with opened(url) as wire:
        wire.sendall(request_bytes(STREAM))
        got = b""
        while len(got) < least:
            got += wire.recv(1 << 16)
        wire.settimeout(0.3)
        try:
            data = wire.recv(1 << 16)
        except TimeoutError:
            return Raw(got, "silent")
        return Raw(got + data, "talking")


def asked(request: dict[str, Any] = STREAM, script: Any = None, **settings: Any) -> tuple[Raw, Seen]:
    """The wire and the record of one request to a gateway of its own."""
    gateway = Gateway(script or (lambda request: WORDS), **settings)
    with gateway as url:
        raw = ask(url, request)
    return raw, gateway.log[0]


def faulty(name: str, value: Any = None, request: dict[str, Any] = STREAM) -> tuple[Raw, Seen]:
    return asked(request, faults=lambda seen: Fault(name, value))


# Answers


def test_a_stream_brings_every_word_the_finish_the_usage_and_the_end() -> None:
    raw, seen = asked()
    assert raw.text == WORDS
    assert raw.deltas[0] == {"role": "assistant", "content": ""}
    assert raw.frames[-2]["choices"][0]["finish_reason"] == "stop"
    assert raw.frames[-1]["choices"] == [] and raw.frames[-1]["usage"] == seen.usage
    assert raw.body.endswith(b"data: [DONE]\n\n")
    assert seen.usage["completion_tokens"] == 8
    assert (seen.status, seen.answered, seen.hung_up, seen.request) == (200, True, False, STREAM)


def test_a_whole_body_has_the_same_text_and_usage() -> None:
    raw, seen = asked(PLAIN)
    body = json.loads(raw.body)
    assert body["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop"}
    ]
    assert body["usage"] == seen.usage


def test_tool_calls_are_streamed_in_parts() -> None:
    raw, _ = asked(script=lambda request: TOOLS)
    names = [call["function"]["name"] for call in raw.calls if "id" in call]
    arguments = ["", ""]
    for call in raw.calls:
        arguments[call["index"]] += call["function"]["arguments"]
    assert names == ["sun", "rain"]
    assert list(map(json.loads, arguments)) == [{"city": "Oslo"}, {"city": "Rome"}]
    assert len(raw.calls) == 6


def test_max_tokens_cuts_an_answer_off() -> None:
    raw, seen = asked({**STREAM, "max_tokens": 3})
    assert raw.text == "It rains in"
    assert raw.frames[-2]["choices"][0]["finish_reason"] == "length"
    assert seen.usage["completion_tokens"] == 3


SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "score": {"type": ["integer", "null"]},
        "mood": {"enum": ["good", "bad"]},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
        "why": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    },
    "required": ["title", "score", "mood", "parts", "why"],
    "additionalProperties": False,
    "$defs": {
        "part": {
            "type": "object",
            "properties": {"sub": {"anyOf": [{"$ref": "#/$defs/part"}, {"type": "null"}]}},
            "required": ["sub"],
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize(
    "request_",
    [
        {**STREAM, "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
        {**STREAM, "response_format": {"type": "json_object", "schema": SCHEMA}},
        {**PLAIN, "stream": True, "messages": [{"role": "user", "content": f"Fit this: {json.dumps(SCHEMA)} now"}]},
    ],
)
def test_what_is_not_scripted_fits_the_schema_and_is_the_same_every_time(request_: dict[str, Any]) -> None:
    texts = []
    for _ in range(2):
        with Gateway() as url:
            texts.append(ask(url, request_).text)
    found = json.loads(texts[0])
    assert texts[0] == texts[1]
    assert set(found) == set(SCHEMA["properties"])  # type: ignore[call-overload]
    assert found["mood"] in ("good", "bad") and isinstance(found["score"], int) and len(found["parts"]) == 2


def test_a_forced_tool_is_called() -> None:
    tools = [{"type": "function", "function": {"name": "sun", "parameters": SCHEMA}}]
    with Gateway() as url:
        raw = ask(url, {**STREAM, "tools": tools, "tool_choice": "required"})
    assert raw.calls[0]["function"]["name"] == "sun"
    assert raw.frames[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_models_are_listed_and_filtered() -> None:
    with Gateway() as url:
        every = json.load(urllib.request.urlopen(f"{url}/models"))["data"]
        some = json.load(urllib.request.urlopen(f"{url}/models?family=gpt&capability=tools"))["data"]
    assert len(every) == 3 and [model["id"] for model in some] == ["gpt-5-5"]


def test_a_wrong_key_is_refused_and_the_other_header_wins() -> None:
    gateway = Gateway(key="right")
    with gateway as url:
        ask(url)
        ask(url, headers="Authorization: Bearer right\r\n")
        ask(url, headers="Authorization: Bearer right\r\nx-api-key: wrong\r\n")
    assert [seen.status for seen in gateway.log] == [401, 200, 401]


def test_text_is_the_same_on_the_wire_whether_or_not_something_may_change_it() -> None:
    pieces = ("a", '""', "", "\u2028é", '"\\', "\U0001f327", '"content":""')
    script = lambda request: Answer(pieces=pieces)  # noqa: E731
    assert asked(script=script)[0].body == asked(script=script, quirks=(23,))[0].body
    assert asked(script=script)[0].text == "".join(pieces)


def test_it_speaks_tls() -> None:
    certificate = ROOT / "tests" / "run" / "weather.test.pem"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False
    with Gateway(lambda request: WORDS, tls=tls) as url, trusting.wrap_socket(opened(url)) as wire:
        wire.sendall(request_bytes(PLAIN))
        assert WORDS.encode() in whole_reply(wire).data
    assert url.startswith("https://")


# Faults


def stays_silent(raw: Raw, seen: Seen) -> bool:
    return raw.end == "silent" and seen.hung_up and not seen.billed_usd


def ends_early(raw: Raw) -> bool:
    return raw.end == "closed" and not raw.data.endswith(b"0\r\n\r\n")


# What each fault looks like to somebody who reads the bytes.
WIRE: dict[str, Callable[[Raw, Seen], bool]] = {
    "reset-before-headers": lambda raw, seen: raw == (b"", "reset"),
    "close-before-headers": lambda raw, seen: raw == (b"", "closed"),
    "reset-in-headers": lambda raw, seen: raw.end == "reset" and len(raw.data) == 40,
    "reset-after-headers": lambda raw, seen: raw.end == "reset" and raw.data.endswith(b"\r\n\r\n"),
    "reset-in-body": lambda raw, seen: raw.end == "reset" and "rains" in raw.body.decode(),
    "stall-before-headers": lambda raw, seen: stays_silent(raw, seen) and not raw.data,
    "stall-after-headers": lambda raw, seen: stays_silent(raw, seen) and raw.data.endswith(b"\r\n\r\n"),
    "stall-in-body": lambda raw, seen: stays_silent(raw, seen) and raw.text == "It",
    "drip": lambda raw, seen: raw.end == "silent" and raw.data.endswith(b"\r\n\r\n") and seen.hung_up,
    "slow-headers": lambda raw, seen: stays_silent(raw, seen) and raw.data == b"H",
    "cut-at-byte": lambda raw, seen: (
        raw.end == "closed" and raw.data.endswith(b"0\r\n\r\n") and b"[DONE]" not in raw.data
    ),
    "cut-after-event": lambda raw, seen: raw.text == "It" and raw.data.endswith(b"0\r\n\r\n"),
    "short-body": lambda raw, seen: raw.end == "closed" and 0 < len(raw.body) < length_told(raw),
    "broken-chunks": lambda raw, seen: ends_early(raw) and b"rains" in raw.data,
    "bad-chunks": lambda raw, seen: b"\r\nzz\r\n" in raw.data,
    "no-http": lambda raw, seen: raw.data.startswith(b"SSH-2.0"),
    "gzip-bomb": lambda raw, seen: len(raw.body) < 600_000 and b"Content-Encoding: gzip" in raw.head,
    "huge-body": lambda raw, seen: len(raw.data) >= 1 << 22 and length_told(raw) > 64 << 20,
    "huge-line": lambda raw, seen: len(raw.data) >= 1 << 22 and raw.data.count(b"data:") == 1,
    "endless-stream": lambda raw, seen: len(raw.data) >= 1 << 22 and raw.data.count(b"data:") > 10_000,
    "many-headers": lambda raw, seen: raw.head.count(b"\r\nX-More-") == 100_000,
    "long-header": lambda raw, seen: len(raw.data) >= 1 << 22 and b"X-More: aaa" in raw.data,
    "keep-alives": lambda raw, seen: raw.data.count(b": keep-alive\n\n") > 3 and b"data:" not in raw.data,
    "data-keep-alives": lambda raw, seen: raw.data.count(b"data: \n\n") > 3,
    "blank-lines": lambda raw, seen: raw.body.strip() == b"" and len(raw.body) > 3,
    "redirect": lambda raw, seen: raw.status == 307 and b"Location: http://elsewhere.invalid" in raw.head,
    "redirect-as-get": lambda raw, seen: raw.status == 302 and b"Location: http://elsewhere.invalid" in raw.head,
    "early-hints": lambda raw, seen: raw.status == 103 and b"HTTP/1.1 200 OK" in raw.data and seen.answered,
    "close-after": lambda raw, seen: raw.text == WORDS and raw.end == "closed" and seen.answered,
    "echo-key": lambda raw, seen: raw.status == 401,
}
# How many bytes come before the silence.
SILENT = {"stall-before-headers": 0, "stall-after-headers": 200, "stall-in-body": 600, "drip": 200, "slow-headers": 1}
ENDLESS = ("keep-alives", "data-keep-alives", "blank-lines")


def length_told(raw: Raw) -> int:
    return int(raw.head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])


def test_every_fault_is_looked_at() -> None:
    assert set(WIRE) == set(FAULTS)


@pytest.mark.parametrize("name", [name for name in WIRE if name not in (*ENDLESS, *SILENT)])
def test_a_fault_is_on_the_wire_and_in_the_log(name: str) -> None:
    raw, seen = faulty(name)
    assert WIRE[name](raw, seen), raw.data[:500]
    assert seen.fault == name
    assert bool(seen.billed_usd) == (name in ("early-hints", "close-after"))


@pytest.mark.parametrize("name", SILENT)
def test_who_stalls_is_left_and_paid_for_a_drip_alone(name: str) -> None:
    value = 60 if name in ("drip", "slow-headers") else None
    gateway = Gateway(lambda request: WORDS, faults=lambda seen: Fault(name, value))
    with gateway as url:
        raw = ask_in_vain(url, SILENT[name])
    assert WIRE[name](raw, gateway.log[0]), raw
    assert bool(gateway.log[0].billed_usd) == (name == "drip")


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_ends_when_the_client_leaves(name: str) -> None:
    gateway = Gateway(faults=lambda seen: Fault(name, 0.001))
    with gateway as url:
        raw = ask(url, most=1_000)
    assert WIRE[name](raw, gateway.log[0])
    assert gateway.log[0].hung_up and not gateway.log[0].billed_usd


@pytest.mark.parametrize("value", range(0, 1500, 97))
def test_a_stream_is_cut_at_the_byte_that_was_asked_for(value: int) -> None:
    whole = asked()[0].body
    raw, seen = faulty("cut-at-byte", value)
    assert raw.body == whole[:value]
    assert not seen.answered and not seen.billed_usd


def test_a_drip_comes_to_its_end_byte_by_byte() -> None:
    raw, seen = faulty("drip", 0)
    assert raw.text == WORDS and raw.data.count(b"\r\n1\r\n") > 500
    assert seen.answered and seen.billed_usd


def test_the_bomb_is_what_it_says() -> None:
    raw, _ = faulty("gzip-bomb", 3)
    assert gzip.decompress(raw.body) == b"a" * (3 << 20)
    assert len(raw.body) < 5_000


def test_an_error_may_repeat_the_key() -> None:
    with Gateway(faults=lambda seen: "echo-key") as url:
        assert b"sk-byts-canary" in ask(url, headers="Authorization: Bearer sk-byts-canary\r\n").body


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_sent_as_its_vendor_sends_it(name: str) -> None:
    raw, seen = faulty(name)
    assert (raw.status, raw.body) == (REFUSALS[name].status, REFUSALS[name].body)
    assert f"{raw.status}" == name[:3]
    assert (seen.status, seen.fault, seen.billed_usd) == (raw.status, name, Decimal(0))
    assert b"X-RateLimit-Remaining: 100.00" in raw.head


@pytest.mark.parametrize("name", RETRY_AFTER)
def test_a_wait_is_told_in_its_form(name: str) -> None:
    raw, _ = faulty(f"wait-{name}")
    assert raw.status == 429
    assert set(RETRY_AFTER[name](0)) <= {line.split(":")[0] for line in raw.head.decode().split("\r\n")}


@pytest.mark.parametrize("name", ODD)
def test_odd_bodies_come_whole_and_as_frames(name: str) -> None:
    raw, seen = faulty(f"body-{name}", request=PLAIN)
    assert (raw.status, raw.body, seen.billed_usd) == (200, odd_body(name)[0], Decimal(0))
    assert (raw.body == b"") == (name == "empty")
    assert name not in NO_ANSWER or raw.body == NO_ANSWER[name]
    assert faulty(f"frame-{name}")[0].body == b"".join(odd_frames(name))


def test_a_fault_that_nobody_knows_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="no fault is called 418"):
        Fault("418")


# Quirks


def usage_frames(raw: Raw) -> list[list[Any]]:
    return [frame["choices"] for frame in raw.frames if "usage" in frame]


def finishes(raw: Raw) -> list[Any]:
    return [
        choice["finish_reason"] for frame in raw.frames for choice in frame["choices"] if choice.get("finish_reason")
    ]


# By number: the wire with words, the wire with two tool calls.
QUIRKY: dict[int, Callable[[Raw, Raw], bool]] = {
    1: lambda words, tools: len(tools.calls) == 6 and not any("index" in call for call in tools.calls),
    2: lambda words, tools: finishes(tools) == ["stop"],
    3: lambda words, tools: {call["index"] for call in tools.calls} == {0},
    4: lambda words, tools: tools.calls[0].get("extra_content") == {"google": {"thought_signature": "sig-call_1"}},
    5: lambda words, tools: finishes(tools) == ["tool_calls", "stop"],
    6: lambda words, tools: words.text == WORDS and b"[DONE]" not in words.body,
    7: lambda words, tools: [len(choices) for choices in usage_frames(words)] == [1],
    8: lambda words, tools: usage_frames(words) == [[{"index": 0, "delta": {"content": ""}}]],
    9: lambda words, tools: usage_frames(words) == [],
    10: lambda words, tools: (
        words.deltas[0] == {"content": "It", "role": "assistant"}
        and [1 for frame in words.frames for choice in frame["choices"] if "finish_reason" in choice] == [1]
    ),
    11: lambda words, tools: len({frame["id"] for frame in words.frames}) == len(words.frames),
    12: lambda words, tools: b"Content-Type: text/plain" in words.head,
    13: lambda words, tools: b"data:{" in words.body and b"data: " not in words.body,
    14: lambda words, tools: words.body.count(b"\r\n\r\n") == words.body.count(b"data: "),
    15: lambda words, tools: b": OPENROUTER PROCESSING\n\n" in words.body and b": keep-alive\n\n" in words.body,
    16: lambda words, tools: b"data: \n\n" in words.body and b"data: : ping\n\n" in words.body,
    17: lambda words, tools: words.frames[0]["choices"] == [] and words.text == WORDS,
    18: lambda words, tools: b'data: {"error":' in words.body and b"[DONE]" not in words.body,
    19: lambda words, tools: b'"choices":null,"error":{' in words.body and words.status == 200,
    20: lambda words, tools: 0 < len(words.text) < len(WORDS) and not finishes(words) and b"[DONE]" not in words.body,
    24: lambda words, tools: words.text == "" and "".join(d.get("reasoning", "") for d in words.deltas) == WORDS,
    26: lambda words, tools: (
        "".join(c["function"]["arguments"] for c in tools.calls) == '{"city": "Oslo"{"city": "Rome"'
    ),
    27: lambda words, tools: not any("content" in delta for delta in tools.deltas),
}
ASKING = (21, 22, 23, 25)  # these look at the request; they are tried below


def test_every_quirk_is_looked_at() -> None:
    assert sorted([*QUIRKY, *ASKING]) == list(QUIRKS) == list(range(1, 28))


@pytest.mark.parametrize("number", QUIRKY)
def test_a_quirk_is_on_the_wire(number: int) -> None:
    words, seen = asked(quirks=(number,))
    tools, _ = asked(script=lambda request: TOOLS, quirks=(number,))
    assert QUIRKY[number](words, tools), (words.body, tools.body)
    assert not QUIRKY[number](*(asked(script=script)[0] for script in (None, lambda request: TOOLS)))
    assert bool(seen.billed_usd) == (number not in (18, 19, 20))


def test_a_quirk_may_be_the_fault_of_one_request() -> None:
    raw, seen = faulty("quirk-24", "reasoning_content")
    assert raw.deltas[1] == {"content": "", "reasoning_content": "It"}
    assert seen.fault == "quirk-24"


def test_glued_arguments_stand_in_one_frame() -> None:
    raw, _ = asked(script=lambda request: TOOLS, faults=lambda seen: Fault("quirk-3", "glued"))
    assert [call["function"]["arguments"] for call in raw.calls] == ['{"city": "Oslo"}{"city": "Rome"}']


def test_empty_lines_stand_before_a_whole_body() -> None:
    assert faulty("quirk-15", request=PLAIN)[0].body.startswith(b'\n\n\n{"id"')


def test_a_signature_must_come_back() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "sun", "arguments": "{}"}}
    kept = {**call, "extra_content": {"google": {"thought_signature": "sig-call_1"}}}
    statuses = []
    for returned in (call, kept):
        turn = [
            {"role": "assistant", "tool_calls": [returned]},
            {"role": "tool", "tool_call_id": "call_1", "content": "9"},
        ]
        statuses.append(asked({**STREAM, "messages": [*USER, *turn]}, quirks=(4,))[0].status)
    assert statuses == [400, 200]


@pytest.mark.parametrize(
    ("number", "kind", "status"),
    [(21, "json_object", 400), (21, "json_schema", 200), (22, "json_schema", 500), (22, "json_object", 200)],
)
def test_a_form_of_answer_is_refused(number: int, kind: str, status: int) -> None:
    form = {"type": kind, **({"json_schema": {"name": "a", "schema": SCHEMA}} if kind == "json_schema" else {})}
    raw, _ = asked({**STREAM, "response_format": form}, quirks=(number,))
    assert raw.status == status
    assert status == 200 or b"json_schema" in raw.body


def test_a_form_is_ignored_and_system_messages_are_joined() -> None:
    told: list[dict[str, Any]] = []

    def script(request: dict[str, Any]) -> str:
        told.append(request)
        return WORDS

    system = [{"role": "system", "content": text} for text in ("Be short.", "Be kind.")]
    messages = [system[0], *USER, system[1]]
    form = {"type": "json_object"}
    asked({**STREAM, "messages": messages, "response_format": form}, script, quirks=(23, 25))
    assert "response_format" not in told[0]
    assert told[0]["messages"] == [{"role": "system", "content": "Be short.\nBe kind."}, *USER]


# What is refused of a request


@pytest.mark.parametrize(
    ("refuses", "more", "status", "told"),
    [
        ({"stream_options": "422-forbidden"}, {}, 422, b"extra_forbidden"),
        ({"stream_options": "400"}, {}, 400, b"unsupported_parameter"),
        ({"max_tokens": "400"}, {"max_tokens": 9}, 400, b"max_completion_tokens"),
        ({"max_tokens": "400"}, {"max_completion_tokens": 9}, 200, b"data:"),
        ({"response_format.json_object": "400"}, {"response_format": {"type": "json_object"}}, 400, b"json_object"),
        ({"response_format.json_schema": "500"}, {"response_format": {"type": "json_object"}}, 200, b"data:"),
        (
            {"*": "422-detail"},
            {"grounding": {}},
            422,
            b'{"detail":"Unexpected fields in the request: {\'grounding\'}"}',
        ),
        ({"*": "500"}, {"grounding": {}}, 500, b"validation error"),
        ({"*": "422"}, {}, 200, b"data:"),
    ],
)
def test_fields_are_refused(refuses: dict[str, str], more: dict[str, Any], status: int, told: bytes) -> None:
    raw, seen = asked({**STREAM, **more}, refuses=refuses)
    assert raw.status == status and told in raw.body
    assert (seen.fault, bool(seen.billed_usd)) == ("", status == 200)


CALLING = {"role": "assistant", "tool_calls": [{"id": "a"}]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": ""}, "'model'"),
        ({"messages": []}, "'messages'"),
        ({"messages": [{"role": "poet", "content": "a"}]}, "poet"),
        ({"messages": [{"role": "user"}]}, "no content"),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "image_url",
        ),
        ({"messages": [*USER, CALLING, *USER]}, "no answer"),
        ({"messages": [*USER, {"role": "tool", "tool_call_id": "a", "content": "b"}]}, "no tool call"),
        ({"stream": False}, "stream_options"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "both"),
        ({"stop": list("abcde")}, "stop"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "a b"),
        ({"response_format": {"type": "json"}}, "json"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}}, "name"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "strict": True, "schema": {"type": "object", "properties": {"b": {}}}},
                }
            },
            "additionalProperties",
        ),
        ({"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "Hi"}]}, "'json'"),
    ],
)
def test_what_breaks_the_contract_is_refused(change: dict[str, Any], told: str) -> None:
    request = {**STREAM, **change}
    found = complaint(b"", request)
    assert found is not None and found.status == 400 and told in found.body.decode()
    assert asked(request)[0].body == found.body


def test_a_body_that_is_no_json_is_refused() -> None:
    with Gateway() as url:
        assert ask(url, b"{oh").status == 400
        assert ask(url, b"[1]").status == 400


# The log


def test_a_connection_serves_many_requests_and_takes_a_body_in_chunks() -> None:
    gateway = Gateway(lambda request: WORDS)
    with gateway as url, opened(url) as wire:
        for _ in range(3):
            wire.sendall(request_bytes(PLAIN))
            assert whole_reply(wire).status == 200
        body = json.dumps(PLAIN).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        wire.sendall(head)
        assert wire.recv(100).startswith(b"HTTP/1.1 100 ")
        wire.sendall(b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:5], len(body) - 5, body[5:]))
        assert whole_reply(wire).status == 200
    assert [(seen.number, seen.connection, seen.attempt) for seen in gateway.log] == [
        (1, 1, 1),
        (2, 1, 2),
        (3, 1, 3),
        (4, 1, 4),
    ]
    assert {seen.body for seen in gateway.log} == {body}
    assert gateway.log[0].headers == {"host": "a", "content-length": str(len(body))}
    assert all(seen.arrived_s <= (seen.first_byte_s or 0) <= (seen.ended_s or 0) + 1 for seen in gateway.log)


def whole_reply(wire: socket.socket) -> Raw:
    got = b""
    while b"\r\n\r\n" not in got or len(got.partition(b"\r\n\r\n")[2]) < length_told(Raw(got, "")):
        got += wire.recv(1 << 16)
    return Raw(got, "open")


def test_who_hangs_up_pays_for_what_was_sent() -> None:
    price = {"gemini-3-1-pro": Price(Decimal(1_000_000), Decimal(1), Decimal(0))}
    gateway = Gateway(lambda request: Answer(WORDS * 50, latency=Latency(0, 0.02)), prices=price)
    with gateway as url, opened(url) as wire:
        wire.sendall(request_bytes(STREAM))
        got = b""
        while b"north" not in got:
            got += wire.recv(1 << 16)
    seen = gateway.log[0]
    assert seen.hung_up and not seen.answered
    assert 5 <= seen.usage["completion_tokens"] < 350
    assert seen.billed_usd == seen.usage["prompt_tokens"] + Decimal(seen.usage["completion_tokens"]) / 1_000_000


def test_an_answer_comes_in_the_time_of_the_latency() -> None:
    _, seen = asked(latency=Latency(0.05, 0.01))
    assert seen.first_byte_s is not None and seen.ended_s is not None
    assert seen.first_byte_s - seen.arrived_s >= 0.05
    assert seen.ended_s - seen.arrived_s >= 0.05 + 8 * 0.01


def test_three_hundred_calls_with_mixed_faults_are_each_billed_once() -> None:
    rates = {"429": 0.05, "529": 0.05, "reset-before-headers": 0.04, "cut-after-event": 0.03, "quirk-18": 0.03}
    gateway = Gateway(lambda request: WORDS, faults=mixed(rates, seed=7))
    with gateway as url:
        for number in range(300):
            request = {**STREAM, "user": str(number)}
            while b"[DONE]" not in ask(url, request).data:
                pass
    billed = [seen.request["user"] for seen in gateway.log if seen.billed_usd]
    assert sorted(billed) == sorted(map(str, range(300)))
    assert 30 < sum(1 for seen in gateway.log if seen.fault) < 120
    assert gateway.summary()["billed_usd"] == str(sum(seen.billed_usd for seen in gateway.log))


def test_which_question_fails_does_not_follow_from_the_order() -> None:
    def failed(order: list[int]) -> set[tuple[str, str]]:
        gateway = Gateway(lambda request: WORDS, faults=mixed({"500": 0.3, Fault("cut-at-byte", 9): 0.2}, seed=1))
        with gateway as url:
            for number in order:
                ask(url, {**STREAM, "user": str(number)})
        return {(seen.request["user"], seen.fault) for seen in gateway.log}

    one, other = failed(list(range(40))), failed(list(reversed(range(40))))
    assert one == other
    assert {fault for _, fault in one} == {"", "500", "cut-at-byte"}


def test_faults_may_be_chosen_by_attempt_and_by_number() -> None:
    for faults, statuses in (
        (first(2, "503", "529"), [503, 529, 200, 200]),
        (numbered({2: "401"}), [200, 401, 200, 200]),
    ):
        gateway = Gateway(faults=faults)
        with gateway as url:
            for _ in range(4):
                ask(url)
        assert [seen.status for seen in gateway.log] == statuses


def test_a_script_that_fails_is_told() -> None:
    def script(request: dict[str, Any]) -> str:
        raise KeyError("the script is wrong")

    with pytest.raises(KeyError, match="the script is wrong"), Gateway(script) as url:
        ask(url)


# The model of the world


LONG = "It rains in Bergen. " * 1_300  # 6,500 tokens


def test_a_prefix_can_be_read_once_its_first_answer_began() -> None:
    slow = Latency(0.3)
    gateway = Gateway(lambda request: Answer("one two three four", latency=slow))
    question = {**STREAM, "messages": [{"role": "user", "content": LONG + "Why?"}]}
    with gateway as url, opened(url) as one, opened(url) as racing, opened(url) as after:
        one.sendall(request_bytes(question))
        racing.sendall(request_bytes(question))
        assert one.recv(1 << 16)
        after.sendall(request_bytes({**question, "messages": [{"role": "user", "content": LONG + "When?"}]}))
        for wire in (racing, after):
            assert_ends(wire)
        other = ask(url, {**question, "model": "gemini-3-flash"})
    cached = [seen.usage["prompt_tokens_details"]["cached_tokens"] for seen in gateway.log]
    assert cached == [0, 0, 6_400, 0]
    assert other.text == "one two three four"
    assert gateway.log[2].billed_usd == Decimal("0.001534")  # 6,400 × 0.20, 103 × 2.00 and 4 × 12.00 in a million


def assert_ends(wire: socket.socket) -> None:
    got = b""
    while b"[DONE]" not in got:
        data = wire.recv(1 << 16)
        assert data
        got += data


def test_a_short_or_an_old_prefix_is_not_cached() -> None:
    cache = PromptCache(lifetime_s=60)
    for prompt, model, later_s, cached in (
        (b"a" * 4 * 4_095, "gemini-3-1-pro", 1, 0),
        (b"a" * 4 * 4_096, "gemini-3-1-pro", 1, 4_096),
        (b"b" * 4 * 1_100, "gpt-5-5", 1, 1_024),
        (b"c" * 4 * 1_100, "gpt-5-5", 61, 0),
    ):
        cache.began(cache.look(model, prompt, 100), 100)
        assert cache.look(model, prompt, 100 + later_s).tokens_cached == cached


def test_only_what_is_shared_counts_and_only_above_the_minimum() -> None:
    cache = PromptCache()
    for shared, cached in ((4_000, 0), (4_200, 4_096)):
        start = b"%d" % shared + b"a" * 4 * shared
        cache.began(cache.look("gemini-3-1-pro", start + b"b" * 9_000, 0), 0)
        assert cache.look("gemini-3-1-pro", start + b"c" * 9_000, 1).tokens_cached == cached


def test_the_limiter_lets_in_what_it_allows() -> None:
    limiter = Limiter(Limits(requests_per_s=10, burst=2))
    let_in = [step for step in range(1, 101) if limiter.admit(1, 0, Decimal(0), step * 0.01) is None]
    assert len(let_in) == 2 + 9
    tokens = Limiter(Limits(tokens_per_min=600))
    assert tokens.admit(500, 0, Decimal(0), 0) is None
    met = tokens.admit(200, 0, Decimal(0), 0)
    assert met is not None and (met.name, met.wait_s) == ("429-tokens", 10)
    assert tokens.admit(200, 0, Decimal(0), 10.01) is None


def test_too_many_at_once_are_refused_as_the_vendor_does() -> None:
    gateway = Gateway(faults=numbered({1: "stall-before-headers"}), limits=Limits(at_once=1, retry_after=True))
    with gateway as url, opened(url) as wire:
        wire.sendall(request_bytes(STREAM))
        with closing(opened(url)) as second:
            second.sendall(request_bytes(PLAIN))
            refused = whole_reply(second)
    assert refused.status == 429 and json.loads(refused.body)["error"]["code"] == "concurrency_limit"
    assert b"Retry-After: 2" in refused.head
    assert most_open(gateway.log) == 2
    assert [seen.attempt for seen in gateway.log] == [1, 0]


def test_a_spent_account_is_refused() -> None:
    gateway = Gateway(lambda request: WORDS, limits=Limits(budget_usd=Decimal("0.0002")))
    with gateway as url:
        statuses = [ask(url).status for _ in range(4)]
    assert statuses == [200, 200, 402, 402]


def test_it_runs_in_a_loop_and_as_a_process() -> None:
    async def inside() -> str:
        async with Gateway(lambda request: WORDS) as gateway:
            return (await asyncio.to_thread(ask, gateway.url)).text

    assert asyncio.run(inside()) == WORDS
    options = ("--tokens", "5", "--fault", "cut-after-event:3=1")
    with subprocess.Popen(
        (sys.executable, "-m", "tests.gateway", *options),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        url = process.stdout.readline().strip()
        assert ask(url).text == "word word "
        control = url.removesuffix("/v1") + "/-/"
        assert json.load(urllib.request.urlopen(f"{control}sum"))["statuses"] == {"200": 1}
        assert json.load(urllib.request.urlopen(f"{control}log"))[0]["fault"] == "cut-after-event"
        assert json.load(urllib.request.urlopen(f"{control}forget"))["requests"] == 0
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("cut=0.1", "no fault is called cut; there is cut-at-byte, cut-after-event"),
        ("drp=0.1", "no fault is called drp; there is drip"),
        ("drip", "its rate is a number from 0 to 1, as in drip=0.1"),
        ("drip=9", "its rate is a number from 0 to 1, as in drip=0.1"),
    ],
)
def test_a_wrong_fault_on_the_command_line_is_told(
    fault: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gateway", "--fault", fault])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and capsys.readouterr().err.endswith(f"argument --fault: {told}\n")
