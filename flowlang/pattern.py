"""Regular expressions that are compiled when they are first used.

The program has two hundred of them, and a command needs a few: to compile them all is a tenth of what `run` takes to
start.
"""

import re
from typing import Any, AnyStr, cast

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "split", "sub", "subn", "pattern")


class _Late:
    """Stands in for a compiled pattern. After the first use its methods are the pattern's own."""

    def __init__(self, text: Any, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._text, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` gives, made when it is needed; a mistake in it shows then. For its methods only."""
    return cast("re.Pattern[AnyStr]", _Late(text, flags))
