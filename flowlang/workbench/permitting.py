"""Whether a run may use what its flow asks for: the project's lists, and the user's own word."""

import shlex
import sys
import termios
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic, nearest
from ..language.address import Hosts
from ..language.checked import CheckedFlow, CheckedTool
from ..language.loader import Denied
from ..language.tool_texts import program_of
from ..pattern import pattern
from ..pipeline import forbids_by
from ..plan.build import build
from ..plan.graph import Plan
from ..project import find_root, read_below
from ..record import record
from ..run.exit import MISTAKES, NOT_ALLOWED, WRONG_INPUT
from ..run.files import in_megabytes
from ..run.permits import LISTS, Allow, tools_of
from ..run.process import find_program
from ..run.tools import Toolbox
from ..settings import Settings
from ..show.terminal import columns, visible_line
from .given import Given
from .opening import defaults_of, tell_all
from .powers import TOO_LARGE, Asked, Seen, asked_of
from .refusal import Ended, Refusal
from .screen import Screen
from .trusted import trust, trusted_lists

MOST_READ = 64_000_000  # bytes of a file that decides what a tool does
_OF_TESTS = ("record", "live", "model", "swap")  # the flags with which tests ask models


@record
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
        """All the bytes of a file of the project; of one that is too large nobody could say that it is the same."""
        data = read_below(self.root, name, MOST_READ)
        if isinstance(data, bytes) and len(data) > MOST_READ:
            return Denied(TOO_LARGE, f"`{name}` is larger than {in_megabytes(MOST_READ)}: too large to be trusted")
        return data


@dataclass(slots=True)
class Word:
    """What `--trust` means in a session: the powers that stood there when it began. More of them need a new word.

    `trusted` and `refused` are whole lists; None before the first.
    """

    trusted: tuple[Asked, ...] | None = None
    refused: tuple[Asked, ...] | None = None

    def holds_for(self, asked: tuple[Asked, ...], offline: bool) -> bool:
        """Whether the user has said yes to all these powers; to the first ones by the flag itself."""
        if self.trusted is None:
            self.trusted = asked
        self.refused = None if _powers(asked, offline) <= _powers(self.trusted, offline) else asked
        return self.refused is None

    def give(self) -> bool:
        """Says yes to what was refused last; whether there was anything."""
        if self.refused is None:
            return False
        self.trusted, self.refused = self.refused, None
        return True


def _powers(asked: Sequence[Asked], offline: bool) -> set[str]:
    return {one.line() for one in asked if one.is_power and not (offline and one.reaches_out)}


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


def open_tools(
    flow: CheckedFlow, plan: Plan, settings: Settings, given: Given, screen: Screen, word: Word | None = None
) -> tuple[Toolbox, Hosts]:
    """The tools of a run, and the hosts that inputs may be read from; `word` is what `--trust` means in a session.

    Ends the command where the project or the user does not allow what the flow asks for.
    """
    project, allow, offline = Project.of(flow), allowed(settings, given), given.has("offline")
    tools = tools_of(flow, plan.nodes)
    _refuse_forbidden(tools, project, allow, screen)
    asked = _trusted(flow, plan, settings, project, given, screen, word)
    folder = Path(flow.source.path).parent.resolve()
    digests = {name: digest for one in asked for name, digest in one.files}
    box = Toolbox(project.root.resolve(), folder, allow, project.read, screen.environment, offline, digests)
    for tool in tools:
        if box.makes_up(tool):
            screen.err(f"offline: tool `{tool.name}` is not asked, its results are made up")
    return box, Hosts(allow.hosts, offline)


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


def asked_by(flow: CheckedFlow, settings: Settings, project: Project, screen: Screen) -> tuple[Asked, ...]:
    """The list of a flow; without any power there is nothing to trust."""
    return asked_of(flow, build(flow, defaults_of(settings)), settings, _seen(project, screen))


def _seen(project: Project, screen: Screen) -> Seen:
    return Seen(project.root, project.flow, project.read, screen.environment)


def _trusted(
    flow: CheckedFlow,
    plan: Plan,
    settings: Settings,
    project: Project,
    given: Given,
    screen: Screen,
    word: Word | None,
) -> tuple[Asked, ...]:
    """What this run asks for. Ends the command if any of it must be trusted first, and is not."""
    offline, from_files = given.has("offline"), given.has("each") or given.has("inputs")
    needed = asked_of(flow, plan, settings, _seen(project, screen))
    powers = [one for one in needed if one.is_power and (from_files or not one.for_inputs)]
    is_session = word is not None and given.has("trust")
    if not is_session and (given.has("trust") or not any(not (offline and one.reaches_out) for one in powers)):
        return needed
    asked = asked_by(flow, settings, project, screen)
    if word is not None and is_session and word.holds_for(asked, offline):
        return needed
    lines = [one.line() for one in asked]
    before = trusted_lists(project.root).get(project.flow)
    if before == lines:
        return needed
    if word is not None and is_session:
        before = [one.line() for one in word.trusted or ()]
    path = shlex.quote(visible_line(flow.source.path))
    since = "asks for what you have not allowed yet" if before is None else "has changed since you trusted it"
    told = told_list(asked, before)
    screen.err(f"`{visible_line(flow.source.path)}` {since}:\n")
    write_list(told, screen)
    if asks_a_person(screen) and _fits_a_screen(told) and says_yes("Trust it with this?", screen):
        trust(project.root, {project.flow: lines})
        return needed
    message = f"`{visible_line(flow.source.path)}` may not be run before you trust it with what it asks for"
    short = "for this session: press t, or begin it again" if is_session else f"for one run: {_trusting(given, path)}"
    hints = (f"read the list above; if it is all right: flowlang trust {path}", short)
    raise Refusal(NOT_ALLOWED, message, hints, "not-allowed")


def _trusting(given: Given, path: str) -> str:
    """The command that asked, with trust; of a test with the flag that makes it ask."""
    asking = next((name for name in _OF_TESTS if given.has(name)), None)
    if asking is None:
        return "the same command, with --trust behind it"
    return f"flowlang test --{asking}{' …' if given.flag(asking) else ''} {path} … --trust"


# ── The list and the question ──

MOST_LINES = 40
MOST_COLUMNS = 200
_BLANK = pattern("[^\\S ]|[\u115f\u1160\u2800\u3164\uffa0]")  # blanks that are none, and what looks like one


def told_list(asked: Sequence[Asked], before: Sequence[str] | None = None) -> str:
    """The list for a person; with the one from before, what is new is marked."""
    known = {one.line() for one in asked} if before is None else set(before)
    kinds = max((len(one.kind) for one in asked), default=0)
    names = min(30, max((len(one.name) for one in asked if one.detail), default=0))
    lines = []
    for one in asked:
        files = "".join(f"; {name} has sha256 {digest[:12]}…" for name, digest in one.files)
        mark = " " if one.line() in known else "+"
        lines.append(_readable(f"{mark} {one.kind:{kinds}}  {one.name:{names}}  {one.detail}{files}").rstrip())
    return "\n".join(lines)


def _readable(line: str) -> str:
    return _BLANK.sub(lambda found: f"\\u{ord(found.group()):04x}", visible_line(line))


def write_list(told: str, screen: Screen, to_out: bool = False) -> None:
    """Shows the list. Nothing in it is redacted: a project that names a variable must not choose what can be read."""
    redact, screen.redact = screen.redact, str
    (screen.out if to_out else screen.err)(f"{told}\n\n")
    screen.redact = redact


def _fits_a_screen(told: str) -> bool:
    """Whether a person can take the list in at a glance; a longer one is read with `flowlang trust --list`."""
    lines = told.split("\n")
    return len(lines) <= MOST_LINES and all(columns(line) <= MOST_COLUMNS for line in lines)


def asks_a_person(screen: Screen) -> bool:
    """Whether somebody sits there to be asked."""
    try:
        is_there = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
        return is_there and screen.asks and not screen.github
    except ValueError:
        return False


def says_yes(question: str, screen: Screen) -> bool:
    """Whether the person says yes; anything else, also the end of the input, is no."""
    screen.err(f"{question} [y/N]")
    try:
        # What was typed before the question is no answer to it.
        with suppress(termios.error, OSError, ValueError):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except (OSError, ValueError):
        return False
