"""What endpoints were found to refuse, from one run to the next: so that only the first one asks in vain.

A server is changed or brought up to date, so what is known of it grows old.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..record import record
from .wire import Dialect

MOST_DAYS = 7  # after that, an endpoint is asked again in the way that it refused


@record
class Known:
    """What was found out before: `bodies` by an endpoint's address and model; `note` takes what is found out now."""

    bodies: Mapping[tuple[str, str], str]
    note: Callable[[str, str, str], None]


NOTHING = Known({}, lambda origin, model, body: None)


def dialect_json(dialect: Dialect, now: float) -> str:
    """A dialect as it is kept; its extras come from the settings each time."""
    told = {"max_tokens": dialect.max_tokens_name, "schema": dialect.schema, "usage": dialect.usage}
    return json.dumps({**told, "rest": dialect.rest, "at": now})


def read_dialect(body: str | None, extras: frozenset[str], now: float) -> Dialect:
    """The dialect that was kept at a time in Unix seconds; the one that is spoken first if it is none, or too old."""
    match _object(body):
        case {
            "max_tokens": "max_tokens" | "max_completion_tokens" as name,
            "schema": "json_schema" | "json_object" | "none" as schema,
            "usage": bool(usage),
            "rest": bool(rest),
            "at": int() | float() as at,
        } if now - at < MOST_DAYS * 86_400:
            return Dialect(name, schema, usage, extras, rest)
    return Dialect(extras=extras)


def _object(body: str | None) -> Any:
    try:
        return json.loads(body or "null")
    except ValueError:
        return None
