"""The grammar and the standard library are found in a checkout, an editable install and a wheel alike."""

import subprocess
import sys
import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

from flowlang.resources import find_grammar, find_stdlib

ROOT = Path(__file__).resolve().parent.parent

# Site folders are read without the environment's own ones, so that only the installed package can answer.
ASK = """
import site, sys
site.addsitedir(sys.argv[1])
from flowlang.resources import find_grammar, find_stdlib
print(find_grammar(), find_stdlib(), sep="\\n")
"""


def unpack_wheel(version: str, folder: Path) -> Path:
    """Installs this project into `folder`, as a `standard` or an `editable` wheel would."""
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(folder / "dist"), versions=[version])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def ask_where(site: Path, cwd: Path) -> list[Path]:
    """The grammar and the library as a Python sees them that knows nothing but `site`."""
    command = [sys.executable, "-I", "-S", "-c", ASK, str(site)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return [Path(line) for line in done.stdout.splitlines()]


def test_in_a_checkout_they_stand_at_the_top() -> None:
    assert find_grammar() == ROOT / "grammar.lark"
    assert find_stdlib() == ROOT / "stdlib"


def test_an_editable_install_uses_the_checkout(tmp_path: Path) -> None:
    site = unpack_wheel("editable", tmp_path)
    assert ask_where(site, tmp_path) == [ROOT / "grammar.lark", ROOT / "stdlib"]


def test_a_wheel_carries_its_own(tmp_path: Path) -> None:
    site = unpack_wheel("standard", tmp_path)
    (site / "grammar.lark").write_text("another package's file")

    grammar, stdlib = ask_where(site, tmp_path)

    assert (grammar, stdlib) == (site / "flowlang" / "grammar.lark", site / "flowlang" / "stdlib")
    assert grammar.read_bytes() == (ROOT / "grammar.lark").read_bytes()
    assert files_below(stdlib) == files_below(ROOT / "stdlib")


def test_a_wheel_leaves_no_file_of_the_package_behind(tmp_path: Path) -> None:
    site = unpack_wheel("standard", tmp_path)
    here = {path for path in files_below(ROOT / "flowlang") if "__pycache__" not in path.parts}
    assert here <= files_below(site / "flowlang")


def files_below(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
