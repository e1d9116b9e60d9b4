"""A mistake found in one section, before it is known where the section stands."""

from ..diagnostics.diagnostic import Diagnostic, Severity
from ..diagnostics.source import SourceFile, Span
from ..record import record


@record
class Mistake:
    """Like a Diagnostic; the span counts from the start of the section, or of the file that `file "…"` named."""

    rule: str
    message: str
    span: Span
    hints: tuple[str, ...] = ()
    severity: Severity = "error"

    def at(self, source: SourceFile, start: int) -> Diagnostic:
        """The report, for a section that stands at `start` of `source`."""
        return Diagnostic(self.rule, self.message, source, self.span.moved(start), self.hints, self.severity)
