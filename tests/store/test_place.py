import os
from pathlib import Path

import pytest

from flowlang.store.place import is_far, open_folder, open_own, own_folder
from flowlang.store.problems import StoreUnusable


def test_a_folder_is_made_for_its_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = open_folder(tmp_path / "one/.flowlang")
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / ".gitignore").read_text().endswith("*\n")
    assert (folder / ".gitignore").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("planted", ["link", "file", "pipe", "open to others"])
def test_what_is_not_the_users_own_folder_is_refused(planted: str, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / ".flowlang", tmp_path / "elsewhere"
    elsewhere.mkdir()
    match planted:
        case "link":
            folder.symlink_to(elsewhere)
        case "file":
            folder.write_text("")
        case "pipe":
            os.mkfifo(folder)
        case _:
            folder.mkdir()
            folder.chmod(0o777)
    with pytest.raises(StoreUnusable) as raised:
        open_folder(folder)
    assert any("--no-store" in hint for hint in raised.value.hints)
    assert list(elsewhere.iterdir()) == []


def test_the_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(StoreUnusable, match="somebody else"):
        open_folder(tmp_path / "theirs")


def test_a_link_where_gitignore_goes_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".flowlang").mkdir(mode=0o700)
    (tmp_path / ".flowlang/.gitignore").symlink_to(tmp_path / "victim")
    open_folder(tmp_path / ".flowlang")
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("planted", ["link", "hard link", "pipe", "folder"])
def test_a_file_that_is_not_plain_and_our_own_is_not_opened(planted: str, tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "lock"
    victim.write_text("precious")
    match planted:
        case "link":
            path.symlink_to(victim)
        case "hard link":
            path.hardlink_to(victim)
        case "pipe":
            os.mkfifo(path)
        case _:
            path.mkdir()
    with pytest.raises(StoreUnusable):
        open_own(path, os.O_RDWR | os.O_CREAT)
    assert victim.read_text() == "precious"


def test_a_folder_inside_is_not_reached_over_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "blobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        own_folder(tmp_path / "blobs")


@pytest.mark.parametrize(("kind", "far"), [("nfs4", True), ("fuse.sshfs", True), ("ext4", False), ("tmpfs", False)])
def test_folders_of_other_machines_are_known(kind: str, far: bool, tmp_path: Path) -> None:
    assert is_far(tmp_path, lambda folder: kind) is far
