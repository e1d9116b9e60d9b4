"""What a flow asks to be trusted with: hosts, programs, Python files, providers, and what it can cost.

The list is what a person reads before they say yes, and what their yes is bound to: any change of it asks again.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from ..language.address import BadAddress, split_address
from ..language.checked import CheckedFlow, CheckedTool
from ..language.loader import Denied
from ..language.tool_texts import origin_of, written
from ..plan.graph import Plan
from ..record import record
from ..run.permits import Allow, is_allowed, power_of, tools_of
from ..settings import Settings
from .asking import BUILT_IN, provider_of
from .trusted import read_line

Read = Callable[[str], bytes | Denied]

BUILT_IN_ADDRESSES = {"bytespike": "https://llm.bytespike.ai/v1", "openai": "https://api.openai.com/v1"}
_POWERS = ("host", "command", "python", "read", "provider")


@record
class Asked:
    """One line of the list. `reaches_out`: it leaves this computer, so that `--offline` has no use for it."""

    kind: str  # "host", "command", "python", "read", "provider", "models", "limits"
    name: str
    detail: str = ""
    reaches_out: bool = False

    @property
    def is_power(self) -> bool:
        return self.kind in _POWERS

    def line(self) -> str:
        """The line as it is kept, and compared."""
        return read_line(self.name) if self.kind == "read" else f"{self.kind} {self.name}: {self.detail}"


def asked_of(flow: CheckedFlow, plan: Plan, settings: Settings, read: Read) -> tuple[Asked, ...]:
    """All that the project's own files ask for, for this plan of a flow.

    What only the command line allows is not in it.
    """
    found = [*_of_tools(tools_of(flow, plan.nodes), settings.allow, read), *_of_providers(plan, settings)]
    found += [Asked("read", one, "files outside the project") for one in settings.allow.read]
    if models := sorted(set(_models(plan))):
        found.append(Asked("models", ", ".join(models)))
    found.append(Asked("limits", _limits(flow)))
    return tuple(found)


def _of_tools(tools: Sequence[CheckedTool], allow: Allow, read: Read) -> Iterator[Asked]:
    for tool in tools:
        power = power_of(tool)
        if isinstance(power, Denied) or not is_allowed(tool, power, allow):
            continue
        reaches_out = power.kind == "host" and not split_address(origin_of(tool.target)).is_loopback()
        yield Asked(power.kind, power.name, _told(tool, power.name, read), reaches_out)


def _told(tool: CheckedTool, name: str, read: Read) -> str:
    """What the tool does, in words that change when it does anything else."""
    match tool.method:
        case "python":
            return f"tool {tool.name} calls {tool.function}() in it, sha256 {_digest(read(name))}"
        case "command":
            bytes_of = f", sha256 {_digest(read(name))}" if "/" in name and not name.startswith("/") else ""
            return f"tool {tool.name} runs {written(tool.target)}{bytes_of}"
    headers = [f"{key}: {written(text)}" for key, text in tool.headers]
    sends = f", sends {'; '.join(headers)}" if headers else ""
    body = f", body {written(tool.body)}" if tool.body is not None else ""
    return f"tool {tool.name}: {tool.method} {written(tool.target)}{sends}{body}"


def _digest(data: bytes | Denied) -> str:
    return "of no file" if isinstance(data, Denied) else hashlib.sha256(data).hexdigest()


def _of_providers(plan: Plan, settings: Settings) -> Iterator[Asked]:
    """Providers whose address or key the project names itself."""
    for name in sorted({provider_of(model, settings) for model in _models(plan)}):
        own = settings.providers.get(name)
        if own is None:
            continue
        address = own.base_url or BUILT_IN_ADDRESSES.get(name, "")
        usual = address == BUILT_IN_ADDRESSES.get(name) and own.key_env in ("", BUILT_IN.get(name))
        if not usual and not _is_loopback(address):
            key = f", with the key in {own.key_env}" if own.key_env else ""
            yield Asked("provider", name, f"at {address}{key}", True)


def _is_loopback(address: str) -> bool:
    try:
        return split_address(address).is_loopback()
    except BadAddress:
        return False


def _models(plan: Plan) -> Iterator[str]:
    for node in plan.nodes.values():
        yield from (ask.model for ask in (*node.asks, *(judge for judge in node.judges if judge)) if ask.model)
        if node.sub is not None:
            yield from _models(node.sub)


def _limits(flow: CheckedFlow) -> str:
    limits: Mapping[str, object] = {
        "cost": None if flow.limits.cost_usd is None else f"{flow.limits.cost_usd} US dollars",
        "calls": flow.limits.calls,
        "time": None if flow.limits.time_s is None else f"{flow.limits.time_s} s",
    }
    return ", ".join(f"{name} {'without limit' if value is None else value}" for name, value in limits.items())
