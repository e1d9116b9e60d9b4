"""What a session tells whoever shows it."""

from typing import Protocol

from ..run.event import Event
from .ready import NotReady


class Listener(Protocol):
    """Who tells a person or a program what goes on. Everything it needs to know beyond that stands on the board."""

    def emit(self, event: Event) -> None:
        """Something has happened in the present run."""
        ...

    def left(self, event: Event) -> None:
        """A call has ended that nobody wants any more."""
        ...

    def say(self, text: str) -> None:
        """Something has happened in the session: one line."""
        ...

    def trouble(self, found: NotReady) -> None:
        """The flow cannot run as it stands."""
        ...

    def changed(self) -> None:
        """The board has changed in another way."""
        ...
