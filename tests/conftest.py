"""What all tests share: `--update`, and laws that are not timed."""

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update` writes what is found where a test expects a file; a person reads the difference."""
    parser.addoption("--update", action="store_true", help="write the golden files anew")
