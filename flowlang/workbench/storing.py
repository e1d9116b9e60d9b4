"""Where a run keeps what it asks and is answered: the store of its project, opened before anything is sent."""

import hashlib
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from .. import __version__
from ..diagnostics.diagnostic import nearest
from ..language.checked import CheckedFlow
from ..language.values import Value
from ..models.providers import Providers
from ..plan.graph import Plan
from ..project import find_root
from ..run.budget import dollars
from ..run.event import CallFinished
from ..run.exit import NOT_ALLOWED, STORE, WRONG_INPUT
from ..run.keeping import Keeping, OriginOf
from ..show.graph import nodes_of
from ..show.numbers import count
from ..show.terminal import visible_line
from ..store.cut_off import OpenCall
from ..store.file import NAME
from ..store.frozen import frozen
from ..store.history import History
from ..store.past import money_of, row_of
from ..store.place import FOLDER, is_far, open_folder
from ..store.problems import StoreUnusable
from ..store.store import Store, open_store
from .commit import ask_git
from .given import Given
from .own_folders import stores_folder
from .refusal import Refusal
from .screen import Screen

_VARIABLE = "FLOWLANG_STORE"


def store_folder(flow: str, given: Given, screen: Screen) -> Path:
    """The folder of the store: as told, else beside `flowlang.toml` or the flow; never on another machine."""
    told = _told_folder(given, screen)
    wanted = Path(told) if told else find_root(Path(flow)) / FOLDER
    if not is_far(wanted):
        return wanted
    name = hashlib.sha256(str(wanted.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    folder = stores_folder() / name
    if not folder.exists():  # said once, when it is begun
        shown = visible_line(str(wanted))
        screen.err(f"`{shown}` would be on another machine, where a store is not safe: it is kept in {folder}")
    return folder


def _told_folder(given: Given, screen: Screen) -> str:
    """Where the user says that the store is; empty if they say nothing."""
    return given.flag("store") or screen.environment.get(_VARIABLE, "").strip()


def _foreign(folder: Path) -> Refusal:
    """What to say of a store that came with the repository: its answers are what somebody wants them to be."""
    shown = visible_line(os.path.relpath(folder))
    message = f"the store `{shown}` is a part of the repository: its answers may be anybody's"
    hints = (
        f"take it out, and delete it if it is not yours: git rm -r --cached {shlex.quote(shown)}, and commit that",
        f"if you trust it: --store {shlex.quote(shown)}",
    )
    return Refusal(NOT_ALLOWED, message, hints, "not-allowed")


def commit_of(flow: CheckedFlow, folder: Path, given: Given, screen: Screen, *, serves: bool) -> dict[str, Any] | None:
    """What git says of the flow's files, if there is a commit.

    Ends the command where the store in `folder` is a part of the repository, and its answers would serve: they are what
    somebody wants them to be. Not if the user named it.
    """
    is_usual = not _told_folder(given, screen) and (folder / NAME).exists()
    git = ask_git(flow, screen.environment, Path(os.path.normpath(Path.cwd() / folder / NAME)) if is_usual else None)
    commit = git.told() if git is not None else None
    if git is not None and git.has_store and serves:
        raise _foreign(folder)
    return commit


def open_keeping(
    plan: Plan,
    inputs: Mapping[str, Value],
    providers: Providers | None,
    given: Given,
    screen: Screen,
    repeats: Sequence[int] = (),
) -> Keeping | None:
    """The store as the run sees it; None where nothing is to be kept. Ends the command if it cannot be used.

    `inputs` are what the run begins with. `providers` is None offline: then a store that cannot be used is no reason
    not to run. `repeats`: the runs that this one repeats, the last one first.
    """
    if given.has("no-store"):
        return None
    flow, fresh = plan.flow, fresh_steps(given, plan)
    folder = store_folder(flow.source.path, given, screen)
    commit = commit_of(flow, folder, given, screen, serves=providers is not None)
    try:
        store = open_store(open_folder(folder), screen.redact, screen.err)
        try:
            told = {"repeats": list(repeats), "commit": commit}
            lost = store.begin_run(flow_key(flow), {**described(flow, inputs, store, given), **told})
        except BaseException:
            store.close_now()
            raise
    except StoreUnusable as problem:
        if providers is None:
            return None
        raise Refusal(STORE, problem.message, problem.hints, "store-failed") from None
    screen.err(told_lost(lost))
    repeated = frozenset(repeats)
    keeping = Keeping(store, origins(providers), repeated, fresh=fresh, finds=providers is not None)
    _remember_results(keeping, repeats)
    return keeping


def open_history(flow: str, given: Given, screen: Screen) -> History | None:
    """The store, for reading alone; None where there is none that can be read. Nothing is made or changed."""
    told = _told_folder(given, screen)
    usual = Path(told) if told else find_root(Path(flow)) / FOLDER
    # Whether the project is on another machine need not be known where nothing is kept either way.
    if given.has("no-store") or not (usual.exists() or stores_folder().is_dir()):
        return None
    try:
        return History(store_folder(flow, given, screen))
    except StoreUnusable:
        return None


def described(flow: CheckedFlow, inputs: Mapping[str, Value], store: Store, given: Given) -> dict[str, Any]:
    """What a run begins with, as the store keeps it."""
    texts = store.texts
    root = find_root(Path(flow.source.path)).resolve()
    return {
        "version": __version__,
        "folder": str(root),
        "offline": given.has("offline"),
        "only": given.flag("only"),
        "fresh": list(given.flags.get("fresh", ())),
        "each": _told_rows(given.flag("each"), root),
        "graph": [
            [node.name, node.kind, node.level, list(node.notes), list(node.reads), list(node.waits_for)]
            for node in nodes_of(flow)
        ],
        "inputs": {name: frozen(value, texts) for name, value in inputs.items()},
        "sources": {source.path: texts.text(source.text) for source in flow.files},
    }


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


def _told_rows(path: str | None, root: Path) -> dict[str, Any] | None:
    """The file of the rows, from the project's folder on if it is in there, and the digest of its bytes."""
    if path is None:
        return None
    if path == "-":
        return {"path": "-", "digest": None}
    full = Path(path.removeprefix("@")).resolve()
    shown = full.relative_to(root).as_posix() if full.is_relative_to(root) else str(full)
    return {"path": shown, "digest": digest_of(full)}


def digest_of(path: Path) -> str | None:
    """The SHA-256 of a file's bytes in hex; None if it cannot be read, or is no file: a pipe would keep us waiting."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _remember_results(keeping: Keeping, repeats: Sequence[int]) -> None:
    """Hands over what the tools of the repeated runs gave back."""
    if not repeats:
        return
    history = History(keeping.store.folder)
    try:
        for run in repeats:
            keeping.results.remember(
                replace(one, body={**one.body, "text": history.told(one.body.get("text"))})
                for one in history.steps(run)
                if one.body.get("outcome") == "result"
            )
    finally:
        history.close()


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
        # Who signs in by the address asks the same provider with another password.
        return "" if provider is None else re.sub("//[^/@]*@", "//", provider.base_url.rstrip("/"))

    return origin_of


def told_lost(lost: tuple[OpenCall, ...]) -> str:
    """What was open when earlier runs were cut off; empty if nothing was."""
    lines = []
    for run in dict.fromkeys(one.run for one in lost):
        calls = [one for one in lost if one.run == run]
        places = _all_named(calls)
        told = [most for one in calls if (most := money_of(one.most_usd)) is not None]
        cost = f", for at most {dollars(sum(told, Decimal(0)))}" if len(told) == len(calls) and any(told) else ""
        what = count(len(calls), "call")
        lines.append(f"run {run} was cut off: {what} may have been billed without an answer{cost} ({places})")
    return "\n".join(lines)


def told_left(left: Sequence[CallFinished]) -> str:
    """What was open when this run was stopped; empty if nothing was."""
    what = "1 call was" if len(left) == 1 else f"{count(len(left), 'call')} were"
    ordered = sorted(left, key=lambda one: (one.path, one.step, one.item or 0))
    return f"{what} open, and may be billed without an answer ({_all_named(ordered)})" if left else ""


def _all_named(calls: Sequence[OpenCall | CallFinished]) -> str:
    return ", ".join(map(_named, calls[:5])) + (", …" if len(calls) > 5 else "")


def _named(call: OpenCall | CallFinished) -> str:
    row = row_of(call.path)
    of_row = f" of row {row}" if row is not None else ""
    return (call.step if call.item is None else f"{call.step}[{call.item}]") + of_row
