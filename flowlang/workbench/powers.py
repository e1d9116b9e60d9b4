"""What a flow asks to be trusted with: hosts, programs, Python files, providers, and what it can cost.

The list is what a person reads before they say yes, and what their yes is bound to: any change of what is in it, down
to the last filter in a command, asks again.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..diagnostics.source import Span
from ..language.address import split_address
from ..language.checked import CheckedFlow, CheckedStep, CheckedTool, Place
from ..language.loader import Denied, resolve
from ..language.tool_texts import command_words, origin_of
from ..models.catalog import PARTS, catalogue_of, load_catalogue
from ..models.cost import free_models
from ..models.providers import BUILT_IN, Endpoint, Provider, providers_of
from ..plan.graph import Plan
from ..record import record
from ..run.permits import is_allowed, power_of, tools_of, uses_of
from ..run.process import find_program
from ..settings import Settings
from ..show.phrases import value_words, written
from .asking import models_of
from .outside import read_line

Read = Callable[[str], bytes | Denied]

TOO_LARGE = "out-of-range"  # the rule of a file that is too large to be compared

# Programs that do what a file says, and files that say what is done: a change of these is a change of the tool.
_INTERPRETERS = frozenset(
    "sh bash dash zsh fish ksh python node deno bun ruby perl php lua make awk sed jq env".split()
)
_CODE = frozenset(".sh .bash .zsh .py .js .mjs .ts .rb .pl .php .lua .mk .awk .sed .jq .sql .r .jl".split())
_POWERS = ("host", "command", "python", "read", "provider", "price")


@record
class Asked:
    """One line of the list. `files`: the project's files that decide what happens, each with the digest of its bytes;
    `bound` is a digest of what the words leave out.

    `reaches_out`: it leaves this computer, so that `--offline` has no use for it. `for_inputs`: it matters only where
    the addresses of inputs come out of a file.
    """

    kind: str  # "host", "command", "python", "read", "provider", "price", "models", "limits"
    name: str
    detail: str = ""
    files: tuple[tuple[str, str], ...] = ()
    bound: str = ""
    reaches_out: bool = False
    for_inputs: bool = False

    @property
    def is_power(self) -> bool:
        return self.kind in _POWERS

    def line(self) -> str:
        """The line as it is kept, and compared."""
        if self.kind == "read":
            return read_line(self.name)
        files = "".join(f", {name} sha256 {digest}" for name, digest in self.files)
        return f"{self.kind} {self.name}: {self.detail}{files}" + (f" [{self.bound}]" if self.bound else "")


@record
class Seen:
    """Where a list is made: the project's folder, how its files are read, the flow's own path in it, programs."""

    root: Path
    flow: str
    read: Read
    environment: Mapping[str, str]


def asked_of(flow: CheckedFlow, plan: Plan, settings: Settings, seen: Seen) -> tuple[Asked, ...]:
    """All that the project's own files ask for, for this plan of a flow.

    What only the command line allows is not in it: that is the user's own word.
    """
    models = models_of(plan)
    found = [*_of_tools(flow, plan, settings, seen), *_of_providers(models, settings), *_of_prices(models, settings)]
    found += [
        Asked("host", one, "addresses of inputs may be read from it", reaches_out=True, for_inputs=True)
        for one in settings.allow.hosts
    ]
    found += [Asked("read", one, "files outside the project") for one in settings.allow.read]
    if models:
        found.append(Asked("models", ", ".join(sorted(models))))
    found.append(Asked("limits", _limits(flow)))
    return tuple(found)


# ── Tools ──


def _of_tools(flow: CheckedFlow, plan: Plan, settings: Settings, seen: Seen) -> Iterator[Asked]:
    for tool in tools_of(flow, plan.nodes):
        power = power_of(tool)
        if isinstance(power, Denied) or not is_allowed(tool, power, settings.allow):
            continue
        uses = uses_of(flow, tool, plan.nodes)
        files = _files_of(tool, power.name, seen)
        bound = _digest(repr((_plain(tool), [_use(step) for step in uses])).encode())[:16]
        reaches_out = power.kind == "host" and not split_address(origin_of(tool.target)).is_loopback()
        detail = f"{_told(tool)}{_who(tool, uses)}"
        yield Asked(power.kind, power.name, detail, tuple(files.items()), bound, reaches_out)


def _told(tool: CheckedTool) -> str:
    """What the tool does, in the flow's own words."""
    target = "".join(map(written, tool.target.parts))
    match tool.method:
        case "python":
            return f"tool {tool.name} calls {tool.function}() in it"
        case "command":
            return f"tool {tool.name} runs {target}"
    headers = [f"{key}: {''.join(map(written, text.parts))}" for key, text in tool.headers]
    sends = f", sends {'; '.join(headers)}" if headers else ""
    body = f", body {''.join(map(written, tool.body.parts))}" if tool.body is not None else ""
    return f"tool {tool.name}: {tool.method} {target}{sends}{body}"


def _who(tool: CheckedTool, uses: Sequence[CheckedStep]) -> str:
    """Who says what the tool is to do."""
    told = []
    for step in uses:
        if step.call is not None:
            given = ", ".join(f"{name}: {value_words(value)}" for name, value in step.with_)
            told.append(f"step {step.name} calls it" + (f" with {given}" if given else ""))
        else:
            told.append(f"a model calls it in step {step.name}")
    return f"; {'; '.join(told)}" if told else ""


def _use(step: CheckedStep) -> object:
    return (step.name, step.call is not None, _plain(step.with_))


def _plain(node: Any) -> object:
    """What a part of a flow says, without where it says it: two that say different things are never equal."""
    if isinstance(node, Span | Place):
        return None
    if is_dataclass(node):
        return (type(node).__name__, *((one.name, _plain(getattr(node, one.name))) for one in fields(node)))
    if isinstance(node, tuple | list):
        return [_plain(item) for item in node]
    if isinstance(node, Mapping):
        return [(key, _plain(value)) for key, value in node.items()]
    return repr(node)


def _files_of(tool: CheckedTool, name: str, seen: Seen) -> dict[str, str]:
    """The project's files that decide what the tool does, as far as its text names them: each with its digest."""
    if tool.method == "python":
        return {name: _digest(seen.read(name))}
    if tool.method != "command":
        return {}
    _, *words = command_words(tool.target)
    keys = [resolve(seen.flow, word[0]) for word in words if len(word) == 1 and isinstance(word[0], str)]
    says_what = PurePosixPath(name).name.rstrip("0123456789.") in _INTERPRETERS
    found: dict[str, bytes | Denied] = {}
    for key in keys:
        data = key if isinstance(key, Denied) else seen.read(key)
        if isinstance(key, Denied) or (isinstance(data, Denied) and data.rule != TOO_LARGE):
            continue
        if says_what or _is_code(key, data):
            found[key] = data
    if "/" in name and not name.startswith("/"):
        found[name] = seen.read(name)
    else:
        path = name if name.startswith("/") else find_program(name, seen.environment)
        root = seen.root.resolve()
        if path is not None and (real := Path(path).resolve()).is_relative_to(root):
            key = real.relative_to(root).as_posix()
            found[key] = seen.read(key)
    return {key: _digest(data) for key, data in found.items()}


def _is_code(name: str, data: bytes | Denied) -> bool:
    return PurePosixPath(name).suffix.lower() in _CODE or (isinstance(data, bytes) and data.startswith(b"#!"))


def _digest(data: bytes | Denied) -> str:
    return "none" if isinstance(data, Denied) else hashlib.sha256(data).hexdigest()


# ── Providers and limits ──


def _of_providers(models: Sequence[str], settings: Settings) -> Iterator[Asked]:
    """Providers whose address or key the project names itself."""
    providers = providers_of(settings.providers, settings.provider, {})
    for name in sorted({providers.of(model)[0] for model in models} & settings.providers.keys()):
        one, usual = providers.known[name], BUILT_IN.get(name, Provider())
        same = (one.base_url, one.key_env) == (usual.base_url, usual.key_env)
        # On this computer, too, a key of the project's choosing goes to whoever listens there.
        if not same and (one.key_env or not Endpoint(name, one.base_url).is_local):
            key = f", with the key in {one.key_env}" if one.key_env else ""
            yield Asked("provider", name, f"at {one.base_url}{key}", reaches_out=True)


def _of_prices(models: Sequence[str], settings: Settings) -> Iterator[Asked]:
    """Models that the project says cost less than is known: every limit of cost counts by that, the user's own too."""
    if not settings.models:
        return
    is_free = free_models(providers_of(settings.providers, settings.provider, {}))
    known, said = load_catalogue(), catalogue_of(settings.models)
    for model in sorted(models):
        usual, here = known.entry(model), said.entry(model)
        if usual is None or here is None or is_free(model):
            continue
        parts = [(part, getattr(usual.price, part), getattr(here.price, part)) for part in PARTS]
        lower = [(part, then, now) for part, then, now in parts if then is not None and now < then]
        if lower:
            told = ", ".join(f"{part.replace('_', ' ')} {now} instead of {then}" for part, then, now in lower)
            yield Asked("price", model, f"counted as {told} US dollars", reaches_out=True)


def _limits(flow: CheckedFlow) -> str:
    limits: Mapping[str, object] = {
        "cost": None if flow.limits.cost_usd is None else f"{flow.limits.cost_usd} US dollars",
        "calls": flow.limits.calls,
        "time": None if flow.limits.time_s is None else f"{flow.limits.time_s} s",
    }
    return ", ".join(f"{name} {'without limit' if value is None else value}" for name, value in limits.items())
