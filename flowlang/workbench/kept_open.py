"""What stays open over the runs of a session: lines to providers, the store, the calls under way."""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .. import __version__
from ..language.checked import CheckedFlow
from ..language.values import Value
from ..models.chat import ChatRequest, Complete, Usage
from ..models.dialects import NOTHING, Known
from ..models.errors import ModelError
from ..models.providers import Providers
from ..run.calling import AT_ONCE, PlaceFor
from ..run.exit import STORE
from ..run.from_recordings import FromRecordings
from ..run.hold import Hold
from ..run.keeping import Keeping, OriginOf
from ..run.looking import Past
from ..run.means import Means
from ..run.shield import hide_from_model, hide_from_tools
from ..run.staying import Staying, StayingKeeping
from ..run.tools import PerformTool
from ..run.waiting import Waiting
from ..run.warming import Warming
from ..store.file import NAME
from ..store.place import open_folder
from ..store.problems import StoreUnusable
from ..store.rows import Kept
from ..store.store import LEAVES_S, Store, open_store
from .answering import cache_minimum
from .asking import models_of
from .commit import ask_git
from .foreseeing import Foreseen, foresee
from .hiding import hidden_by
from .ready import Ready
from .recording import open_answers
from .refusal import Refusal
from .screen import Screen
from .storing import commit_of, described, flow_key, origins, store_folder, told_lost
from .tool_memory import ToolMemory

if TYPE_CHECKING:
    from ..models.transport import Transport

NOTES_AFTER_S = 0.5  # git is asked when the run's first calls are on their way
_SOME = Usage(1_000_000, 1_000_000, searches=1)


@dataclass(slots=True)
class KeptOpen:
    """Opened when the first run needs it, closed once. `runs` are the numbers of the session's runs so far."""

    screen: Screen
    staying: Staying
    results: ToolMemory
    max_cost_usd: Decimal | None
    at_once: int = AT_ONCE
    runs: list[int] = field(default_factory=list)
    may_start: asyncio.Event = field(default_factory=asyncio.Event)  # cleared: what is under way goes on, no more
    _last: Keeping | None = None  # of the last run
    _store: Store | None = None
    _identity: tuple[int, int] | None = None  # of the store's file
    _former_stores: list[Store] = field(default_factory=list)
    _folder: Path | None = None  # of a store that is kept for this session alone
    _transport: "Transport | None" = None
    _former: "list[Transport]" = field(default_factory=list)
    _providers: Providers | None = None
    _warming: Warming = field(default_factory=Warming)
    _noting: "set[asyncio.Task[None]]" = field(default_factory=set)  # the commits of runs, while git is asked
    _closes: asyncio.Event = field(default_factory=asyncio.Event)
    _waits: dict[int, int] = field(default_factory=dict)  # runs whose lock is held, by the session's own count

    async def means(self, ready: Ready, fresh: frozenset[str] | None) -> Means:
        """What the next run has at hand, which begins now. `fresh` steps are asked again, None stands for all.

        Raises Refusal where nothing can be kept.
        """
        keeping = await self._keeping(ready, fresh)
        self.results.run += 1
        secrets = hidden_by(self.screen)
        tools = hide_from_tools(self._held(self.results.around(ready.tools.perform, ready.tools.digests)), secrets)
        complete, place, waiting = self._who_answers(ready)
        return Means(
            complete=hide_from_model(complete, secrets),
            place=self._places(place),
            waiting=waiting,
            warming=self._warming,
            perform_tool=tools,
            prices=ready.prices,
            max_cost_usd=self.max_cost_usd,
            at_once=self.at_once,
            offline=ready.providers is None,
            keeping=keeping,
            staying=self.staying,
        )

    def began(self, number: int) -> None:
        """A run has begun, with this number among those of the session: locks of runs that are all over are let go."""
        if self._store is None:
            return
        self._waits[number] = self._store.run
        oldest = self.staying.flight.oldest()
        for earlier in [one for one in self._waits if one < min(oldest, number)]:
            self._store.leave_run(self._waits.pop(earlier))

    async def foresee(self, ready: Ready, pinned: Mapping[str, Value]) -> Foreseen:
        """What a run would ask. Raises Refusal where the store cannot be used."""
        try:
            store = self._open_store(ready)
        except StoreUnusable as problem:
            raise Refusal(STORE, problem.message, problem.hints, "store-failed") from None
        past = cast(Store, Past(store.find))
        keeping = Keeping(past, _origins(ready), frozenset(self.runs))
        return await foresee(ready, keeping, Hold(pinned), is_free(ready), self.staying.differs)

    def answer_to(self, request: ChatRequest) -> Kept | None:
        """The answer that the store has to a question of this session."""
        return self._last.store.find(self._last.key(request)) if self._last is not None else None

    async def close(self) -> None:
        """Cancels what is under way, and closes everything."""
        await self.staying.flight.close()
        for transport in (*self._former, *((self._transport,) if self._transport is not None else ())):
            await transport.close()
        self._closes.set()
        if self._noting:
            await asyncio.wait(self._noting, timeout=LEAVES_S)
        for store in (*self._former_stores, *((self._store,) if self._store is not None else ())):
            await store.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    # ── The store ──

    async def _keeping(self, ready: Ready, fresh: frozenset[str] | None) -> Keeping:
        try:
            store = self._open_store(ready)
            told = {**described(ready.flow, ready.inputs, store, ready.given), "repeats": [], "commit": None}
            lost = await store.begin_next_run(flow_key(ready.flow), told)
        except StoreUnusable as problem:
            raise Refusal(STORE, problem.message, problem.hints, "store-failed") from None
        self.screen.err(told_lost(lost))
        # What was answered in this session stands, however a step is set: only what changed is asked again.
        keeping = self._last = StayingKeeping(store, _origins(ready), frozenset(self.runs), fresh=fresh)
        self.runs.append(store.run)
        task = asyncio.ensure_future(self._note_commit(store, ready.flow))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)
        return keeping

    def _open_store(self, ready: Ready) -> Store:
        """The store; another one where somebody has deleted it, or put it aside. Calls under way still have the old."""
        if self._store is not None and _identity(self._store) != self._identity:
            self._former_stores.append(self._store)
            self._store = None
            self.runs.clear()
            self._waits.clear()
        if self._store is None:
            self._store = self._opened(ready, ready.providers is None)
            self._identity = _identity(self._store)
        return self._store

    async def _note_commit(self, store: Store, flow: CheckedFlow) -> None:
        """Adds the commit that the flow was at to the run that begins; no call waits for that."""
        number = store.run
        with suppress(TimeoutError):
            async with asyncio.timeout(NOTES_AFTER_S):
                await self._closes.wait()

        def told() -> dict[str, Any] | None:
            git = ask_git(flow, self.screen.environment)
            return git.told() if git is not None else None

        if (commit := await asyncio.to_thread(told)) is not None:
            store.note_of_run(number, {"commit": commit})

    def _opened(self, ready: Ready, offline: bool) -> Store:
        if not ready.given.has("no-store"):
            try:
                folder = store_folder(ready.flow.source.path, ready.given, self.screen)
                commit_of(ready.flow, folder, ready.given, self.screen, serves=not offline)
                return open_store(open_folder(folder), lambda text: self.screen.redact(text), self.screen.err)
            except StoreUnusable:
                if not offline:
                    raise
        self._folder = Path(tempfile.mkdtemp(prefix="flowlang-"))
        return open_store(self._folder, lambda text: self.screen.redact(text), self.screen.err)

    # ── Who answers ──

    def _who_answers(self, ready: Ready) -> tuple[Complete, PlaceFor, Waiting]:
        if ready.providers is None:
            from ..models.offline import OfflineSettings, offline_model  # only a session that asks nobody needs it

            odd = ready.settings.offline
            model = offline_model(OfflineSettings(odd.latency, odd.failure_rate, odd.cut_off_rate))
            recorded = FromRecordings(open_answers(Path(ready.flow.source.path)).recordings, model)
            return recorded.complete, _no_place, Waiting()
        if self._transport is None or ready.providers != self._providers:
            if self._transport is not None:
                self._former.append(self._transport)  # calls under way still use it
            self._transport = self._transport_for(ready.providers)
            self._providers = ready.providers
            self._warming = Warming(cache_minimum(ready.settings, ready.providers))
        transport = self._transport
        transport.forgive()

        def delay_s(attempt: int, error: ModelError) -> float:
            return transport.delay_s(attempt, error)

        return transport.complete, transport.place, Waiting(delay_s)

    def _transport_for(self, providers: Providers) -> "Transport":
        from ..models.transport import Transport  # only a session that asks a provider pays for HTTP and TLS

        named = {
            name: providers.endpoint(name, self.screen.environment)
            for name, one in providers.known.items()
            if one.base_url
        }
        store = self._store
        dialects = NOTHING if store is None else Known(store.dialects(), store.note_dialect)
        return Transport(named, providers.of, self.at_once, self.screen.environment, dialects=dialects)

    # ── While nothing may start ──

    def _places(self, place: PlaceFor) -> PlaceFor:
        @asynccontextmanager
        async def held(model: str) -> AsyncIterator[None]:
            await self.may_start.wait()
            async with place(model):
                await self.may_start.wait()
                yield

        return held

    def _held(self, perform: PerformTool) -> PerformTool:
        async def performed(*of: object) -> str | None:
            await self.may_start.wait()
            return await perform(*of)  # type: ignore[arg-type]

        return performed


def _identity(store: Store) -> tuple[int, int] | None:
    try:
        found = (store.folder / NAME).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_free(ready: Ready) -> bool:
    """Whether nothing that the flow may ask costs anything."""
    prices = ready.prices
    return prices is None or all(prices.cost_usd(model, _SOME) == 0 for model in models_of(ready.plan))


def _no_place(model: str) -> AbstractAsyncContextManager[None]:
    @asynccontextmanager
    async def nothing() -> AsyncIterator[None]:
        yield

    return nothing()


def _origins(ready: Ready) -> OriginOf:
    """Answers of the built-in model are this version's own, and the recordings may change."""
    if ready.providers is None:
        text = open_answers(Path(ready.flow.source.path)).text
        recorded = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if text else ""
        return lambda model: f"offline {__version__} {recorded}"
    return origins(ready.providers)
