"""What nobody knows yet: it stands in for an answer while it is worked out what a run would do."""

from collections.abc import Iterator, Mapping
from typing import NoReturn

from .values import Value


class Unsettled(Mapping[str, Value]):
    """A value that is not there yet. It is a record in form, so that it can stand wherever a value does.

    `by` is the step or input that it comes from. `known` is what is known of it all the same: a list, some of whose
    items are unsettled, or a record, some of whose fields are. Whatever else is read of it raises Untold.
    """

    __slots__ = ("by", "is_input", "known")

    def __init__(self, by: str, known: Value | None = None, *, is_input: bool = False) -> None:
        self.by = by
        self.known = known
        self.is_input = is_input

    def __contains__(self, name: object) -> bool:
        if isinstance(self.known, Mapping):
            return name in self.known
        if name == "place":
            self._refuse()  # it may have a field of this name, which would go before what is remembered
        return False

    def __getitem__(self, name: str) -> Value:
        return self.known[name] if isinstance(self.known, Mapping) else self._refuse()

    def __iter__(self) -> Iterator[str]:
        self._refuse()

    def __len__(self) -> int:
        self._refuse()

    def __repr__(self) -> str:
        return f"Unsettled({self.by!r})"

    def _refuse(self) -> NoReturn:
        raise Untold(self)


class Untold(Exception):
    """Something was read that nobody knows yet."""

    def __init__(self, what: Unsettled) -> None:
        super().__init__(f"`{what.by}` is not known yet")
        self.what = what
