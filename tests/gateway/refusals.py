"""Every status that is no answer, with the bodies and headers that vendors send, by name."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status, a body and the headers that go with it."""

    status: int
    body: bytes
    headers: Mapping[str, str] | None = None
    content_type: str = "application/json"


def refused(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    code: str | int | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Refusal:
    """A refusal in the usual form."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Refusal(status, json.dumps({"error": error}).encode(), headers)


Moment = float  # Unix time in seconds
Headers = Callable[[Moment], Mapping[str, str]]

# Every way of saying when to come back, right or wrong.
RETRY_AFTER: dict[str, Headers] = {
    "seconds": lambda now: {"Retry-After": "1"},
    "float": lambda now: {"Retry-After": "0.5"},
    "ms": lambda now: {"retry-after-ms": "350"},
    "date": lambda now: {"Retry-After": formatdate(now + 2, usegmt=True)},
    "past": lambda now: {"Retry-After": formatdate(now - 3600, usegmt=True)},
    "old-date": lambda now: {"Retry-After": "Sunday, 06-Nov-94 08:49:37 GMT"},
    "negative": lambda now: {"Retry-After": "-5"},
    "nan": lambda now: {"Retry-After": "NaN"},
    "infinite": lambda now: {"Retry-After": "inf"},
    "empty": lambda now: {"Retry-After": ""},
    "words": lambda now: {"Retry-After": "soon"},
    "hour": lambda now: {"Retry-After": "3600"},
    "far-date": lambda now: {"Retry-After": formatdate(now + 86_400, usegmt=True)},
    "duration": lambda now: {"x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "0"},
    "long-duration": lambda now: {"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"},
    "reset-time": lambda now: {"X-RateLimit-Reset": str(int(now) + 2), "X-RateLimit-Remaining": "0"},
    "reset-hours": lambda now: {"X-RateLimit-Reset": str(int(now) + 7200), "X-RateLimit-Remaining": "0"},
    "upstream": lambda now: {"llm_provider-retry-after": "1"},
    "two": lambda now: {"retry-after-ms": "250", "Retry-After": "60"},
}

_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_LIMIT = "Rate limit reached for requests. Please try again in 1s."
_OVERFLOW = "This model's maximum context length is 1000000 tokens, but the messages hold 1200345 tokens."

REFUSALS: dict[str, Refusal] = {
    "400": refused(400, "Invalid value for 'temperature': it must be at most 2.", code="invalid_param"),
    "400-parameter": refused(
        400,
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        param="max_tokens",
        code="unsupported_parameter",
    ),
    "400-value": refused(
        400,
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) is supported.",
        param="temperature",
        code="unsupported_value",
    ),
    "400-overflow": refused(400, _OVERFLOW, param="messages", code="context_length_exceeded"),
    "400-overflow-text": refused(
        400, "litellm.BadRequestError: prompt is too long: 1200345 tokens > 1000000 maximum", kind="None", code="400"
    ),
    "400-model": refused(400, "The model 'gemini-9' does not exist.", param="model", code="model_not_found"),
    "400-unsupported-model": refused(400, "Model 'gemini-9' is not supported.", code="unsupported_model"),
    "400-json-word": refused(
        400, "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    ),
    "401": refused(401, "Incorrect API key provided.", kind="authentication_error", code="invalid_api_key"),
    "402": refused(402, "Insufficient balance.", kind="billing_error", code="insufficient_balance"),
    "402-quota": refused(
        402, "The quota of this organisation is used up.", kind="billing_error", code="quota_exceeded"
    ),
    "403": refused(
        403, "This model is not in the group of this key.", kind="permission_error", code="model_not_in_group"
    ),
    "403-address": refused(403, "This address may not use this key.", kind="permission_error", code="ip_not_allowed"),
    "403-moderation": refused(403, "The input was flagged.", kind="permission_error", code="content_policy_violation"),
    "404": refused(404, "No such route.", code="not_found"),
    "404-model": refused(404, "The model 'gemini-9' does not exist.", param="model", code="model_not_found"),
    "408": refused(408, "The request took too long.", kind="timeout_error", code="request_timeout"),
    "409": refused(409, "Another request holds the lock.", kind="conflict_error", code="conflict"),
    "413": refused(413, "The input exceeds 1M tokens.", kind="request_too_large"),
    "422": refused(422, "'reasoning_effort' is not allowed here.", param="reasoning_effort", code="invalid_param"),
    "422-detail": Refusal(422, b'{"detail":"Unexpected fields in the request: {\'grounding\'}"}'),
    "422-list": Refusal(
        422, b'{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required","input":{}}]}'
    ),
    "429": refused(429, _LIMIT, kind="rate_limit_error", code="rate_limit_exceeded"),
    "429-tokens": refused(
        429, "Too many tokens, please wait before trying again.", kind="rate_limit_error", code="rate_limit_exceeded"
    ),
    "429-concurrency": refused(
        429, "Too many requests of this account are open.", kind="rate_limit_error", code="concurrency_limit"
    ),
    "429-spend": refused(
        429,
        "The spend cap of this key is reached: bucket 5h, resets in 2 hours.",
        kind="rate_limit_error",
        code="spend_cap_exceeded",
    ),
    "429-quota": refused(429, _QUOTA, kind="insufficient_quota", code="insufficient_quota"),
    "429-credit": refused(429, "The credit is used up.", kind="billing_error", code="credit_balance_exhausted"),
    "429-spend-limit": refused(
        429,
        "The monthly limit of this workspace is reached.",
        kind="billing_error",
        code="workspace_spend_limit_exceeded",
    ),
    "429-monthly": Refusal(429, b'{"error":"Monthly usage limit reached. It resets in 16 days."}'),
    "429-upstream": refused(429, "litellm.RateLimitError: the provider is busy.", kind="None", code="429"),
    "500": refused(500, "The server had an error while processing the request.", kind="server_error"),
    "500-validation": refused(
        500, "1 validation error: response_format.type: Input should be 'text' or 'json_object'", kind="server_error"
    ),
    "500-empty": Refusal(500, b"", content_type="text/plain"),
    "502": Refusal(
        502, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", None, "text/html"
    ),
    "502-number": refused(502, "Provider returned error", code=502),
    "503": refused(503, "The model is overloaded. Please try again later.", kind="server_error"),
    "503-stay": refused(503, "Down for the day.", kind="server_error", headers={"x-should-retry": "false"}),
    "504": Refusal(504, b"upstream request timeout", None, "text/plain"),
    **{str(status): Refusal(status, b"error code: %d" % status, None, "text/plain") for status in range(520, 525)},
    "529": Refusal(529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'),
    "400-text": Refusal(400, b'{"error":"The prompt holds no user message."}'),
    "400-object": Refusal(
        400, b'{"object":"error","message":"The schema is not valid.","type":"BadRequestError","param":null,"code":400}'
    ),
    "400-again": refused(400, "A replica was lost.", headers={"x-should-retry": "true"}),
}


def waiting(name: str, now: Moment) -> Refusal:
    """A 429 that says when to come back, in one of the forms of `RETRY_AFTER`."""
    plain = REFUSALS["429"]
    return Refusal(plain.status, plain.body, RETRY_AFTER[name](now))
