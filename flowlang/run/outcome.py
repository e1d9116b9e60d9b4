"""How a step or let of a run came out."""

from collections.abc import Mapping
from dataclasses import field

from ..language.checked import Place
from ..language.values import Value
from ..record import record

FAILED_BEFORE = "failed-before"  # the rule of what failed only because something that it reads did
UNMET = "unmet-expectation"  # the rule of an `expect` that does not hold


@record
class Failure:
    """What went wrong, at the line to show. `changed`: in what a request differs from the one that was recorded."""

    rule: str
    message: str
    place: Place
    hints: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@record
class Done:
    """It has a value, and the value may be EMPTY all the same: the first item of an empty list."""

    value: Value


@record
class Skipped:
    """It never came about. `because` is a reason in words: "`notes` is empty"."""

    because: str


@record
class Failed:
    """It failed. `root` names the step that failed first, and so is to blame."""

    root: str


Outcome = Done | Skipped | Failed


@record
class Result:
    """A run that has ended: how each step and let, and each output, came out."""

    # asyncio writes out what its main task returns; megabytes of documents are not worth writing out.
    inputs: Mapping[str, Value] = field(repr=False)
    outcomes: Mapping[str, Outcome] = field(repr=False)
    outputs: Mapping[str, Outcome] = field(repr=False)
    outcome: str  # "done", "failed", "limit"


class StepFailure(Exception):
    """Something failed, and with it the step or item that is under way."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class LeftOut(Exception):
    """A step or item reads something empty and is skipped. `names` are the names that were empty."""

    def __init__(self, because: str, names: tuple[str, ...] = ()) -> None:
        super().__init__(because)
        self.because = because
        self.names = names


class LimitReached(Exception):
    """No further call may start."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
