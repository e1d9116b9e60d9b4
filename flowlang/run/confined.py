"""Files whose names come from data: rows, a file of values. Who wrote the data is often not who runs the flow.

Such a name leads to a plain file in the folder of the data or below it, over no link and to nothing hidden.
"""

from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

from ..language.loader import Denied
from ..record import record
from .below import read_below
from .files import FileMistake, too_large


@record
class Confined:
    """The folder in which files named by data must stand; `whose` folder it is tells a message."""

    folder: Path
    whose: str
    hints: tuple[str, ...] = ("put the file into that folder, or below it",)

    def check(self, path: Path) -> None:
        """Raises FileMistake for a path that leads out of the folder, over a link, or to something hidden."""
        place = self.folder
        for part in self._parts(path):
            place /= part
            if place.is_symlink():
                raise self.refused(path, "goes over a link, and links in data are not followed")

    def read(self, path: Path, most_bytes: int, kind: str) -> bytes:
        """The bytes of a file. Raises FileMistake."""
        data = read_below(self.folder, "/".join(self._parts(path)), most_bytes)
        if isinstance(data, Denied):
            raise FileMistake(data.message, *data.hints, rule=data.rule)
        if len(data) > most_bytes:
            raise too_large(path, most_bytes, kind)
        return data

    def holds(self, path: Path) -> bool:
        """Whether a path is one that may be looked at."""
        try:
            self.check(path)
        except (FileMistake, OSError, ValueError):
            return False
        return True

    def refused(self, path: Path | str, why: str) -> FileMistake:
        """What is told of a name that is not read."""
        name = path.relative_to(self.folder) if isinstance(path, Path) and path.is_relative_to(self.folder) else path
        return FileMistake(f"`{name}` {why}", *self.hints, rule="not-allowed")

    def _parts(self, path: Path) -> Sequence[str]:
        if not path.is_relative_to(self.folder):
            raise self.refused(path, f"leads out of the folder of {self.whose}")
        inner = path.relative_to(self.folder)
        elsewhere = PureWindowsPath(inner)  # how another system would read the name
        if elsewhere.anchor or ".." in (*inner.parts, *elsewhere.parts) or str(inner).startswith("~"):
            raise self.refused(path, f"leads out of the folder of {self.whose}")
        if any(part.startswith(".") for part in inner.parts):
            raise self.refused(path, "is hidden, and hidden files in data are not read")
        return inner.parts
