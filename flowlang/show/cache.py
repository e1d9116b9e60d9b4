"""How much a store holds, for people."""

import time

from ..store.tidying import Size, Tidied
from .numbers import count
from .terminal import visible_line


def told_size(size: Size, folder: str) -> str:
    """Answers, runs and calls; bytes on the disk, and since when."""
    if not size.disk_bytes:
        return f"nothing is kept in {visible_line(folder)}\n"
    lines = [f"{count(size.answers, 'answer')}, {count(size.runs, 'run')}, {count(size.calls, 'call')}"]
    since = "" if size.oldest_at is None else f"; the oldest answer is of {_day(size.oldest_at)}"
    lines.append(f"{in_bytes(size.disk_bytes)} in {visible_line(folder)}{since}")
    if size.aside:
        lines.append(f"{count(size.aside, 'damaged file')} kept aside; `flowlang cache prune` removes them in time")
    return "\n".join(lines) + "\n"


def told_tidied(tidied: Tidied) -> str:
    """What went, what that gave back, and what stays since it is in use."""
    texts = f", {count(tidied.texts, 'text')}" if tidied.texts else ""
    gone = f"removed {count(tidied.answers, 'answer')}, {count(tidied.runs, 'run')}{texts}"
    lines = [f"{gone}: {in_bytes(tidied.before_bytes)} before, {in_bytes(tidied.after_bytes)} now"]
    if tidied.is_empty and not tidied.unshrunk:
        reserve = f": {in_bytes(tidied.reserve_bytes)} kept free for a full disk, and an empty file"
        lines.append(f"an empty store takes no less{reserve if tidied.reserve_bytes else ''}")
    if tidied.under_way:
        lines.append(f"{count(tidied.under_way, 'run')} under way: what belongs to it stays")
    if tidied.unshrunk:
        lines.append(tidied.unshrunk)
    return "\n".join(lines) + "\n"


def in_bytes(size: int) -> str:
    """`812 bytes`, `41 kB`, `12.4 MB`."""
    if size < 1_000:
        return count(size, "byte")
    if size < 1_000_000:
        return f"{size / 1_000:.0f} kB"
    return f"{size / 1_000_000:,.1f} MB"


def _day(at: float) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.localtime(at))
    except (OverflowError, ValueError, OSError):
        return "an unknown day"
