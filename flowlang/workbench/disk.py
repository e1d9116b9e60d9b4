"""What stands on the disk now, in one digest: files and folders by their bytes and names, whatever time they say."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

RACY_NS = 50_000_000  # a file that changed so short before it was read may change again within the same tick
MOST_NAMES = 10_000  # of a folder

Wall = Callable[[], int]  # in nanoseconds since 1970

_MISSING = b"missing"
_Mark = tuple[int, int, int, int]


@dataclass(slots=True)
class Disk:
    """Looks at files again and again; reads only those that may have changed.

    `own`: what this process has written, by absolute path. `digests` and `newest_ns` are of the last look: what each
    path holds, and when the latest of them was changed, as its file says.
    """

    wall_ns: Wall = time.time_ns
    own: dict[str, bytes] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)
    newest_ns: int = 0
    _known: dict[str, tuple[_Mark, bytes]] = field(default_factory=dict)
    _before_own: dict[str, bytes] = field(default_factory=dict)

    def look(self, paths: Iterable[str]) -> bytes:
        """One digest of all that stands there. What this process wrote itself counts as what was there before."""
        found: dict[str, bytes] = {}
        self.newest_ns = 0
        for path in sorted(paths):
            digest = self._digest_of(path)
            if self.own.get(path) == digest:
                digest = self._before_own.get(path, digest)
            found[path] = digest
        self._known = {path: one for path, one in self._known.items() if path in found}
        self.digests = found
        whole = hashlib.sha256()
        for path, digest in found.items():
            whole.update(os.fsencode(path) + b"\0" + digest)
        return whole.digest()

    def wrote(self, path: str, data: bytes) -> None:
        """This process has put these bytes there: nobody has changed the file."""
        key = os.path.abspath(path)
        if key in self.digests:
            self._before_own[key] = self.digests[key]
        self.own[key] = hashlib.sha256(data).digest()

    def _digest_of(self, path: str) -> bytes:
        if any(mark in path for mark in "*?[") and not os.path.lexists(path):
            return self._listed(Path(path).parent)
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return _MISSING
        if stat.S_ISDIR(found.st_mode):
            return self._listed(Path(path))
        if not stat.S_ISREG(found.st_mode):
            return b"no file"
        self.newest_ns = max(self.newest_ns, found.st_mtime_ns)
        mark = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        known = self._known.get(path)
        if known is not None and known[0] == mark:
            return known[1]
        try:
            with open(path, "rb", buffering=0) as file:
                digest = hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return b"unreadable"
        if self.wall_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > RACY_NS:
            self._known[path] = (mark, digest)
        return digest

    def _listed(self, folder: Path) -> bytes:
        """A digest of the files in a folder, by their names and sizes and when they changed; not of our own."""
        whole = hashlib.sha256(b"a folder\0")  # an empty one is no empty file
        try:
            with os.scandir(folder) as entries:
                named = sorted((entry.name, entry) for entry, _ in zip(entries, range(MOST_NAMES), strict=False))
                for name, entry in named:
                    if name.startswith(".") or os.path.abspath(entry.path) in self.own:
                        continue
                    if not entry.is_file(follow_symlinks=False):
                        continue
                    found = entry.stat(follow_symlinks=False)
                    whole.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        except OSError:
            return _MISSING
        return whole.digest()
