"""The signals that end what runs here."""

import signal

from ..run.exit import INTERRUPTED, TERMINATED

_CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED, signal.SIGHUP: TERMINATED}


def ending_signals() -> dict[int, int]:
    """The signals that ask this process to end, each with the exit code that tells of it.

    Without those that it was started to ignore: `nohup` has it ignore SIGHUP, and a script's `command &` SIGINT.
    """
    return {number: code for number, code in _CODES.items() if signal.getsignal(number) not in (signal.SIG_IGN, None)}
