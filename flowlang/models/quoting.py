"""Words of a stranger in a message of ours."""

import re
from collections.abc import Collection

from ..pattern import pattern

MAX_TOLD = 500  # characters

_SECRET = pattern(
    r"\bbearer\s+\S+"
    r"|\b(?:sk|pk|rk|gsk|xai|hf|key|sess)[-_](?=[\w*.-]*[0-9*])[\w*.-]{4,}|\bAIza[\w*-]{6,}|\beyJ[\w.-]{20,}"
    r"|(?<=provided: )\S+|(?<=api key: )\S+",
    re.IGNORECASE,
)


def shown(text: str, most: int = MAX_TOLD, hidden: Collection[str] = ()) -> str:
    """Foreign words, fit to stand in a message: on one line, harmless, without keys, and not too long."""
    for secret in hidden:
        if secret:
            text = text.replace(secret, "…")
    text = _SECRET.sub("…", text[: 4 * most])
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return f"{text[: most - 1]}…" if len(text) > most else text
