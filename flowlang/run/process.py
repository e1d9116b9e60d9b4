"""A process of its own for a tool: no shell, nothing on standard input that was not given, an end to its time and talk.

It starts its own group, and whatever is left of the group is ended with it. What a tool moves out of its group, as
`setsid` does, is out of reach.
"""

import asyncio
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ..record import record
from .files import in_megabytes

MOST_COMPLAINT = 16_000  # bytes that are kept of what a process says on its error stream: the last ones
_CHUNK = 65_536
_GRACE_S = 1.0  # for the streams of a process that has ended, if something out of reach still holds them
_LOOK_S = 0.05  # how often it is seen whether a silent process has ended, or is to be stopped

# A folder of the project may look like a repository of git's, with settings that run programs: only real ones count.
_GIT = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.bareRepository",
    "GIT_CONFIG_VALUE_0": "explicit",
    "GIT_TERMINAL_PROMPT": "0",
}

# What a tool sees of the environment: where programs and the home folder are, the language, the clock. No keys.
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SSL_CERT_FILE")


class ProcessFailed(Exception):
    """It could not be started (`never_started`), or said too much."""

    def __init__(self, message: str, never_started: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.never_started = never_started


@record
class Finished:
    """A process that has ended. `status` is negative for a signal; `complaint` the end of its error stream."""

    status: int
    output: bytes
    complaint: str


def environment_for_tools(environment: Mapping[str, str]) -> dict[str, str]:
    """What is passed on of the environment; programs are never looked for in the folder where a flow stands."""
    passed = {name: value for name, value in environment.items() if name in PASSED_ON or name.startswith("LC_")}
    places = [place for place in passed.get("PATH", os.defpath).split(os.pathsep) if Path(place).is_absolute()]
    return {**passed, "PATH": os.pathsep.join(places), "TERM": "dumb", **_GIT}


def find_program(name: str, environment: Mapping[str, str]) -> str | None:
    """Where the program stands that a command of a tool would run."""
    return shutil.which(name, path=environment_for_tools(environment)["PATH"])


async def run_process(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    given: bytes = b"",
    most_bytes: int,
) -> Finished:
    """Runs a program to its end. Raises ProcessFailed; cancelled, it ends the process first."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(_run, words, folder, environment, given, most_bytes, stop))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        with suppress(ProcessFailed):
            await running
        raise


def _run(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    given: bytes,
    most_bytes: int,
    stop: threading.Event,
) -> Finished:
    try:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
    except (OSError, ValueError) as error:
        raise ProcessFailed(_not_started(words[0], error), never_started=True) from None
    try:
        with _Talk(process, given, most_bytes) as talk:
            while talk.goes_on():
                talk.listen(_LOOK_S)
                if stop.is_set():
                    raise ProcessFailed("it was stopped")
            return Finished(process.wait(), b"".join(talk.output), talk.complaint.decode("utf-8", "replace").strip())
    finally:
        _end_group(process.pid)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)  # what may not be ended, a program of another user's, is not waited for


class _Talk:
    """What a process is given and says, until it has ended and its streams with it."""

    def __init__(self, process: "subprocess.Popen[bytes]", given: bytes, most_bytes: int) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self.process = process
        self.left = memoryview(given)
        self.most = most_bytes
        self.heard = 0
        self.output: list[bytes] = []
        self.complaint = b""
        self._ended_at: float | None = None
        self._streams = selectors.DefaultSelector()
        self._streams.register(process.stdout, selectors.EVENT_READ)
        self._streams.register(process.stderr, selectors.EVENT_READ)
        if given:
            os.set_blocking(process.stdin.fileno(), False)
            self._streams.register(process.stdin, selectors.EVENT_WRITE)
        else:
            process.stdin.close()

    def __enter__(self) -> "_Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self._streams.close()

    def goes_on(self) -> bool:
        """Whether there is more to come. What an ended process left running is ended here, too."""
        if self.process.poll() is None:
            return True
        if self._ended_at is None:
            self._ended_at = time.monotonic()
            _end_group(self.process.pid)
        return bool(self._streams.get_map()) and time.monotonic() < self._ended_at + _GRACE_S

    def listen(self, seconds: float) -> None:
        """Moves what can be moved now. Raises ProcessFailed if there is too much of it."""
        if not self._streams.get_map():
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            return
        for key, _ in self._streams.select(seconds):
            if key.fileobj is self.process.stdin:
                self._give()
            elif not (piece := os.read(key.fd, _CHUNK)):
                self._streams.unregister(key.fileobj)
            elif key.fileobj is self.process.stdout:
                self.heard += len(piece)
                if self.heard > self.most:
                    raise ProcessFailed(f"it gave back more than {in_megabytes(self.most)}, and was stopped")
                self.output.append(piece)
            else:
                self.complaint = (self.complaint + piece)[-MOST_COMPLAINT:]

    def _give(self) -> None:
        assert self.process.stdin is not None
        try:
            self.left = self.left[os.write(self.process.stdin.fileno(), self.left[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.left = self.left[:0]  # it does not want the rest
        if self.left:
            return
        self._streams.unregister(self.process.stdin)
        with suppress(BrokenPipeError):
            self.process.stdin.close()


def _end_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _not_started(program: str, error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return f"there is no program `{program}` on this machine"
        case PermissionError():
            return f"`{program}` may not be run: it is no program, or has no permission to be one"
        case ValueError():
            return "a word of the command has a NUL in it"
        case OSError(errno=7):
            return "what is filled in is too long for a command"
        case _:
            return f"`{program}` could not be started: {(error.strerror or 'unknown reason').lower()}"
