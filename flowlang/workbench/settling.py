"""When what stands on the disk counts as saved. No clock, no file: times and contents are handed in.

Editors save in many ways: they truncate and write, rename over, keep a backup, write twice. So a content counts only
after a moment of quiet. One with mistakes, cut short, empty or missing may be half of a save, and has to stand longer
before anybody is told of it. How long, is learnt from how this editor saves.
"""

from dataclasses import dataclass

QUIET_S = 0.05  # after which good content counts
LONGEST_S = 0.2  # after which any content does
SHORTEST_S = 0.12  # for what is doubtful, where half a save was never seen
LEARNS_FROM = 10  # doubtful contents in a row that were no halves


@dataclass(slots=True)
class _Pending:
    content: bytes
    is_good: bool
    since: float
    due: float


class Settling:
    """Follows the contents of what is watched, each under a digest, until one of them is saved.

    `settled` is the last one that counted; empty before the first.
    """

    def __init__(self) -> None:
        self.settled = b""
        self._pending: _Pending | None = None
        self._quiet_s = QUIET_S
        self._doubtful_s = LONGEST_S
        self._believed = 0
        self._settled_at: float | None = None

    def see(self, content: bytes, is_good: bool, now: float) -> None:
        """Takes note of what stands on the disk now. The same bytes again change nothing, however they came there."""
        pending = self._pending
        if content == (pending.content if pending is not None else self.settled):
            return
        self._learn(now)
        if content == self.settled:
            self._pending = None
            return
        self._pending = _Pending(content, is_good, now, now + (self._quiet_s if is_good else self._doubtful_s))

    def due(self) -> float | None:
        """When the content that stands there now will count; None if there is nothing new."""
        return self._pending.due if self._pending is not None else None

    def take(self, now: float) -> bool:
        """Whether the content counts now: once, and it is then the settled one."""
        pending = self._pending
        if pending is None or now < pending.due:
            return False
        if not pending.is_good:
            self._believed += 1
            if self._believed >= LEARNS_FROM:
                self._doubtful_s = SHORTEST_S
        self.settled, self._pending, self._settled_at = pending.content, None, now
        return True

    def forget(self) -> None:
        """What was settled counts no more: the next look settles anew."""
        self.settled = b""

    def _learn(self, now: float) -> None:
        """The content has changed: how soon after the last change tells how this editor saves."""
        pending = self._pending
        if pending is not None and not pending.is_good:
            self._believed, self._doubtful_s = 0, LONGEST_S  # that was half of a save
        elif pending is None and self._settled_at is not None and now - self._settled_at < LONGEST_S - QUIET_S:
            # It went on right after it seemed to be done: next time it gets longer, up to the longest.
            gap = now - self._settled_at + self._quiet_s
            self._quiet_s = min(LONGEST_S, max(self._quiet_s, 1.5 * gap))
