"""What endpoints refuse is kept from one run to the next, for a while."""

import pytest

from flowlang.models.dialects import MOST_DAYS, dialect_json, read_dialect
from flowlang.models.wire import Dialect

EXTRAS = frozenset(("grounding",))
LEAST = Dialect("max_completion_tokens", "none", usage=False, extras=EXTRAS, rest=False)


def test_what_was_found_out_is_read_back() -> None:
    assert read_dialect(dialect_json(LEAST, 1000.0), EXTRAS, 1000.0) == LEAST


def test_extras_come_from_the_settings_and_not_from_before() -> None:
    assert read_dialect(dialect_json(LEAST, 1000.0), frozenset(), 1000.0).extras == frozenset()


def test_after_a_while_the_endpoint_is_asked_as_at_first() -> None:
    later = 1000.0 + MOST_DAYS * 86_400
    assert read_dialect(dialect_json(LEAST, 1000.0), EXTRAS, later) == Dialect(extras=EXTRAS)


@pytest.mark.parametrize("body", [None, "", "[]", "{", '{"schema": "xml"}', '{"at": "x"}', "nul", '"json_schema"'])
def test_what_is_none_counts_as_nothing(body: str | None) -> None:
    assert read_dialect(body, EXTRAS, 0.0) == Dialect(extras=EXTRAS)
