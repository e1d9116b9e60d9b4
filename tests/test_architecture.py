"""The house rules of flowlang/README.md: imports run one way, libraries have owners, start-up stays light."""

import ast
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.gateway import Gateway

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "flowlang"

# A module imports only from its own place and from places before it.
RIVER = (
    "diagnostics",
    "language",
    "models",
    "plan",
    "store",
    "run",
    "show",
    "project",
    "settings",
    "pipeline",
    "workbench",
    "__main__",
)
FOR_ALL = ("__init__", "pattern", "record", "resources")

# What is imported when it is used, for start-up time: the file, and what it fetches late. Kept exact by a test.
LATE: dict[str, set[str]] = {
    "language/check.py": {"flowlang.language.check_answers"},
    "language/grammar.py": {"lark", "platformdirs"},
    "models/catalog.py": {"tomllib"},
    "models/repair.py": {"difflib", "json_repair"},
    "pipeline.py": {"flowlang.models.answer", "flowlang.run.python_file"},
    "run/documents.py": {"pypdf"},
    "run/python_runner.py": {"asyncio"},
    "run/tools.py": {"flowlang.models.offline", "flowlang.run.fetch"},
    "settings.py": {"tomllib"},
    "show/comparing.py": {"difflib"},
    "workbench/answering.py": {"flowlang.models.offline", "flowlang.models.transport"},
    "workbench/cli.py": {
        "flowlang.workbench.commands",
        "flowlang.workbench.completion",
        "flowlang.workbench.crash",
        "flowlang.workbench.telling",
        "signal",
    },
    "workbench/completion.py": {"flowlang.workbench.past"},
    "workbench/diff.py": {"flowlang.workbench.diff_flows"},
    "show/marked.py": {"difflib"},
    "workbench/fmt.py": {"difflib"},
    "workbench/kept_open.py": {"flowlang.models.offline", "flowlang.models.transport"},
    "workbench/watch.py": {"flowlang.show.whole_screen", "flowlang.workbench.steering"},
    "workbench/watched.py": {"watchfiles"},
    "workbench/opening.py": {"flowlang.run.fetch"},
    "workbench/outside.py": {"flowlang.workbench.trusted"},
    "workbench/reporting.py": {"flowlang.show.page", "flowlang.show.run_junit"},
    "workbench/plan.py": {"flowlang.workbench.looking"},
    "workbench/wording.py": {
        "flowlang.show.because",
        "flowlang.store.history",
        "flowlang.workbench.questions",
        "flowlang.workbench.reasons",
    },
    "workbench/run.py": {"flowlang.workbench.each"},
    "workbench/test.py": {"flowlang.workbench.rehearsal", "flowlang.workbench.test_asking"},
    "workbench/viewing.py": {"flowlang.show.live"},
    "workbench/commands.py": {"importlib"},
}

HEAVY = ("pydantic", "pydantic_core", "httpx", "httpx2", "asyncio", "rich")


class Import(NamedTuple):
    """One imported module, as seen in one file."""

    file: str  # relative to the package
    line: int
    module: str  # dotted, absolute
    late: bool  # inside a function


MODULES = {
    ".".join(("flowlang", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def read_imports(path: Path) -> list[Import]:
    """Every import of a file, wherever it stands; importing by a name in a text counts as importing `importlib`."""
    file = path.relative_to(PACKAGE).as_posix()
    folder = ("flowlang", *path.relative_to(PACKAGE).parent.parts)

    def found(node: ast.AST, late: bool) -> Iterator[Import]:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(file, node.lineno, alias.name, late)
            case ast.ImportFrom(module=module, names=names, level=level):
                start = folder[: len(folder) - level + 1] if level else ()
                origin = ".".join((*start, *([module] if module else [])))
                for alias in names:
                    inner = f"{origin}.{alias.name}"
                    yield Import(file, node.lineno, inner if inner in MODULES else origin, late)
            case ast.Call(func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module")):
                yield Import(file, node.lineno, "importlib", late)
        inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from found(child, inside)

    return list(dict.fromkeys(found(ast.parse(path.read_bytes()), late=False)))


IMPORTS = [found for path in MODULES.values() for found in read_imports(path)]
OWN = [found for found in IMPORTS if found.module.split(".")[0] == "flowlang"]
FOREIGN = [found for found in IMPORTS if found.module.split(".")[0] not in sys.stdlib_module_names and found not in OWN]


def place_of(module: str) -> str:
    """The folder or the file at the top of the package in which a module lives."""
    return [*module.split("."), "__init__"][1]


def name_of(file: str) -> str:
    return "flowlang." + file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def test_every_module_has_a_place_in_the_river() -> None:
    assert {place_of(module) for module in MODULES} <= {*RIVER, *FOR_ALL}


def test_imports_run_one_way() -> None:
    def flows_down(found: Import) -> bool:
        importer, imported = found.file.split("/")[0].removesuffix(".py"), place_of(found.module)
        if imported in FOR_ALL:
            return True
        return importer in RIVER and RIVER.index(imported) <= RIVER.index(importer)

    assert [found for found in OWN if not flows_down(found)] == []


def test_imports_never_go_round_in_a_circle() -> None:
    wants: dict[str, set[str]] = defaultdict(set)
    for found in OWN:
        wants[name_of(found.file)].add(found.module)

    # What imports nothing that is left, or is imported by nothing that is left, stands on no circle.
    circle = dict(wants)
    while ends := [
        module
        for module, needs in circle.items()
        if not needs & circle.keys() or not any(module in others for others in circle.values())
    ]:
        for module in ends:
            del circle[module]
    assert {module: needs & circle.keys() for module, needs in circle.items()} == {}


def test_imports_inside_functions_are_the_listed_ones() -> None:
    late: dict[str, set[str]] = defaultdict(set)
    for found in IMPORTS:
        if found.late:
            late[found.file].add(found.module)
    assert late == LATE


def test_each_library_has_one_owner_two_at_most() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for found in FOREIGN:
        owners[found.module.split(".")[0]].add(found.file)
    assert {library: files for library, files in owners.items() if len(files) > 2} == {}


def test_what_is_declared_is_what_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    optional = [name for extra, names in extras.items() if extra != "test" for name in names]
    declared = {wanted.split(">=")[0].strip().replace("-", "_") for wanted in [*project["dependencies"], *optional]}
    imported = {found.module.split(".")[0] for found in FOREIGN}
    assert imported == declared


@pytest.mark.parametrize(
    "command",
    [["--help"], ["check", "--help"], ["run", "--help"], ["check", "flows/triage/triage.flow"]],
    ids=" ".join,
)
def test_starting_up_imports_nothing_heavy(command: list[str], tmp_path: Path) -> None:
    imported = modules_imported_by(command, home=tmp_path)
    assert "flowlang.workbench.cli" in imported
    assert {module for module in imported if module.split(".")[0] in HEAVY} == set()


def test_a_run_that_asks_models_needs_no_library_for_http_nor_any_other_that_is_slow(tmp_path: Path) -> None:
    (tmp_path / "a.flow").write_text('step a\n  model: gpt-5-4\n  prompt: "Say hello."\n', encoding="utf-8")
    with Gateway() as url:
        environment = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-canary-123456"}
        imported = modules_imported_by(["run", str(tmp_path / "a.flow"), "--trust"], tmp_path, environment)
    assert "flowlang.models.transport" in imported
    heavy = set(HEAVY) - {"asyncio"}
    assert {module for module in imported if module.split(".")[0] in heavy} == set()


def modules_imported_by(command: list[str], home: Path, environment: Mapping[str, str] | None = None) -> set[str]:
    """The modules that a `flowlang` command has imported when it ends, told by the interpreter itself."""
    start = "import sys; from flowlang.workbench.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", start, *command],
        cwd=ROOT,
        env={"HOME": str(home), "XDG_CACHE_HOME": str(home), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    lines = done.stderr.splitlines()
    told = [line for line in lines if not line.startswith("import time:")]
    assert done.returncode == 0, told
    return {line.rpartition("|")[2].strip() for line in lines if line not in told}
