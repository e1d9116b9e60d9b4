"""Which steps and lets can start, given which have ended. Nothing else is known here, and nothing waits."""

from collections.abc import Iterable, Mapping


class Schedule:
    """The nodes of one flow and what each waits for. Every node is handed out once, when all it waits for has ended."""

    def __init__(self, waits_for: Mapping[str, Iterable[str]]) -> None:
        self._open: dict[str, int] = {}
        self._waiting: dict[str, list[str]] = {name: [] for name in waits_for}
        for name, others in waits_for.items():
            awaited = set(others)
            self._open[name] = len(awaited)
            for other in awaited:
                self._waiting[other].append(name)

    def ready(self) -> tuple[str, ...]:
        """What can start at once, in the order of the file."""
        return tuple(name for name, open_ones in self._open.items() if not open_ones)

    def ended(self, name: str) -> tuple[str, ...]:
        """What can start now that `name` has ended, however it came out."""
        freed = []
        for other in self._waiting[name]:
            self._open[other] -= 1
            if not self._open[other]:
                freed.append(other)
        return tuple(freed)
