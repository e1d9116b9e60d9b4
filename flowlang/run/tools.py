"""Carries tools out: an address is read, a program is run, a Python function is called. Each with an end to its talk.

A value goes where its text has a place for it and nowhere else: a word of a command stays one word, in an address
every sign is percent-encoded, in a body a value is JSON. There is no shell.
"""

import asyncio
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from ..language import ast
from ..language.address import Hosts, split_address
from ..language.checked import CheckedTool
from ..language.expression import Scope, evaluate
from ..language.loader import Denied, resolve
from ..language.template import render
from ..language.tool_texts import command_words, origin_of, program_of
from ..language.values import EMPTY, Secret, Value, ValueMistake, bare
from ..language.writing import as_json, as_text, json_text
from ..pattern import pattern
from ..record import record
from .fetched import as_utf8
from .files import FileMistake, decoded, without_last_break
from .permits import Allow, denial_of, power_of
from .process import ProcessFailed, environment_for_tools, run_process

# The tool, what it takes by name, and the flow's secrets; the answer is the tool's result as text, None for nothing.
PerformTool = Callable[[CheckedTool, Mapping[str, Value], Mapping[str, Secret]], Awaitable[str | None]]

MOST_OUTPUT = 1_000_000  # bytes of one result
MOST_AT_ONCE = 8  # tools that work at the same time
ONE_HOUR_S = 3600.0  # who calls a tool sets a time of its own, which is far shorter
MOST_TOLD = 300  # characters of what a tool says of its own failure
_PARTS = pattern(r"[/\\;]|%2[fF]|%5[cC]")  # what servers take for the end of a part of a path
_RUNNER = Path(__file__).with_name("python_runner.py")


class ToolFailed(Exception):
    """A tool that did not do its work. `told`: the model that called it may hear of it, and go on."""

    def __init__(self, message: str, *hints: str, rule: str = "tool-failed", told: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        self.rule = rule
        self.told = told


async def refuse_tools(tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> str:
    """Stands in where no tool may run."""
    raise ToolFailed(f"tool `{tool.name}` cannot run here: no tool is allowed", rule="not-allowed", told=False)


async def make_up(tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> str:
    """Stands in where a result is needed only to see what would follow."""
    from ..models.offline import made_up  # a run that asks a provider has no use for the built-in model

    return made_up(_about(tool), takes, tool.returns)


def _about(tool: CheckedTool) -> str:
    parts = tool.about.parts if tool.about is not None else (tool.name,)
    return "".join(part for part in parts if isinstance(part, str))


@record
class Toolbox:
    """The tools of a project, whose folder is `root`; programs run in `folder`, the flow's own.

    `read` gives the bytes of a file of the project, by its path below `root`. `offline`: what is not on this computer
    is not asked, and a result is made up. `digests`: what the files must be, by their paths, that the user has seen.
    """

    root: Path
    folder: Path
    allow: Allow
    read: Callable[[str], bytes | Denied]
    environment: Mapping[str, str]
    offline: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))

    async def perform(self, tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> str | None:
        """The tool's result. Raises ToolFailed."""
        if (denied := denial_of(tool, self.allow)) is not None:
            raise ToolFailed(denied.message, *denied.hints, rule=denied.rule, told=False)
        scope = Scope({**takes, **{name: secret.value for name, secret in secrets.items() if name not in takes}})
        async with self._places:
            try:
                match tool.method:
                    case "command":
                        return await self._run_command(tool, scope)
                    case "python":
                        return await self._call_python(tool, takes)
                    case _:
                        return await self._ask_address(tool, scope, takes)
            except ValueMistake as mistake:
                raise ToolFailed(f"tool `{tool.name}` was not called: {mistake.message}") from None

    def makes_up(self, tool: CheckedTool) -> bool:
        """Whether the tool is not asked, because it would leave this computer."""
        reaches_out = tool.method in ("get", "post") and not split_address(origin_of(tool.target)).is_loopback()
        return self.offline and reaches_out

    # ── Programs ──

    async def _run_command(self, tool: CheckedTool, scope: Scope) -> str:
        words = filled_words(tool, scope)
        for name in self.digests.keys() & {resolved for word in words if isinstance(resolved := self._key(word), str)}:
            self._read(name)
        if "/" in (program := words[0]) and not program.startswith("/"):
            power = power_of(tool)
            assert not isinstance(power, Denied)
            self._read(power.name)  # it must be a file of the project, over no link
            words[0] = str(self.root / power.name)
        return self._text_of(tool, await self._run(tool, words, b""))

    async def _run(self, tool: CheckedTool, words: list[str], given: bytes) -> bytes:
        environment = environment_for_tools(self.environment)
        try:
            ended = await run_process(words, self.folder, environment, given=given, most_bytes=MOST_OUTPUT)
        except ProcessFailed as failed:
            rule = "not-found" if failed.never_started else "tool-failed"
            raise ToolFailed(
                f"tool `{tool.name}` failed: {failed.message}", rule=rule, told=not failed.never_started
            ) from None
        if ended.status:
            how = f"it ended with status {ended.status}" if ended.status > 0 else f"signal {-ended.status} ended it"
            said = _words_in(ended.complaint) or _words_in(ended.output.decode("utf-8", "replace"))
            raise ToolFailed(f"tool `{tool.name}` failed: {how}" + (f", and said: {said}" if said else ""))
        return ended.output

    def _key(self, word: str) -> str | Denied:
        """The path in the project that a word of a command may mean."""
        folder = self.folder.relative_to(self.root).as_posix() if self.folder.is_relative_to(self.root) else "."
        return resolve(f"{folder}/x", word)

    def _read(self, name: str) -> bytes:
        found = self.read(name)
        if isinstance(found, Denied):
            raise ToolFailed(found.message, *found.hints, rule=found.rule, told=False)
        if self.digests.get(name, digest := hashlib.sha256(found).hexdigest()) != digest:
            message = f"`{name}` has changed since this run began, and is not what was trusted any more"
            raise ToolFailed(message, "start the run again", rule="not-allowed", told=False)
        return found

    def _text_of(self, tool: CheckedTool, data: bytes) -> str:
        try:
            return without_last_break(decoded(data, tool.name))
        except FileMistake:
            raise ToolFailed(f"tool `{tool.name}` failed: what it gave back is no UTF-8 text") from None

    # ── Python ──

    async def _call_python(self, tool: CheckedTool, takes: Mapping[str, Value]) -> str | None:
        power = power_of(tool)
        assert not isinstance(power, Denied)
        call = {
            "source": self._text_of(tool, self._read(power.name)),
            "name": power.name,
            "function": tool.function,
            "takes": {name: _for_python(value) for name, value in takes.items()},
        }
        # Isolated: nothing that stands in the folder is imported in place of what is installed.
        words = [sys.executable, "-I", "-X", "utf8", str(_RUNNER)]
        data = await self._run(tool, words, json.dumps(call).encode())
        try:
            answer = json.loads(data)
        except ValueError:
            raise ToolFailed(f"tool `{tool.name}` failed: its process ended before the function did") from None
        if "failed" in answer:
            file = "" if answer["kind"] == "call" else f"`{power.name}`: "
            message = f"tool `{tool.name}` failed: {file}{shortened(answer['failed'])}"
            hints = ("only installed packages can be imported, not files beside it",) if "missing" in answer else ()
            raise ToolFailed(message, *hints, told=answer["kind"] == "call")
        return None if answer["result"] is None else str(answer["result"])

    # ── Addresses ──

    async def _ask_address(self, tool: CheckedTool, scope: Scope, takes: Mapping[str, Value]) -> str:
        address = filled_address(tool, scope)
        if self.makes_up(tool):
            return await make_up(tool, takes, {})
        from .fetch import FetchFailed, fetch  # a run without such a tool needs neither HTTP nor TLS

        headers = {name: filled(text.parts, scope, None, "") for name, text in tool.headers if not _gaps(text, scope)}
        body = None
        if tool.method == "post":
            headers = {"Content-Type": "application/json", **headers} if tool.body is not None else headers
            body = filled(tool.body.parts, scope, _as_json, "null").encode() if tool.body is not None else b""
        try:
            found = await fetch(
                address,
                Hosts(self.allow.hosts, self.offline),
                method=tool.method.upper(),
                headers=headers,
                body=body,
                timeout_s=ONE_HOUR_S,
                most_bytes=MOST_OUTPUT,
            )
        except FetchFailed as failed:
            told = failed.rule != "not-allowed"
            message = f"tool `{tool.name}` failed: {failed.message}"
            raise ToolFailed(message, *failed.hints, rule="tool-failed" if told else failed.rule, told=told) from None
        try:
            return self._text_of(tool, as_utf8(found))
        except FileMistake as mistake:
            raise ToolFailed(f"tool `{tool.name}` failed: {mistake.message}") from None


def filled(parts: tuple[ast.Part, ...], scope: Scope, write: Callable[[Value], str] | None, empty: str) -> str:
    """A text of a tool, filled in; what is empty is written as `empty`. Raises ValueMistake."""
    pieces: list[str] = []
    for part in parts:
        if isinstance(part, ast.Slot) and bare(evaluate(part.value, scope)) is EMPTY:
            pieces.append(empty)
        else:
            pieces.append(part if isinstance(part, str) else render((part,), scope, write=write).text)
    return "".join(pieces)


def _gaps(text: ast.Text, scope: Scope) -> bool:
    """Whether something that stands in the text is empty."""
    return any(isinstance(part, ast.Slot) and bare(evaluate(part.value, scope)) is EMPTY for part in text.parts)


def filled_words(tool: CheckedTool, scope: Scope) -> list[str]:
    """The words of a command. Raises ToolFailed for a value that the program would take for an option."""
    words: list[str] = []
    program = program_of(tool.target)
    for word in command_words(tool.target):
        values = [bare(evaluate(part.value, scope)) for part in word if isinstance(part, ast.Slot)]
        if len(word) == len(values) and any(value is EMPTY for value in values):
            continue  # a word that was to hold nothing but what is empty
        text = filled(word, scope, None, "")
        begins_with_value = bool(word) and isinstance(word[0], ast.Slot)
        if begins_with_value and text.startswith("-") and "--" not in words and not isinstance(values[0], Decimal):
            raise ToolFailed(
                f"tool `{tool.name}` was not called: `{shortened(text, 40)}` begins with `-`, and `{program}` would "
                "take it for an option",
                "write `--` before it if the program knows that, or join it to its option: --text={{ it }}",
            )
        words.append(text)
    return words


def filled_address(tool: CheckedTool, scope: Scope) -> str:
    """The address, every value percent-encoded. Raises ToolFailed for a value that would lead to another path."""

    in_path = True

    def encode(value: Value) -> str:
        text = as_text(value)
        if in_path and any(part in (".", "..") for part in _PARTS.split(text)):
            raise ToolFailed(
                f"tool `{tool.name}` was not called: `{shortened(text, 60)}` would lead to another path",
                "many servers read `..` between slashes as a way up, also where it is encoded",
            )
        return quote(text, safe="")

    pieces = []
    for part in tool.target.parts:
        in_path = in_path and not (isinstance(part, str) and "?" in part)
        pieces.append(filled((part,), scope, encode, ""))
    address = "".join(pieces)
    path, meant = _path(tool, address), _path(tool, filled(tool.target.parts, scope, lambda value: "x", "x"))
    if any(one in (".", "..") for one in path.split("/")) or path.count("//") != meant.count("//"):
        message = f"tool `{tool.name}` was not called: `{shortened(path, 60)}` would be another path"
        raise ToolFailed(message, "a part of a path can't be empty, `.` or `..`")
    return address


def _path(tool: CheckedTool, address: str) -> str:
    return address.partition("?")[0].removeprefix(origin_of(tool.target))


def shortened(text: str, most: int = MOST_TOLD) -> str:
    """The text as one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"


def _words_in(said: str) -> str:
    """What a program said, in one line; of what is no text, that alone."""
    odd = sum(sign == "\ufffd" or (sign < " " and not sign.isspace()) for sign in said)
    return "something that is no text" if odd * 10 > len(said) else shortened(said)


def _as_json(value: Value) -> str:
    return json_text(value, indent=None)


def _for_python(value: Value) -> object:
    """The value as Python's own data: a number that is whole as int, any other as float."""

    def plain(data: object) -> object:
        match data:
            case Decimal():
                return int(data) if data == data.to_integral_value() else float(data)
            case dict():
                return {key: plain(item) for key, item in data.items()}
            case list():
                return [plain(item) for item in data]
            case _:
                return data

    return plain(as_json(value))
