"""The editor that the user's environment names, at a line of a file. Its words are split as a shell does."""

import asyncio
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PATIENCE_S = 2.0  # with an editor that is told to end

_PLUS = frozenset("vi vim nvim view gvim nano emacs emacsclient kak micro joe ne mg".split())
_COLON = frozenset(("subl", "hx", "helix", "zed", "mate", "lapce"))
_GOTO = frozenset(("code", "code-insiders", "codium", "vscodium", "cursor", "windsurf"))


def editor_words(environment: Mapping[str, str], file: str, line: int) -> list[str]:
    """The command that opens the file at the line, as far as the editor is known to take one; empty without editor."""
    told = environment.get("VISUAL", "").strip() or environment.get("EDITOR", "").strip()
    try:
        words = shlex.split(told)
    except ValueError:
        return []
    if not words:
        return []
    name, path = Path(words[0]).name, str(Path(file).absolute())
    if name in _PLUS:
        return [*words, f"+{line}", path]
    if name in _GOTO:
        return [*words, "--goto", f"{path}:{line}"]
    return [*words, f"{path}:{line}" if name in _COLON else path]


async def edit(words: list[str]) -> str:
    """Runs an editor on this terminal until it ends; empty, or why it could not. Being cancelled ends it, too."""
    try:
        process = await asyncio.create_subprocess_exec(*words)
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), PATIENCE_S)
            raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"`{words[0]}` could not be started: {reason.lower()}"
    return f"`{words[0]}` ended with status {status}" if status else ""
