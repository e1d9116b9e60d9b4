"""`flowlang check PATH…`: every mistake of every file."""

from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..diagnostics.diagnostic import Diagnostic
from ..language.loader import MAX_SOURCE
from ..pipeline import check_files
from ..run.exit import DONE, MISTAKES
from ..show.github import check_summary
from ..show.numbers import count
from ..show.reports import as_github, as_json, as_sarif
from ..show.snippet import concise, summary, tell
from .finding import find_flows
from .given import Given
from .outside import outside_of
from .screen import Screen


def perform(given: Given, screen: Screen) -> int:
    """Prints the reports; 3 if there is any mistake, warnings do not count."""
    most = given.number("max-source", 1) or MAX_SOURCE
    paths = find_flows(given.words.get("PATH", ()))
    diagnostics = check_files([Path(path) for path in paths], most, outside_of)
    form = given.flag("output-format") or "full"
    screen.out(_report(diagnostics, form, screen), orders=form == "github")
    if diagnostics:
        screen.err(summary(diagnostics))
    else:
        screen.err(f"no mistakes in {count(len(paths), 'file')}")
    if screen.github and not given.has("output-format"):
        screen.err(as_github(diagnostics, screen.folder_in_job()), orders=True)
        screen.add_summary(check_summary(diagnostics, len(paths)))
    return MISTAKES if any(one.severity == "error" for one in diagnostics) else DONE


def _report(diagnostics: Sequence[Diagnostic], form: str, screen: Screen) -> str:
    match form:
        case "json":
            return as_json(diagnostics) + "\n"
        case "sarif":
            return as_sarif(diagnostics, __version__, screen.folder_in_job()) + "\n"
        case "github":
            told = [as_github(diagnostics, screen.folder_in_job())] if diagnostics else []
        case "concise":
            told = [concise(one) for one in diagnostics]
        case _:
            told = [tell(one, screen.width, screen.colour_out) + "\n" for one in diagnostics]
    return "".join(one + "\n" for one in told)
