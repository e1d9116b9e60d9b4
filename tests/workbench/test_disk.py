"""What stands on the disk, by its bytes: with a real file system."""

import os
from pathlib import Path

from flowlang.workbench.disk import Disk


def test_only_other_bytes_are_another_content(tmp_path: Path) -> None:
    path, disk = tmp_path / "a", Disk()
    path.write_text("one")
    first = disk.look([str(path)])
    path.touch()
    path.chmod(0o600)
    (tmp_path / "b").write_text("one")
    (tmp_path / "b").replace(path)
    assert disk.look([str(path)]) == first
    path.write_text("two")  # as long, and within the same moment
    assert disk.look([str(path)]) != first
    path.unlink()
    missing = disk.look([str(path)])
    assert missing != first
    path.write_text("one")
    assert disk.look([str(path)]) == first


def test_a_change_that_keeps_size_and_time_is_seen_while_the_file_is_young(tmp_path: Path) -> None:
    path, disk = tmp_path / "a", Disk()
    path.write_text("one")
    stamp = path.stat().st_mtime_ns
    first = disk.look([str(path)])
    with path.open("r+") as file:
        file.write("two")
    os.utime(path, ns=(stamp, stamp))
    assert disk.look([str(path)]) != first


def test_a_folder_is_its_files_and_their_names(tmp_path: Path) -> None:
    disk = Disk()
    (tmp_path / "a.txt").write_text("one")
    first = disk.look([str(tmp_path)])
    (tmp_path / ".hidden").write_text("x")
    assert disk.look([str(tmp_path)]) == first
    (tmp_path / "b.txt").write_text("two")
    assert disk.look([str(tmp_path)]) != first


def test_what_the_process_wrote_itself_is_no_change(tmp_path: Path) -> None:
    path, disk = tmp_path / "out.txt", Disk()
    path.write_text("before")
    first = disk.look([str(path)])
    path.write_text("ours")
    disk.wrote(str(path), b"ours")
    assert disk.look([str(path)]) == first
    path.write_text("somebody's")
    assert disk.look([str(path)]) != first


def test_our_own_files_in_a_watched_folder_are_not_seen(tmp_path: Path) -> None:
    disk = Disk()
    (tmp_path / "a.txt").write_text("one")
    first = disk.look([str(tmp_path)])
    (tmp_path / "out.txt").write_text("ours")
    disk.wrote(str(tmp_path / "out.txt"), b"ours")
    assert disk.look([str(tmp_path)]) == first
