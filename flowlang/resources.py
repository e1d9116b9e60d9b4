"""Where the files that ship with the package are: the grammar and the standard library."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def find_grammar() -> Path:
    """The path of `grammar.lark`."""
    return _find("grammar.lark")


def find_stdlib() -> Path:
    """The path of the folder behind `import "std/…"`."""
    return _find("stdlib")


def _find(name: str) -> Path:
    # A wheel carries them inside the package; a checkout, also one installed as editable, has them beside it.
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (found := folder / name).exists():
            return found
    raise FileNotFoundError(f"`{name}` is missing from this installation of flowlang: install it again")
