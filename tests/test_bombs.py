"""Fifty small flows that would grow without end: each is refused or done, and memory stays where it was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST_MB = 150  # the longest text that a filter may make, 64 MiB, and once more while it is put together

# Runs each flow with its inputs; prints how it ended, and by how much the most memory ever held has grown since.
# What a process has taken at the most, in MB. What `getrusage` tells begins with the memory of whoever started it.
PEAK = """
import re, resource, sys
from pathlib import Path
def peak():
    told = Path("/proc/self/status")
    if told.is_file():
        return int(re.search(r"VmHWM:\\s*([0-9]+)", told.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
"""
MEASURED = (
    PEAK
    + """
import json
from decimal import Decimal
from flowlang.language.reading import read_json
from flowlang.language.values import ValueMistake
from flowlang.pipeline import compile_flow
from flowlang.run.outputs import shown
from tests.run.scripted import echo, run
most = peak
def values(given):
    big = {"list": lambda n: tuple(map(str, range(n))), "text": lambda n: "word " * n, "brackets": lambda n: "[" * n,
           "quotes": lambda n: chr(34) * n, "a": lambda n: "a" * n, "lines": lambda n: "x" + chr(10) * n,
           "records": lambda n: tuple({"a": str(i), "b": "x" * 20} for i in range(n)), "number": Decimal}
    return {name: big[kind](size) for name, (kind, size) in given.items()}
folder = Path(sys.argv[1])
def explode(text, given):
    path = folder / "bomb.flow"
    path.write_text(text, encoding="utf-8")
    checked = compile_flow(path)
    if checked.flow is None:
        return "refused by check: " + checked.diagnostics[0].rule
    ran = run(checked.flow, echo, values(given))
    try:
        shown(ran.result.outputs)
    except ValueMistake as mistake:
        return "refused: " + mistake.message
    return ran.result.outcome + "".join(": " + one.message for one in ran.report.failed)
explode('step a\\n  prompt: "x"\\n', {})
for name, text, given in json.loads(sys.stdin.read()):
    before = most()
    print(json.dumps([name, explode(text, given), most() - before]), flush=True)
"""
)

LIST, TEXT, A = "input l: list of text\n", "input t: text\n", "input a: text\n"
LOOP = "{{ for x%d in l }}"


def asked(text: str) -> str:
    return f'step s\n  prompt: "{text}"\n'


def loops(deep: int) -> str:
    return "".join(LOOP % number for number in range(deep)) + "{{ x0 }}" + "{{ end }}" * deep


def doubled(times: int) -> str:
    """Lists of lists: each holds the one before twice."""
    return "".join(f"let d{n} = [d{n - 1}, d{n - 1}]\n" for n in range(1, times + 1))


def chained(head: str, filters: str, times: int) -> str:
    return f"let v = {head}{filters * times}\n"


BOMBS: dict[str, tuple[str, dict[str, tuple[str, int]]]] = {
    **{f"{n} loops in a prompt": (LIST + asked(loops(n)), {"l": ("list", 3000)}) for n in (2, 3, 4, 8)},
    **{f"{n} loops in check": (LIST + asked(loops(n)), {}) for n in (65, 1000)},
    **{
        f"replace {n} times": (
            A + chained("a", ' | replace "a" with "aaaaaaaaaa"', n) + asked("{{ v }}"),
            {"a": ("a", 9)},
        )
        for n in (8, 12, 30, 300)
    },
    "replace with itself": (A + 'let v = a | replace "a" with a\n' + asked("{{ v }}"), {"a": ("a", 30_000)}),
    "replace nothing": (A + 'let v = a | replace "" with a\n' + asked("{{ v }}"), {"a": ("a", 30_000)}),
    **{
        f"chunks of {n}, {n - 1} overlapping": (
            TEXT + f"let v = t | chunks of {n} words, {n - 1} overlapping\n" + asked("{{ v | count }}"),
            {"t": ("text", 200_000)},
        )
        for n in (2, 1000, 50_000)
    },
    "chunks of one": (TEXT + "let v = t | chunks of 1 words\n" + asked("{{ v | count }}"), {"t": ("text", 400_000)}),
    **{
        f"json in json, {n} times": (A + chained("a", " | json", n) + asked("{{ v }}"), {"a": ("quotes", 10)})
        for n in (10, 24, 60)
    },
    "deep json": (A + "let v = a | parse json\noutput v\n", {"a": ("brackets", 1_000_000)}),
    "join with itself": (
        LIST + A + "let v = l | join a\n" + asked("{{ v }}"),
        {"l": ("list", 5000), "a": ("a", 50_000)},
    ),
    "split into letters": (A + 'let v = a | split "a"\n' + asked("{{ v | count }}"), {"a": ("a", 1_000_000)}),
    "lines": (A + "let v = a | lines\n" + asked("{{ v | count }}"), {"a": ("lines", 1_000_000)}),
    "words": (TEXT + "let v = t | words\n" + asked("{{ v | count }}"), {"t": ("text", 500_000)}),
    **{
        f"doubled {n} times, {how}": (
            LIST + "let d0 = [l, l]\n" + doubled(n) + f"let v = d{n}{how}\n" + asked("{{ v }}"),
            {"l": ("list", 100)},
        )
        for n in (16, 25, 60)
        for how in ("", " | flatten", " | json", " | unique")
    },
    "doubled 25 times, as the result": (
        LIST + "let d0 = [l, l]\n" + doubled(25) + "output all: d25\n",
        {"l": ("list", 100)},
    ),
    "table": (
        "schema R\n  a: text\n  b: text\ninput l: list of R\nlet v = l | table\n" + asked("{{ v }}"),
        {"l": ("records", 100_000)},
    ),
    "tables in a loop": (
        "schema R\n  a: text\n  b: text\ninput l: list of R\n" + asked("{{ for x in l }}{{ l | table }}{{ end }}"),
        {"l": ("records", 3000)},
    ),
    "numbered": (LIST + "let v = l | numbered\n" + asked("{{ v }}"), {"l": ("list", 500_000)}),
    "pairs": (
        LIST + 'step s\n  repeat for each x in l and each y in l and each z in l\n  prompt: "{{ x }}{{ y }}{{ z }}"\n',
        {"l": ("list", 5000)},
    ),
    "samples": ('input n: whole number\nstep s\n  samples: {{ n }}\n  prompt: "x"\n', {"n": ("number", 10**9)}),
    "samples in check": ('step s\n  samples: 1000000000\n  prompt: "x"\n', {}),
    "a product": (
        "input n: number\n" + chained("n", " | times n | times n", 200) + asked("{{ v }}"),
        {"n": ("number", 10**50)},
    ),
    "conditions": (
        "input b: yes/no = no\n" + "step s\n  when " + "(" * 3000 + "b" + ")" * 3000 + '\n  prompt: "x"\n',
        {},
    ),
    "a long condition": ("input b: yes/no = no\nstep s\n  when b" + " and b" * 3000 + '\n  prompt: "x"\n', {}),
    "filters": (A + chained("a", " | trim", 5000) + asked("{{ v }}"), {"a": ("a", 9)}),
    "lists in lists": ("let v = " + "[" * 3000 + '"x"' + "]" * 3000 + "\n" + asked("{{ v }}"), {}),
    "a long line": (asked("x" * 500_000), {}),
    "a prompt twice": (A + asked("{{ a }}" * 100), {"a": ("a", 1_000_000)}),
    "optional of optional": ("input a: " + "optional list of " * 2000 + "text\n" + asked("x"), {}),
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    """How each one ended, and by how many megabytes memory grew."""
    folder = tmp_path_factory.mktemp("bombs")
    done = subprocess.run(
        [sys.executable, "-P", "-c", MEASURED, str(folder)],
        input=json.dumps([(name, *bomb) for name, bomb in BOMBS.items()]),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(told) == len(BOMBS), (told[-1:], done.stderr[-2000:])
    return {name: (how, grown) for name, how, grown in told}


def test_there_are_fifty_bombs() -> None:
    assert len(BOMBS) >= 50


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_or_done(name: str, ended: dict[str, tuple[str, float]]) -> None:
    how, grown = ended[name]
    assert how.startswith(("done", "refused", "failed: ", "limit: ")), how
    assert grown <= MOST_MB


# ── What a folder can bring: `check` and `plan` of a project that somebody else made ──

LIMITED = (
    PEAK
    + """
def limit(which, most):
    resource.setrlimit(which, (most, resource.getrlimit(which)[1]))
if sys.platform == "linux":
    limit(resource.RLIMIT_AS, 1024 * 1024 * 1024)
limit(resource.RLIMIT_CPU, 120)  # what would never end is a failure, not a wait
from flowlang.workbench.cli import main
ended = 0
try:
    ended = main()
except SystemExit as left:
    ended = left.code
sys.stdout.flush()
print(ended or 0, round(peak()), file=sys.stderr)
"""
)


def flows(deep: int) -> str:
    """Flows that each run the next one twice."""
    pairs = (f"flow f{n}\nstep a\n  run: f{n + 1}\nstep b\n  run: f{n + 1}\n" for n in range(deep))
    return "step s\n  run: f0\n" + "".join(pairs) + f'flow f{deep}\nstep last\n  model: m\n  prompt: "x"\n'


def imports(many: int) -> str:
    return "".join(f'import "i{n}.flow" as i{n}\n' for n in range(many)) + PLAIN


def tools(many: int) -> str:
    return "".join(f'tool t{n}\n  python: "t.py" f\n' for n in range(many)) + PLAIN


PLAIN = 'step s\n  model: gemini-3-flash\n  prompt: "x"\n'
PYTHON = '[allow]\npython = ["t.py"]\n'
FIELDS = "".join(f"  a{n}: text\n" for n in range(4900))
WORDS = "word " * 800_000  # 4 MB
MADE_OF_A = "a\n" * 2_000_000

# The files, the command, how it ends, and words that are shown. A file named `x*20` is there twenty times.
FOLDERS: dict[str, tuple[dict[str, str], str, int, str]] = {
    "a key of many parts": (
        {"main.flow": PLAIN, "flowlang.toml": "a" + ".a" * 30_000 + "=1"},
        "check",
        3,
        "flowlang.toml:1:1",
    ),
    "a header of many parts": (
        {"main.flow": PLAIN, "flowlang.toml": "[a" + ".a" * 30_000 + "]"},
        "check",
        3,
        "more than 8 parts",
    ),
    "settings in brackets": (
        {"main.flow": PLAIN, "flowlang.toml": "a = " + "[" * 60_000},
        "check",
        3,
        "deeper than 8 brackets",
    ),
    "many unknown settings": (
        {"main.flow": PLAIN, "flowlang.toml": "".join(f"a{n}=1\n" for n in range(8000))},
        "check",
        3,
        "50 mistakes",
    ),
    "large settings": ({"main.flow": PLAIN, "flowlang.toml": "#" * 70_000}, "check", 3, "more than 65,536 bytes"),
    "a large Python file": (
        {"main.flow": tools(1), "t.py": MADE_OF_A, "flowlang.toml": PYTHON},
        "check",
        3,
        "`t.py` is too large",
    ),
    **{
        f"a deep Python file of {what[:2]}": (
            {"main.flow": tools(1), "t.py": what, "flowlang.toml": PYTHON},
            "check",
            3,
            "the Python file of tool `t0` can't be read",
        )
        for what in ("(" * 200_000, "-" * 200_000 + "1", "a" + ".a" * 100_000, "a" + "+a" * 100_000)
    },
    "a Python file for many tools": (
        {"main.flow": tools(40), "t.py": "def f(): ...\n#" + "x" * 250_000, "flowlang.toml": PYTHON},
        "check",
        3,
        "more than 4 MB in all",
    ),
    "flows that run twice what runs twice": ({"main.flow": flows(24)}, "check", 3, "error[out-of-range]: with this"),
    "such flows, planned": ({"main.flow": flows(24)}, "plan", 3, "error[out-of-range]: with this"),
    "fewer such flows, planned": ({"main.flow": flows(14)}, "plan", 0, "16,384 calls"),
    "a text in many spellings": (
        {
            "main.flow": "".join(f'step s{n}\n  prompt: file "{"./" * n}big.txt"\n' for n in range(300)),
            "big.txt": WORDS,
        },
        "check",
        0,
        "no mistakes",
    ),
    "many large texts": (
        {"main.flow": "".join(f'step s{n}\n  prompt: file "t{n}.txt"\n' for n in range(20)), "t*20.txt": WORDS},
        "check",
        3,
        "main.flow:34:16",
    ),
    "many large imports": (
        {"main.flow": imports(8), "i*8.flow": "# " + "x" * 4_000_000 + "\n"},
        "check",
        3,
        "more than 16 MB in all",
    ),
    "imports of many lines": (
        {"main.flow": imports(9), "i*9.flow": "".join(f"schema {name}\n{FIELDS}" for name in "ABC")},
        "check",
        3,
        "main.flow:7:8",
    ),
    "many tests": (
        {"main.flow": PLAIN + "".join(f'test "t{n}"\n  answer s: "y"\n  expect s is "y"\n' for n in range(3000))},
        "check",
        0,
        "no mistakes",
    ),
    "many answers": (
        {"main.flow": PLAIN + 'test "t"\n' + '  answer s: "y"\n' * 100_000 + '  expect s is "y"\n'},
        "check",
        3,
        "at most 100,000 lines",
    ),
    "many inputs, shown": (
        {"main.flow": "".join(f"input x{n}: text\n" for n in range(100_000)) + PLAIN},
        "run",
        3,
        "at most 100,000 lines",
    ),
    "loops in loops, planned": (
        {
            "main.flow": "let l = [" + ", ".join('"x"' for _ in range(1000)) + "]\n"
            "step s\n  repeat for each a in l and each b in l and each c in l\n"
            '  prompt: "{{ a }}{{ b }}{{ c }}' + loops(4) + '"\n'
        },
        "plan",
        0,
        "About ",
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_refused_or_done(name: str, tmp_path: Path) -> None:
    files, command, ends, words = FOLDERS[name]
    for key, text in {"flowlang.toml": "", **files}.items():
        stem, many, ending = key.partition("*")
        count, _, ending = ending.partition(".")
        names = [f"{stem}{n}.{ending}" for n in range(int(count))] if many else [key]
        (tmp_path / names[0]).write_text(text, encoding="utf-8")
        for other in names[1:]:
            os.link(tmp_path / names[0], tmp_path / other)
    done = subprocess.run(
        [sys.executable, "-P", "-c", LIMITED, command, "main.flow", *(["--help"] if command == "run" else [])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    ended, most = done.stderr.splitlines()[-1].split()
    assert (int(ended), words in done.stdout + done.stderr) == (ends, True), (done.stdout + done.stderr)[-2000:]
    assert int(most) <= 2 * MOST_MB
