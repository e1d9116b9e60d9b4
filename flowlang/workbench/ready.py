"""Opens a flow again and again while it is edited: ready to run, or what stands in the way, told as `run` tells it."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ..diagnostics.diagnostic import Diagnostic
from ..language.checked import CheckedFlow
from ..language.loader import STANDARD
from ..language.values import Value
from ..models.cost import Prices
from ..models.providers import Providers
from ..models.recording import ENDING
from ..pattern import pattern
from ..pipeline import Workspace
from ..plan.build import build
from ..plan.graph import Plan
from ..project import CONFIGURATION, find_root
from ..record import record
from ..run.exit import MISTAKES, NOT_ALLOWED, WRONG_INPUT
from ..run.fetched import Fetch, Fetched
from ..run.given import Stdin
from ..run.inputs import check_columns, read_inputs
from ..run.outputs import check_out_dir
from ..run.tools import Toolbox
from ..settings import Settings
from ..show.snippet import tell
from ..show.terminal import visible_line
from .asking import hide_keys, providers_for, refuse_unless_answered
from .command import Command
from .costing import max_cost_of, prices_of, refuse_unless_priced
from .disk import Disk
from .finding import refuse_unless_file
from .given import Given
from .hiding import hide_inputs
from .opening import defaults_of, fetch_from, inputs_of, open_settings, pick_step, refuse_no_text, tell_wrong_inputs
from .outside import outside_for
from .permitting import Word, open_tools
from .refusal import Ended, Refusal
from .screen import Screen
from .telling import told
from .words import read_words

_NAMED = pattern(rb'"@([^"\\]+)"')  # files that a file of values names


@record
class Ready:
    """A flow that can run, as everything stood at one moment. `providers` is None offline."""

    flow: CheckedFlow
    plan: Plan
    inputs: Mapping[str, Value]
    settings: Settings
    tools: Toolbox
    given: Given
    providers: Providers | None
    prices: Prices | None


@record
class NotReady:
    """What stands in the way. `told` is for people; `code` what `run` would end with; `mistakes` those in files."""

    told: str
    code: int
    mistakes: tuple[Diagnostic, ...] = ()


class Opener:
    """Opens one flow for one command line. `files` are those that decided how it went the last time, found or not."""

    def __init__(self, path: str, words: Sequence[str], command: Command, screen: Screen, stdin: Stdin | None) -> None:
        self.path = path
        self.files: frozenset[str] = frozenset()
        self.sources: frozenset[str] = frozenset()  # those of them that the flow itself is made of
        self.given: Given | None = None  # the words, once they could be read
        self._folder = Path.cwd()
        self.word = Word()
        self._words = tuple(words)
        self._command = command
        self._screen = screen
        self._stdin = _read_once(stdin)
        self._outside = outside_for(words)
        self._workspace: Workspace | None = None
        self._fetched: dict[tuple[str, int], Fetched] = {}
        self._reads: set[str] = set()
        self._is_file = False
        self._settings: Settings | None = None
        self._inputs_disk = Disk()
        self._values: tuple[object, Mapping[str, Value]] | None = None
        self._mistakes: tuple[Diagnostic, ...] = ()

    def open_aloud(self) -> Ready:
        """The same, told on the screen as it goes, where a question can be asked. Raises Refusal and Ended."""
        return self._opened()

    @property
    def waits_for_settings(self) -> bool:
        """Whether the project's settings are all that was looked at: they come first, and had mistakes."""
        return self._is_file and self._settings is None

    def open(self) -> Ready | NotReady:
        """Everything that a run begins with, read now. Tells nothing by itself."""
        if not self._is_somewhere():
            return NotReady(f"the folder `{visible_line(str(self._folder))}` is gone\n", WRONG_INPUT)
        screen, before = self._screen, self._screen.told
        screen.told, self._mistakes, self._settings, self.given = [], (), None, None
        self._reads = {self.path, *_configurations(self.path)}
        self.sources = frozenset((self.path,))
        try:
            return self._opened()
        except Refusal as refusal:
            text = "".join(screen.told) + screen.steadied(screen.redact(told(refusal, screen.colour_err)))
            return NotReady(text, refusal.code, self._mistakes)
        except Ended as ended:
            return NotReady("".join(screen.told), ended.code, self._mistakes)
        finally:
            screen.told = before
            self.files = frozenset(map(os.path.abspath, self._reads))
            self.sources = frozenset(map(os.path.abspath, self.sources))

    def _is_somewhere(self) -> bool:
        """Whether there is a current folder; where ours was deleted, one that was made again in its place."""
        try:
            Path.cwd()
        except FileNotFoundError:
            try:
                os.chdir(self._folder)
            except OSError:
                return False
        return True

    def _opened(self) -> Ready:
        screen = self._screen
        self._is_file = False
        refuse_unless_file(self.path)
        self._is_file = True
        settings = self._settings = open_settings(self.path, screen)
        flow = self._checked(settings)
        given = self.given = read_words(self._words, self._command, inputs_of(flow))
        self._reads |= named_in(given)
        only = pick_step(flow, given.flag("only") or "") if given.has("only") else None
        hide_keys(settings, screen)
        if not flow.steps and not flow.lets:
            raise Refusal(MISTAKES, f"there is nothing to run yet: `{self.path}` has no step", (), "syntax")
        plan = build(flow, defaults_of(settings), only)
        out = Path(given.flag("out") or "out")
        if any(output.path for output in plan.outputs) and (mistake := check_out_dir(out)) is not None:
            raise Refusal(NOT_ALLOWED, mistake.message, mistake.hints, mistake.rule)
        tools, hosts = open_tools(flow, plan, settings, given, screen, self.word)
        self._reads |= {str(tools.root / name) for name in tools.digests}
        inputs = self._inputs(flow, given, self._fetch_once(fetch_from(hosts)))
        providers, prices = self._who_answers(plan, settings, given)
        return Ready(flow, plan, inputs, settings, tools, given, providers, prices)

    def _checked(self, settings: Settings) -> CheckedFlow:
        if self._workspace is None or self._workspace.settings != settings:
            self._workspace = Workspace(outside=self._outside, settings=settings)
        root = find_root(Path(self.path))
        sources = {self.path}

        def heard(name: str) -> None:
            if not name.startswith(STANDARD):
                sources.add(os.path.join(root, name))

        self._workspace.reads = heard
        try:
            checked = self._workspace.check(Path(self.path))
        finally:
            self._reads |= sources
            self.sources = frozenset(sources)
        if checked.flow is None:
            self._mistakes = tuple(checked.diagnostics)
            for one in checked.diagnostics:
                self._screen.err(tell(one, self._screen.width, self._screen.colour_err) + "\n\n")
            raise Ended(NOT_ALLOWED if all(one.rule == "not-allowed" for one in checked.diagnostics) else MISTAKES)
        return checked.flow

    def _inputs(self, flow: CheckedFlow, given: Given, fetch: Fetch) -> Mapping[str, Value]:
        """The inputs. A long document is not read again because another file was saved."""
        refuse_no_text(given)
        declared = [(one.name, one.type, one.required, repr(one.default)) for one in flow.inputs.values()]
        key = (declared, dict(given.inputs), given.flag("inputs"), self._inputs_disk.look(named_in(given)))
        if self._values is not None and self._values[0] == key:
            values, mistakes = self._values[1], [*check_columns(flow, self._values[1])]
        else:
            found = read_inputs(flow, given.inputs, self._stdin, values_file=given.flag("inputs"), fetch=fetch)
            values, mistakes = found.values, [*found.mistakes]
        tell_wrong_inputs([*mistakes, *hide_inputs(values, self._screen)], flow, self._screen)
        self._values = (key, values)
        return values

    def _who_answers(self, plan: Plan, settings: Settings, given: Given) -> tuple[Providers | None, Prices | None]:
        if given.has("offline"):
            self._reads.add(str(Path(self.path).with_suffix(ENDING)))
            return None, None
        providers = providers_for(settings, self._screen)
        refuse_unless_answered(plan, providers, self._screen)
        prices = prices_of(settings, providers)
        refuse_unless_priced(plan, prices, max_cost_of(given), self._screen)
        return providers, prices

    def _fetch_once(self, fetch: Fetch) -> Fetch:
        """An address is read once in a session: a save is no reason to ask a host again."""

        def fetched(address: str, most_bytes: int) -> Fetched:
            key = (address, most_bytes)
            if key not in self._fetched:
                self._fetched[key] = fetch(address, most_bytes)
            return self._fetched[key]

        return fetched


def _read_once(stdin: Stdin | None) -> Stdin | None:
    """Standard input ends when it was read; every run of a session begins with the same."""
    if stdin is None:
        return None
    read: list[bytes] = []

    def again() -> bytes:
        if not read:
            read.append(stdin())
        return read[0]

    return again


def _configurations(path: str) -> set[str]:
    """Where the project's settings stand, or would."""
    folder = Path(path).parent
    return {str(folder / CONFIGURATION), str(find_root(Path(path)) / CONFIGURATION)}


def named_in(given: Given) -> set[str]:
    """The files, folders and patterns that inputs are read from, as they are written."""
    named = {text[1:] for texts in given.inputs.values() for text in texts if _names_file(text)}
    if (values := given.flag("inputs")) is not None:
        named.add(values)
        with suppress(OSError, ValueError):
            data = Path(values).read_bytes()
            named |= {str(Path(values).parent / os.fsdecode(one)) for one in _NAMED.findall(data)}
    return {one for one in named if "\0" not in one}


def _names_file(text: str) -> bool:
    return text.startswith("@") and not text.startswith(("@@", "@http://", "@https://")) and len(text) > 1
