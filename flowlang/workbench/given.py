"""What a person typed, once it is read."""

from collections.abc import Mapping
from dataclasses import field

from ..record import record
from ..run.exit import WRONG_INPUT
from .refusal import Refusal


@record
class Given:
    """Words and flags by name; a flag without a value is there as an empty text.

    `inputs`: the values of the flow's own flags, in the order in which they came.
    """

    words: Mapping[str, tuple[str, ...]]
    flags: Mapping[str, tuple[str, ...]]
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def word(self, name: str) -> str:
        """The word of that name; empty if it was not given."""
        given = self.words.get(name, ())
        return given[0] if given else ""

    def has(self, name: str) -> bool:
        return name in self.flags

    def flag(self, name: str) -> str | None:
        """The value of a flag, the last one if there are several; None if it was not given."""
        given = self.flags.get(name)
        return given[-1] if given else None

    def number(self, name: str, low: int) -> int | None:
        """The value of a flag as a whole number of at least `low`; None if it was not given."""
        text = self.flag(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 12) or int(text) < low:
            message = f"`--{name}` takes a whole number, at least {low}, not `{text}`"
            raise Refusal(WRONG_INPUT, message, rule="wrong-value")
        return int(text)
