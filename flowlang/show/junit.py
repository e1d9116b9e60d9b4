"""The tests as JUnit XML, in the form that CI systems read: a suite for each flow file, a case for each test's case.

What XML cannot hold is replaced, so that the file can be read whatever a model has said.
"""

from collections.abc import Iterable
from xml.sax.saxutils import escape as escaped
from xml.sax.saxutils import quoteattr

from ..diagnostics.diagnostic import Diagnostic
from ..pattern import pattern
from ..run.trial import Tried
from .snippet import tell
from .tested import Tested
from .trials import diagnostics_of

# All that XML 1.0 has no way to write, also not as a reference.
_ILLEGAL = pattern("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDTH = 100
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def as_junit(tested: Tested) -> str:
    """The XML of all tests. A failure is an expectation or step that failed; an error what could not be tested."""
    suites: dict[str, list[Tried]] = {}
    for one in tested.tried:
        suites.setdefault(one.flow.source.path, []).append(one)
    broken: dict[str, list[Diagnostic]] = {}
    for mistake in tested.mistakes:
        broken.setdefault(mistake.source.path, []).append(mistake)
    failures = sum(one.outcome == "failed" for one in tested.tried)
    errors = sum(one.outcome == "not-recorded" for one in tested.tried) + len(broken)
    counts = f'tests="{len(tested.tried) + len(broken)}" failures="{failures}" errors="{errors}"'
    counts += f' time="{tested.seconds:.3f}"'
    lines = [HEAD, f'<testsuites name="flowlang test" {counts}>']
    for path, tried in suites.items():
        lines += _suite(path, tried)
    for path, mistakes in broken.items():
        lines += [
            f"  <testsuite name={attribute(path)} {counts_of(1, 0, 1, 0.0)}>",
            f'    <testcase name="the flow can be read" classname={attribute(path)} time="0.000">',
            *problem("error", mistakes),
            "    </testcase>",
            "  </testsuite>",
        ]
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _suite(path: str, tried: list[Tried]) -> Iterable[str]:
    failures = sum(one.outcome == "failed" for one in tried)
    errors = sum(one.outcome == "not-recorded" for one in tried)
    counts = counts_of(len(tried), failures, errors, sum(one.seconds for one in tried))
    yield f"  <testsuite name={attribute(path)} {counts}>"
    for one in tried:
        place = one.test.place.source.position(one.test.place.span.start)[0]
        name = one.test.name + (f", {one.case}" if one.case else "")
        flow = f"{path}#{one.flow.name}" if one.flow.name else path
        told = f'name={attribute(name)} classname={attribute(flow)} file={attribute(path)} line="{place}"'
        head = f'    <testcase {told} time="{one.seconds:.3f}"'
        if one.outcome == "passed":
            yield f"{head}/>"
            continue
        yield f"{head}>"
        yield from problem("failure" if one.outcome == "failed" else "error", diagnostics_of(one))
        yield "    </testcase>"
    yield "  </testsuite>"


def problem(kind: str, found: list[Diagnostic]) -> Iterable[str]:
    """All that is wrong with a case as one element, since readers take no more than one."""
    first = found[0]
    text = "\n\n".join(tell(one, _WIDTH, False) for one in found)
    yield f"      <{kind} type={attribute(first.rule)} message={attribute(first.message)}>{_text(text)}</{kind}>"


def counts_of(tests: int, failures: int, errors: int, seconds: float, skipped: int | None = 0) -> str:
    """The counts of a suite, in attributes; `skipped` None: of all suites, which have no such count."""
    of_skipped = "" if skipped is None else f' skipped="{skipped}"'
    return f'tests="{tests}" failures="{failures}" errors="{errors}"{of_skipped} time="{seconds:.3f}"'


def _text(text: str) -> str:
    return escaped(_legal(text))


def attribute(text: str) -> str:
    """A text as the value of an attribute, in quotes."""
    return quoteattr(_legal(text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
