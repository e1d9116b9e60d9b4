"""The store's folder: `.flowlang/` beside `flowlang.toml` or the flow, the user's own and closed to others."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .problems import StoreUnusable

FOLDER = ".flowlang"
_IGNORED = "# Answers and runs, kept by flowlang: nothing for git.\n*\n"
_FAR = frozenset(("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "fuse.sshfs", "ceph", "glusterfs", "lustre"))
_ELSEWHERE = "--store DIR keeps it in another folder, --no-store keeps nothing"

FileSystem = Callable[[Path], str]  # the kind of file system on which a folder stands, as the system names it


def file_system_of(folder: Path) -> str:
    """The kind of file system of a folder, as Linux tells it; empty where it does not."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    path = str(folder.resolve())
    for line in lines:
        before, _, behind = line.partition(" - ")
        mount = before.split(" ")[4].replace("\\040", " ")
        inside = path == mount or path.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, behind.split(" ")[0]
    return kind


def is_far(folder: Path, file_system: FileSystem = file_system_of) -> bool:
    """Whether the folder is on another machine: there, locks and shared memory cannot be relied on."""
    return file_system(folder) in _FAR


def open_folder(folder: Path) -> Path:
    """The folder of a store, made if it is not there. Raises StoreUnusable."""
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700, parents=True)
        found = folder.lstat()
    except OSError as error:
        raise _unusable(folder, (error.strerror or "unknown reason").lower()) from None
    if stat.S_ISLNK(found.st_mode):
        raise _unusable(folder, "it is a link to another place")
    if not stat.S_ISDIR(found.st_mode):
        raise _unusable(folder, "it is no folder")
    if found.st_uid != os.geteuid():
        raise _unusable(folder, "it belongs to somebody else")
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise _unusable(folder, "others may write into it", f"close it with: chmod go-w {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(folder, "nothing can be written into it")
    ignored = folder / ".gitignore"
    if not ignored.exists():
        with suppress(OSError):
            ignored.write_text(_IGNORED, encoding="utf-8")
    return folder


def _unusable(folder: Path, why: str, hint: str = "") -> StoreUnusable:
    return StoreUnusable(
        f"the store `{folder}` cannot be used: {why}", (hint or _ELSEWHERE, *((_ELSEWHERE,) if hint else ()))
    )
