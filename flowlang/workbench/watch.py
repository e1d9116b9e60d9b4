"""`flowlang watch FLOW`: runs it, then again at every save: only what changed is asked."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..language.values import ValueMistake
from ..run.calling import AT_ONCE
from ..run.exit import INTERRUPTED, MISTAKES, NOT_ALLOWED, WRONG_INPUT
from ..run.files import FileMistake
from ..run.outcome import Failed, Result
from ..run.outputs import shown, write_outputs
from ..show.board import Board
from ..show.board_lines import BoardLines
from ..show.ending import told_files
from ..show.redaction import redacted_result
from ..show.terminal import visible, visible_line
from .costing import max_cost_of
from .deciding import Mode
from .declared import WATCH
from .given import Given
from .hiding import hidden_by
from .listening import Listening
from .opening import piped_in
from .permitting import asks_a_person
from .placing import open_events, refuse_unless_writable, write_result
from .ready import Opener, Ready, named_in
from .refusal import Ended, Refusal
from .screen import Screen
from .session import Session
from .signals import ending_signals
from .storing import fresh_steps
from .words import find_flow, read_words

if TYPE_CHECKING:
    from .steering import Steering

_MODES: tuple[Mode, ...] = ("auto", "ask", "lazy")


def perform(words: Sequence[str], screen: Screen) -> int:
    """Watches until somebody ends it; returns the exit code."""
    path = find_flow(words, WATCH.flags)
    if path is None:
        raise Refusal(WRONG_INPUT, "FLOW is missing: the flow to watch", ("write it like this: flowlang watch FLOW",))
    opener = Opener(path, words, WATCH, screen, piped_in(screen))
    given = _first_look(opener, path, words, screen)
    mode = _mode_of(given)
    if (place := given.flag("output")) is not None:
        refuse_unless_writable(place, "-o")
    _refuse_to_read_events(given)
    events = open_events(given.flag("events"))
    try:
        return asyncio.run(_watch(opener, given, mode, events, screen))
    finally:
        if events is not None:
            with suppress(OSError):
                events.close()


def _first_look(opener: Opener, path: str, words: Sequence[str], screen: Screen) -> Given:
    """What was typed. What can be mended by saving is waited for; what can't ends the command, as it ends a run."""
    screen.asks = False
    opened = opener.open()
    if isinstance(opened, Ready):
        fresh_steps(opened.given, opened.plan)
        return opened.given
    if opened.code == MISTAKES or (opener.given is None and not Path(path).exists()) or opener.waits_for_settings:
        return read_words(words, WATCH, {}, whole=False)
    if opened.code == NOT_ALLOWED:
        screen.asks = True
        if asks_a_person(screen):
            ready = opener.open_aloud()
            screen.asks = False
            return ready.given
    screen.err(opened.told)
    raise Ended(opened.code)


def _refuse_to_read_events(given: Given) -> None:
    """A file of events that is a part of an input would make every save another question, and a longer one."""
    place = given.flag("events")
    if place is None:
        return
    path = Path(place).absolute()
    for name in sorted(named_in(given)):
        read = Path(name).absolute()
        if fnmatchcase(str(path), str(read)) or (read == path.parent and read.is_dir() and path.name[0] != "."):
            message = f"`--events`: `{visible_line(place)}` would be read as a part of `@{visible_line(name)}`"
            raise Refusal(WRONG_INPUT, message, ("name a file in another folder",), "wrong-value")


def _mode_of(given: Given) -> Mode:
    chosen = [mode for mode in _MODES if given.has(mode)]
    if len(chosen) > 1:
        message = f"`--{chosen[0]}` and `--{chosen[1]}` exclude each other"
        raise Refusal(WRONG_INPUT, message, ("choose one of --auto, --ask and --lazy",), "wrong-value")
    return chosen[0] if chosen else ""


async def _watch(opener: Opener, given: Given, mode: Mode, events: TextIO | None, screen: Screen) -> int:
    board = Board(time.monotonic, opener.path)
    listening = Listening(board, BoardLines(screen.err, time.monotonic), events, screen)
    give_back = _GiveBack(given, screen, listening)
    session = Session(
        opener,
        screen,
        board,
        listening,
        mode,
        max_cost_of(given),
        give_back,
        at_once=given.number("at-once", 1) or AT_ONCE,
    )
    give_back.tell_of_writing(session.wrote)
    for name in ("events", "output"):
        if (place := given.flag(name)) is not None:
            session.newest.disk.wrote(place, b"")
    steering = _steering(session, given, mode, screen)
    if steering is not None:
        listening.view = steering
        screen.told = []
    _end_at_signals(session, steering)
    ticking = asyncio.ensure_future(_tick(listening))
    try:
        if steering is not None:
            steering.open(_has_keys())
        return await session.run()
    finally:
        ticking.cancel()
        if steering is not None:
            await steering.end_editor()
        listening.close()


def _steering(session: Session, given: Given, mode: Mode, screen: Screen) -> "Steering | None":
    """The view of the whole screen, if there is a terminal for it; who wants to be asked must be there."""
    choice = given.flag("console") or "auto"
    is_live = choice == "live" or (choice == "auto" and screen.live)
    if mode in ("ask", "lazy") and not (is_live and _has_keys()):
        message = f"`--{mode}` waits for keys, and there is no terminal to press them on"
        raise Refusal(WRONG_INPUT, message, ("--auto or --max-cost goes by itself",), "wrong-value")
    if not is_live:
        return None
    from ..show.whole_screen import WholeScreen  # lines need none of it
    from .steering import Steering

    return Steering(session, screen, WholeScreen(sys.stderr, screen.colour_err))


def _has_keys() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:
        return False


async def _tick(listening: Listening) -> None:
    while True:
        await asyncio.sleep(listening.every_s)
        listening.tick()


def _end_at_signals(session: Session, steering: "Steering | None") -> None:
    loop = asyncio.get_running_loop()

    def stop(code: int) -> None:
        if code == INTERRUPTED and steering is not None and steering.is_editing:
            return  # meant for the editor
        if session.code is not None:
            if steering is not None:
                steering.close()
            os._exit(code)
        session.end(code)

    for number, code in ending_signals().items():
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop, code)


@dataclass(slots=True)
class _GiveBack:
    """Writes the flow's own files and the result of each run that came to its end; tells how it went."""

    given: Given
    screen: Screen
    listening: Listening
    _printed: str | None = field(default=None)
    _wrote: Callable[[str, bytes], None] | None = None

    def tell_of_writing(self, wrote: Callable[[str, bytes], None]) -> None:
        """Whoever watches the disk hears of what is written here."""
        self._wrote = wrote

    def wrote(self, path: str, data: bytes) -> None:
        if self._wrote is not None:
            self._wrote(path, data)

    def __call__(self, ready: Ready, result: Result) -> str:
        screen, out = self.screen, Path(self.given.flag("out") or "out")
        result = redacted_result(result, hidden_by(screen))
        lines: list[str] = []
        try:
            written = write_outputs(ready.plan.outputs, result.outputs, out)
            for path in written:
                with suppress(OSError):
                    self.wrote(str(out / path), (out / path).read_bytes())
            lines += [told_files([visible_line(str(out / path)) for path in written])] if written else []
            lines += self._result(result)
        except (FileMistake, ValueMistake, Refusal) as problem:
            said = str(problem) if isinstance(problem, ValueMistake) else problem.message
            lines.append(f"the result could not be written: {visible_line(said)}")
        return "\n".join([*lines, *self.listening.ending(ready)])

    def _result(self, result: Result) -> list[str]:
        as_json, path = self.given.has("json"), self.given.flag("output")
        if not as_json and all(isinstance(outcome, Failed) for outcome in result.outputs.values()):
            return []
        if path is None and self.listening.has_screen:
            return []
        text = shown(result.outputs, as_json)
        if text == self._printed:
            return []
        self._printed = text
        if path is None:
            self.screen.out(visible(text) if self.screen.reads_out else text)
            return []
        write_result(path, text)
        self.wrote(path, text.encode("utf-8", "backslashreplace"))
        return [f"wrote {visible_line(path)}"]
