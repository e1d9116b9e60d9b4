"""`--report FORM=FILE` of `test`: the files that CI systems read, written when all tests are done."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..diagnostics.diagnostic import nearest
from ..models.recording import ENDING
from ..project import CONFIGURATION
from ..run.exit import WRONG_INPUT
from ..show.junit import as_junit
from ..show.terminal import visible_line
from ..show.tested import Tested
from ..show.trials import test_page, tests_as_json
from .given import Given
from .placing import refuse_unless_writable, write_result
from .refusal import Refusal, all_in_one
from .screen import Screen

FORMS = ("junit", "json", "markdown")


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports that are wanted: form and file."""

    wanted: tuple[tuple[str, str], ...]

    def write(self, tested: Tested, screen: Screen) -> None:
        """Writes them all, without any secret. Raises Refusal where one can't be written."""
        for form, path in self.wanted:
            write_result(path, screen.redact(_text(form, tested)))
            screen.err(f"wrote {visible_line(path)}")


def open_reports(given: Given) -> Reports:
    """The reports that are wanted; whatever keeps one from being written ends the command before a test is run."""
    wanted: list[tuple[str, str]] = []
    slips: list[Refusal] = []
    for word in given.flags.get("report", ()):
        form, mark, path = word.partition("=")
        if form not in FORMS or not mark or not path:
            near = nearest(form, list(FORMS))
            hint = f"did you mean `--report {near or 'junit'}={path or 'report.xml'}`?"
            message = f"`--report {word}` names no form and file; the forms are {', '.join(FORMS)}"
            slips.append(Refusal(WRONG_INPUT, message, (hint,), "wrong-value"))
            continue
        refuse_unless_writable(path, "--report")
        if Path(path).suffix in (".flow", ENDING) or Path(path).name == CONFIGURATION:
            message = f"`--report {word}` would put the report in the place of `{path}`"
            slips.append(Refusal(WRONG_INPUT, message, ("name a file of its own",), "wrong-value"))
        elif any(_is_same(path, other) for _, other in wanted):
            message = f"two reports can't be written to one file, `{path}`"
            slips.append(Refusal(WRONG_INPUT, message, ("name a file for each",), "wrong-value"))
        wanted.append((form, path))
    if slips:
        raise all_in_one(slips)
    return Reports(tuple(wanted))


def _is_same(one: str, other: str) -> bool:
    """Whether two paths are one file; the system's own, such as `/dev/null`, may take two."""
    return os.path.realpath(one) == os.path.realpath(other) and not one.startswith("/dev/")


def _text(form: str, tested: Tested) -> str:
    if form == "junit":
        return as_junit(tested)
    return test_page(tested) if form == "markdown" else tests_as_json(tested.tried) + "\n"
