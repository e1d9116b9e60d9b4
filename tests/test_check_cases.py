"""Many tiny flows and what `check` says of each: the cases of golden/check/*.flow.

A line `### title` begins a case; `#### house.flow` inside one begins a further file of it, which it can import or read.
A report is asserted by a comment of its own line, which is taken out before the flow is checked, so that it may stand
anywhere, also inside a text:

    temperature: 7
    #            ^ out-of-range: from 0 to 2     the caret stands under the first character; the rest is optional
    #^ bad-name                                  the `#` itself stands under it, for the start of a line
    # @3:14 wrong-type: a number                 line and column of the flow as it is checked, counted from 1
    # @3 "word" wrong-type: a number             the first such word of that line

A case without such comments has nothing wrong with it, and nothing to warn of.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flowlang.diagnostics.diagnostic import Diagnostic
from flowlang.diagnostics.rules import RULES
from flowlang.language.check import check
from flowlang.language.loader import Denied, Loader
from flowlang.pipeline import check_text

GOLDEN = Path(__file__).parent / "golden" / "check"
MAIN = "example.flow"
_UNDER = re.compile(r"\s*#\s*(?P<caret>\^) (?P<rule>[a-z]+(?:-[a-z]+)*)(?:: (?P<words>.*))?")
_AT = re.compile(
    r'\s*# @(?P<line>\d+)(?::(?P<column>\d+)| "(?P<word>.+?)") (?P<rule>[a-z]+(?:-[a-z]+)*)(?:: (?P<words>.*))?'
)


@dataclass(frozen=True)
class Expected:
    path: str
    line: int
    column: int
    rule: str
    words: str  # a part of the message


@dataclass
class Case:
    files: dict[str, list[str]] = field(default_factory=lambda: {MAIN: []})
    expected: list[Expected] = field(default_factory=list)


def read_cases(text: str) -> Iterator[tuple[str, Case]]:
    """The cases of one file, with their titles."""
    for part in re.split(r"^### ", text, flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        case, path, later = Case(), MAIN, []
        for line in body.split("\n")[:-1]:
            lines = case.files[path]
            under, at = _UNDER.fullmatch(line), _AT.fullmatch(line)
            found = under or at
            if line.startswith("#### "):
                path = line[5:]
                case.files[path] = []
            elif found is None or found["rule"] not in RULES:
                lines.append(line)
            elif under:
                column = under.start("caret")
                if line[column - 1] == "#":
                    column -= 1
                case.expected.append(Expected(path, len(lines), column + 1, under["rule"], under["words"] or ""))
            else:
                later.append((path, found))
        for path, found in later:
            number = int(found["line"])
            column = int(found["column"] or case.files[path][number - 1].index(found["word"]) + 1)
            case.expected.append(Expected(path, number, column, found["rule"], found["words"] or ""))
        yield title.strip(), case


def check_case(case: Case) -> list[Diagnostic]:
    """What is wrong with a case's main file, and with what it imports."""
    texts = {path: "\n".join((*lines, "")) for path, lines in case.files.items()}
    if len(texts) == 1:
        return check_text(texts[MAIN], MAIN)

    def read(path: str) -> bytes | Denied:
        return texts[path].encode() if path in texts else Denied("not-found", f"there is no file `{path}`")

    loader = Loader(read)
    return list(check(loader, loader.load(MAIN)).diagnostics)


CASES = [
    pytest.param(case, id=f"{path.stem}: {title}")
    for path in sorted(GOLDEN.glob("*.flow"))
    for title, case in read_cases(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CASES)
def test_a_case_gets_its_reports_and_no_others(case: Case) -> None:
    reports = check_case(case)
    found = {_place(*_position(one), one.rule): one.message for one in reports}
    wanted = {_place(one.path, one.line, one.column, one.rule): one.words for one in case.expected}
    told = "\n".join(f"{place}: {message}" for place, message in found.items())
    assert sorted(found) == sorted(wanted) and len(reports) == len(found), f"found:\n{told}\nwanted:\n{wanted}"
    assert all(words in found[place] for place, words in wanted.items()), f"found:\n{told}\nwanted:\n{wanted}"


def _position(one: Diagnostic) -> tuple[str, int, int]:
    return (one.source.path, *one.source.position(one.span.start))


def _place(path: str, line: int, column: int, rule: str) -> str:
    return f"{path}:{line}:{column} {rule}"


def test_the_cases_are_read_as_they_are_written() -> None:
    text = "### a\nstep x\n#^ syntax: odd\n  #  ^ not-a-rule\n"
    text += '### b\none\n# @1 "ne" cycle\n#### c\n# @+\n  two\n#   ^ cycle\n'
    (a, first), (b, second) = read_cases(text)
    assert (a, first.files) == ("a", {MAIN: ["step x", "  #  ^ not-a-rule"]})
    assert first.expected == [Expected(MAIN, 1, 1, "syntax", "odd")]
    assert (b, second.files) == ("b", {MAIN: ["one"], "c": ["# @+", "  two"]})
    assert second.expected == [Expected("c", 2, 5, "cycle", ""), Expected(MAIN, 1, 2, "cycle", "")]


@pytest.mark.parametrize(
    ("many", "end"),
    [
        ("let n{0} = n{1} | plus 1\n", "let n{0} = 1\n"),
        ("let n{0} = n{1} | plus 1\n", "let n{0} = n0\n#cycle\n"),
        ('step n{0}\n  repeat for each x{0} in n{1}\n  prompt: "{{{{ x{0} }}}}"\n', "input n{0}: list of text\n"),
        ("flow n{0}\nstep a\n  run: n{1}\n", 'flow n{0}\nstep a\n  prompt: "x"\n'),
    ],
    ids=("lets", "a circle of lets", "repeats", "flows"),
)
def test_a_chain_of_any_length_is_checked(many: str, end: str) -> None:
    length = 1500
    text = "".join(many.format(i, i + 1) for i in range(length)) + end.format(length)
    start = 'step last\n  prompt: "{{ n0 }}"\n' if "flow" not in many else "step last\n  run: n0\n"
    assert [one.rule for one in check_text(start + text)] == (["cycle"] if "#cycle" in end else [])


def test_snippets_in_snippets_come_to_an_end() -> None:
    text = "".join(f'snippet s{i}: "{{{{ s{i + 1} }}}}{{{{ s{i + 1} }}}}"\n' for i in range(30))
    text += 'snippet s30: "x"\nstep a\n  prompt: "{{ s0 }}"\n'
    assert [one.rule for one in check_text(text)] == ["out-of-range"]
