"""What starts when a person types `flowlang`: the front page, and the one place where a command ends.

Nothing but the front page is loaded here, so that it is there at once; a command brings what it needs.
"""

import gc
import os
import sys
from collections.abc import Sequence
from types import FrameType

from .. import __version__
from ..run.exit import CRASHED, DONE, INTERRUPTED, TERMINATED, WRONG_INPUT
from .front_page import front_page
from .refusal import Ended, Refusal
from .screen import Screen, prepare_streams


class Stopped(BaseException):
    """The process was asked to end (SIGTERM)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code. Nothing that goes wrong leaves as a traceback."""
    gc.set_threshold(50_000, 20, 50)  # to load the program and to run a flow makes many values, and few circles of them
    words = list(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    screen = Screen(os.environ)
    try:
        try:
            code = _answer_somewhere(words, screen)
        except Refusal as refusal:
            from .telling import told

            screen.err(told(refusal, screen.colour_err))
            code = refusal.code
        except Ended as ended:
            code = ended.code
    except KeyboardInterrupt:
        screen.err("stopped")
        code = INTERRUPTED
    except Stopped:
        screen.err("stopped from outside")
        code = TERMINATED
    except Exception as error:
        code = CRASHED
        screen.err(_told_crash(error, words, screen))
    if arguments is None:
        gc.freeze()  # the process ends: to look for circles once more would free what goes anyway
    return code


def _answer_somewhere(words: list[str], screen: Screen) -> int:
    """Answers; what is not found because the current folder was deleted is told as that. Raises Refusal, Ended."""
    try:
        return _answer(words, screen)
    except (FileNotFoundError, Refusal) as error:
        if isinstance(error, Refusal) and error.rule != "not-found":
            raise
        try:
            os.getcwd()  # noqa: PTH109 - pathlib is slow
        except FileNotFoundError:
            hints = ("go to another folder; if it was made anew: cd .",)
            message = "the current folder was deleted, so nothing is found in it"
            raise Refusal(WRONG_INPUT, message, hints, "not-found") from None
        raise


def _answer(words: list[str], screen: Screen) -> int:
    if instruction := screen.environment.get("_FLOWLANG_COMPLETE"):
        from .completion import complete

        return complete(instruction)
    if words[:1] == ["help"] and len(words) == 2:
        words = [words[1], "--help"]
    if not words or words[0] in ("--help", "-h", "help"):
        screen.out(front_page())
        return DONE if words else WRONG_INPUT
    if words[0] in ("--version", "-V"):
        screen.out(f"flowlang {__version__}\n")
        return DONE
    _heed_termination()
    from .commands import perform

    return perform(words, screen)


def _heed_termination() -> None:
    import signal

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    # A signal can be set only from the main thread; elsewhere whoever started us deals with it.
    try:
        signal.signal(signal.SIGTERM, stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(signal.SIGHUP, stop)
        # A parent may have us ignore Ctrl-C (`command &` in a script); that wish is kept.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    except ValueError:
        return


def _told_crash(error: Exception, words: list[str], screen: Screen) -> str:
    from .crash import write_crash

    path = write_crash(error, words, screen.environment, screen.redact)
    where = f"; what we need to mend it, without your texts and keys, is in {path}" if path else ""
    return f"error: this is a bug in flowlang, not in your flow ({type(error).__name__}){where}"


if __name__ == "__main__":
    sys.exit(main())
