"""The two streams a command writes to, and what the environment says of their looks.

Results go to `out`, everything else to `err`. A reader that hangs up early is no error: what would have been
written to it is dropped, and the command goes on to its own exit code.
"""

import io
import os
import stat
import sys
from collections.abc import Callable, Mapping

from .refusal import Refusal

MOST_COLUMNS = 200
MOST_OF_A_SUMMARY = 1_000_000  # bytes; GitHub drops the whole page of a step that has more than 1 MiB
_DISK_OR_DEVICE = 6  # the exit code when a result cannot be written


class Screen:
    """Where a command writes. Its looks: `width` in columns, colours or not.

    `live`: standard error is a terminal that can redraw, and nobody keeps a log of it. `reads_out`: a person reads
    standard output on a terminal, so that nothing in it may steer that terminal. `github`: a log of GitHub's.
    `logged`: a service keeps what is written, and obeys commands that it finds there.
    `asks`: whoever sits there may be asked. `told`, unless None, takes in what would go to standard error, while a
    view has the screen.
    `hidden`: values that are never shown, by what stands for them; `redact` takes them out of a text. `steadied` keeps
    a text from steering a terminal, `disarmed` from being obeyed; `commands.py` puts them in, since the front page
    needs neither.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        plain = bool(environment.get("NO_COLOR"))
        forced = environment.get("FORCE_COLOR", "") not in ("", "0")
        dumb = environment.get("TERM") == "dumb"
        ci = environment.get("CI", "").casefold() not in ("", "0", "false")
        out, err = _is_terminal(1), _is_terminal(2)
        self.environment = environment
        self.width = _width(environment)
        self.colour_out = not plain and (forced or (out and not dumb))
        self.colour_err = not plain and (forced or (err and not dumb))
        self.reads_out = out
        self.github = environment.get("GITHUB_ACTIONS") == "true"
        self.live = err and not dumb and not ci and not self.github
        self.logged = ci or self.github or any(environment.get(name) for name in ("TF_BUILD", "TEAMCITY_VERSION"))
        self.asks = True
        self.told: list[str] | None = None
        self.hidden: Mapping[str, str] = {}
        self.redact: Callable[[str], str] = str
        self.steadied: Callable[[str], str] = str
        self.disarmed: Callable[[str], str] = str

    def out(self, text: str, orders: bool = False) -> None:
        """Writes a result exactly as it is, but for what nobody may see, and what a terminal or a log would obey.

        A file gets it exact, also in a job. `orders`: it is made of orders for the log.
        """
        text = self.redact(text)
        if self.reads_out:
            text = self.steadied(text)
        if self.logged and not orders and not _is_file(1):  # a job may have a terminal, too, whose lines its log reads
            text = self.disarmed(text)
        _write(1, text)

    def err(self, text: str, orders: bool = False) -> None:
        """Writes anything that is no result, with a line break if it has none. `orders`: as in `out`."""
        if text:
            text = self.steadied(self.redact(text))
            if self.told is not None:
                self.told.append(text if text.endswith("\n") else text + "\n")
                return
            if self.logged and not orders:
                text = self.disarmed(text)
            _write(2, text if text.endswith("\n") else text + "\n")

    def folder_in_job(self) -> str:
        """Where the command runs, from the top of what GitHub's job has checked out; empty where it is not below."""
        top = self.environment.get("GITHUB_WORKSPACE")
        if not top:
            return ""
        below = os.path.relpath(os.path.realpath("."), os.path.realpath(top)).replace(os.sep, "/")
        return "" if below.split("/")[0] in (".", "..") else below

    def add_summary(self, markdown: str) -> None:
        """Adds to the summary page of a job of GitHub's, if there is one; that it can't be is no reason to fail."""
        path = self.environment.get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        try:
            with open(path, "ab") as page:  # noqa: PTH123 - pathlib is slow
                page.write(
                    _cut(self.redact(markdown).encode("utf-8", "backslashreplace"), MOST_OF_A_SUMMARY - page.tell())
                )
        except (OSError, ValueError):
            return


def _cut(page: bytes, most: int) -> bytes:
    """A page of Markdown, or as many lines of it as there is room for."""
    if len(page) <= most:
        return page
    told = b"\nMore was left out.\n"
    kept = page[: max(0, most - len(told))]
    return kept[: kept.rfind(b"\n") + 1] + told


def prepare_streams() -> None:
    """Makes the standard streams safe to write any text to, also where there are none."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - lives as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _write(number: int, text: str) -> None:
    stream = sys.stdout if number == 1 else sys.stderr
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _silence(number)
    except OSError as error:
        _silence(number)
        if number == 1:
            reason = (error.strerror or str(error)).lower()
            raise Refusal(_DISK_OR_DEVICE, f"the result could not be written: {reason}") from None


def _silence(number: int) -> None:
    """Lets everything that is still to be written vanish, so that closing the stream raises nothing."""
    stream = sys.stdout if number == 1 else sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):
        return
    finally:
        os.close(nowhere)


def _is_file(number: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat((sys.stdout if number == 1 else sys.stderr).fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _is_terminal(number: int) -> bool:
    try:
        return (sys.stdout if number == 1 else sys.stderr).isatty()
    except ValueError:
        return False


def _width(environment: Mapping[str, str]) -> int:
    told = environment.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and 0 < int(told[:6]) < 10_000:
        return min(int(told), MOST_COLUMNS)
    for stream in (sys.stderr, sys.stdout):
        try:
            columns = os.get_terminal_size(stream.fileno()).columns
        except (OSError, ValueError):
            continue
        if columns > 0:
            return min(columns, MOST_COLUMNS)
    return 100
