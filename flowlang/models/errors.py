"""What can go wrong between a question and its answer. Raised in this folder, caught where a step is run."""

from .chat import Reply


class ModelError(Exception):
    """A call that brought no usable answer.

    `message` is a sentence for the author, `rule` the name under which it is reported, `retryable` whether sending
    the same request again may help. `wait_s` is how long the provider asks to wait, `final` whether no other call can
    do better, `code` and `status` are the provider's own. `reply` is what came and is billed, though it is of no use,
    `key_env` the variable of the key that was refused.
    """

    reply: Reply | None = None
    key_env: str = ""

    def __init__(
        self,
        message: str,
        rule: str,
        retryable: bool,
        *,
        wait_s: float | None = None,
        final: bool = False,
        code: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule
        self.retryable = retryable
        self.wait_s = wait_s
        self.final = final
        self.code = code
        self.status = status


class Unreachable(ModelError):
    """Nobody answered, or only with an error that passes."""

    def __init__(self, message: str, *, wait_s: float | None = None, code: str = "", status: int | None = None) -> None:
        super().__init__(message, "unreachable", retryable=True, wait_s=wait_s, code=code, status=status)


class NoRoom(ModelError):
    """This computer has no connection left for a call, and nothing was sent. It is to be made when others are over."""

    def __init__(self) -> None:
        super().__init__("this computer allows no more open connections", "unreachable", retryable=True)


class Refused(ModelError):
    """The provider said no to whoever asks: to the key, or to an account that is spent.

    `wait_s` is when a spent account may be used again. Unless it is `final`, another call may fare better.
    """

    def __init__(
        self,
        message: str,
        *,
        wait_s: float | None = None,
        final: bool = False,
        code: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message, "refused", retryable=False, wait_s=wait_s, final=final, code=code, status=status)


class BadRequest(ModelError):
    """The provider cannot take the request as it is: sent again, it would be turned down again."""

    def __init__(self, message: str, *, code: str = "", status: int | None = None) -> None:
        super().__init__(message, "bad-request", retryable=False, code=code, status=status)


class ContentRefused(ModelError):
    """The model would not answer, or its provider does not allow what was asked or answered."""

    def __init__(self, message: str, *, code: str = "", status: int | None = None) -> None:
        super().__init__(message, "content-refused", retryable=False, code=code, status=status)


class BrokenOff(Unreachable):
    """The connection ended before the answer did, torn or closed in good order. `text` is what came of it."""

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class CutOff(ModelError):
    """The model ended its answer before it was finished. `text` is what came of it."""

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
