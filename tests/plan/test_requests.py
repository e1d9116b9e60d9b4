"""Requests: what of a step is sent, and what decides only how it is asked."""

from decimal import Decimal
from pathlib import Path

import pytest

from flowlang.language.expression import Scope
from flowlang.language.values import EMPTY, Value, ValueMistake
from flowlang.models.chat import ChatMessage, ChatRequest
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults
from flowlang.plan.requests import EmptyParameter, request_of, settled, timeout_s_of, tries_of
from tests.run.scripted import flow_of

TEXT = """
input who: text
input heat: number
schema Claim
  text: text
step s
  model: m
  temperature: {{ heat }}
  max_tokens: 100
  stop: "END", "STOP"
  timeout: 90s
  tries: 2
  returns: list of Claim
  system: "Be brief."
  prompt: "Hello {{ who }}"
"""


def request(folder: Path, **names: Value) -> ChatRequest | None:
    node = build(flow_of(TEXT, folder), Defaults()).nodes["s"]
    return request_of(node.of, node.asks[0], Scope(names))  # type: ignore[arg-type]


def test_a_request_is_built_from_what_the_flow_sets(tmp_path: Path) -> None:
    found = request(tmp_path, who="Ada", heat=Decimal("0.5"))
    assert found is not None
    assert found.model == "m"
    assert found.messages == (ChatMessage("system", ("Be brief.",)), ChatMessage("user", ("Hello Ada",)))
    assert found.parameters == {
        "temperature": Decimal("0.5"),
        "max_tokens": Decimal(100),
        "stop": ("END", "STOP"),
    }
    assert found.schema is not None
    assert list(found.schema["properties"]) == ["answer"]


def test_what_is_empty_gives_no_request(tmp_path: Path) -> None:
    assert request(tmp_path, who=EMPTY, heat=Decimal(1)) is None
    with pytest.raises(EmptyParameter):
        request(tmp_path, who="Ada", heat=EMPTY)


@pytest.mark.parametrize("heat", [Decimal(3), ("a",)])
def test_a_parameter_given_by_name_is_held_to_its_row(heat: Value, tmp_path: Path) -> None:
    with pytest.raises(ValueMistake, match="`temperature`"):
        request(tmp_path, who="Ada", heat=heat)


def test_tries_and_timeout_have_defaults(tmp_path: Path) -> None:
    ask = build(flow_of(TEXT, tmp_path), Defaults()).nodes["s"].asks[0]
    parameters = settled(ask, Scope({"heat": Decimal(1)}))
    assert (tries_of(parameters), timeout_s_of(parameters)) == (2, 90.0)
    assert (tries_of({}), timeout_s_of({})) == (4, 120.0)
