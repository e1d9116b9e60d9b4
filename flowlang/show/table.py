"""Rows of words in columns that stand under each other."""

from collections.abc import Collection, Sequence

from .terminal import columns


def aligned(rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> str:
    """A line for each row, each with its line break; the columns in `numbers`, from 0, end at the right."""
    if not rows:
        return ""
    widths = [max(columns(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for place, (cell, wide) in enumerate(zip(row, widths, strict=True)):
            blanks = " " * (wide - columns(cell))
            cells.append(blanks + cell if place in numbers else cell + blanks)
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines)
