"""Records the answers of the examples' tests: `python -m tests.record_examples`.

No provider is asked. The stand-in gateway answers what stands here, written as a careful person would; it is data for
people to read. Made again it is the same, byte for byte: `test_examples.py` holds that.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from flowlang.workbench.cli import main
from tests.gateway import Gateway

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ("filing_brief", "triage")  # the examples whose tests leave answers open
SETTINGS = '[project]\nprovider = "stand-in"\n\n[providers.stand-in]\nbase_url = "{url}"\n'

CLAIMS = [
    {"statement": "Revenue rose 12% to $3.4bn in 2025.", "kind": "figure"},
    {"statement": "The company promises a new plant in 2027.", "kind": "promise"},
    {"statement": "A strike is a risk.", "kind": "risk"},
]
VERDICTS = {
    "Revenue rose": "The filing says so in its first sentence, with the same figures.",
    "The company promises": "The second sentence promises the plant, and gives the year.",
    "A strike": "The filing names a strike as a risk, without saying how likely it is.",
}
BRIEF = """\
**Brief for an investor**

Revenue rose 12% to $3.4bn in 2025. The filing does not say what drove the growth, nor what was earned on it.

The company promises a new plant in 2027. It names no place, no cost and no date within the year.

A strike is a risk. The filing gives neither its likelihood nor what it would cost.

All three claims stand in the filing as they are repeated here."""
REPLY = """\
Thank you for writing. I am sorry that you were charged twice.

I have looked at your account and will have the second charge paid back to the card that you used. This takes up \
to five working days. Please write again if you do not see the money by then."""


def answer(request: dict[str, Any]) -> str:
    """What a careful person would say to a question of the examples."""
    asked = str(request["messages"][-1]["content"])
    if "most important claims" in asked:
        return json.dumps({"answer": CLAIMS}, indent=2)
    if "Does the filing support this claim?" in asked:
        claim = asked.rpartition("claim? ")[2]
        reason = next(reason for start, reason in VERDICTS.items() if claim.startswith(start))
        return json.dumps({"supported": True, "reason": reason})
    if "one-page brief" in asked:
        return BRIEF
    if "mail about a bill" in asked:
        return REPLY
    raise AssertionError(f"nobody wrote an answer to: {asked[:200]}")


def record(folder: Path) -> dict[str, str]:
    """Records the examples in a copy below the folder; what came, by the path below `flows/`."""
    found: dict[str, str] = {}
    before = Path.cwd()
    with Gateway(answer) as url:
        passed_over = shutil.ignore_patterns("*.answers*", ".flowlang", "out")
        for name in RECORDED:
            copy = folder / name
            shutil.copytree(ROOT / "flows" / name, copy, ignore=passed_over)
            (copy / "flowlang.toml").write_text(SETTINGS.format(url=url), encoding="utf-8")
            os.chdir(copy)
            try:
                code = main(["test", f"{name}.flow", "--record", "--trust", "--no-store"])
            finally:
                os.chdir(before)
            assert code == 0, f"the tests of {name} do not pass on what is recorded"
            found[f"{name}/{name}.answers"] = (copy / f"{name}.answers").read_text(encoding="utf-8")
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        for path, text in record(Path(place)).items():
            (ROOT / "flows" / path).write_text(text, encoding="utf-8")
            sys.stderr.write(f"wrote flows/{path}\n")
