"""System calls that kill or fail, and the writes of a run in their order, by way of strace."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# In a job they must not be passed over: there, they fail without it.
needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None and not os.environ.get("CI"), reason="strace is not installed"
)


def injecting(calls: str, what: str, log: str = "/dev/null") -> tuple[str, ...]:
    """The command below which these system calls meet a fault: `signal=KILL:when=7`, `error=EIO:when=3+`."""
    # Not with --seccomp-bpf: there, injected signals never arrive.
    return ("strace", "-f", "-qq", "-o", log, "-e", f"trace={calls}", "-e", f"inject={calls}:{what}")


RECORDED = "openat,pwrite64,write,ftruncate,fsync,fdatasync,rename,unlink,mkdir,fallocate,sendto"


def recording(log: Path) -> tuple[str, ...]:
    """The command that notes what is written where, whole."""
    return (
        "strace",
        "-f",
        "-qq",
        "-y",
        "-xx",
        "-s",
        "2000000",
        "-o",
        str(log),
        "--seccomp-bpf",
        "-e",
        f"trace={RECORDED}",
    )


@dataclass(frozen=True, slots=True)
class Op:
    """One system call that succeeded: its name, the path or the two that it names, what was written, and where."""

    name: str
    path: str
    other: str = ""
    data: bytes = b""
    at: int = 0
    size: int = 0
    is_new: bool = False


_LINE = re.compile(r"^(\d+) +(.*)$")
_UNFINISHED = re.compile(r"^(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)")
_HANDLE = re.compile(r"^(\d+)<(.*?)>$")


def ops_of(log: Path) -> Iterator[Op]:
    """What was done, in the order in which it ended."""
    begun: dict[str, str] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        thread, told = found[1], found[2]
        if (half := _UNFINISHED.match(told)) is not None:
            begun[thread] = half[1]
            continue
        if (rest := _RESUMED.match(told)) is not None:
            told = begun.pop(thread, "") + rest[1]
        call = _CALL.match(told)
        if call is not None and int(call[3]) >= 0 and (op := _op(call[1], call[2], int(call[3]))) is not None:
            yield op


def _op(name: str, told: str, result: int) -> Op | None:
    words = _words(told)
    match name:
        case "openat":
            return Op("create", _text(words[1]).decode(), is_new="O_EXCL" in words[2]) if "O_CREAT" in told else None
        case "pwrite64":
            return Op("write", _path(words[0]), data=_text(words[1])[:result], at=int(words[3]))
        case "write":
            return Op("append", _path(words[0]), data=_text(words[1])[:result])
        case "ftruncate":
            return Op("truncate", _path(words[0]), size=int(words[1]))
        case "fsync" | "fdatasync":
            return Op("sync", _path(words[0]))
        case "rename":
            return Op("rename", _text(words[0]).decode(), _text(words[1]).decode())
        case "unlink":
            return Op("unlink", _text(words[0]).decode())
        case "mkdir":
            return Op("mkdir", _text(words[0]).decode())
        case "fallocate":
            return Op("truncate", _path(words[0]), size=int(words[2]) + int(words[3]))
        case "sendto":
            return Op("send", "", data=_text(words[1]))
    return None


def _words(told: str) -> list[str]:
    """The arguments; a text has no comma in it, since all of it is spelled in hexadecimal."""
    return told.split(", ")


def _text(word: str) -> bytes:
    inner = word[word.index('"') + 1 : word.rindex('"')]
    return bytes.fromhex(inner.replace("\\x", ""))


def _path(word: str) -> str:
    found = _HANDLE.match(word)
    if found is None:
        return ""
    path = found[2]
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path
