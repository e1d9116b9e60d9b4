"""Recorded answers as plain data: which answer each is, to what request, and what was said.

`NAME.answers` beside `NAME.flow` holds them; recording_text.py reads and writes it.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from ..language.checked import Place
from ..record import record

VERSION = 1  # of the file; a newer one is refused, so that nothing in it is lost

ENDING = ".answers"
BIGGEST = 65_536  # characters of an answer that stands in the file itself; a longer one stands beside it
MOST_BYTES = 16 * 1024 * 1024  # of the file


@record
class Which:
    """Which answer of a flow file it is. What does not apply is empty or 0.

    `flow` leads to the step: the name of a further flow of the file whose test asked, then the steps that run flows.
    `place` are the places of items, the outer ones first, and `round` those of `repeat until`. `again` counts the
    times that one answer was asked for, `run` the tries of a case of a test; both are 0 for the first.
    """

    step: str
    flow: tuple[str, ...] = ()
    place: tuple[int, ...] = ()
    sample: int = 0
    round: tuple[int, ...] = ()
    run: int = 0
    again: int = 0
    judge: str = ""
    tool: str = ""

    def order(self) -> tuple[object, ...]:
        """How recordings are sorted; what is equal here stays in the order in which it was said."""
        return self.flow, self.step, self.place, self.round, self.sample, self.run

    def asked_alike(self) -> tuple[object, ...]:
        """What must be the same for an answer to stand in for another: everything but the place."""
        return self.flow, self.step, self.sample, self.run, self.judge, self.tool


@record
class Recorded:
    """One recorded answer. `request` is the print of what was asked, as plan/request_parts.py has it.

    `text` is None where nothing was said: a turn that only calls tools, or a tool that gave back nothing. `calls` are
    the tools that the model asks for, with their values as JSON. `failed` is how a tool failed, told to the model.
    `tokens` are those of question and answer. `source` is where it stands in its file.
    """

    which: Which
    request: str
    text: str | None
    calls: tuple[tuple[str, str], ...] = ()
    failed: str = ""
    tokens: tuple[int, int] | None = None
    source: Place | None = None

    def without_source(self) -> "Recorded":
        """The same, wherever it stands."""
        return replace(self, source=None)


class Recordings:
    """The recordings of one flow file. Requests are compared by `exact`, the part of a print that decides."""

    def __init__(self) -> None:
        self._all: dict[tuple[Which, str], Recorded] = {}
        self._alike: dict[tuple[object, ...], list[Recorded]] = defaultdict(list)
        self._said: dict[tuple[str, int], Recorded] = {}

    def add(self, one: Recorded, exact: str) -> None:
        """Takes a recording in; one of the same place and request is replaced."""
        before = self._all.get((one.which, exact))
        if not (one.which.run or one.which.tool):
            self._said.setdefault((exact, one.which.sample), one)
        self._all[one.which, exact] = one
        alike = self._alike[(exact, *one.which.asked_alike())]
        if before is None:
            alike.append(one)
        else:
            alike[alike.index(before)] = one

    def find(self, which: Which, exact: str) -> Recorded | None:
        """The answer to a request: of its very place, else of any place where the same was asked."""
        if (own := self._all.get((which, exact))) is not None:
            return own
        alike = self._alike.get((exact, *which.asked_alike()))
        return alike[0] if alike else None

    def said(self, exact: str, sample: int) -> Recorded | None:
        """The answer to a request, whoever asks: for runs that are no tests."""
        return self._said.get((exact, sample)) or self._said.get((exact, 0))

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)
