"""The pages behind `explain`: why something is a mistake, what to do, and how it looks wrong and right.

They stand in rules.toml and are read only when somebody asks for one.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Page:
    """What is known of one rule. `wrong` and `right` are whole flow files.

    For a rule that only a run can meet, `raised` tells what does it, and `wrong_run` and `right_run` are the commands
    with which it is met and avoided; `right` is empty if the flow itself needs no change.
    """

    why: str
    fix: str
    wrong: str
    right: str = ""
    raised: str = ""
    wrong_run: str = ""
    right_run: str = ""


@cache
def load_pages() -> Mapping[str, Page]:
    """Every page, under the name of its rule."""
    told = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
    return {name: Page(**{part: text.strip("\n") for part, text in page.items()}) for name, page in told.items()}
