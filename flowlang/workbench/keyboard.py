"""Keys of a terminal, one by one as they are typed; the terminal is as before when it is closed.

What was pasted is no keys, and neither is what a terminal answers to a program's question: a text that holds an `r`
must not run anything.
"""

import asyncio
import os
import termios
import time
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
_PASTED, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
_STRINGS = (b"\x1b]", b"\x1bP", b"\x1bX", b"\x1b^", b"\x1b_")  # how the answers of terminals begin
_TOGETHER_S = 0.2  # in which the parts of one key or answer come


def keys_in(data: bytes) -> tuple[list[str], bytes]:
    """The keys in what was typed, and the rest that may be the beginning of one more."""
    keys: list[str] = []
    while data:
        if data == b"\x1b":
            return keys, data
        if data.startswith(_PASTED):
            pasted, ended, data = data.partition(_PASTE_ENDS)
            if not ended:  # all but what may be the beginning of its end is forgotten
                return keys, _PASTED + pasted[len(_PASTED) :][1 - len(_PASTE_ENDS) :]
            continue
        if data[:2] in _STRINGS:
            end = _string_end(data)
            if end is None:
                return keys, data[:2] + data[2:][-1:]
            data = data[end:]
            continue
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


def _string_end(data: bytes) -> int | None:
    """Where the answer of a terminal ends, if that is there."""
    ends = [place + len(mark) for mark in (b"\x07", b"\x1b\\") if (place := data.find(mark, 2)) >= 0]
    return min(ends, default=None)


def _size_of(first: int) -> int:
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


@dataclass(slots=True)
class Keyboard:
    """Calls `press` with each key. Ctrl-C and Ctrl-Z stay what they are: signals."""

    number: int  # of the terminal's file
    press: Callable[[str], None]
    _before: list[Any] | None = field(default=None)
    _rest: bytes = b""
    _read_at: float = 0.0

    def open(self) -> None:
        """Begins to hear keys; also again, when another program has had the terminal, however that left it."""
        with suppress(termios.error, OSError, ValueError):
            if self._before is None:
                self._before = termios.tcgetattr(self.number)
                when = termios.TCSADRAIN
            else:
                termios.tcsetattr(self.number, termios.TCSADRAIN, self._before)
                when = termios.TCSAFLUSH  # what was typed meanwhile, or answered by the terminal, is not for us
            self._rest = b""
            tty.setcbreak(self.number, when)
            asyncio.get_running_loop().add_reader(self.number, self._read)

    def close(self) -> None:
        """Hears no more, and leaves the terminal as it was. May be called twice."""
        if self._before is None:
            return
        with suppress(RuntimeError, ValueError, OSError):
            asyncio.get_running_loop().remove_reader(self.number)
        with suppress(termios.error, OSError, ValueError):
            termios.tcsetattr(self.number, termios.TCSADRAIN, self._before)

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
        now = time.monotonic()
        if now - self._read_at > _TOGETHER_S and not self._rest.startswith(_PASTED):
            self._rest = b""  # an Escape that was pressed by itself
        self._read_at = now
        keys, self._rest = keys_in(self._rest + data)
        for key in keys:
            self.press(key)
