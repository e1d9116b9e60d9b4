"""Where a run keeps what it asks and is answered: the store of its project, opened before anything is sent."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from .. import __version__
from ..diagnostics.diagnostic import nearest
from ..language.checked import CheckedFlow
from ..language.values import Value
from ..models.providers import Providers
from ..plan.graph import Plan
from ..project import find_root
from ..run.exit import STORE, WRONG_INPUT
from ..run.keeping import Keeping, OriginOf
from ..show.numbers import count
from ..show.terminal import visible_line
from ..store.frozen import frozen
from ..store.history import History
from ..store.place import FOLDER, is_far, open_folder
from ..store.problems import StoreUnusable
from ..store.store import OpenCall, Store, open_store
from .given import Given
from .refusal import Refusal
from .screen import Screen

_VARIABLE = "FLOWLANG_STORE"


def store_folder(flow: str, given: Given, screen: Screen) -> Path:
    """The folder of the store: as told, else beside `flowlang.toml` or the flow; never on another machine."""
    told = given.flag("store") or screen.environment.get(_VARIABLE, "").strip()
    if told:
        return Path(told)
    root = find_root(Path(flow))
    if is_far(root):
        name = hashlib.sha256(str(root.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        folder = platformdirs.user_cache_path("flowlang", appauthor=False) / "stores" / name
        screen.err(
            f"`{visible_line(str(root))}` is on another machine, where a store is not safe: it is kept in {folder}"
        )
        return folder
    return root / FOLDER


def open_keeping(
    plan: Plan, inputs: Mapping[str, Value], providers: Providers | None, given: Given, screen: Screen
) -> Keeping | None:
    """The store as the run sees it; None where nothing is to be kept. Ends the command if it cannot be used.

    `inputs` are what the run begins with. `providers` is None offline: then a store that cannot be used is no reason
    not to run.
    """
    if given.has("no-store"):
        return None
    flow, fresh = plan.flow, fresh_steps(given, plan)
    try:
        store = open_store(open_folder(store_folder(flow.source.path, given, screen)), screen.redact, screen.err)
        try:
            lost = store.begin_run(flow_key(flow), _described(flow, inputs, store, given))
        except BaseException:
            store.close_now()
            raise
    except StoreUnusable as problem:
        if providers is None:
            return None
        raise Refusal(STORE, problem.message, problem.hints, "store-failed") from None
    screen.err(_told_lost(lost))
    return Keeping(store, origins(providers), fresh=fresh, finds=providers is not None)


def open_history(flow: str, given: Given, screen: Screen) -> History | None:
    """The store, for reading alone; None where there is none that can be read. Nothing is made or changed."""
    told = given.flag("store") or screen.environment.get(_VARIABLE, "").strip()
    usual = Path(told) if told else find_root(Path(flow)) / FOLDER
    elsewhere = platformdirs.user_cache_path("flowlang", appauthor=False) / "stores"
    # Whether the project is on another machine need not be known where nothing is kept either way.
    if given.has("no-store") or not (usual.exists() or elsewhere.is_dir()):
        return None
    try:
        return History(store_folder(flow, given, screen))
    except StoreUnusable:
        return None


def _described(flow: CheckedFlow, inputs: Mapping[str, Value], store: Store, given: Given) -> dict[str, Any]:
    """What a run begins with, as the store keeps it."""
    texts = store.texts
    return {
        "version": __version__,
        "offline": given.has("offline"),
        "only": given.flag("only"),
        "each": given.flag("each"),
        "fresh": list(given.flags.get("fresh", ())),
        "inputs": {name: frozen(value, texts) for name, value in inputs.items()},
        "sources": {source.path: texts.text(source.text) for source in flow.files},
    }


def flow_key(flow: CheckedFlow) -> str:
    """The name by which the store knows a flow: its path in the project."""
    path = Path(flow.source.path)
    return path.resolve().relative_to(find_root(path).resolve()).as_posix()


def fresh_steps(given: Given, plan: Plan) -> frozenset[str] | None:
    """The steps that are asked anew, also of flows that others run; None for all. Raises Refusal for what is none."""
    named = given.flags.get("fresh", ())
    known = list(dict.fromkeys(node.name for below in plan.with_those_below() for node in below.steps()))
    for name in named:
        if name and name not in known:
            near = nearest(name, known)
            hint = f"did you mean `{near}`?" if near else "its steps: " + ", ".join(f"`{one}`" for one in known)
            message = f"`--fresh {name}`: there is no step `{name}` in `{plan.flow.source.path}`"
            raise Refusal(WRONG_INPUT, message, (hint,), "unknown-name")
    return None if "" in named else frozenset(named)


def origins(providers: Providers | None) -> OriginOf:
    """The address of the provider of a model."""

    def origin_of(model: str) -> str:
        if providers is None:
            return "offline"
        provider = providers.known.get(providers.of(model)[0])
        return "" if provider is None else provider.base_url.rstrip("/")

    return origin_of


def _told_lost(lost: tuple[OpenCall, ...]) -> str:
    """What was open when earlier runs were cut off; empty if nothing was."""
    lines = []
    for run in dict.fromkeys(one.run for one in lost):
        calls = [one for one in lost if one.run == run]
        places = ", ".join(_named(one) for one in calls[:5]) + (", …" if len(calls) > 5 else "")
        lines.append(
            f"run {run} was cut off: {count(len(calls), 'call')} may have been billed without an answer ({places})"
        )
    return "\n".join(lines)


def _named(call: OpenCall) -> str:
    return call.step if call.item is None else f"{call.step}[{call.item}]"
