"""The store's folder and the files in it: the user's own, closed to others, and reached over no link.

A project may come from a stranger, with a link, a pipe or somebody else's file where the store looks for its own.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .problems import unusable, unusable_after

FOLDER = ".flowlang"
_IGNORED = b"# Answers and runs, kept by flowlang: nothing for git.\n*\n"
_FAR = frozenset(("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "fuse.sshfs", "ceph", "glusterfs", "lustre"))
_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # the last one: a pipe would keep us waiting

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
            sync_folder(folder.parent)
        found = folder.lstat()
    except OSError as error:
        raise unusable_after(folder, error) from None
    if why := _wrong_with_folder(found):
        raise unusable(folder, why)
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise unusable(folder, "others may write into it", f"close it with: chmod go-w {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise unusable(folder, "nothing can be written into it")
    with suppress(OSError):
        handle = os.open(folder / ".gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_IGNORED)
    return folder


def existing_folder(folder: Path) -> bool:
    """Whether a store may stand there: a folder, no link to one, that belongs to the user. Nothing is made."""
    try:
        return not _wrong_with_folder(folder.lstat())
    except OSError:
        return False


def own_folder(folder: Path) -> Path:
    """A folder inside the store's, made if it is not there. Raises OSError; also where it is not the user's own."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if why := _wrong_with_folder(folder.lstat()):
        raise OSError(errno.ENOTDIR, f"{folder.name}: {why}")
    return folder


def open_own(path: Path, flags: int) -> int:
    """A handle of a file of the store; a new one is closed to others. Raises StoreUnusable.

    What is a link, no plain file, somebody else's, or has another name elsewhere is not opened.
    """
    try:
        handle = os.open(path, flags | _SAFELY, 0o600)
    except OSError as error:
        raise unusable_after(path, error) from None
    if why := _wrong_with_file(os.fstat(handle)):
        os.close(handle)
        raise unusable(path, why)
    return handle


def first_bytes(path: Path, size: int) -> bytes:
    """The beginning of a plain file, whoever's it is. Raises OSError, also for a pipe, where a reader would wait."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        return os.read(handle, size)
    finally:
        os.close(handle)


def refuse_unless_own(path: Path) -> None:
    """Raises StoreUnusable if there is something that is not a file of the user's own; nothing is fine."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise unusable_after(path, error) from None
    if why := _wrong_with_file(found):
        raise unusable(path, why)


def sync_folder(folder: Path) -> None:
    """Has the names in a folder written to the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _wrong_with_folder(found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return "it is a link to another place"
    if not stat.S_ISDIR(found.st_mode):
        return "it is no folder"
    return "it belongs to somebody else" if found.st_uid != os.geteuid() else ""


def _wrong_with_file(found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return "it is a link to another place"
    if not stat.S_ISREG(found.st_mode):
        return "it is no file"
    if found.st_uid != os.geteuid():
        return "it belongs to somebody else"
    # One that has just been replaced by another process has none.
    return "it has a second name elsewhere, by which it could be changed" if found.st_nlink > 1 else ""
