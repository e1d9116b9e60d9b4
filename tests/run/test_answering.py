"""One answer: asked again until it fits, or until it has cost enough."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from flowlang.language.checked import CheckedTool
from flowlang.language.values import Secret, Value
from flowlang.models.chat import ChatRequest, Reply, ToolCall
from flowlang.models.errors import CutOff, ModelError, Refused, Unreachable
from flowlang.run.event import CallFinished, Dropped, StepFailed, ToolCalled
from flowlang.run.tools import ToolFailed
from tests.run.scripted import Model, Ran, Said, flow_of, run

CLAIM = """
schema Claim
  text: text
  kind: one of fact, opinion

step claim
  model: first
  returns: Claim
  prompt: "Find a claim."
"""
GOOD = '{"text": "Sales rose", "kind": "fact"}'
BAD = '{"text": "Sales will double", "kind": "guess"}'


def saying(*answers: Said) -> Model:
    """Says one after the other, the last one for ever."""
    left = list(answers)

    def model(_: ChatRequest) -> Said:
        return left.pop(0) if len(left) > 1 else left[0]

    return model


def ran(text: str, tmp_path: Path, model: Model, **options: object) -> Ran:
    return run(flow_of(text, tmp_path), model, **options)  # type: ignore[arg-type]


def failure(found: Ran) -> StepFailed:
    (only,) = found.of(StepFailed)
    assert isinstance(only, StepFailed)
    return only


def test_an_answer_that_does_not_fit_is_asked_again_with_the_mistake(tmp_path: Path) -> None:
    found = ran(CLAIM, tmp_path, saying(BAD, GOOD))
    assert found.value("claim") == {"text": "Sales rose", "kind": "fact"}
    again = found.requests[1].messages
    assert [message.role for message in again] == ["user", "assistant", "user"]
    assert again[1].text == BAD
    assert "`kind` must be one of fact, opinion" in again[2].text
    assert len(found.of(Dropped)) == 1
    assert found.report.exit_code == 0


def test_after_its_tries_the_step_fails_at_its_returns(tmp_path: Path) -> None:
    found = ran(CLAIM, tmp_path, saying(BAD))
    wrong = failure(found)
    assert len(found.requests) == 4
    assert (wrong.rule, wrong.message) == (
        "bad-answer",
        "step `claim` got an answer that does not fit `Claim`, four times",
    )
    assert wrong.place.source.text[slice(*wrong.place.span)].startswith("returns")
    assert wrong.hints == (
        "`kind` must be one of fact, opinion",
        'the answer: {"text": "Sales will double", "kind": "guess"}',
    )
    assert found.report.exit_code == 1


@pytest.mark.parametrize("tries", [1, 2, 6])
def test_tries_is_the_most_that_an_answer_costs(tries: int, tmp_path: Path) -> None:
    found = ran(CLAIM.replace("  model: first", f"  model: first\n  tries: {tries}"), tmp_path, saying(BAD))
    assert len(found.requests) == tries


def test_what_may_help_is_sent_again_and_what_cannot_is_not(tmp_path: Path) -> None:
    passing = ran(CLAIM, tmp_path, saying(Unreachable("busy"), Unreachable("busy"), GOOD))
    assert passing.report.exit_code == 0
    assert [event.status for event in passing.of(CallFinished)] == ["failed", "failed", "ok"]
    assert passing.requests[0] == passing.requests[2]
    refused = ran(CLAIM, tmp_path, saying(Refused("no")))
    assert len(refused.requests) == 1
    assert refused.report.exit_code == 4


def test_a_slip_is_put_right_without_asking_again(tmp_path: Path) -> None:
    found = ran(CLAIM, tmp_path, saying(f"Here it is: {GOOD[:-1]},}}"))
    assert found.value("claim") == {"text": "Sales rose", "kind": "fact"}
    assert len(found.requests) == 1
    assert [one.message for one in found.report.noted] == [
        "an answer was put right: without `Here it is:`, without `,`"
    ]


@pytest.mark.parametrize("finish", ["refusal", "content_filter"])
def test_content_that_is_refused_is_no_answer_and_not_asked_for_again(finish: str, tmp_path: Path) -> None:
    found = ran(CLAIM, tmp_path, saying(Reply("I can't do that.", finish=finish)))
    assert (failure(found).rule, len(found.requests)) == ("content-refused", 1)
    assert ("I can't do that." in failure(found).message) == (finish == "refusal")
    assert found.report.exit_code == 1


def test_a_broken_connection_is_no_matter_of_max_tokens(tmp_path: Path) -> None:
    found = ran(CLAIM, tmp_path, saying(CutOff("the answer broke off", "Once")))
    assert (failure(found).rule, failure(found).hints, len(found.requests)) == ("cut-off", (), 4)


def test_resends_and_re_asks_count_together(tmp_path: Path) -> None:
    found = ran(CLAIM, tmp_path, saying(Unreachable("busy"), BAD, Unreachable("busy"), BAD, GOOD))
    assert len(found.requests) == 4
    assert failure(found).rule == "bad-answer"


def test_calls_that_the_provider_needed_count_too(tmp_path: Path) -> None:
    found = ran(CLAIM, tmp_path, saying(Reply(BAD, attempts=3)))
    assert len(found.requests) == 2


def test_fallbacks_are_asked_in_their_order_each_with_a_try_of_its_own(tmp_path: Path) -> None:
    text = CLAIM.replace("  model: first", "  model: first\n  temperature: 1\n  fallback: second, third")

    def model(request: ChatRequest) -> Said:
        return {"first": Unreachable("busy"), "second": BAD, "third": GOOD}[request.model]

    found = ran(text, tmp_path, model)
    assert [request.model for request in found.requests] == ["first", "first", "second", "third"]
    assert [len(request.messages) for request in found.requests] == [1, 1, 1, 1]
    assert found.report.exit_code == 0


def test_more_tries_are_advised_only_where_trying_again_may_help(tmp_path: Path) -> None:
    down = ModelError("503: down for the day", "unreachable", retryable=False)
    assert failure(ran(CLAIM, tmp_path, saying(down))).hints == ("a `fallback:` is asked when this one fails for good",)
    text = CLAIM.replace("  model: first", "  model: first\n  tries: 1")
    (hint,) = failure(ran(text, tmp_path, saying(Unreachable("nobody answers")))).hints
    assert hint.startswith("more `tries:` go on for longer")


def test_where_fallbacks_fail_too_the_first_reason_is_told(tmp_path: Path) -> None:
    text = CLAIM.replace("  model: first", "  model: first\n  tries: 2\n  fallback: second")

    def model(request: ChatRequest) -> Said:
        return Unreachable("no such host") if request.model == "first" else Unreachable("busy")

    wrong = failure(ran(text, tmp_path, model))
    assert (wrong.message, wrong.hints) == ("busy", ("`second` was asked last; before it `first`: no such host",))


def test_an_answer_that_is_cut_off_is_not_asked_for_again(tmp_path: Path) -> None:
    found = ran('step a\n  prompt: "a"\n', tmp_path, saying(Reply("Once upon", finish="length")))
    wrong = failure(found)
    assert (wrong.rule, len(found.requests)) == ("cut-off", 1)
    assert wrong.hints == ("a larger `max_tokens` gives it more room",)
    assert [event.status for event in found.of(CallFinished)] == ["cut-off"]


def test_a_missing_key_stops_everything_at_the_first_call(tmp_path: Path) -> None:
    text = 'let n = ["1", "2", "3"]\nstep a\n  repeat for each x in n\n  failures: skip\n  prompt: "{{ x }}"\n'
    found = ran(text, tmp_path, saying(ModelError("BYTESPIKE_API_KEY is not set", "missing-key", False)), at_once=1)
    assert len(found.requests) == 1


# ── ensure ──

SHORT = """
step note
  ensure: (note | words | count) <= 3
  ensure: note does not contain "very"
  prompt: "Write a note."
"""


def test_a_rule_that_is_broken_is_told(tmp_path: Path) -> None:
    found = ran(SHORT, tmp_path, saying("far too many words", "very short", "short"))
    assert found.value("note") == "short"
    assert "(note | words | count) <= 3" in found.requests[1].messages[-1].text
    assert 'note does not contain "very"' in found.requests[2].messages[-1].text


def test_a_rule_that_stays_broken_fails_the_step_at_the_rule(tmp_path: Path) -> None:
    wrong = failure(ran(SHORT, tmp_path, saying("a very short note indeed")))
    assert wrong.rule == "bad-answer"
    assert "`(note | words | count) <= 3`, four times" in wrong.message
    line, _ = wrong.place.source.position(wrong.place.span.start)
    assert "words | count" in wrong.place.source.line(line)


JUDGED = """
preset strict
  model: judge-model
step note
  model: writer
  ensure: judge "It is kind to {{ who }}." using strict
  system: "Be kind."
  prompt: "Write a note."
input who: text = "Ada"
"""


def judging(*verdicts: Said) -> tuple[Model, list[ChatRequest]]:
    judged: list[ChatRequest] = []
    next_verdict = saying(*verdicts)

    def model(request: ChatRequest) -> Said:
        if request.model == "judge-model":
            judged.append(request)
            return next_verdict(request)
        return f"note {len(request.messages)}"

    return model, judged


def test_a_judge_sees_the_messages_the_answer_and_the_rule(tmp_path: Path) -> None:
    model, judged = judging('{"holds": false, "reason": "It shouts."}', '{"holds": true, "reason": "Yes."}')
    found = ran(JUDGED, tmp_path, model)
    assert found.value("note") == "note 4"
    assert [message.text for message in judged[0].messages[:3]] == ["Be kind.", "Write a note.", "note 2"]
    assert "It is kind to Ada." in judged[0].messages[-1].text
    assert "It is kind to Ada. (It shouts.)" in found.requests[2].messages[-1].text
    assert found.report.calls == 4


def test_judges_are_not_in_the_tries(tmp_path: Path) -> None:
    model, judged = judging('{"holds": false, "reason": "It shouts."}')
    found = ran(JUDGED, tmp_path, model)
    assert (len(judged), len(found.requests)) == (4, 8)
    assert failure(found).hints[0] == "It shouts."


def test_a_judge_that_answers_nonsense_fails_the_step_at_its_rule(tmp_path: Path) -> None:
    model, judged = judging("certainly!")
    wrong = failure(ran(JUDGED, tmp_path, model))
    assert len(judged) == 4
    assert wrong.message == "the judge of step `note` gave no judgement, four times"
    assert "judge" in wrong.place.source.line(wrong.place.source.position(wrong.place.span.start)[0])


# ── Tools ──

TOOLED = """
tool weather
  about: "The weather in a city"
  takes city: text "Its name"
  get: "https://weather.example/{{ city }}"

step report
  uses: weather
  rounds: 2
  prompt: "What is the weather?"

step after_that
  continues: report
  prompt: "And tomorrow?"
"""


def weather(call: Callable[[str], str]) -> object:
    async def perform(tool: CheckedTool, takes: Mapping[str, Value], secrets: Mapping[str, Secret]) -> str:
        return call(str(takes["city"]))

    return perform


def asking(arguments: str) -> tuple[ToolCall, ...]:
    return (ToolCall("1", "weather", arguments),)


def test_a_model_may_call_tools_and_the_turns_are_part_of_the_conversation(tmp_path: Path) -> None:
    model = saying(asking('{"city": "Oslo"}'), "It snows.", "More snow.")
    found = ran(TOOLED, tmp_path, model, perform_tool=weather(lambda city: f"snow in {city}"))
    assert found.requests[0].tools[0].parameters["required"] == ["city"]
    assert [message.role for message in found.requests[1].messages] == ["user", "assistant", "tool"]
    assert found.requests[1].messages[2].text == "snow in Oslo"
    assert [message.role for message in found.requests[2].messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert [(event.tool, event.status) for event in found.of(ToolCalled)] == [("weather", "ok")]


def test_what_goes_wrong_with_a_tool_is_told_to_the_model(tmp_path: Path) -> None:
    def no_city(_: str) -> str:
        raise ToolFailed("there is no such city")

    for arguments, words in (
        ('{"city": "Atlantis"}', "there is no such city"),
        ("{}", "`city` of `weather` is missing"),
        ("{", "not JSON"),
    ):
        found = ran(TOOLED, tmp_path, saying(asking(arguments), "Nothing known."), perform_tool=weather(no_city))
        assert words in found.requests[1].messages[-1].text
        assert found.report.exit_code == 0


def test_a_model_that_only_calls_tools_fails_the_step(tmp_path: Path) -> None:
    model = saying(asking('{"city": "Oslo"}'))
    found = ran(TOOLED, tmp_path, model, perform_tool=weather(lambda city: "snow"))
    assert len(found.requests) == 3
    assert found.of(StepFailed)[0].message == "step `report` called tools in 2 turns and gave no answer"


def test_no_tool_runs_unless_it_is_allowed(tmp_path: Path) -> None:
    found = ran(TOOLED, tmp_path, saying(asking('{"city": "Oslo"}')))
    assert found.of(StepFailed)[0].rule == "not-allowed"
    assert found.report.exit_code == 7


def test_a_step_may_call_a_tool_itself(tmp_path: Path) -> None:
    text = TOOLED.split("step report")[0] + 'step now\n  call: weather\n  with city: "Oslo"\n'
    found = ran(text, tmp_path, saying("unused"), perform_tool=weather(lambda city: f"snow in {city}\n"))
    assert found.value("now") == "snow in Oslo"
    assert found.requests == []
