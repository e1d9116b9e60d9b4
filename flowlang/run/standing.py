"""The socket for answers that stand in for the calls of a step, as a test gives them."""

from collections.abc import Callable

from ..language.checked import Place
from ..language.values import Value
from ..record import record


@record
class StoodIn:
    """An answer for each call, run or tool of a step. `text` is how a model would have said it."""

    value: Value
    text: str
    place: Place  # where it is given


# The path by which a flow was reached, as events have it, and a step of it; None: the step is carried out.
# Raises StepFailure for an answer that does not fit.
StandIn = Callable[[str, str], StoodIn | None]


def carry_out(path: str, step: str) -> StoodIn | None:
    """Stands in for nothing."""
    return None
