"""What `GET /v1/models` lists."""

from collections.abc import Mapping
from typing import Any

MODELS: tuple[dict[str, Any], ...] = tuple(
    {
        "id": name,
        "object": "model",
        "created": 1_760_000_000,
        "owned_by": family,
        "family": family,
        "capabilities": ["chat", "tools", "vision"],
        "context_window": window,
        "max_output_tokens": 32_768,
        "input_modalities": ["text", "image", "audio"] if family == "gemini" else ["text", "image"],
        "output_modalities": ["text"],
        "pricing_url": "/pricing",
    }
    for name, family, window in (
        ("gemini-3-1-pro", "gemini", 1_000_000),
        ("gpt-5-5", "gpt", 128_000),
        ("claude-sonnet-4-6", "claude", 200_000),
    )
)


def models_of(query: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """The models that fit the filters `family` and `capability` (all of them)."""
    families, capabilities = query.get("family"), query.get("capability", [])
    return [
        model
        for model in MODELS
        if (not families or model["family"] in families) and all(each in model["capabilities"] for each in capabilities)
    ]
