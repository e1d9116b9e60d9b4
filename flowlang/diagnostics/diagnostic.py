"""A mistake of the author or a failure of the world, told at its place."""

from typing import Literal

from ..record import record
from .source import SourceFile, Span

Severity = Literal["error", "warning"]


@record
class Diagnostic:
    """One report: `error[rule]: message`, at `span` of `source`, with at most two hints, the fix first."""

    rule: str  # a name of rules.RULES
    message: str  # one sentence, lower case, no full stop, in the author's own names
    source: SourceFile
    span: Span
    hints: tuple[str, ...] = ()
    severity: Severity = "error"

    def key(self) -> tuple[str, int, int, str]:
        """For sorting: file, then place, then rule."""
        return (self.source.path, self.span.start, self.span.end, self.rule)


def nearest(word: str, candidates: list[str]) -> str | None:
    """The candidate that was probably meant: the same word in other case, else the nearest one.

    Near is within a third of the word's length (at least one letter); two swapped neighbours count once.
    Of equally near ones the first wins.
    """
    folded = word.casefold().replace("-", "_")
    for candidate in candidates:
        if candidate.casefold().replace("-", "_") == folded:
            return candidate
    best: str | None = None
    limit = max(1, len(word) // 3)
    for candidate in candidates:
        if abs(len(candidate) - len(word)) > limit:
            continue
        distance = _distance(folded, candidate.casefold().replace("-", "_"), limit)
        if distance <= limit and distance < max(len(word), len(candidate)):
            best, limit = candidate, distance - 1
            if limit < 1:
                break
    return best


def _distance(a: str, b: str, limit: int) -> int:
    """Insertions, deletions, changes and swaps of neighbours between two words; more than `limit` is `limit + 1`."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row = row, [i] + [0] * len(b)
        for j, y in enumerate(b, 1):
            row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                row[j] = min(row[j], before[j - 2] + 1)
        if min(row) > limit:
            return limit + 1
        before = last
    return row[-1]
