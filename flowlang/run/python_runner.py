"""Calls one Python function, in a process that does nothing else. This file is run as it stands, never imported.

Standard input holds one JSON object: `source` (the text of the file), `name` (of the file, for messages), `function`
and `takes` (the arguments by name). One JSON object comes back: `result`, or `failed` with `kind`. What the function
prints goes to the error stream.
"""

import json
import os
import sys
import traceback
import types
from collections.abc import Coroutine
from typing import Any


def call(source: str, name: str, function: str, takes: dict[str, Any]) -> dict[str, Any]:
    """What the function gives back, or what went wrong, in words."""
    module = types.ModuleType("tools")
    module.__file__ = name
    sys.modules["tools"] = module  # dataclasses look themselves up there
    try:
        exec(compile(source, name, "exec"), module.__dict__)
    except BaseException as error:
        return {"failed": f"the file could not be loaded: {told(error, name)}", "kind": "file", **missing(error)}
    called = getattr(module, function, None)
    if not callable(called):
        return {"failed": f"it has no function `{function}`", "kind": "file"}
    try:
        result = called(**takes)
        if isinstance(result, Coroutine):
            import asyncio  # few functions wait for anything, and it takes longer to load than all else here

            result = asyncio.run(result)
        if result is None or isinstance(result, str):
            return {"result": result}
        return {"result": json.dumps(result, ensure_ascii=False, default=plain)}
    except BaseException as error:
        return {"failed": told(error, name), "kind": "call", **missing(error)}


def missing(error: BaseException) -> dict[str, str]:
    """The module that could not be found, if that is the error."""
    return {"missing": str(error.name)} if isinstance(error, ModuleNotFoundError) else {}


def plain(value: object) -> object:
    """What JSON has no form for: exact numbers, dates and sets have one near to it, anything else is refused."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    kind = type(value).__module__
    if kind == "decimal":
        return int(number) if (number := float(str(value))).is_integer() else number
    if kind in ("datetime", "uuid", "pathlib"):
        return str(value)
    raise TypeError(f"it gave back a `{type(value).__name__}`, and only texts, numbers, yes/no, lists and records can")


def told(error: BaseException, name: str) -> str:
    """The error in one line, with the last line of the file that it came from."""
    text = " ".join(str(error).split())
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} (line {error.lineno})"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    return f"{words} (line {lines[-1]})" if lines else words


def main() -> None:
    """Reads the call, carries it out, and writes what came of it where only the caller reads."""
    given = json.loads(sys.stdin.buffer.read())
    back = os.dup(1)
    os.dup2(2, 1)
    answer = call(given["source"], given["name"], given["function"], given["takes"])
    sys.stdout.flush()
    with os.fdopen(back, "wb") as stream:
        stream.write(json.dumps(answer).encode())


main()
