"""What the user trusts: kept in their own folder, never in a repository, and bound to the very list that they saw."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..run.exit import STORE
from .own_folders import config_folder
from .refusal import Refusal

Lists = Mapping[str, Sequence[str]]  # the lines of each flow's list, by its path in the project


def trusted_lists(root: Path) -> dict[str, list[str]]:
    """The lists that the user has said yes to, for this project; none if the file is not the user's own."""
    path = _path(root)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.getuid() or status.st_mode & 0o022:
                return {}
            kept = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict) or kept.get("project") != _name(root) or not isinstance(kept.get("flows"), dict):
        return {}
    return {flow: lines for flow, lines in kept["flows"].items() if isinstance(lines, list)}


def trust(root: Path, lists: Lists) -> None:
    """Keeps these lists, beside those of the project's other flows."""
    _write(root, {**trusted_lists(root), **{flow: list(lines) for flow, lines in lists.items()}})


def forget(root: Path, flows: Sequence[str]) -> list[str]:
    """Takes the user's word back for these flows; returns those that were trusted."""
    kept = trusted_lists(root)
    gone = [flow for flow in flows if kept.pop(flow, None) is not None]
    if gone:
        _write(root, kept)
    return gone


def _write(root: Path, flows: Mapping[str, Sequence[str]]) -> None:
    path = _path(root)
    text = json.dumps({"project": _name(root), "flows": flows}, ensure_ascii=False, indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent)  # readable by nobody else
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Refusal(
            STORE, f"what you trust could not be kept in `{path.parent}`: {reason}", rule="bad-file"
        ) from None


def _name(root: Path) -> str:
    return os.fsencode(root.resolve()).decode("utf-8", "backslashreplace")


def _path(root: Path) -> Path:
    digest = hashlib.sha256(_name(root).encode()).hexdigest()[:32]
    return config_folder() / "trust" / f"{digest}.json"
