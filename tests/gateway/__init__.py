"""A stand-in for the gateway: chat completions over real HTTP on loopback, scriptable, and wrong in every known way.

    gateway = Gateway(lambda request: "Sunny.", faults=first(2, "529"))
    with gateway as url:          # "http://127.0.0.1:PORT/v1"; also `async with` in a running loop
        ...
    assert [seen.status for seen in gateway.log] == [529, 529, 200]

| file | what is there |
|---|---|
| `server` | `Gateway`: listens, decides who is answered how, keeps the log |
| `exchange` | one request on the wire, byte by byte |
| `reading` | an HTTP/1.1 request from a stream |
| `contract` | what the contract says of a request, and fields that an endpoint refuses |
| `answers` | `Answer`, and answers that fit what was asked |
| `shapes` | an answer as frames of a stream or one JSON body |
| `quirks` | the 27 quirks seen in the wild, by number |
| `refusals` | every status with the bodies and headers that vendors send, by name |
| `faults` | everything that goes wrong on the wire, by name; `first`, `mixed`, `numbered` choose |
| `odd_bodies` | bodies of a 200 that are no answer |
| `model` | latency, prices, the prompt cache, the limits |
| `listing` | what `GET /v1/models` lists |
| `log` | `Seen`: what came, what was sent and what it cost |

As a process of its own: `python -m tests.gateway --port 0 --latency 0.3` prints its address. It answers three further
paths there: `GET /-/sum`, `GET /-/log` and `POST /-/forget`.
"""

from .answers import Answer, Call
from .faults import FAULTS, Fault, first, mixed, numbered
from .log import Seen
from .model import Latency, Limits, Price
from .quirks import QUIRKS
from .refusals import REFUSALS
from .server import Gateway

__all__ = [
    "FAULTS",
    "QUIRKS",
    "REFUSALS",
    "Answer",
    "Call",
    "Fault",
    "Gateway",
    "Latency",
    "Limits",
    "Price",
    "Seen",
    "first",
    "mixed",
    "numbered",
]
