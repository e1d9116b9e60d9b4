"""What a provider means when it answers with an error: whether to ask again, when, and what the author is told.

Statuses alone don't tell. A 429 may be a rate limit or a spent account, a 500 a field that the endpoint doesn't know,
a 400 an input that is too long, and the words differ from vendor to vendor; so the provider's own code is looked at
first, then its words, then the status.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from ..pattern import pattern
from .errors import BadRequest, ContentRefused, ModelError, Refused, Unreachable
from .quoting import shown
from .waits import wait_of

_MONEY_CODES = pattern(
    r"insufficient_(quota|balance|funds|credits?)|credit_balance_(exhausted|too_low)|quota_exceeded|billing\w*"
    r"|\w*spend_(limit|cap)\w*|payment_required|account_deactivated|exceeded_current_quota_error|arrearage"
)
_MONEY_WORDS = pattern(
    r"insufficient (balance|credits?|funds|quota)|credit balance is too low|out of credits|payment required"
    r"|(monthly|weekly|yearly) usage limit|spend(ing)? (limit|cap)|billing hard limit|no (more )?credits"
)
_QUOTA_WORDS = pattern(r"exceeded your current quota|usage limit (has been )?reached")
_RATE_WORDS = pattern(r"rate.?limit|too many (requests|tokens)|throttl")
_KEY_WORDS = pattern(
    r"(invalid|incorrect|missing|expired|no)\W+(\w+ )?api.?key|api.?key not (valid|found)|unauthorized"
)
_KEY_CODES = pattern(r"invalid_api_key|authentication_error|unauthorized|unauthenticated|invalid_authentication\w*")
_CONTENT_CODES = pattern(
    r"content_filter\w*|content_policy\w*|responsibleaipolicyviolation|moderation\w*|safety\w*|data_inspection_failed"
)
_CONTENT_WORDS = pattern(r"content (management )?policy|content filter|flagged|moderation|safety system|guardrail")
_LONG_CODES = pattern(r"context_length_exceeded|request_too_large|string_above_max_length")
_LONG_WORDS = pattern(
    r"maximum context length|exceeds? the context window|exceed(s|ed)? context limit|exceeds the available context size"
    r"|prompt is too long|maximum model length|input token count[^.]{0,40}exceeds"
    r"|exceeds the maximum number of tokens allowed|context window exceeded|context_length_exceeded"
)
_MODEL_CODES = pattern(r"model_not_found|unsupported_model|model_not_available|unknown_model")
_RATE_CODES = pattern(
    r"rate_limit\w*|concurrency_limit\w*|requests|tokens|too_many_requests|resource_exhausted|throttl\w*"
)
_REQUEST_CODES = pattern(r"invalid_\w*|unsupported_\w*|bad_?request\w*|unknown_parameter|not_found\w*|missing_\w*")

# A field is only given up if the endpoint doesn't know it, not if its value is out of range.
_UNKNOWN_WORDS = pattern(
    r"unsupported|not supported|n't supported|not support|n't support|unrecogni[sz]ed|unknown|unexpected|extra "
    r"|forbidden|not permitted|not allowed|not available|no longer|instead|not implemented"
    r"|validation error|validation_error"
)
_FORMAT_WORDS = pattern(r"response_format|json_schema|json_object|json mode|structured output|response schema")
_FORMAT_WRONG = pattern(
    r"must be|should be|invalid|validation|not |n't |unsupported|unrecogni|unknown|unexpected|extra|failed|cannot"
)


def error_of(
    status: int, headers: Mapping[str, str], body: bytes, now: float, hidden: Collection[str] = ()
) -> ModelError:
    """The error that an answer of this status is. `now` is Unix time; what is `hidden` is never shown."""
    headers = {name.lower(): value for name, value in headers.items()}
    return _judged(status, _told_in(body), headers, now, hidden)


def error_in(data: Mapping[str, Any], hidden: Collection[str] = ()) -> ModelError | None:
    """The error that stands in a reply which came with status 200, or in a piece of a stream; None if there is none."""
    if not data.get("error") and data.get("object") != "error" and data.get("type") != "error":
        return None
    said = _said(data)
    return _judged(said.status, said, {}, 0.0, hidden)


def adaptation_of(status: int, body: bytes) -> str | None:
    """The field that the endpoint refuses and that can be done without: the request may be sent again without it.

    One of "stream_options", "max_tokens", "max_completion_tokens", "response_format" and "messages": of these, what
    was sent back of an earlier answer as it came.
    """
    if status not in (400, 404, 422, 500, 501):
        return None
    said = _told_in(body)
    words = f"{said.words} {said.field}".lower()
    if _long(said, status):
        return None
    unknown = "unsupported" in said.code or "unknown_parameter" in said.code or bool(_UNKNOWN_WORDS.search(words))
    if status < 500 and unknown:
        if "stream_options" in words or "include_usage" in words:
            return "stream_options"
        named = re.search(r"max_(completion_)?tokens", said.field.lower() or words)
        if named:
            return named[0]
    wrong = bool(_FORMAT_WRONG.search(words)) or "unsupported" in said.code or "invalid" in said.code
    if _FORMAT_WORDS.search(words) and wrong:
        return "response_format"
    if status < 500 and unknown and re.search(r"\bmessages?\b|\bassistant\b", words):
        return "messages"
    # A server that stumbles over its own reading of the schema tells so in no fixed words.
    return "response_format" if status == 500 and "validation error" in words else None


# What was said


class _Said:
    """An error's words as the provider put them, whatever the form. `status` is what stands inside, 0 if nothing."""

    __slots__ = ("code", "field", "status", "words")

    def __init__(self, words: str, code: str = "", field: str = "", status: int = 0) -> None:
        self.words = words
        self.code = code  # its code and its type, in lower case, with a space between
        self.field = field
        self.status = status


def _told_in(body: bytes) -> _Said:
    text = body[:100_000].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, list) and data:
        data = data[0]  # Gemini wraps its errors in a list
    if isinstance(data, Mapping):
        return _said(data)
    return _Said(_titled(text) if text.startswith("<") else data if isinstance(data, str) else text)


def _said(data: Mapping[str, Any]) -> _Said:
    """`{"error": {…}}`, `{"error": "…"}`, `{"detail": …}`, `{"object": "error", …}` and their like."""
    error = data.get("error")
    inner: Mapping[str, Any] = error if isinstance(error, Mapping) else data
    field = _text(inner.get("param"))
    words = error if isinstance(error, str) else _text(inner.get("message")) or _text(data.get("message"))
    nested = inner.get("message")  # a message that is a record itself, as some hand on what a server below them said
    detail = nested.get("detail") if isinstance(nested, Mapping) else inner.get("detail", data.get("detail"))
    if not words and detail is not None:
        words, found = _detailed(detail)
        field = field or found
    metadata = inner.get("metadata")
    raw = _text(metadata.get("raw")) if isinstance(metadata, Mapping) else ""
    if raw and raw not in words:  # OpenRouter's own words are only "Provider returned error"
        words = f"{words}: {raw}"
    codes = [_text(inner.get(name)) for name in ("code", "type", "status")]
    number = next((int(code) for code in codes if re.fullmatch(r"[45][0-9][0-9]", code)), 0)
    names = " ".join(code.lower() for code in codes if code and not code.isdigit())
    return _Said(words or ("" if names else json.dumps(inner, ensure_ascii=False)), names, field, number)


def _detailed(detail: object) -> tuple[str, str]:
    """The words of a `detail`, and the field that it is about: a text, or a list of what is wrong where."""
    if not isinstance(detail, list):
        return (detail, "") if isinstance(detail, str) else (json.dumps(detail, ensure_ascii=False), "")
    told, field = [], ""
    for one in detail[:5]:
        if not isinstance(one, Mapping):
            told.append(_text(one))
            continue
        place = one.get("loc")
        path = ".".join(_text(step) for step in place if step != "body") if isinstance(place, list) else ""
        field = field or path
        said = _text(one.get("msg")) or _text(one.get("message"))
        told.append(f"{path}: {said}" if path else said)
    return "; ".join(told), field


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9 else ""


def _titled(html: str) -> str:
    title = re.search(r"<title[^>]*>([^<]{1,200})", html, re.IGNORECASE)
    return f"a web page, `{title[1].strip()}`" if title else "a web page"


# What it means


def _judged(status: int, said: _Said, headers: Mapping[str, str], now: float, hidden: Collection[str]) -> ModelError:
    words, code = said.words.lower(), said.code
    name = code.partition(" ")[0]
    told = shown(said.words, hidden=hidden) or shown(code)
    number = f" ({status})" if status else ""
    ending = f"{number}: {told}" if told else number
    throttled = (
        status == 429 or _has(_RATE_CODES, code) or (status in (0, 400, 503) and bool(_RATE_WORDS.search(words)))
    )
    # What is left of the limits is told with every answer. With too many open calls, it is the account's money.
    limited = (throttled or status == 402) and "concurren" not in code and "concurren" not in words
    heard = headers if limited else {name: value for name, value in headers.items() if "ratelimit" not in name}
    wait_s = wait_of(heard, said.words, now)

    if status == 402 or _spent(status, said, words, wait_s):
        return Refused(f"the account is spent{ending}", wait_s=wait_s, final=True, code=name, status=status or None)
    if not throttled and status not in (401, 402):
        if _long(said, status):
            return BadRequest(f"the input is longer than the model takes{ending}", code=name, status=status or None)
        if status in (0, 400, 403, 422) and (_has(_CONTENT_CODES, code) or _CONTENT_WORDS.search(words)):
            return ContentRefused(f"the provider does not allow the content{ending}", code=name, status=status or None)
    if status == 401 or (status in (0, 400, 403) and (_has(_KEY_CODES, code) or _KEY_WORDS.search(words))):
        return Refused(f"the provider does not accept the key{ending}", final=True, code=name, status=status or None)
    if status == 403 or (status == 0 and "permission" in code):
        return Refused(f"the provider does not allow this{ending}", final=True, code=name, status=status or None)
    if throttled:
        full = f"the provider takes no more for now{ending}"
        return _heeding(headers, Unreachable(full, wait_s=wait_s, code=name, status=status or 429))
    if _has(_MODEL_CODES, code) or (status == 404 and "model" in words):
        return BadRequest(f"the provider does not have the model{ending}", code=name, status=status or None)
    if status == 404:
        return BadRequest(f"there is nothing at the provider's address{ending}", code=name, status=status)
    if status in (500, 501) and adaptation_of(status, said.words.encode("utf-8", "replace")):
        return BadRequest(f"the provider does not take the request{ending}", code=name, status=status)
    if 300 <= status < 400:
        goes = shown(headers.get("location", "").partition("?")[0], 200)
        where = f"{number} to {goes}" if goes else number
        return _never(Unreachable(f"the provider's address sends elsewhere{where}", code=name, status=status))
    if status in (408, 409, 425) or status >= 500:
        said_so = "is overloaded" if status in (503, 529) or "overloaded" in code else "failed"
        passing = Unreachable(f"the provider {said_so}{ending}", wait_s=wait_s, code=name, status=status)
        return _heeding(headers, passing)
    if status == 0 and not _has(_REQUEST_CODES, code):
        return Unreachable(f"the provider failed{ending}", wait_s=wait_s, code=name)
    return _heeding(
        headers, BadRequest(f"the provider does not take the request{ending}", code=name, status=status or None)
    )


def _spent(status: int, said: _Said, words: str, wait_s: float | None) -> bool:
    if status not in (0, 400, 403, 429):
        return False
    if _has(_MONEY_CODES, said.code) or _MONEY_WORDS.search(words):
        return True
    # Gemini says the same of a rate limit, and then tells when to come back.
    return bool(_QUOTA_WORDS.search(words)) and wait_s is None and "resource_exhausted" not in said.code


def _long(said: _Said, status: int) -> bool:
    words = said.words.lower()
    if status == 429 or "too many tokens" in words or "rate limit" in words:
        return False
    return status == 413 or _has(_LONG_CODES, said.code) or bool(_LONG_WORDS.search(words))


def _has(codes: re.Pattern[str], code: str) -> bool:
    return any(codes.fullmatch(word) for word in code.split())


def _heeding(headers: Mapping[str, str], error: ModelError) -> ModelError:
    """The error, or the provider's own word on whether it may be sent again."""
    word = headers.get("x-should-retry", "").strip().lower()
    if word in ("true", "false"):
        error.retryable = word == "true"
    return error


def _never(error: ModelError) -> ModelError:
    error.retryable = False
    return error
