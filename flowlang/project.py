"""The project's folder, and files in it: never outside, never through a link, regular files only."""

import os
from pathlib import Path

from .run.below import read_below as read_below

CONFIGURATION = "flowlang.toml"


def find_root(flow: Path) -> Path:
    """The nearest folder above a flow that has a `flowlang.toml`; else the flow's own folder."""
    folder = Path(os.path.abspath(flow)).parent
    for candidate in (folder, *folder.parents):
        if has_configuration(candidate):
            return candidate
    return folder


def has_configuration(root: Path) -> bool:
    """Whether a folder has a `flowlang.toml`. One that is a link counts: it is refused where it is read."""
    path = root / CONFIGURATION
    return path.is_file() or path.is_symlink()
