"""The example flows: what must hold of their runs, whatever the model says."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from flowlang.language.checked import CheckedFlow
from flowlang.language.values import EMPTY, Document, Media
from flowlang.models.chat import ChatRequest
from flowlang.models.errors import Refused
from flowlang.pipeline import compile_flow
from flowlang.run.event import StepSkipped
from flowlang.run.outcome import Skipped
from flowlang.run.outputs import write_outputs
from tests.run.scripted import Said, echo, run

FLOWS = Path(__file__).parents[2] / "flows"
PHOTO = Media("image", "image/png", "receipt.png", "0" * 64, b"png")


def flow(name: str) -> CheckedFlow:
    checked = compile_flow(FLOWS / name / f"{name}.flow")
    assert checked.flow is not None
    return checked.flow


def test_filing_brief(tmp_path: Path) -> None:
    def model(request: ChatRequest) -> Said:
        text = request.messages[-1].text
        if "most important claims" in text:
            claims = [f'{{"statement": "Claim {n}", "page": null, "kind": "risk"}}' for n in range(1, 21)]
            return f"[{', '.join(claims)}]"
        if "Does the filing support" in text:
            return f'{{"supported": {"false" if text.endswith("3") else "true"}, "reason": "It says so."}}'
        return "The brief."

    filing = "Revenue rose. {{ not a slot }}"
    found = run(flow("filing_brief"), model, {"filing": Document(filing, "a.md")})
    assert len(found.requests) == 1 + 20 + 1
    assert found.most_open == 8
    for request in found.requests[:-1]:
        assert request.messages[0].text.startswith(filing + "\n")
    assert "- Claim 1 (risk): holds\n" in found.prompts()[-1]
    assert "- Claim 3 (risk): in doubt, It says so.\n" in found.prompts()[-1]
    assert [one["claim"]["statement"] for one in found.value("doubtful")] == ["Claim 3", "Claim 13"]
    written = write_outputs(flow("filing_brief").outputs, found.result.outputs, tmp_path)
    assert written == ("brief.md",)
    assert (tmp_path / "brief.md").read_text() == "The brief.\n"


@pytest.mark.parametrize("topic", ["billing", "bug", "other"])
def test_triage(topic: str) -> None:
    def model(request: ChatRequest) -> Said:
        return topic if request.answer is not None else "Dear customer"

    found = run(flow("triage"), model, {"mail": "Hello"})
    assert len(found.requests) == 2
    assert [message.role for message in found.requests[0].messages] == ["user", "assistant"] * 2 + ["user"]
    assert found.requests[0].parameters == {"temperature": Decimal(0)}
    branches = {f"{name}_reply" for name in ("billing", "bug", "other")}
    assert {event.step for event in found.of(StepSkipped)} == branches - {f"{topic}_reply"}
    assert found.value("reply") == "Dear customer"
    assert found.report.exit_code == 0


@pytest.mark.parametrize(("scores", "rounds"), [([9], 1), ([5, 8], 2), ([1, 2, 3], 3)])
def test_polish(scores: list[int], rounds: int) -> None:
    left = list(scores)

    def model(request: ChatRequest) -> Said:
        text = request.messages[-1].text
        if request.answer is not None:
            return f'{{"score": {left.pop(0)}, "fix": "shorter"}}'
        return "first draft" if text.startswith("Write a notice") else f"draft {len(scores) - len(left)}"

    found = run(flow("polish"), model, {"facts": "Facts."})
    assert len(found.requests) == 1 + 2 * rounds
    drafts = [text.rsplit("\n", 1)[1] for text in found.prompts() if text.startswith("Score this notice")]
    assert drafts == ["first draft", "draft 1", "draft 2"][:rounds]
    better = found.requests[2].messages
    assert [message.role for message in better] == ["user", "assistant", "user"]
    assert better[0] == found.requests[1].messages[0]
    assert found.value("notice") == f"draft {rounds}"
    assert found.value("score") == scores[rounds - 1]


def test_vote() -> None:
    results = {1: 4, 2: 5, 3: 4, 4: 6, 5: 4}
    model = lambda request: f'{{"working": "w", "result": {results[request.sample]}}}'  # noqa: E731
    found = run(flow("vote"), model, {"question": "2 + 2?"})
    assert sorted(request.sample for request in found.requests) == [1, 2, 3, 4, 5]
    assert len({request.messages for request in found.requests}) == 1
    assert (found.value("answer"), found.value("agreement")) == (4, 3)


def test_translate(tmp_path: Path) -> None:
    def model(request: ChatRequest) -> Said:
        text = request.messages[-1].text
        return Refused("no") if "German" in text and "Sleep" in text else text.split("\n")[0]

    slogans = ({"id": "1", "slogan": "Taste"}, {"id": "2", "slogan": "Sleep"})
    found = run(flow("translate"), model, {"slogans": slogans})
    order = [(one["row"]["id"], one["language"], one["place"]) for one in found.value("translation")]
    assert order == [
        ("1", "French", 1),
        ("1", "German", 2),
        ("1", "Japanese", 3),
        ("2", "French", 4),
        ("2", "Japanese", 6),
    ]
    assert len(found.requests) == 7
    assert "French | 1 | Translate into French" in found.prompts()[-1]
    assert found.report.exit_code == 1
    assert write_outputs(flow("translate").outputs, found.result.outputs, tmp_path) == ("translations.json",)


@pytest.mark.parametrize("total", ["3.3", "4"])
def test_receipts(total: str) -> None:
    lines = '[{"what": "a", "amount": 1.1}, {"what": "b", "amount": 2.2}]'

    def model(request: ChatRequest) -> Said:
        if request.answer is None:
            return "The second one."
        return f'{{"shop": "Shop", "paid_on": null, "lines": {lines}, "total": {total}}}'

    found = run(flow("receipts"), model, {"receipt": PHOTO, "note": EMPTY})
    parts = found.requests[0].messages[0].parts
    assert parts == ("Read this receipt.\n", PHOTO, parts[2])
    assert re.match(r"\nAmounts are in EUR\.", str(parts[2]))
    assert str(found.value("added")) == "3.3"
    if total == "4":
        assert [message.role for message in found.requests[1].messages] == ["user", "assistant", "user"]
        assert "add up to 3.3, the receipt says 4." in found.prompts()[1]
        assert found.value("question") == "The second one."
    else:
        assert found.result.outcomes["check"] == Skipped("its `when` did not hold")
        assert found.value("question") == "The lines and the total agree."


def test_hard_text() -> None:
    path = Path(__file__).resolve().parents[1] / "golden/acceptance/hard_text.flow"
    checked = compile_flow(path)
    assert checked.flow is not None
    found = run(checked.flow, echo, {"name": "Ada {{ name }}"})
    system, prompt = (message.text for message in found.requests[0].messages)
    assert system == 'One line with "quotes", a tab\t, and {{ braces }}.'
    block = path.read_text(encoding="utf-8").split('prompt: """"\n')[1].split('\n  """"\n')[0]
    pasted = "\n".join(line.removeprefix("    ") for line in block.split("\n"))
    assert prompt == pasted.replace("{{ name }} is", "Ada {{ name }} is").replace("\\{{ name }}", "{{ name }}")
    assert found.prompts()[1] == "GitHub says ${{ secrets.TOKEN }} and {{ for }} and {{ nobody }}."
