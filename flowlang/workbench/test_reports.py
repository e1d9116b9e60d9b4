"""`--report FORM=FILE` of `test`: the files that CI systems read, written when all tests are done."""

from dataclasses import dataclass

from ..diagnostics.diagnostic import nearest
from ..run.exit import WRONG_INPUT
from ..show.junit import as_junit
from ..show.terminal import visible_line
from ..show.tested import Tested
from ..show.trials import test_page, tests_as_json
from .given import Given
from .placing import refuse_unless_writable, report_slip, write_result
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
        if (slip := report_slip(word, path, [other for _, other in wanted])) is not None:
            slips.append(slip)
        wanted.append((form, path))
    if slips:
        raise all_in_one(slips)
    return Reports(tuple(wanted))


def _text(form: str, tested: Tested) -> str:
    if form == "junit":
        return as_junit(tested)
    return test_page(tested) if form == "markdown" else tests_as_json(tested.tried) + "\n"
