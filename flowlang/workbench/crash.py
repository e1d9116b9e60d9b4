"""What is kept of our own bugs: a file that can be sent to anyone."""

import os
import platform
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .. import __version__
from ..pattern import pattern
from ..run.secrets import secrets_of
from .own_folders import log_folder

_SECRET_NAME = pattern(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|AUTH", re.IGNORECASE)


def write_crash(
    error: BaseException,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    redact: Callable[[str], str] = str,
) -> str:
    """Writes where the error came from, without anything the user typed, and returns the file's path.

    Of the command line only its command and its flags' names are kept; a message is kept without any text of the
    command line, without the values of variables that look like keys, and without what `redact` takes out.
    """
    text = crash_text(error, arguments, environment, redact)
    for folder in (log_folder(), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, path = tempfile.mkstemp(prefix="crash-", suffix=".txt", dir=folder)
        except OSError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return path
    return ""


def crash_text(
    error: BaseException,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    redact: Callable[[str], str] = str,
) -> str:
    """The report itself."""
    keys = {name: value for name, value in environment.items() if _SECRET_NAME.search(name)}
    hidden = set(keys.values())
    command = arguments[0] if arguments and arguments[0].isalpha() else "-"
    flags = [re.split("=", word)[0] for word in arguments if re.match(r"--?[a-z]", word)]
    for word in arguments:
        value = word.partition("=")[2] if word.startswith("-") else word
        if value != command:
            hidden |= {value, value.removeprefix("@")}
    home = str(Path("~").expanduser())
    frames = "".join(
        f"  {frame.filename.replace(home, '~')}:{frame.lineno} {frame.name}\n"
        for frame in traceback.extract_tb(error.__traceback__)
    )
    message = redacted(secrets_of(keys).redact(redact(str(error))), hidden)[:2000]
    return (
        f"flowlang {__version__}, Python {platform.python_version()}, {sys.platform}\n"
        f"command: {command} {' '.join(flags)}\n{frames}{type(error).__name__}: {message}\n"
    )


def redacted(text: str, hidden: set[str]) -> str:
    """The text without any of the hidden ones; short words are let stand, or nothing would be readable."""
    for value in sorted(hidden, key=len, reverse=True):
        if len(value) >= 4:
            text = text.replace(value, "[hidden]")
    return text
