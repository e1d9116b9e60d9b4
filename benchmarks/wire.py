"""Reading an answer, in multiples of json.loads on the same events; and sending a long text that calls share."""

import json
from collections.abc import Mapping
from typing import Any

from stopwatch import race, tell, time_call

from flowlang.models.chat import ChatMessage, ChatRequest
from flowlang.models.replies import BodyReading
from flowlang.models.wire import Texts, body_of, encoded

FRAMES = 2_000  # the tokens of a long answer
STREAMS = 20
SOCKET_READ = 16_384
ASKED = ChatRequest("m", (ChatMessage("user", ("Tell me everything.",)),))
SHARED = 4_000_000  # characters that all questions have in common
QUESTIONS = 20


def measure(rounds: int) -> None:
    """Prints the reading of streams against json.loads, and the encoding of requests against json.dumps."""
    events = [_event({"content": f" word{number}"}, None) for number in range(FRAMES)] + [_event({}, "stop")]
    stream = b"".join(b"data: " + event + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    pieces = [stream[start : start + SOCKET_READ] for start in range(0, len(stream), SOCKET_READ)]

    def read() -> None:
        for _ in range(STREAMS):
            reading = BodyReading(ASKED)
            for piece in pieces:
                reading.feed(piece)
            if not reading.end().text.endswith(f" word{FRAMES - 1}"):
                raise AssertionError("the answer is not whole")

    def load() -> None:
        for _ in range(STREAMS):
            for event in events:
                json.loads(event)

    times = race({"read": lambda: time_call(read), "json": lambda: time_call(load)}, rounds)
    tell(f"{STREAMS} streams of {FRAMES:,} events", times["read"].over(times["json"]), "json.loads", 3)

    shared = "It was a dark and stormy night; größe matters.\n" * (SHARED // 47)
    bodies = [body_of(ChatRequest("m", (ChatMessage("user", (shared, f"Question {n}")),))) for n in range(QUESTIONS)]
    times = race(
        {
            "pieces": lambda: time_call(lambda: [encoded(body) for body in bodies]),
            "dumps": lambda: time_call(lambda: [dumped(body) for body in bodies]),
        },
        rounds,
    )
    tell(f"{QUESTIONS} requests sharing 4 MB of text", times["pieces"].over(times["dumps"]), "json.dumps", 0.5)


def dumped(body: Mapping[str, Any]) -> bytes:
    """The body by the standard library, as a whole."""
    return json.dumps(body, ensure_ascii=False, default=Texts.joined).encode()


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps(whole, separators=(",", ":")).encode()
