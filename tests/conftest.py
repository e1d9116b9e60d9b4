"""What all tests share: `--update`, and laws that are not timed."""

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update` writes what is found where a test expects a file; a person reads the difference."""
    parser.addoption("--update", action="store_true", help="write the golden files anew")
    parser.addoption("--complete", action="store_true", help="all of what is else sampled: tests/durability, for hours")


@pytest.fixture
def complete(request: pytest.FixtureRequest) -> bool:
    """Whether all cases are wanted, or a sample of them."""
    return bool(request.config.getoption("--complete"))
