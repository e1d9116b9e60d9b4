"""The flow as it stands on the disk now, opened, and when that counts as saved."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .disk import Disk
from .ready import NotReady, Opener, Ready
from .settling import Settling, is_cut

AGE_S = 0.03  # of a change, at most, that may count as quiet already when it is heard of
_LOOKS = 3  # at what changes while it is read


@dataclass(slots=True)
class Newest:
    """`opened` is what was read last, from the bytes that `content` is the digest of; `settled` those files of it that
    counted as saved the last time, with their digests.
    """

    opener: Opener
    clock: Callable[[], float]
    wall: Callable[[], float]
    disk: Disk = field(default_factory=Disk)
    settling: Settling = field(default_factory=Settling)
    opened: Ready | NotReady | None = None
    content: bytes = b""
    settled: dict[str, bytes] = field(default_factory=dict)

    def look(self, before: str) -> bool:
        """Reads what has changed, and finds out whether it could run; False if it changes faster than it is read.

        `before` is the flow's text as it was last good.
        """
        now = self.clock()
        content = self.disk.look(self.opener.files or (self.opener.path,))
        if content == self.content and self.opened is not None:
            self.settling.see(content, isinstance(self.opened, Ready), now)
            return True
        age_s = self._age_s()
        for _ in range(_LOOKS):
            digests = dict(self.disk.digests)
            self.opened = self.opener.open()
            self.content = self.disk.look(self.opener.files)
            if self.disk.digests == digests:
                is_whole = isinstance(self.opened, Ready) and not is_cut(self.opened.flow.source.text, before)
                self.settling.see(self.content, is_whole, now - age_s)
                return True
        self.content = b""  # so that the next look begins anew
        return False

    def settle(self) -> list[str]:
        """What stands there counts as saved now; the files that have changed since the last time."""
        changed = [path for path, digest in self.disk.digests.items() if self.settled.get(path) != digest]
        self.settled = dict(self.disk.digests)
        self.settling.settled = self.content
        return changed

    def forget(self) -> None:
        """Nothing that was read counts any more: the next look opens and settles anew."""
        self.opened = None
        self.settling.forget()

    def _age_s(self) -> float:
        """How long ago the change was made, as far as that is known: so much of the quiet is over already."""
        changed = self.disk.newest_ns
        return 0.0 if not changed else min(AGE_S, max(0.0, self.wall() - changed / 1e9))
