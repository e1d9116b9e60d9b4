"""A run as JUnit XML: a suite for the flow, a case for each of its steps, and one for what `limits` expects."""

from collections.abc import Iterable, Sequence

from ..diagnostics.diagnostic import Diagnostic
from ..plan.graph import Plan
from ..run.event import Event, StepFailed, StepFinished
from ..run.report import Report
from .junit import HEAD, attribute, counts_of, problem

NOT_DONE = "it was not carried out"


def run_as_junit(plan: Plan, report: Report, events: Sequence[Event]) -> str:
    """The XML of one run; what went wrong in a flow below stands at the step that runs it.

    A step that only waited for one that failed is skipped, as is one whose `when` did not hold.
    """
    seconds = {one.step: one.seconds for one in events if isinstance(one, StepFinished) and not one.path}
    why = {one.step: one.because for one in report.skipped if not one.path}
    why |= {one.step: one.message for one in report.consequences if not one.path}
    failed: dict[str, list[StepFailed]] = {}
    for one in (*report.failed, *report.lost):
        failed.setdefault(one.path.partition("/")[0].partition("[")[0] or one.step, []).append(one)
    path = plan.flow.source.path
    cases: list[str] = []
    number = skipped = 0
    names = [step.name for step in plan.steps()]
    for name in [*names, *(each for each in failed if each not in names)]:
        number += 1
        told = f"name={attribute(name or 'limits')} classname={attribute(path)}"
        head = f'    <testcase {told} time="{seconds.get(name, 0.0):.3f}"'
        if name in failed:
            cases += [f"{head}>", *problem("failure", [_diagnostic(one) for one in failed[name]]), "    </testcase>"]
        elif name in seconds:
            cases.append(f"{head}/>")
        else:
            skipped += 1
            message = attribute(why.get(name, NOT_DONE))
            cases += [f"{head}>", f"      <skipped message={message}/>", "    </testcase>"]
    whole = counts_of(number, len(failed), 0, report.seconds, skipped)
    bare = counts_of(number, len(failed), 0, report.seconds, None)
    lines: Iterable[str] = (
        HEAD,
        f'<testsuites name="flowlang run" {bare}>',
        f"  <testsuite name={attribute(path)} {whole}>",
        *cases,
        "  </testsuite>",
        "</testsuites>",
    )
    return "\n".join(lines) + "\n"


def _diagnostic(failed: StepFailed) -> Diagnostic:
    item = f" (item {failed.item})" if failed.item is not None else ""
    return Diagnostic(failed.rule, failed.message + item, failed.place.source, failed.place.span, failed.hints)
