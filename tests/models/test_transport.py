"""The HTTP client for models, against servers that misbehave."""

import asyncio
import json
import ssl
from pathlib import Path

import pytest

from flowlang.models import transport as subject
from flowlang.models.chat import ChatMessage, ChatRequest, Chunk, Reply
from flowlang.models.dialects import NOTHING, Known
from flowlang.models.errors import ModelError
from flowlang.models.providers import Endpoint
from flowlang.models.transport import Transport
from flowlang.models.wire import body_of
from tests.gateway import Fault, Gateway

KEY = "sk-canary-123456"
PEM = Path(__file__).resolve().parents[1] / "run" / "weather.test.pem"


def asked(
    url: str,
    times: int = 1,
    text: str = "Say hello.",
    environment: dict[str, str] | None = None,
    dialects: Known = NOTHING,
) -> list[Reply]:
    """The replies to a question that is asked so many times, one after the other."""

    async def ask() -> list[Reply]:
        endpoints = {"x": Endpoint("x", url, KEY)}
        transport = Transport(endpoints, lambda model: ("x", model), 4, environment or {}, dialects=dialects)
        chunks: list[Chunk] = []
        request = ChatRequest("gpt-5-4", (ChatMessage("user", (text,)),))
        try:
            return [await transport.complete(request, chunks.append) for _ in range(times)]
        finally:
            await transport.close()

    return asyncio.run(ask())


def refused(url: str, **options: object) -> ModelError:
    with pytest.raises(ModelError) as error:
        asked(url, **options)  # type: ignore[arg-type]
    assert KEY not in error.value.message
    return error.value


def test_a_connection_is_used_again() -> None:
    gateway = Gateway()
    with gateway as url:
        asked(url, 5)
        assert (len(gateway.log), gateway.connections) == (5, 1)


def test_what_an_endpoint_refused_in_an_earlier_run_is_not_tried_again() -> None:
    kept: dict[tuple[str, str], str] = {}
    gateway = Gateway(refuses={"stream_options": "400"})
    with gateway as url:
        for _ in range(2):
            asked(url, dialects=Known(kept, lambda origin, model, body: kept.update({(origin, model): body})))
        assert [seen.status for seen in gateway.log] == [400, 200, 200]


def test_the_body_is_the_one_that_preview_shows() -> None:
    gateway = Gateway()
    with gateway as url:
        asked(url)
        request = ChatRequest("gpt-5-4", (ChatMessage("user", ("Say hello.",)),))
        assert json.loads(gateway.log[0].body) == body_of(request)
        assert gateway.log[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_large_question_is_sent_in_pieces_and_arrives_whole() -> None:
    gateway = Gateway()
    with gateway as url:
        asked(url, text="long words " * 100_000)
        assert gateway.log[0].request["messages"][0]["content"] == "long words " * 100_000


@pytest.mark.parametrize("fault", ["redirect", "redirect-as-get"])
def test_a_redirect_is_not_followed_and_no_key_leaves(fault: str) -> None:
    other = Gateway()
    with other as elsewhere, Gateway(faults=lambda seen: Fault(fault, elsewhere)) as url:
        error = refused(url)
        assert not error.retryable or error.rule == "unreachable"
        assert other.log == []


@pytest.mark.parametrize("fault", ["gzip-bomb", "huge-body", "huge-line", "endless-stream"])
def test_an_answer_without_end_is_cut_at_the_cap(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST_BYTES", 300_000)
    with Gateway(faults=lambda seen: fault) as url:
        assert "larger than" in refused(url).message


def test_an_answer_that_stops_in_the_middle_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "IDLE_S", 0.15)
    with Gateway(faults=lambda seen: "stall-in-body") as url:
        error = refused(url)
        assert error.rule == "unreachable" and error.retryable


def test_a_certificate_that_proves_nothing_is_refused() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(PEM)
    gateway = Gateway(tls=tls)
    with gateway as url:
        error = refused(url.replace("http://", "https://"))
        assert error.rule == "unreachable" and not error.retryable and "prove" in error.message
        assert gateway.log == []


@pytest.mark.parametrize("key", ["sk-canary\r\nX-Evil: 1", "sk-canary\n1", "sk-canary\x00", "sk-canary-ключ"])
def test_a_key_that_no_header_can_hold_is_told_and_never_sent(key: str) -> None:
    gateway = Gateway()
    with gateway as url:

        async def ask() -> None:
            transport = Transport({"x": Endpoint("x", url, key)}, lambda model: ("x", model), 4, {})
            await transport.complete(ChatRequest("gpt-5-4", (ChatMessage("user", ("Hi.",)),)), lambda chunk: None)

        with pytest.raises(ModelError) as error:
            asyncio.run(ask())
        told = "the key of the provider `x` has a line break or another sign in it that no key has"
        assert (error.value.message, error.value.final, gateway.connections) == (told, True, 0)


@pytest.mark.parametrize("fault", ["many-headers", "long-header", "no-http", "bad-chunks", "early-hints"])
def test_a_head_that_is_none_is_told(fault: str) -> None:
    with Gateway(faults=lambda seen: fault) as url:
        if fault == "early-hints":
            assert asked(url)[0].text
            return
        error = refused(url)
        assert error.retryable and "cannot be read: it" in error.message


def test_nobody_there() -> None:
    with Gateway() as url:
        pass
    error = refused(url)
    assert error.rule == "unreachable" and error.retryable and "refused" in error.message
    assert "no host" in refused("http://no-such-host.invalid/v1").message


def test_a_proxy_is_no_way_to_this_computer() -> None:
    with Gateway() as url:
        assert asked(url, environment={"HTTP_PROXY": "http://127.0.0.1:9"})[0].text


def test_a_line_is_kept_after_a_refusal_and_given_up_after_a_broken_answer() -> None:
    for fault, lines in (("500", 1), ("429-concurrency", 1), ("cut-at-byte", 1), ("reset-in-body", 2)):
        gateway = Gateway(faults=lambda seen, fault=fault: fault if seen.number == 1 else None)  # type: ignore[misc]
        with gateway as url:

            async def ask(url: str = url) -> Reply:
                transport = Transport({"x": Endpoint("x", url, KEY)}, lambda model: ("x", model), 4, {})
                request = ChatRequest("gpt-5-4", (ChatMessage("user", ("Say hello.",)),))
                try:
                    with pytest.raises(ModelError):
                        await transport.complete(request, lambda chunk: None)
                    return await transport.complete(request, lambda chunk: None)
                finally:
                    await transport.close()

            assert asyncio.run(ask()).text
            assert (fault, gateway.connections) == (fault, lines)
