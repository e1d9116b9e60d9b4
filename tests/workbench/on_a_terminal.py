"""A command on a pseudo-terminal, with the screen that a person would see: pyte plays the terminal."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyte

from tests.workbench.watched import CACHE

LONGEST_S = 20.0


class OnATerminal:
    """One process on its own terminal. `raw` is every byte that it has written."""

    def __init__(
        self,
        words: list[str],
        cwd: Path,
        columns: int = 80,
        lines: int = 24,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.master, slave = pty.openpty()
        self._size(slave, columns, lines)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        places = {"HOME": str(cwd), "PATH": os.environ["PATH"], "XDG_CACHE_HOME": CACHE}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import sys; from flowlang.workbench.cli import main; sys.exit(main())", *words],
            cwd=cwd,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**places, "TERM": "xterm-256color", **(environment or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def __enter__(self) -> "OnATerminal":
        return self

    def __exit__(self, *problem: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        os.close(self.master)

    @property
    def text(self) -> str:
        """What stands on the screen, without what is blank at the ends of lines."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def read(self, wait_s: float = 0.05) -> None:
        """Takes in what has been written meanwhile."""
        while select.select([self.master], [], [], wait_s)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.raw += data
            self._stream.feed(data)
            wait_s = 0.0

    def until(self, holds: Callable[[str], bool], what: str = "") -> str:
        """The screen, once something holds for it."""
        end = time.monotonic() + LONGEST_S
        while not holds(self.text):
            assert time.monotonic() < end, f"never came to be: {what}\n{self.text}"
            self.read()
        return self.text

    def until_shown(self, *words: str) -> str:
        """The screen, once all these words stand on it."""
        return self.until(lambda text: all(word in text for word in words), " and ".join(words))

    def press(self, keys: str) -> None:
        """Types."""
        os.write(self.master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Makes the window another size."""
        self.screen.resize(lines, columns)
        self._size(self.slave, columns, lines)

    def ended(self) -> int:
        """The exit code, once the process has ended."""
        end = time.monotonic() + LONGEST_S
        while (code := self.process.poll()) is None:
            assert time.monotonic() < end, f"it never ended\n{self.text}"
            self.read()
        self.read()
        return code

    def is_as_before(self) -> bool:
        """Whether the terminal is as it was: its settings, its normal screen, and a cursor that is seen."""
        taken, given = self.raw.rfind(b"\x1b[?1049h"), self.raw.rfind(b"\x1b[?1049l")
        shown = not self.screen.cursor.hidden
        return termios.tcgetattr(self.slave) == self.before and given > taken and shown

    @staticmethod
    def _size(slave: int, columns: int, lines: int) -> None:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
