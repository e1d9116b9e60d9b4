"""A session on a terminal: draws the board a few times a second, and does what the keys say."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from ..language.checked import CheckedStep
from ..models.chat import ChatRequest
from ..run.exit import DONE
from ..run.staying import Place
from ..show.board_frame import Look, frame
from ..show.request import request_text
from ..show.whole_screen import WholeScreen
from .editor import edit, editor_words
from .keep_answer import keep_answer
from .keyboard import Keyboard
from .ready import NotReady
from .refusal import Refusal
from .screen import Screen
from .session import Session

REDRAWS_PER_SECOND = 4
_MOVES = {"up": -1, "k": -1, "down": 1, "j": 1, "home": -100_000, "end": 100_000}
_SCROLLS = {"page up": -10, "page down": 10, " ": 10}


@dataclass(slots=True)
class Steering:
    """Has the screen, and the keyboard if there is one. Redrawn by `tick`, and by a key at once."""

    session: Session
    screen: Screen
    drawn: WholeScreen
    every_s: float = 1 / REDRAWS_PER_SECOND
    look: Look = field(default_factory=Look)
    is_editing: bool = False
    _keyboard: Keyboard | None = None
    _editing: "asyncio.Task[None] | None" = None
    _told: "tuple[ChatRequest, bool] | None" = None  # the question that the pane shows, and whether its step runs

    def open(self, has_keys: bool) -> None:
        """Takes the screen, and the keys."""
        loop = asyncio.get_running_loop()
        self.look.keys = self.session.board.has_keys = has_keys
        if has_keys:
            self._keyboard = Keyboard(sys.stdin.fileno(), self.press)
            self._keyboard.open()
        self.drawn.take()
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(signal.SIGWINCH, self.tick)
            loop.add_signal_handler(signal.SIGTSTP, self._stop)
            loop.add_signal_handler(signal.SIGCONT, self._go_on)
        self.tick()

    def tick(self) -> None:
        """Draws what has changed."""
        if self.is_editing:
            return
        self._show_request()
        size = self.drawn.size()
        self.drawn.draw(frame(self.session.board, self.look, *size), size)

    def close(self) -> None:
        """Leaves the screen as it was, whatever happened. May be called twice."""
        self.drawn.give_back()
        if self._keyboard is not None:
            self._keyboard.close()

    # ── Keys ──

    def press(self, key: str) -> None:
        """Does what a key says."""
        board, look, session = self.session.board, self.look, self.session
        if self.is_editing:
            return  # what was typed behind the `e` was meant for the editor
        look.note = ""
        session.loops.key()
        match key:
            case _ if key in _MOVES:
                look.choose(board, _MOVES[key])
            case _ if key in _SCROLLS:
                look.scroll += _SCROLLS[key]
            case "left" | "right":
                look.turn(-1 if key == "left" else 1)
            case "r" | "\n" | "\r":
                session.do(session.run_now)
            case "s":
                session.do(self._for_chosen(session.run_step))
            case "p":
                look.note = session.pin(look.chosen)
            case "w":
                session.do(self._record)
            case "q" | "a" | "d":
                look.pane = {"q": "request", "a": "answer", "d": "difference"}[key]
                look.scroll = 0
            case "?" | "m":
                look.pane, look.scroll = "keys" if key == "?" else "mistakes", 0
            case "t":
                opened = session.newest.opened  # only what is shown can be trusted
                if isinstance(opened, NotReady) and opened.told == board.trouble and session.newest.opener.word.give():
                    session.do(session.run_now)
            case "e":
                self._edit()
            case "x":
                session.end(DONE)
            case _:
                pass
        self.tick()

    async def _record(self) -> None:
        """Writes the answer of the chosen step to the recordings."""
        session, name = self.session, self.look.chosen
        node = session.ready.plan.nodes.get(name) if session.ready is not None else None
        if session.ready is None or node is None or not isinstance(node.of, CheckedStep) or node.kind != "prompt":
            self.look.note = f"{name or 'nothing'} has no answer of a model to record"
        else:
            path, find = session.ready.flow.source.path, session.kept.answer_to
            try:
                self.look.note = keep_answer(path, node.of, session.staying.questions(name), find, self.screen.redact)
            except Refusal as refusal:
                self.look.note = refusal.message
            except OSError:  # the current folder is gone
                self.look.note = "nothing can be recorded: the folder is not there"
        self.tick()

    def _for_chosen(self, what: Callable[[str], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        name = self.look.chosen
        return lambda: what(name)

    def _show_request(self) -> None:
        """Has the pane show what the chosen step was asked the last time, one question of it, with its answer."""
        look, session = self.look, self.session
        if look.pane != "request":
            return
        look.follow(session.board)
        found = session.staying.questions(look.chosen)
        look.questions = len(found)
        look.question = max(0, min(look.question, len(found) - 1))
        if not found:
            look.request = ""
            return
        place, request = found[look.question]
        row = session.board.rows.get(look.chosen)
        # While it runs the store may have an answer that is to be another.
        is_open = row is not None and row.state in ("queued", "running")
        if look.request and self._told is not None and self._told[0] is request and self._told[1] == is_open:
            return
        self._told = (request, is_open)
        look.asked_at = _named(place, len({one.sample for one, _ in found}) > 1)
        kept = None if is_open else session.kept.answer_to(request)
        answer = f"\n── answer ──\n{kept.reply.text}\n" if kept is not None else ""
        look.request = self.screen.redact(request_text(request) + answer)

    # ── The editor, and other programs ──

    def _edit(self) -> None:
        row = self.session.board.rows.get(self.look.chosen)
        file, line = (row.file, row.line) if row is not None else (self.session.opener.path, 1)
        words = editor_words(self.screen.environment, file, line)
        if not words:
            self.look.note = "no editor is set: export EDITOR=…, with the name of yours"
            return
        self.close()
        self.is_editing = True
        self._editing = asyncio.ensure_future(self._edited(words))

    async def _edited(self, words: list[str]) -> None:
        try:
            self.look.note = await edit(words)
        finally:
            self._take_again()

    async def end_editor(self) -> None:
        """Ends the editor, if there is one: the terminal is the shell's again when we are gone."""
        if self._editing is not None:
            self._editing.cancel()
            with suppress(asyncio.CancelledError):
                await self._editing

    def _take_again(self) -> None:
        self.is_editing = False
        if self.session.code is None:
            if self._keyboard is not None:
                self._keyboard.open()
            self.drawn.take()
            self.tick()

    def _stop(self) -> None:
        """Ctrl-Z: the terminal is the shell's until we go on."""
        self.close()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _go_on(self) -> None:
        if not self.is_editing:
            self._take_again()


def _named(place: Place, has_samples: bool) -> str:
    """A place as a person reads it: `polished.critique[2]`, which sample, and whether its judge is asked."""
    parts = [*place.path.split("/"), place.step] if place.path else [place.step]
    item = f"[{place.item}]" if place.item is not None else ""
    sample = f", sample {place.sample}" if has_samples else ""
    return ".".join(parts) + item + sample + (", its judge" if place.rule else "")
