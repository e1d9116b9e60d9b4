"""What can be wrong with a store."""


class StoreUnusable(Exception):
    """The store cannot be used, or not any more: one sentence for the user, and what to do about it."""

    def __init__(self, message: str, hints: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints


class StoreBroken(Exception):
    """What stands in the file is no store, or not all of it: what is good in it can be taken into a new one."""
