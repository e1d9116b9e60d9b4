"""A flow that is being edited: looks at the disk, settles, decides, runs, hears keys. One task, one thing at a time."""

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from ..language.checked import CheckedStep
from ..language.values import EMPTY, Value, ValueMistake, bare
from ..language.writing import as_text
from ..plan.build import build
from ..plan.graph import Plan, PlannedStep
from ..run.event import Event, RunFinished
from ..run.executor import execute
from ..run.hold import Hold
from ..run.outcome import Done, Outcome, Result
from ..run.staying import Staying
from ..run.words import FROM_BEFORE
from ..show.board import Board
from ..show.numbers import money
from ..show.redaction import redacted_events
from ..show.terminal import visible_line
from .deciding import Loops, Mode, step_for, told_need
from .edited import touched_first
from .foreseeing import Foreseen
from .hearing import Listener
from .hiding import hidden_by
from .kept_open import KeptOpen, is_free
from .newest import Newest
from .opening import defaults_of
from .ready import NotReady, Opener, Ready
from .refusal import Refusal
from .screen import Screen
from .storing import fresh_steps
from .telling import told
from .tool_memory import ToolMemory
from .watched import FolderWatch

MOST_SHOWN = 2_000_000  # characters of an answer that is kept for the view
TIDIES_EVERY = 20  # runs


# What is done with a run's result: written, printed. What it returns is told.
GiveBack = Callable[[Ready, Result], str]


@dataclass(slots=True)
class _Run:
    """The present run."""

    ready: Ready
    content: bytes
    task: "asyncio.Task[Result]"
    given_back: bool = False


@dataclass(slots=True)
class Session:
    """`mode` and `max_cost_usd` say what a save may start by itself."""

    opener: Opener
    screen: Screen
    board: Board
    listener: Listener
    mode: Mode
    max_cost_usd: Decimal | None
    give_back: GiveBack
    at_once: int = 64
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    loops: Loops = field(default_factory=Loops)
    pinned: dict[str, Value] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    code: int | None = None  # the exit code, once the session is to end
    ready: Ready | None = None  # what was last good
    newest: Newest = field(init=False)
    kept: KeptOpen = field(init=False)
    staying: Staying = field(init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _todo: "list[Callable[[], Awaitable[None]]]" = field(default_factory=list)
    _run: _Run | None = None
    _is_marked: bool = False  # the board says what a run would do, not what the present one does

    def __post_init__(self) -> None:
        self.newest = Newest(self.opener, self.clock, self.wall)
        self.staying = Staying(self._heard, self._left, self.at_once)
        results = ToolMemory(self.loops.tool_began, lambda: self.loops.tool_ended(self.clock()))
        self.kept = KeptOpen(self.screen, self.staying, results, self.max_cost_usd, self.at_once)
        self.kept.may_start.set()

    # ── The one loop ──

    async def run(self) -> int:
        """Watches until somebody ends it; returns the exit code."""
        watch = FolderWatch(self.wake)
        try:
            while self.code is None:
                if not self.newest.look(self.ready.flow.source.text if self.ready is not None else ""):
                    self.wake()
                watch.watch(self.opener.files)
                await self._settle()
                while self._todo:
                    await self._todo.pop(0)()
                await self._finish()
                await self._sleep()
        finally:
            watch.close()
            await self._stop_run()
            await self.kept.close()
        return self.code

    def wake(self) -> None:
        """Something may have happened."""
        self._wake.set()

    def do(self, what: Callable[[], Awaitable[None]]) -> None:
        """Has something done in the session's own task, soon."""
        self._todo.append(what)
        self._wake.set()

    def end(self, code: int) -> None:
        """Ends the session."""
        self.code = code
        self._wake.set()

    def wrote(self, path: str, data: bytes) -> None:
        """A file was written by this process."""
        self.newest.disk.wrote(path, data)
        self.loops.wrote()

    async def _sleep(self) -> None:
        due = self.newest.settling.due()
        left = None if due is None else max(0.0, due - self.clock())
        if self._todo or self.code is not None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._wake.wait()
        self._wake.clear()

    # ── A settled save ──

    async def _settle(self) -> None:
        now = self.clock()
        is_first = not self.newest.settled
        if not self.newest.content or not self.newest.settling.take(now):
            return
        opened, content = self.newest.opened, self.newest.content
        files = self.newest.settle()
        if isinstance(opened, NotReady):
            self._trouble(opened)
            return
        assert isinstance(opened, Ready)
        was_in_trouble, self.board.trouble, self.ready = bool(self.board.trouble), "", opened
        if was_in_trouble:
            self.listener.changed()
        if self._run is not None and self._run.content == content and not self._run.task.done():
            self.kept.may_start.set()  # it was put back as it was: what is under way goes on
            self.board.says, self.board.asks = "", False
            if self._is_marked:
                await self.start(opened, content, only=self._run.ready.plan)
            return
        sources = any(path in self.opener.sources for path in files)
        if not is_first and not self.loops.changed(sources, files, now):
            self._pause(files)
            return
        await self._decide(opened, content)

    async def _decide(self, ready: Ready, content: bytes) -> None:
        if self.max_cost_usd is None and (self.mode == "auto" or (self.mode == "" and is_free(ready))):
            await self.start(ready, content)
            return
        pinned = {name: value for name, value in self.pinned.items() if name in ready.plan.nodes}
        try:
            foreseen = await self.kept.foresee(ready, pinned)
        except Refusal as refusal:
            self._trouble(NotReady(self.screen.redact(told(refusal, False)), refusal.code))
            return
        if step_for(self.mode, foreseen.need, self.max_cost_usd) == "run":
            await self.start(ready, content)
            return
        self._hold()
        self._mark(ready, foreseen)
        self.board.says, self.board.asks = told_need(foreseen.need) + self._how_to_go_on(), True
        self.listener.say(self.board.says)

    def _mark(self, ready: Ready, foreseen: Foreseen) -> None:
        """Shows what stands already, and which steps a run would ask."""
        self._is_marked = True
        self.board.steps(ready.flow.source.path, [_place_of(node) for node in ready.plan.steps()])
        for node in ready.plan.steps():
            if foreseen.statuses[node.name] != "cached":
                self.board.mark(node.name, "stale", foreseen.because[node.name])
            elif node.name in self.pinned:
                self.board.mark(node.name, "pinned", "until you unpin it")
            else:
                self.board.mark(node.name, "cached", FROM_BEFORE)
                if node.name in foreseen.values:
                    self._ended(node.name, Done(foreseen.values[node.name]))

    def _pause(self, files: list[str]) -> None:
        named = ", ".join(visible_line(os.path.relpath(one)) for one in sorted(files)[:3])
        on = ": r runs it" if self.board.has_keys else "; a save of the flow goes on"
        self.board.says = f"paused: {named} changed three times without you, by what the flow leads to{on}"
        self.board.asks = True
        self._hold()
        self.listener.say(self.board.says)

    def _how_to_go_on(self) -> str:
        most = "" if self.max_cost_usd is None else f", up to {money(self.max_cost_usd)}"
        if self.board.has_keys:
            return f": r runs it{most}"
        return f"; nobody can be asked here: {'a higher' if most else '--auto or'} --max-cost goes on"

    def _hold(self) -> None:
        """What is under way goes on, and nothing starts."""
        self.kept.may_start.clear()

    def _trouble(self, found: NotReady) -> None:
        if found.told == self.board.trouble:
            return
        self._hold()
        self.board.says, self.board.asks = "", False
        self.board.trouble = found.told
        self.board.trouble_note = "these mistakes" if found.mistakes else "this"
        self.listener.trouble(found)

    # ── What a person asks for ──

    async def run_now(self) -> None:
        """Runs the flow as it stands now, whatever a save may start by itself."""
        self.loops.key()
        opened = self.newest.opened
        if isinstance(opened, NotReady):
            self.newest.forget()  # what stood in the way may be gone, though no file has changed
            self.board.trouble = ""
            self.wake()
            return
        if opened is not None:
            self.newest.settle()
            await self.start(opened, self.newest.content)

    async def run_step(self, name: str) -> None:
        """Asks a step again. Where steps are stale, nothing is asked but this one and what it needs."""
        self.loops.key()
        ready, row = self.newest.opened, self.board.rows.get(name)
        if not isinstance(ready, Ready) or row is None or name not in ready.plan.nodes:
            return
        step = ready.plan.nodes[name].of
        if isinstance(step, CheckedStep):
            named = [tool.name for tool in (*step.tools, *((step.call,) if step.call is not None else ()))]
            self.kept.results.forget(frozenset(named))
        self.pinned.pop(name, None)
        if self.mode == "lazy" or any(one.state == "stale" for one in self.board.rows.values()):
            only = build(ready.flow, defaults_of(ready.settings), name)
            has_answer = row.state in ("cached", "done", "pinned")
            fresh = frozenset((name,)) if has_answer else frozenset[str]()
            await self.start(ready, self.newest.content, fresh, only)
            return
        await self.start(ready, self.newest.content, frozenset((name,)))

    def pin(self, name: str) -> str:
        """Pins the answer of a step, or lets go of it; what to say of that."""
        if name not in self.board.rows:
            return "there is no step to pin"
        if name in self.pinned:
            del self.pinned[name]
            self.board.mark(name, "stale", "not kept any more")
            self.do(self._reconsider)
            return f"{name} is kept no more: it is asked when its prompt is another"
        if self.ready is not None and name in self.ready.plan.nodes and self.ready.plan.nodes[name].is_continued:
            return f"{name} cannot be pinned: another step goes on with its conversation"
        if name not in self.values:
            return f"{name} has no answer to pin yet"
        self.pinned[name] = self.values[name]
        self.board.mark(name, "pinned", "until you unpin it")
        if self.board.asks and not self.board.is_running:
            self.do(self._reconsider)  # a run would cost less now
        return f"the answer of {name} stays, whatever its prompt becomes"

    async def _reconsider(self) -> None:
        """Does what a save of the flow as it stands would do."""
        if isinstance(self.newest.opened, Ready):
            await self._decide(self.newest.opened, self.newest.content)

    # ── Runs ──

    async def start(
        self, ready: Ready, content: bytes, fresh: frozenset[str] | None = frozenset(), only: Plan | None = None
    ) -> None:
        """Ends the present run, whose calls go on, and begins one; of a part of the flow with `only`."""
        await self._stop_run()
        try:
            if self.board.run == 0:
                fresh = fresh_steps(ready.given, ready.plan)
            means = await self.kept.means(ready, fresh)
        except Refusal as refusal:
            self._trouble(NotReady(self.screen.redact(told(refusal, False)), refusal.code))
            return
        self.kept.may_start.set()
        listen = self.staying.next_run()
        self.kept.began(self.staying.flight.generation)
        secrets = hidden_by(self.screen)
        hear = redacted_events(listen, secrets)
        keeping = means.keeping
        assert keeping is not None

        def emit(event: Event) -> None:
            keeping.hear(event)
            hear(event)

        self._is_marked, self.board.says, self.board.good_at = False, "", _time_of_day(self.wall())
        plan = only or ready.plan
        steps = [_place_of(node) for node in ready.plan.steps()]
        pinned = {name: value for name, value in self.pinned.items() if name in plan.nodes}
        self.board.begin(ready.flow.source.path, steps, plan.nodes, pinned)
        self.values = {name: value for name, value in self.values.items() if name in ready.plan.nodes}
        self.staying.forget_all_but(ready.plan.nodes)
        self.loops.began(self.clock())
        before = self._run.ready.plan if self._run is not None else None
        hold = Hold(pinned, self._ended, touched_first(before, plan))
        task = asyncio.ensure_future(execute(plan, ready.inputs, means, emit, hold=hold))
        task.add_done_callback(lambda _: self.wake())
        self._run = _Run(ready if only is None else replace(ready, plan=only), content, task)

    async def _stop_run(self) -> None:
        run = self._run
        if run is None or run.task.done():
            return
        self.staying.flight.drop_waiting()
        run.task.cancel()
        with suppress(asyncio.CancelledError):
            await run.task

    async def _finish(self) -> None:
        run = self._run
        if run is None or run.given_back or not run.task.done():
            return
        run.given_back = True
        if run.task.cancelled():
            return
        result = run.task.result()
        said = self.give_back(run.ready, result)
        self.loops.ended(self.clock())
        self.listener.say(said)
        if self.board.run % TIDIES_EVERY == 0:
            gc.collect()  # a checked flow is full of circles, and nobody waits now

    def _heard(self, event: Event) -> None:
        self.board.take(event)
        if isinstance(event, RunFinished):  # it counts its own calls; those that it took over, or let go, cost as well
            calls, _, cost = self.board.of_run()
            event = replace(event, calls=calls, cost_usd=cost if cost or event.cost_usd is not None else None)
        self.listener.emit(event)

    def _left(self, event: Event) -> None:
        self.board.left(event)
        self.listener.left(event)

    def _ended(self, name: str, outcome: Outcome) -> None:
        if not isinstance(outcome, Done) or name not in self.board.rows:
            return
        self.values[name] = outcome.value
        try:
            text = "" if bare(outcome.value) is EMPTY else as_text(outcome.value, MOST_SHOWN)
        except ValueMistake as mistake:
            text = f"[{mistake.message}]"
        self.board.answered(name, self.screen.redact(text))


def _place_of(node: PlannedStep) -> tuple[str, str, int]:
    source = node.place.source
    return node.name, source.path, source.position(node.place.span.start)[0]


def _time_of_day(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s).strftime("%H:%M:%S")
