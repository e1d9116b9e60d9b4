"""A project whose flow asks a stand-in gateway, for tests of what is kept of its runs."""

from pathlib import Path

import pytest

KEY = "sk-canary-0123456789"

CLAIMS = '''\
# Finds claims, and checks them.
input mail: text
input polite: yes/no = yes

step claims
  model: gpt-5-4
  returns: list of text
  prompt: """
    {{ mail }}

    List the claims.
  """

step verdict
  repeat for each claim in claims
  model: gpt-5-4
  tries: 1
  prompt: "Is it so? {{ claim }}"

step summary
  model: gpt-5-4
  tries: 1
  prompt: "Sum up: {{ verdict | join \\", \\" }}"

output summary
'''


def project(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, flow: str = CLAIMS, more: str = "") -> Path:
    """Writes `claims.flow` and the settings that lead it to the gateway; returns the flow's path."""
    settings = f"""\
[project]
provider = "stand-in"
[providers.stand-in]
base_url = "{url}"
key_env = "STAND_IN_KEY"
at_once = 4
{more}
"""
    (folder / "flowlang.toml").write_text(settings, encoding="utf-8")
    (folder / "claims.flow").write_text(flow, encoding="utf-8")
    monkeypatch.setenv("STAND_IN_KEY", KEY)
    monkeypatch.delenv("FLOWLANG_STORE", raising=False)
    return folder / "claims.flow"


def says(request: dict) -> str:
    """Two claims, a verdict on each, and a summary."""
    asked = str(request["messages"][-1]["content"])
    if "List the claims" in asked:
        return '{"answer": ["It is late.", "It is red."]}'
    return "Yes." if "Is it so" in asked else "All is well."
