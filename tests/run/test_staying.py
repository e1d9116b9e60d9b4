"""What stays over the runs of a session: what each step was asked, with its samples and judges."""

from dataclasses import replace

from flowlang.models.chat import ChatMessage, ChatRequest
from flowlang.plan.requests import judge_messages
from flowlang.run.calling import Asker
from flowlang.run.event import CallStarted, Event
from flowlang.run.keeping import ANY
from flowlang.run.question import Question
from flowlang.run.staying import Staying, _seat_and_key


def question(text: str, sample: int = 1) -> ChatRequest:
    return ChatRequest("m", (ChatMessage("user", (text,)),), sample=sample)


def test_all_samples_and_judges_of_a_step_are_among_its_questions() -> None:
    staying = Staying(lambda event: None, lambda event: None, 4)
    staying.next_run()
    asker, judge = Asker("", "one", None), Asker("", "one", None, role="judge")
    judged = replace(question(""), messages=judge_messages((), "It is so.", "It is short"))
    for request in (question("Say it.", 2), question("Say it.", 1)):
        staying.ask(asker, request)
    staying.ask(judge, judged)
    places = [(place.sample, place.rule) for place, _ in staying.questions("one")]
    assert places == [(1, ""), (1, "It is short"), (2, "")]


def test_each_rule_of_a_judge_has_a_seat_of_its_own() -> None:
    judge = Asker("", "one", None, role="judge")
    seats = {
        _seat_and_key(Question(judge, request, 1.0, ANY))[0]
        for rule in ("It is short", "It is kind")
        for request in (replace(question(""), messages=judge_messages((), "It is so.", rule)),)
    }
    assert len(seats) == 2


def test_no_sample_and_no_judge_is_taken_for_the_question_asked_again() -> None:
    heard: list[Event] = []
    staying = Staying(heard.append, heard.append, 4)
    asker, judge = Asker("", "one", None), Asker("", "one", None, role="judge")
    for text in ("Say one.", "Say two."):
        hear = staying.next_run()
        staying.ask(asker, question(text, 1))
        staying.ask(asker, question(text, 2))
        staying.ask(judge, replace(question(""), messages=judge_messages((), "It is so.", "It is short")))
        hear(CallStarted("", "one", None, "m"))
    assert [one.because for one in heard if isinstance(one, CallStarted)] == [
        "not asked before in this session",
        "its prompt has changed",
    ]
