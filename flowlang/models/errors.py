"""What can go wrong between a question and its answer. Raised in this folder, caught where a step is run."""


class ModelError(Exception):
    """A call that brought no usable answer.

    `message` is a sentence for the author, `rule` the name under which it is reported, `retryable` whether sending
    the same request again may help.
    """

    def __init__(self, message: str, rule: str, retryable: bool) -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule
        self.retryable = retryable


class Unreachable(ModelError):
    """Nobody answered, or only with an error that passes."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "unreachable", retryable=True)


class Refused(ModelError):
    """The model or its provider said no, and would say it again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "refused", retryable=False)


class CutOff(ModelError):
    """The answer ended before it was finished. `text` is what came of it."""

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message, "cut-off", retryable=True)
        self.text = text


class BadAnswer(ModelError):
    """A finished answer that does not fit its type. The model has to be told, so sending it again is no help.

    `path` leads to the wrong part: names of fields, and places in lists counted from 0. `start` and `end` cut it out
    of the answer's text; both are None where it stands nowhere, as with a missing field in a missing answer.
    """

    def __init__(
        self, message: str, path: tuple[str | int, ...] = (), start: int | None = None, end: int | None = None
    ) -> None:
        super().__init__(message, "bad-answer", retryable=False)
        self.path = path
        self.start = start
        self.end = end
