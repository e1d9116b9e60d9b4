import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.models.errors import BadRequest, ContentRefused, ModelError, Refused, Unreachable
from flowlang.models.refusals import adaptation_of, error_of
from flowlang.models.waits import MAX_S

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def body(message: str = "", code: Any = None, type_: str = "", param: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": type_, "param": param, "code": code}}).encode()


def judged(status: int, told: bytes = b"", **headers: str) -> ModelError:
    named = {name.replace("_", "-").replace("llm-", "llm_"): value for name, value in headers.items()}
    return error_of(status, named, told, NOW)


PASSES = (Unreachable, True, False)
FINAL = (Refused, False, True)
NEVER = (BadRequest, False, False)
CONTENT = (ContentRefused, False, False)


@pytest.mark.parametrize(
    ("status", "told", "expected"),
    [
        (400, body("Invalid value", "invalid_param", "invalid_request_error"), NEVER),
        (400, body("This model's maximum context length is 128000 tokens", "context_length_exceeded"), NEVER),
        (400, body("The model `x` does not exist", "model_not_found"), NEVER),
        (400, body("The response was filtered", "content_filter"), CONTENT),
        (400, body("Your request was rejected by our safety system", "content_policy_violation"), CONTENT),
        (400, json.dumps([{"error": {"code": 400, "message": "API key not valid.", "status": "X"}}]).encode(), FINAL),
        (400, body("Your credit balance is too low to access the API", None, "invalid_request_error"), FINAL),
        (400, body("Too many tokens, please wait before trying again."), PASSES),
        (401, body("Incorrect API key provided: sk-abc123"), FINAL),
        (401, b"", FINAL),
        (402, body("Balance", "insufficient_balance"), FINAL),
        (402, body("Quota", "quota_exceeded"), FINAL),
        (403, body("Not in your group", "model_not_in_group"), FINAL),
        (403, b"<html><title>Forbidden</title></html>", FINAL),
        (403, body("Your input was flagged", 403), CONTENT),
        (404, body("The model `x` does not exist"), NEVER),
        (404, b"404 page not found", NEVER),
        (405, b"", NEVER),
        (408, b"", PASSES),
        (409, body("lock"), PASSES),
        (413, b"", NEVER),
        (413, body("Request exceeds the maximum size", None, "request_too_large"), NEVER),
        (422, body("`reasoning_effort` is not supported", "unsupported_parameter"), NEVER),
        (422, json.dumps({"detail": "Unexpected fields: {'grounding'}"}).encode(), NEVER),
        (429, b"", PASSES),
        (429, body("Rate limit reached for requests", "rate_limit_exceeded", "requests"), PASSES),
        (429, body("Too many open calls", "concurrency_limit", "rate_limit_error"), PASSES),
        (429, body("You exceeded your current quota, check your plan", "insufficient_quota"), FINAL),
        (429, body("x", "credit_balance_exhausted"), FINAL),
        (429, body("x", "daily_spend_limit_exceeded"), FINAL),
        (429, body("Monthly usage limit reached. Resets in 16 days"), FINAL),
        (429, body("You exceeded your current quota. Please retry in 34.5s.", 429), PASSES),
        (429, body("You exceeded your current quota", 429, "RESOURCE_EXHAUSTED"), PASSES),
        (429, body("maximum context length", "429"), PASSES),
        (500, body("Internal server error", None, "server_error"), PASSES),
        (500, body("litellm.BadRequestError: prompt is too long: 300000 tokens", "400"), NEVER),
        (500, json.dumps({"detail": "1 validation error for response_format"}).encode(), NEVER),
        (500, body("Rate limit: your input token count of this minute exceeds 4 million"), PASSES),
        (502, b"<html><title>502 Bad Gateway</title></html>", PASSES),
        (503, body("The engine is overloaded"), PASSES),
        (504, b"", PASSES),
        (520, b"", PASSES),
        (524, b"", PASSES),
        (529, body("Overloaded", None, "overloaded_error"), PASSES),
        (302, b"", (Unreachable, False, False)),
    ],
)
def test_what_each_status_means(status: int, told: bytes, expected: tuple[type, bool, bool]) -> None:
    error = judged(status, told)
    assert (type(error), error.retryable, error.final) == expected
    assert error.status == status


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (body("Bad thing", "invalid_param"), "(400): Bad thing"),
        (b'{"error": "Bad thing"}', "(400): Bad thing"),
        (b'{"detail": "Bad thing"}', "(400): Bad thing"),
        (b'{"detail": [{"loc": ["body", "seed"], "msg": "Bad thing"}]}', "(400): seed: Bad thing"),
        (b'{"object": "error", "message": "Bad thing", "code": 400}', "(400): Bad thing"),
        (b'{"message": "Bad thing"}', "(400): Bad thing"),
        (b'{"error": {"message": "Provider error", "metadata": {"raw": "Bad thing"}}}', "Provider error: Bad thing"),
        (b'{"error": {"code": "odd_code"}}', "(400): odd_code"),
        (b"Bad thing\n", "(400): Bad thing"),
        (b"<html>\n<TITLE>Bad thing</TITLE>", "(400): a web page, `Bad thing`"),
        (b"", "(400)"),
        (b"\xff\xfe{", "(400): \ufffd\ufffd{"),
    ],
)
def test_the_providers_words_are_shown_in_any_form(told: bytes, words: str) -> None:
    assert judged(400, told).message.endswith(words)


def test_words_are_harmless_short_and_without_keys() -> None:
    told = "Bad\x1b[31m\nkey sk-proj-a1b2c3d4e5, Bearer abc.def and my-own-key " + "x" * 10_000
    error = error_of(400, {}, body(told), NOW, hidden=("my-own-key",))
    assert "Bad [31m key …, … and …" in error.message
    assert len(error.message) < 560
    assert "sk-ab" not in judged(401, body("Incorrect API key provided: sk-ab****yz. Find yours at x")).message
    assert "key-value pairs" in judged(400, body("metadata takes key-value pairs")).message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "3"}, 3),
        ({"retry_after": " 0.25 "}, 0.25),
        ({"retry_after": "3600"}, 3600),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"Retry_After": "Fri, 15 Jan 2027 08:00:20 GMT"}, 20),
        ({"retry_after": "Fri, 15 Jan 2027 07:59:00 GMT"}, None),
        ({"retry_after": "Fri, 45 Jan 2027 08:00:20 GMT"}, None),
        ({"retry_after": str(int(NOW) + 30)}, 30),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "0"}, None),
        ({"retry_after": "NaN"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "1e300"}, MAX_S),
        ({"retry_after": "9" * 400}, None),
        ({"retry_after": "", "retry_after_ms": "NaN", "llm_provider_retry_after": "1"}, 1),
        ({"x_ratelimit_reset_requests": "1s", "x_ratelimit_reset_tokens": "6m0s"}, 360),
        ({"x_ratelimit_reset_tokens": "6m0s", "x_ratelimit_remaining_tokens": "100"}, None),
        ({"x_ratelimit_reset_requests": "120ms", "x_ratelimit_remaining_requests": "0"}, 0.12),
        ({"x_ratelimit_reset": str(int(NOW) + 7200), "x_ratelimit_remaining": "0.00"}, 7200),
        ({"x_ratelimit_reset": str(int(NOW) + 7200), "x_ratelimit_remaining": "12.5"}, None),
        ({"x_ratelimit_reset": str(int(NOW) - 5)}, None),
        ({"x_ratelimit_reset": "."}, None),
        ({}, None),
    ],
)
def test_every_form_of_waiting(headers: dict[str, str], seconds: float | None) -> None:
    assert judged(429, b"", **headers).wait_s == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Please try again in 20s.", 20),
        ("Please try again in 7m12s. Visit x", 432),
        ("Please try again in 120ms", 0.12),
        ("Please retry in 34.5s.", 34.5),
        ("try again in 2 minutes", 120),
        ("Retry after 3 seconds", 3),
        ("The cap of 5 hours is reached. It resets in 2 hours.", 7200),
        ("Please try again in some time", None),
        ("try again in ...s", None),
    ],
)
def test_a_wait_may_stand_in_the_words(words: str, seconds: float | None) -> None:
    assert judged(429, body(words)).wait_s == seconds


def test_a_limit_that_has_run_out_goes_before_words() -> None:
    reset = {"x_ratelimit_reset": str(int(NOW) + 7200), "x_ratelimit_remaining": "0"}
    assert judged(429, body("Please try again in 1s."), **reset).wait_s == 7200


def test_limits_of_money_are_no_wait_for_too_many_calls_or_a_failure() -> None:
    reset = {"x_ratelimit_reset": str(int(NOW) + 7200), "x_ratelimit_remaining": "0"}
    assert judged(429, body("Too many", "concurrency_limit"), **reset).wait_s is None
    assert judged(503, b"", **reset).wait_s is None
    assert judged(503, b"", retry_after="7", **reset).wait_s == 7
    spent = judged(429, body("5 hour cap", "key_spend_limit_exceeded"), **reset)
    assert (spent.final, spent.wait_s) == (True, 7200)


def test_a_provider_may_say_itself_whether_to_ask_again() -> None:
    assert not judged(500, b"", x_should_retry="false").retryable
    assert judged(400, b"", x_should_retry="true").retryable
    assert not judged(402, b"", x_should_retry="true").retryable


@pytest.mark.parametrize(
    ("status", "told", "field"),
    [
        (400, body("Unsupported parameter: 'max_tokens'", "unsupported_parameter", "", "max_tokens"), "max_tokens"),
        (400, body("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."), "max_tokens"),
        (400, body("Unrecognized request argument supplied: max_completion_tokens"), "max_completion_tokens"),
        (400, body("max_tokens is too large: 99999. This model supports at most 4096", None, "", "max_tokens"), None),
        (422, b'{"detail": [{"loc": ["body", "stream_options"], "msg": "Input not permitted"}]}', "stream_options"),
        (400, body("stream_options: property 'stream_options' is unsupported"), "stream_options"),
        (422, b'{"detail": "Unexpected fields in the request: {\'stream_options\'}"}', "stream_options"),
        (400, body("This response_format type is unavailable now, not supported"), "response_format"),
        (400, body("Invalid schema for response_format 'x'", None, "invalid_request_error"), "response_format"),
        (400, body("This model does not support structured output"), "response_format"),
        (422, b'{"detail": "Unexpected fields: {\'grounding\'}"}', None),
        (400, body("'messages.2' : property 'reasoning_content' is unsupported"), "messages"),
        (422, b'{"detail": [{"loc": ["body", "messages", 1, "assistant", "x"], "msg": "Extra inputs"}]}', "messages"),
        (400, body("maximum context length is 10, max_tokens not supported", "context_length_exceeded"), None),
        (400, body("The model does not exist", "model_not_found"), None),
        (401, body("response_format is not supported"), None),
        (429, body("response_format is not supported"), None),
        (500, body("Internal error"), None),
        (500, b"", None),
    ],
)  # fmt: skip
def test_a_field_that_can_be_done_without(status: int, told: bytes, field: str | None) -> None:
    assert adaptation_of(status, told) == field


@given(
    st.integers(100, 599),
    st.binary() | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from("error message detail loc msg code type param status metadata raw object".split()), inner
        ),
    ).map(lambda data: json.dumps(data).encode()),
    st.dictionaries(st.sampled_from(("retry-after", "retry-after-ms", "x-ratelimit-reset", "location")), st.text()),
)  # fmt: skip
def test_any_answer_is_an_error_that_can_be_told(status: int, told: bytes, headers: dict[str, str]) -> None:
    error = error_of(status, headers, told, NOW)
    assert error.message.isprintable()
    assert error.wait_s is None or 0 < error.wait_s <= MAX_S
    adaptation_of(status, told)


def test_a_trap_in_an_error_does_no_harm() -> None:
    for told in (b"[" * 100_000, b'{"error":' * 20_000, b'{"error": {"code": ' + b"9" * 5000 + b"}}"):
        assert isinstance(judged(503, told), Unreachable)
