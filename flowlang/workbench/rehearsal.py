"""`flowlang test --model NEW` and `--swap OLD=NEW`: the tests' questions asked of another model, and what moves.

What is recorded and would be asked in the same way is not asked: only what the other model changes is paid for.
Nothing is recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from ..diagnostics.diagnostic import Diagnostic, nearest
from ..language.book import Reports as Found
from ..language.checked import CheckedStep, Parameter
from ..language.facts import check_models
from ..models.chat import ChatRequest, Reply
from ..models.cost import tokens_of_request
from ..pipeline import models_of
from ..plan.build import build
from ..plan.graph import ANY_MODEL, PlannedStep
from ..run.exit import MISTAKES, WRONG_INPUT
from ..run.question import Asker
from ..run.recorder import Hear, Recorder, Turn
from ..run.trial import Trials, Tried, plan_of
from ..show.behaviour import Behaviour, Hearing
from ..show.behaviour_diff import BehaviourDiff, compare
from ..show.flow_diff import flows_json, flows_text
from ..show.flow_diff_page import flows_page
from ..show.numbers import count, duration, money
from ..show.reports import as_github
from ..show.snippet import summary, tell
from ..show.terminal import visible_line
from ..show.tested import Tested
from .asking import hide_keys
from .given import Given
from .observing import heard_by, pictured, prices_in
from .placing import write_result
from .refusal import Refusal
from .screen import Screen
from .test_asking import ask_for
from .test_reports import Reports
from .testing import FlowFile, exit_code, hide_secrets, try_on_recordings

RECORDED = "the recordings"


def rehearse(files: Sequence[FlowFile], tested: Tested, reports: Reports, given: Given, screen: Screen) -> int:
    """Asks, and tells what is different; the exit code is that of the tests with the other model."""
    if any(form == "junit" for form, _ in reports.wanted):
        hint = "its forms here are json and markdown"
        raise Refusal(WRONG_INPUT, "a rehearsal has no JUnit report, since it compares", (hint,), "wrong-value")
    swaps = _swaps(given)
    _refuse_unless_asked(swaps, files)
    told = _foreseen(files, swaps)
    for one in told:
        screen.err(tell(one, screen.width, screen.colour_err) + "\n")
    if mistakes := [one for one in told if one.severity == "error"]:
        screen.err(f"{summary(mistakes)}; nobody was asked")
        if screen.github:
            screen.err(as_github(mistakes, screen.folder_in_job(), "`flowlang test`"), orders=True)
        return MISTAKES
    diffs = [_Rehearsal(file, swaps, given, screen).told(tested) for file in files]
    names = (RECORDED, given.flag("model") or ", ".join(f"{old}={new}" for old, new in swaps.items()))
    moved = [diff for diff in diffs if diff is not None]
    if given.has("json"):
        screen.out(flows_json(names, moved, len(files)))
    elif files:  # else their mistakes are all that there is to tell
        text = flows_text(names, moved, len(files), in_full=False, colour=screen.colour_out, shows_all="--json")
        screen.out("".join(text))
    page = flows_page(names, moved, len(files), f"flowlang test --{'model' if given.has('model') else 'swap'}")
    for form, path in reports.wanted:
        write_result(path, screen.redact(page if form == "markdown" else flows_json(names, moved, len(files))))
        screen.err(f"wrote {visible_line(path)}")
    if screen.github:
        screen.add_summary(page)
    return exit_code(tested, asked=True)


def _swaps(given: Given) -> dict[str, str]:
    """The models that are asked instead of others. Raises Refusal."""
    if given.has("model"):
        return {ANY_MODEL: given.flag("model") or ""}
    found: dict[str, str] = {}
    for word in given.flags["swap"]:
        old, mark, new = (part.strip() for part in word.partition("="))
        if not (old and mark and new):
            hint = "write it like this: --swap gpt-5-4=gpt-5-5"
            raise Refusal(WRONG_INPUT, f"`--swap {word}` does not name two models", (hint,), "wrong-value")
        if found.setdefault(old, new) != new:
            raise Refusal(WRONG_INPUT, f"`--swap` has two models for `{old}`: `{found[old]}` and `{new}`")
    return found


def _refuse_unless_asked(swaps: Mapping[str, str], files: Sequence[FlowFile]) -> None:
    """Raises Refusal for a model to be swapped that no step asks: the rehearsal would be of nothing."""
    if ANY_MODEL in swaps:
        return
    plans = [plan for file in files for flow in file.flows for plan in build(flow, file.defaults).with_those_below()]
    known = {ask.model for plan in plans for node in plan.nodes.values() for ask in node.asks}
    for old in swaps:
        if old not in known:
            near = nearest(old, sorted(known))
            hint = f"did you mean `{near}`?" if near else f"the models: {', '.join(sorted(filter(None, known)))}"
            raise Refusal(WRONG_INPUT, f"no step of these flows asks `{old}`", (hint,), "unknown-name")


def _foreseen(files: Sequence[FlowFile], swaps: Mapping[str, str]) -> list[Diagnostic]:
    """What `check` would say if the flows named the other model: settings, sizes, media and tools that it refuses."""
    reports = Found()
    for file in files:
        models, defaults = models_of(file.settings), replace(file.defaults, swaps=swaps)
        for number in file.picked:
            flow, test = file.tests[number]
            for plan in plan_of(build(flow, defaults), test).with_those_below():
                steps = {name: _as_asked(node) for name, node in plan.nodes.items() if node.asks}
                check_models(replace(plan.flow, steps=steps), models, reports)
    return reports.diagnostics


def _as_asked(node: PlannedStep) -> CheckedStep:
    """The step as if it named the models that it is going to ask."""
    assert isinstance(node.of, CheckedStep)
    step = node.of
    first, *others = (
        {**ask.parameters, "model": Parameter(ask.model, ask.parameters.get("model", Parameter("", step.place)).place)}
        for ask in node.asks
    )
    return replace(step, parameters=first, fallback=tuple(others))


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    """One flow file, rehearsed."""

    file: FlowFile
    swaps: Mapping[str, str]
    given: Given
    screen: Screen

    def told(self, tested: Tested) -> BehaviourDiff | None:
        """What is different; None if nothing was to be asked. Raises Refusal where models can't be asked."""
        file, screen = self.file, self.screen
        hide_secrets(file.tests, file.files, screen)
        hide_keys(file.settings, screen)
        before = self._picture(file, *self._heard_on_recordings(file))
        other = replace(file, defaults=replace(file.defaults, swaps=self.swaps), tried={})
        heard, recorder = self._heard(other)
        trials = Trials(recorder, other.defaults, judges=file.defaults)
        try_on_recordings(other, other.picked, trials)
        if lacking := [number for number in other.picked if any(one.lacks for one in other.tried[number])]:
            for one in self._too_long([heard[number] for number in lacking]):
                screen.err(tell(one, screen.width, screen.colour_err) + "\n")
            for number in lacking:
                heard[number] = Hearing()  # what was asked in vain is asked again
            ask_for(other, lacking, trials, self.given, screen)
        tried = [one for number in other.picked for one in other.tried[number]]
        tested.add(tried, [], prices_in(file.settings, screen))
        diff = compare(file.path, before, self._picture(other, heard, tried))
        return replace(diff, figures=(*diff.figures, *_paid(tried))) if lacking else None

    def _too_long(self, hearings: Sequence[Hearing]) -> list[Diagnostic]:
        """A warning for each step of which a question is larger than its model takes, by an estimate of its tokens."""
        prices = prices_in(self.file.settings, self.screen)
        flows = {flow.name: flow for flow in self.file.flows}
        told: dict[tuple[str, str], Diagnostic] = {}
        for question, asked in (each for hearing in hearings for each in hearing.asked.items()):
            window = prices.entry(asked.request.model).window
            tokens = tokens_of_request(asked.request)
            if asked.reply is not None or window is None or tokens <= window:
                continue
            flow = flows[question.case.flow]
            step = flow.steps.get(question.asker.step) if not question.asker.path else None
            place = step.place if step is not None else flow.tests[0].place
            message = f"a question of step `{question.step}` has about {tokens:,} tokens"
            message += f", and `{asked.request.model}` takes {window:,}, the answer included"
            hint = f"it is asked in {question.where()}"
            one = Diagnostic("out-of-range", message, place.source, place.span, (hint,), "warning")
            told.setdefault((question.step, asked.request.model), one)
        return list(told.values())

    def _heard_on_recordings(self, file: FlowFile) -> tuple[dict[int, Hearing], list[Tried]]:
        heard, recorder = self._heard(file)
        file.tried.clear()
        try_on_recordings(file, file.picked, Trials(recorder, file.defaults))
        return heard, [one for number in file.picked for one in file.tried[number]]

    def _heard(self, file: FlowFile) -> tuple[dict[int, Hearing], Recorder]:
        """A recorder that lets each test's questions be heard, by the test's number."""
        heard = {number: Hearing() for number in file.picked}
        hears: dict[int, tuple[Hearing, Hear]] = {}

        def hear(turn: Turn, asker: Asker, request: ChatRequest, reply: Reply | None) -> None:
            hearing = heard[turn.test]
            if turn.test not in hears or hears[turn.test][0] is not hearing:
                hears[turn.test] = hearing, heard_by(hearing, file.tests, file.files)
            hears[turn.test][1](turn, asker, request, reply)

        return heard, Recorder(file.answers.recordings, self.screen.redact, hear=hear)

    def _picture(self, file: FlowFile, heard: Mapping[int, Hearing], tried: Sequence[Tried]) -> Behaviour:
        whole = Hearing()
        for hearing in heard.values():
            whole.asked |= hearing.asked
        return pictured({}, file.flows, file.defaults, tried, whole, prices_in(file.settings, self.screen))


def _paid(tried: Sequence[Tried]) -> tuple[tuple[str, str, str], ...]:
    """What the rehearsal itself took: calls, money, time."""
    calls = [call for one in tried for call in one.calls]
    sent = [call for call in calls if not call.cached]
    costs = [call.cost_usd for call in sent if call.cost_usd is not None]
    before = f" and {count(len(calls) - len(sent), 'answer')} from before" if len(calls) > len(sent) else ""
    figures = [("asked now", "-", f"{count(len(sent), 'call')}{before}")]
    if costs:
        figures.append(("paid now", "-", money(sum(costs, Decimal(0)))))
    if sent:
        seconds = [call.seconds for call in sent]
        told = f"{duration(sum(seconds) / len(seconds))} on average, {duration(max(seconds))} at most"
        figures.append(("time of a call", "-", told))
    return tuple(figures)
