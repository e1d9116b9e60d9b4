"""How a command ends before it is done: with something that is still to be told, or that has been.

These are plain classes, as everything is that the front page needs: dataclasses take longer to load than it does.
"""


class Refusal(Exception):
    """What is wrong with what a person typed, or with the place it was typed in; `hints` tell the fix first.

    `rule` is a name of the catalogue behind `explain`, or empty; `others` are told in the same go.
    """

    def __init__(
        self, code: int, message: str, hints: tuple[str, ...] = (), rule: str = "", others: "tuple[Refusal, ...]" = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hints = hints
        self.rule = rule
        self.others = others


class Ended(Exception):
    """Everything is said; only the exit code is left."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


def all_in_one(slips: list[Refusal]) -> Refusal:
    """Several refusals as one; the first decides the exit code."""
    first, *others = slips
    return Refusal(first.code, first.message, first.hints, first.rule, tuple(others))
