"""Keys of a terminal, one by one as they are typed; the terminal is as before when it is closed."""

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

_NAMED = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b[C": "right",
    b"\x1bOC": "right",
    b"\x1b[D": "left",
    b"\x1bOD": "left",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b[H": "home",
    b"\x1b[1~": "home",
    b"\x1b[F": "end",
    b"\x1b[4~": "end",
}
_LONGEST = 64  # bytes of what begins like a key and is none


def keys_in(data: bytes) -> tuple[list[str], bytes]:
    """The keys in what was typed, and the rest that may be the beginning of one more."""
    keys: list[str] = []
    while data:
        if data == b"\x1b":
            return keys, data
        if data[:1] == b"\x1b" and len(data) > 1 and data[1:2] in (b"[", b"O"):
            end = next((place for place in range(2, len(data)) if 0x40 <= data[place] <= 0x7E), None)
            if end is None:
                return keys, data if len(data) < _LONGEST else b""
            name = _NAMED.get(data[: end + 1])
            keys += [name] if name else []
            data = data[end + 1 :]
            continue
        size = _size_of(data[0])
        if len(data) < size:
            return keys, data
        keys.append(data[:size].decode("utf-8", "replace"))
        data = data[size:]
    return keys, b""


def _size_of(first: int) -> int:
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


@dataclass(slots=True)
class Keyboard:
    """Calls `press` with each key. Ctrl-C and Ctrl-Z stay what they are: signals."""

    number: int  # of the terminal's file
    press: Callable[[str], None]
    _before: list[Any] | None = field(default=None)
    _rest: bytes = b""

    def open(self) -> None:
        """Begins to hear keys."""
        with suppress(termios.error, OSError, ValueError):
            self._before = termios.tcgetattr(self.number)
            tty.setcbreak(self.number, termios.TCSADRAIN)
            asyncio.get_running_loop().add_reader(self.number, self._read)

    def close(self) -> None:
        """Hears no more, and leaves the terminal as it was. May be called twice."""
        before, self._before = self._before, None
        if before is None:
            return
        with suppress(RuntimeError, ValueError, OSError):
            asyncio.get_running_loop().remove_reader(self.number)
        with suppress(termios.error, OSError, ValueError):
            termios.tcsetattr(self.number, termios.TCSADRAIN, before)

    def _read(self) -> None:
        try:
            data = os.read(self.number, 1024)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # the terminal is gone
            with suppress(RuntimeError, ValueError, OSError):
                asyncio.get_running_loop().remove_reader(self.number)
            return
        keys, self._rest = keys_in(self._rest + data)
        for key in keys:
            self.press(key)
