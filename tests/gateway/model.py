"""How the stand-in's world behaves: latency, prices, the prompt cache, the limits."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

BYTES_A_TOKEN = 4
BLOCK_TOKENS = 128  # the steps in which a prefix is cached
BLOCK_BYTES = BLOCK_TOKENS * BYTES_A_TOKEN
IMAGE_TOKENS = 300


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds to the first token, for each further one, and before it for each token that no cache held."""

    first_token_s: float = 0.0
    per_token_s: float = 0.0
    per_input_token_s: float = 0.0

    def before_s(self, tokens_in: int, tokens_cached: int) -> float:
        """From the request's end to the first token."""
        return self.first_token_s + self.per_input_token_s * (tokens_in - tokens_cached)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    tokens_in: Decimal
    tokens_out: Decimal
    tokens_cached: Decimal

    def of(self, usage: Mapping[str, Any]) -> Decimal:
        """What a call of this usage costs."""
        cached: int = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        fresh: int = usage.get("prompt_tokens", 0) - cached
        out: int = usage.get("completion_tokens", 0)
        return (fresh * self.tokens_in + cached * self.tokens_cached + out * self.tokens_out) / 1_000_000


def _price(tokens_in: str, tokens_out: str, cached: str) -> Price:
    return Price(Decimal(tokens_in), Decimal(tokens_out), Decimal(cached))


PRICES: Mapping[str, Price] = {
    "gemini-3-1-pro": _price("2.00", "12.00", "0.20"),
    "gemini-2-5-flash": _price("0.50", "3.00", "0.05"),
    "gpt-5-5": _price("5.00", "30.00", "0.50"),
    "gpt-5-4": _price("2.50", "15.00", "0.25"),
    "gpt-5-4-mini": _price("0.75", "4.50", "0.075"),
    "gpt-5-4-nano": _price("0.20", "1.25", "0.02"),
    "claude-sonnet-4-6": _price("3.00", "15.00", "0.30"),
}
OTHER_PRICE = _price("1.00", "4.00", "0.10")

# The shortest prefix that is cached, in tokens, by how the model's id begins; the first that fits counts.
CACHE_MINIMUM: tuple[tuple[str, int], ...] = (
    ("gemini-2", 2048),
    ("gemini", 4096),
    ("gpt", 1024),
    ("claude-opus", 4096),
    ("", 1024),
)


def cache_minimum(model: str) -> int:
    """The shortest prefix of this model that is cached."""
    return next(tokens for start, tokens in CACHE_MINIMUM if model.startswith(start))


def prompt_of(request: Mapping[str, Any]) -> bytes:
    """What the model reads, in the order in which its prefix is cached: tools, the answer's form, messages."""
    parts: list[bytes] = []
    for name in ("tools", "response_format"):
        if name in request:
            parts.append(json.dumps(request[name]).encode())
    for message in request["messages"]:
        parts.append(message["role"].encode())
        content = message.get("content")
        for part in content if isinstance(content, list) else [{"type": "text", "text": content or ""}]:
            if part.get("type") == "text":
                parts.append(part["text"].encode("utf-8", "surrogatepass"))
            else:  # an image counts the same whatever its size
                digest = hashlib.blake2b(json.dumps(part).encode(), digest_size=20).hexdigest().encode()
                parts.append(digest * (IMAGE_TOKENS * BYTES_A_TOKEN // len(digest)))
        if calls := message.get("tool_calls"):
            parts.append(json.dumps(calls).encode())
    return b"\n".join(parts)


@dataclass(frozen=True, slots=True)
class Prefix:
    """What of a prompt was in the cache, and what will be there once its answer begins."""

    tokens_in: int
    tokens_cached: int
    keys: tuple[tuple[str, int], ...] = ()


class PromptCache:
    """Prefixes of prompts, for each model, readable only from the moment their first answer began."""

    def __init__(self, lifetime_s: float = 300.0) -> None:
        self._lifetime_s = lifetime_s
        self._used_s: dict[tuple[str, int], float] = {}

    def look(self, model: str, prompt: bytes, now_s: float) -> Prefix:
        """How much of the prompt can be read at this moment."""
        tokens = -(-len(prompt) // BYTES_A_TOKEN)
        minimum = cache_minimum(model)
        if tokens < minimum:
            return Prefix(tokens, 0)
        keys = []
        chained = 0
        for start in range(0, len(prompt) - BLOCK_BYTES + 1, BLOCK_BYTES):
            chained = hash((chained, prompt[start : start + BLOCK_BYTES]))
            keys.append((model, chained))
        blocks = 0
        for key in keys:
            if now_s - self._used_s.get(key, float("-inf")) > self._lifetime_s:
                break
            blocks += 1
        cached = blocks * BLOCK_TOKENS
        return Prefix(tokens, cached if cached >= minimum else 0, tuple(keys))

    def began(self, prefix: Prefix, now_s: float) -> None:
        """The answer to a prompt begins: from now on its prefix can be read."""
        self._used_s.update(dict.fromkeys(prefix.keys, now_s))


@dataclass(frozen=True, slots=True)
class Limits:
    """What is let through; None: without a limit. `burst` requests may come at once, then `requests_per_s`.

    `retry_after`: whether a 429 says when to come back. `budget_usd`: what is in the account.
    """

    requests_per_s: float | None = None
    burst: int = 1
    tokens_per_min: int | None = None
    at_once: int | None = None
    budget_usd: Decimal | None = None
    retry_after: bool = False


@dataclass(frozen=True, slots=True)
class TooMuch:
    """Which limit a request met (the name of a refusal), and when it is worth trying again."""

    name: str
    wait_s: float


class Limiter:
    """Counts what is let through."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests = float(limits.burst)
        self._tokens = float(limits.tokens_per_min or 0)
        self._at_s = 0.0

    def admit(self, tokens_in: int, now_open: int, billed_usd: Decimal, now_s: float) -> TooMuch | None:
        """None lets the request in."""
        limits = self._limits
        passed_s, self._at_s = now_s - self._at_s, now_s
        if limits.budget_usd is not None and billed_usd >= limits.budget_usd:
            return TooMuch("402", 0)
        if limits.at_once is not None and now_open >= limits.at_once:
            return TooMuch("429-concurrency", 1)
        if limits.tokens_per_min is not None:
            per_s = limits.tokens_per_min / 60
            self._tokens = min(limits.tokens_per_min, self._tokens + passed_s * per_s)
            if self._tokens < min(tokens_in, limits.tokens_per_min):
                return TooMuch("429-tokens", (tokens_in - self._tokens) / per_s)
        if limits.requests_per_s is not None:
            self._requests = min(limits.burst, self._requests + passed_s * limits.requests_per_s)
            if self._requests < 1:
                return TooMuch("429", (1 - self._requests) / limits.requests_per_s)
            self._requests -= 1
        self._tokens -= tokens_in
        return None
