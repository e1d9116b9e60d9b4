"""What the gateway saw and what it did, one record for each request."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(slots=True)
class Seen:
    """One request. Times are seconds since the gateway began; header names are in lower case.

    `answered`: a 2xx answer went out to its end; only such a request is billed, or one that the client left while
    it was being answered (`hung_up`). `attempt` counts equal bodies that were let in: 2 is the first retry.
    """

    number: int
    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    request: dict[str, Any]
    digest: str
    arrived_s: float
    attempt: int = 0
    first_byte_s: float | None = None
    ended_s: float | None = None
    status: int = 0
    fault: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    billed_usd: Decimal = Decimal(0)
    sent_bytes: int = 0
    answered: bool = False
    hung_up: bool = False

    def row(self) -> dict[str, Any]:
        """The record as JSON, without its body and its headers."""
        names = "number connection path attempt arrived_s first_byte_s ended_s status fault usage answered hung_up"
        return {name: getattr(self, name) for name in names.split()} | {"billed_usd": str(self.billed_usd)}


def most_open(log: Iterable[Seen]) -> int:
    """How many requests were open at the same time, at most."""
    moments: list[tuple[float, int]] = []
    for seen in log:
        moments.append((seen.arrived_s, 1))
        moments.append((seen.ended_s if seen.ended_s is not None else float("inf"), -1))
    most = now_open = 0
    for _, step in sorted(moments):
        now_open += step
        most = max(most, now_open)
    return most
