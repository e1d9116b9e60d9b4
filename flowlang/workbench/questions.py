"""Questions and inputs as the store tells them, whether they are of now or of an earlier run."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..language.values import Value
from ..models.chat import ChatRequest
from ..plan.seen import Asked, Why
from ..record import record
from ..run.keeping import OriginOf
from ..store.frozen import frozen
from ..store.requests import Redact, Texts


@record
class Question:
    """A question whose reasons are sought: of an item of the step `step` of the flow that is reached by `path`.

    `told` gives it as the store tells requests; `role` and `why` are as in Asked.
    """

    path: str
    step: str
    item: int | None
    key: bytes
    role: str
    why: Why
    told: Callable[[], Mapping[str, Any]]


class Kept:
    """Requests and values of now, as the store would keep them, with the texts that it would keep beside them."""

    def __init__(self, origin_of: OriginOf, redact: Redact) -> None:
        self._origin_of = origin_of
        self._texts = Texts(redact)
        self._by_digest: dict[bytes, bytes] = {}

    def question(self, path: str, step: str, asked: Asked) -> Question:
        """A question of now."""
        return Question(
            path, step, asked.item, asked.key, asked.role, asked.why, lambda: self._told_request(asked.request)
        )

    def inputs(self, values: Mapping[str, Value]) -> Mapping[str, Any]:
        """The values of inputs."""
        return self._plain({name: frozen(value, self._texts) for name, value in values.items()})

    def text(self, part: Any) -> str | None:
        """The text that stands behind a digest, if it is one of now."""
        if isinstance(part, Mapping) and set(part) == {"text"}:
            data = self._by_digest.get(bytes.fromhex(part["text"]))
            return None if data is None else data.decode("utf-8", "replace")
        return None

    def _told_request(self, request: ChatRequest) -> Mapping[str, Any]:
        return self._plain(self._texts.told(request, self._origin_of(request.model)))

    def _plain(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        self._by_digest |= self._texts.take()
        plain = json.loads(json.dumps(told))
        assert isinstance(plain, dict)
        return plain
