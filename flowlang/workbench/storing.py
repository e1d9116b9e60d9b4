"""Where a run keeps what it asks and is answered: the store of its project, opened before anything is sent."""

import hashlib
import re
from decimal import Decimal
from pathlib import Path

from .. import __version__
from ..diagnostics.diagnostic import nearest
from ..language.checked import CheckedFlow
from ..models.providers import Providers
from ..plan.graph import Plan
from ..project import find_root
from ..run.budget import dollars
from ..run.exit import STORE, WRONG_INPUT
from ..run.keeping import Keeping, OriginOf
from ..show.numbers import count
from ..show.terminal import visible_line
from ..store.cut_off import OpenCall
from ..store.place import FOLDER, is_far, open_folder
from ..store.problems import StoreUnusable
from ..store.store import open_store
from .given import Given
from .own_folders import store_folder_for
from .refusal import Refusal
from .screen import Screen

_VARIABLE = "FLOWLANG_STORE"


def store_folder(flow: str, given: Given, screen: Screen) -> Path:
    """The folder of the store: as told, else beside `flowlang.toml` or the flow; never on another machine."""
    told = given.flag("store") or screen.environment.get(_VARIABLE, "").strip()
    wanted = Path(told) if told else find_root(Path(flow)) / FOLDER
    if not is_far(wanted):
        return wanted
    name = hashlib.sha256(str(wanted.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    folder = store_folder_for(name)
    if not folder.exists():  # said once, when it is begun
        shown = visible_line(str(wanted))
        screen.err(f"`{shown}` would be on another machine, where a store is not safe: it is kept in {folder}")
    return folder


def open_keeping(plan: Plan, providers: Providers | None, given: Given, screen: Screen) -> Keeping | None:
    """The store as the run sees it; None where nothing is to be kept. Ends the command if it cannot be used.

    `providers` is None offline: then a store that cannot be used is no reason not to run.
    """
    if given.has("no-store"):
        return None
    flow, fresh = plan.flow, _fresh(plan, given)
    try:
        store = open_store(open_folder(store_folder(flow.source.path, given, screen)), screen.redact, screen.err)
        try:
            lost = store.begin_run(_flow_of(flow), {"version": __version__, "offline": providers is None})
        except BaseException:
            store.close_now()
            raise
    except StoreUnusable as problem:
        if providers is None:
            return None
        raise Refusal(STORE, problem.message, problem.hints, "store-failed") from None
    screen.err(_told_lost(lost))
    return Keeping(store, _origins(providers), fresh=fresh, finds=providers is not None)


def how_to_go_on(keeping: Keeping | None) -> str:
    """What a run that was stopped has saved, and what goes on from there."""
    if keeping is None or not keeping.finds:
        return "the same command starts it again"
    return f"{count(keeping.store.saved, 'answer')} saved: the same command goes on from there"


def not_kept(keeping: Keeping | None) -> Refusal | None:
    """What is wrong at the end of a run after which not all could be kept."""
    if keeping is None or not keeping.finds or (problem := keeping.store.failure) is None:
        return None
    saved, unsaved = keeping.store.saved, keeping.store.unsaved
    kept = f"{count(saved, 'answer')} saved, {unsaved} received but not saved"
    if problem.is_full:
        hint = "make room, and run the same command again: it asks only for what is missing"
        return Refusal(STORE, f"disk full: {kept}", (hint, *problem.hints), "store-failed")
    hint = "the same command, run again, asks only for what is missing"
    return Refusal(STORE, f"{problem.message}: {kept}", (hint, *problem.hints), "store-failed")


def _flow_of(flow: CheckedFlow) -> str:
    path = Path(flow.source.path)
    return path.resolve().relative_to(find_root(path).resolve()).as_posix()


def _fresh(plan: Plan, given: Given) -> frozenset[str] | None:
    """The steps that are asked anew; None for all of them. Ends the command for one that is none."""
    named = given.flags.get("fresh", ())
    steps = [node.name for below in plan.with_those_below() for node in below.nodes.values() if node.kind != "let"]
    for name in named:
        if name and name not in steps:
            near = nearest(name, steps)
            hint = f"did you mean `{near}`?" if near else f"there are: {', '.join(dict.fromkeys(steps))}"
            raise Refusal(WRONG_INPUT, f"`--fresh`: there is no step called `{name}`", (hint,), "unknown-name")
    return None if "" in named else frozenset(named)


def _origins(providers: Providers | None) -> OriginOf:
    def origin_of(model: str) -> str:
        if providers is None:
            return "offline"
        # Who signs in by the address asks the same provider with another password.
        return re.sub("//[^/@]*@", "//", providers.known[providers.of(model)[0]].base_url.rstrip("/"))

    return origin_of


def _told_lost(lost: tuple[OpenCall, ...]) -> str:
    """What was open when earlier runs were cut off; empty if nothing was."""
    lines = []
    for run in dict.fromkeys(one.run for one in lost):
        calls = [one for one in lost if one.run == run]
        places = ", ".join(_named(one) for one in calls[:5]) + (", …" if len(calls) > 5 else "")
        told = [Decimal(one.most_usd) for one in calls if one.most_usd is not None]
        cost = f", for at most {dollars(sum(told, Decimal(0)))}" if len(told) == len(calls) and any(told) else ""
        what = count(len(calls), "call")
        lines.append(f"run {run} was cut off: {what} may have been billed without an answer{cost} ({places})")
    return "\n".join(lines)


def _named(call: OpenCall) -> str:
    return call.step if call.item is None else f"{call.step}[{call.item}]"
