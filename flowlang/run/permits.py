"""What a project allows, what its tools ask for, and whether the one covers the other."""

import posixpath
from collections.abc import Collection, Iterator

from ..language.address import Hosts, host_of, split_address
from ..language.checked import CheckedFlow, CheckedStep, CheckedTool
from ..language.loader import Denied, resolve
from ..language.tool_texts import origin_of, program_of
from ..record import record


@record
class Allow:
    """What may be used: hosts, programs, Python files, and folders or files outside the project."""

    hosts: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


# The kinds of power, with the list of `[allow]` that each stands in.
LISTS = {"host": "hosts", "command": "commands", "python": "python", "read": "read"}


@record
class Power:
    """One thing that a tool asks for; `name` as a list of `[allow]` would have it."""

    kind: str
    name: str


def power_of(tool: CheckedTool) -> Power | Denied:
    """What the tool asks for; Denied for a path that no project can allow."""
    match tool.method:
        case "command":
            program = program_of(tool.target)
            if program.startswith(("/proc/", "/dev/")):
                return Denied("not-allowed", f"`{program}` leads to another program each time", ("name the program",))
            if "/" not in program or program.startswith("/"):
                return Power("command", program)
            found = resolve(tool.file, program)
            return found if isinstance(found, Denied) else Power("command", found)
        case "python":
            path = "".join(part for part in tool.target.parts if isinstance(part, str))
            found = resolve(tool.file, path)
            return found if isinstance(found, Denied) else Power("python", found)
        case _:
            return Power("host", host_of(origin_of(tool.target)))


def is_allowed(tool: CheckedTool, power: Power, allow: Allow) -> bool:
    """Whether a project's lists cover what a tool asks for."""
    match power.kind:
        case "host":
            address = split_address(origin_of(tool.target))
            return Hosts(allow.hosts).allows(address.host, address.port)
        case "command":
            return power.name in map(_plain_path, allow.commands)
        case _:
            return power.name in map(_plain_path, allow.python)


def denial_of(tool: CheckedTool, allow: Allow) -> Denied | None:
    """Why the project does not allow the tool, with the line to add; None if it does."""
    power = power_of(tool)
    if isinstance(power, Denied) or is_allowed(tool, power, allow):
        return power if isinstance(power, Denied) else None
    name = LISTS[power.kind]
    listed = ", ".join(f'"{one}"' for one in (*getattr(allow, name), power.name))
    what = {"host": "reads from", "command": "runs", "python": "runs"}[power.kind]
    what = "sends to" if tool.method == "post" else what
    return Denied(
        "not-allowed",
        f"tool `{tool.name}` {what} `{power.name}`, and the project does not allow that",
        (
            f"to allow it, write in flowlang.toml, below [allow]: {name} = [{listed}]",
            f"for one run: --allow {power.kind}={power.name}",
        ),
    )


def tools_of(flow: CheckedFlow, only: Collection[str] | None = None) -> tuple[CheckedTool, ...]:
    """The tools that a flow can use, those of the flows that it runs included; each once.

    With `only`, those of its steps that have one of these names.
    """
    found = {(tool.file, tool.name): tool for step in _steps(flow, only) for tool in _tools(step)}
    return tuple(found[key] for key in sorted(found))


def uses_of(flow: CheckedFlow, tool: CheckedTool, only: Collection[str] | None = None) -> tuple[CheckedStep, ...]:
    """The steps that call a tool or let a model call it, in the order of their names."""
    found = [
        step
        for step in _steps(flow, only)
        if any((one.file, one.name) == (tool.file, tool.name) for one in _tools(step))
    ]
    return tuple(sorted(found, key=lambda step: step.name))


def _tools(step: CheckedStep) -> tuple[CheckedTool, ...]:
    return (*step.tools, *((step.call,) if step.call is not None else ()))


def _steps(flow: CheckedFlow, only: Collection[str] | None) -> Iterator[CheckedStep]:
    """The steps of a flow and of the flows that it runs, each once."""
    steps = [step for name, step in flow.steps.items() if only is None or name in only]
    seen = set[int]()
    while steps:
        step = steps.pop()
        yield step
        if step.run is not None and id(step.run) not in seen:
            seen.add(id(step.run))
            steps += step.run.steps.values()


def _plain_path(entry: str) -> str:
    return posixpath.normpath(entry) if "/" in entry else entry
