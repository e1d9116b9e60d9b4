"""Whether a run may use what its flow asks for: the project's lists, and the user's own word."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic, nearest
from ..language.checked import CheckedFlow, CheckedTool
from ..language.loader import MAX_SOURCE, Denied
from ..language.tool_texts import program_of
from ..pipeline import forbids_by
from ..plan.build import build
from ..plan.graph import Plan
from ..project import find_root, read_below
from ..run.exit import MISTAKES, NOT_ALLOWED, WRONG_INPUT
from ..run.permits import LISTS, Allow, tools_of
from ..run.process import find_program
from ..run.tools import Toolbox
from ..settings import Settings
from ..show.terminal import visible_line
from .given import Given
from .opening import defaults_of, tell_all
from .powers import Asked, Read, asked_of
from .refusal import Ended, Refusal
from .screen import Screen
from .trusted import trust, trusted_lists


@dataclass(frozen=True, slots=True)
class Project:
    """Where a flow lives: the project's folder, and the flow's path in it."""

    root: Path
    flow: str

    @classmethod
    def of(cls, flow: CheckedFlow) -> "Project":
        path = Path(flow.source.path)
        root = find_root(path)
        return cls(root, Path(path.parent.resolve(), path.name).relative_to(root.resolve()).as_posix())

    def read(self, name: str) -> bytes | Denied:
        """The bytes of a file of the project."""
        return read_below(self.root, name, MAX_SOURCE)


def allowed(settings: Settings, given: Given) -> Allow:
    """What the project allows, and what the command line adds for this run."""
    added: dict[str, list[str]] = {}
    for text in given.flags.get("allow", ()):
        kind, mark, name = text.partition("=")
        if kind not in LISTS or not mark or not name.strip():
            near = nearest(kind, list(LISTS))
            hint = f"did you mean `--allow {near}={name or '…'}`?" if near and near != kind else ""
            kinds = f"it takes {', '.join(f'{one}=…' for one in LISTS)}"
            hints = (hint, kinds) if hint else (kinds,)
            raise Refusal(WRONG_INPUT, f"`--allow {text}` allows nothing that is known", hints, "wrong-value")
        added.setdefault(LISTS[kind], []).append(name.strip())
    own = settings.allow
    return Allow(
        hosts=(*own.hosts, *added.get("hosts", ())),
        commands=(*own.commands, *added.get("commands", ())),
        python=(*own.python, *added.get("python", ())),
        read=(*own.read, *added.get("read", ())),
    )


def open_tools(flow: CheckedFlow, plan: Plan, settings: Settings, given: Given, screen: Screen) -> Toolbox:
    """The tools of a run. Ends the command where the project or the user does not allow what the flow asks for."""
    project, allow, offline = Project.of(flow), allowed(settings, given), given.has("offline")
    tools = tools_of(flow, plan.nodes)
    _refuse_forbidden(tools, project, allow, screen)
    _refuse_unless_trusted(flow, plan, settings, project, given, screen)
    folder = Path(flow.source.path).parent.resolve()
    box = Toolbox(project.root.resolve(), folder, allow, project.read, screen.environment, offline)
    for tool in tools:
        if box.makes_up(tool):
            screen.err(f"offline: tool `{tool.name}` is not asked, its results are made up")
    return box


def _refuse_forbidden(tools: Sequence[CheckedTool], project: Project, allow: Allow, screen: Screen) -> None:
    forbids = forbids_by(project.root, allow)
    found = [(tool, denied) for tool in tools if (denied := forbids(tool)) is not None]
    tell_all([_diagnostic(tool, denied) for tool, denied in found], screen)
    if found:
        raise Ended(NOT_ALLOWED if any(denied.rule == "not-allowed" for _, denied in found) else MISTAKES)
    for tool in tools:
        program = program_of(tool.target) if tool.method == "command" else "/"
        if "/" not in program and find_program(program, screen.environment) is None:
            missing = Denied("not-found", f"there is no program `{program}` on this machine", ("install it first",))
            tell_all([_diagnostic(tool, missing)], screen)
            raise Ended(MISTAKES)


def _diagnostic(tool: CheckedTool, denied: Denied) -> Diagnostic:
    place = tool.target_place
    return Diagnostic(denied.rule, denied.message, place.source, place.span, denied.hints)


def asked_by(flow: CheckedFlow, settings: Settings, read: Read) -> tuple[Asked, ...]:
    """The list of a flow; without any power there is nothing to trust."""
    return asked_of(flow, build(flow, defaults_of(settings)), settings, read)


def _refuse_unless_trusted(
    flow: CheckedFlow, plan: Plan, settings: Settings, project: Project, given: Given, screen: Screen
) -> None:
    offline = given.has("offline")
    needed = asked_of(flow, plan, settings, project.read)
    if given.has("trust") or not any(one.is_power and not (offline and one.reaches_out) for one in needed):
        return
    asked = asked_by(flow, settings, project.read)
    lines = [one.line() for one in asked]
    before = trusted_lists(project.root).get(project.flow)
    if before == lines:
        return
    path = visible_line(flow.source.path)
    since = "asks for what you have not allowed yet" if before is None else "has changed since you trusted it"
    screen.err(f"`{path}` {since}:\n\n{told_list(asked, before)}\n")
    if asks_a_person(screen) and says_yes("Trust it with this?", screen):
        trust(project.root, {project.flow: lines})
        return
    message = f"`{path}` may not be run before you trust it with what it asks for"
    hints = (
        f"read the list above; if it is all right: flowlang trust {path}",
        f"for one run: flowlang run {path} … --trust",
    )
    raise Refusal(NOT_ALLOWED, message, hints, "not-allowed")


# ── The list and the question ──

_DIGEST = re.compile(r"(sha256 [0-9a-f]{12})[0-9a-f]{52}")  # the whole of it is compared, and its beginning is shown


def told_list(asked: Sequence[Asked], before: Sequence[str] | None = None) -> str:
    """The list for a person; with the one from before, what is new is marked."""
    known = {one.line() for one in asked} if before is None else set(before)
    rows = [(one.kind, one.name, _DIGEST.sub(r"\1…", one.detail), one.line() not in known) for one in asked]
    kinds = max((len(kind) for kind, *_ in rows), default=0)
    names = min(30, max((len(name) for _, name, detail, _ in rows if detail), default=0))
    return "\n".join(
        visible_line(f"{'+' if new else ' '} {kind:{kinds}}  {name:{names}}  {detail}").rstrip()
        for kind, name, detail, new in rows
    )


def asks_a_person(screen: Screen) -> bool:
    """Whether somebody sits there to be asked."""
    try:
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty() and not screen.github
    except ValueError:
        return False


def says_yes(question: str, screen: Screen) -> bool:
    """Whether the person says yes; anything else, also the end of the input, is no."""
    screen.err(f"{question} [y/N]")
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except (OSError, ValueError):
        return False
