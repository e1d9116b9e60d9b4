"""`flowlang new [NAME]`: a working example flow and its project file."""

import re
from pathlib import Path

from ..run.exit import DONE, WRONG_INPUT
from .given import Given
from .refusal import Refusal
from .screen import Screen

EXAMPLE = '''\
flowlang 1
# Turns the notes of a meeting into a short report and a list of what is to be done.

# The notes as they were typed. Your own: --notes @notes.txt
input notes: text = """
  Monday, product meeting. Ana, Ben and Chidi were there.
  The new price page went live on Friday. Sign-ups rose by 8% over the weekend.
  Ben will check why the export button does nothing in Safari. It should be fixed before Thursday.
  Ana writes to the three customers who were charged twice. Chidi prepares the numbers for the board.
  The summer party is moved to September.
"""

input tone: one of friendly, formal = friendly

schema Task
  what: text "What is to be done, in one sentence"
  who: optional text
  urgent: yes/no

# The answer always fits: it is checked against the schema above.
step tasks
  returns: list of 1 to 5 Task
  prompt: """
    {{ notes }}

    List what is to be done after this meeting.
  """

let urgent = tasks | where urgent is yes | count

# Waits for `tasks`, because it names it.
step report
  prompt: """
    {{ notes }}

    {{ for task in tasks }}
    - {{ task.what }}{{ if task.urgent }} (urgent){{ end }}
    {{ end }}

    Write a {{ tone }} report of this meeting in at most five sentences, and say that {{ urgent }} things are urgent.
  """

output report
'''

SETTINGS = """\
# What all flows of this folder share.

# A run without --offline needs a key, in the environment and never in a file: export BYTESPIKE_API_KEY=…
# With OPENAI_API_KEY alone, take a model of OpenAI here, like "gpt-5.4-mini".
# A model on this computer needs no key: "ollama/llama3.2:3b".

[project]
model = "gemini-3-flash"     # for steps that name no model
"""


def perform(given: Given, screen: Screen) -> int:
    """Writes both files; what is there already is never touched."""
    name = given.word("NAME") or "hello"
    path = Path(name if name.endswith(".flow") else f"{name}.flow")
    if not re.fullmatch(r"[^\W_][\w-]*", path.stem) or "\\" in name:
        raise Refusal(
            WRONG_INPUT,
            f"`{name}` cannot be the name of a flow",
            (f"try: flowlang new {_better(path.stem)}",),
            "bad-name",
        )
    settings = path.with_name("flowlang.toml")
    _write_new(path, EXAMPLE)
    screen.err(f"wrote {path}")
    if settings.exists() or settings.is_symlink():
        screen.err(f"kept {settings}, which was there already")
    else:
        _write_new(settings, SETTINGS)
        screen.err(f"wrote {settings}")
    screen.err(f"next: flowlang run {path} --offline")
    return DONE


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise Refusal(
            WRONG_INPUT,
            f"`{path}` is there already, and nothing was changed",
            (f"another name: flowlang new {path.stem}-2",),
        ) from None
    except FileNotFoundError:
        raise Refusal(
            WRONG_INPUT, f"there is no folder `{path.parent}`", (f"make it first: mkdir -p {path.parent}",), "not-found"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "that is no file name"
        raise Refusal(WRONG_INPUT, f"`{path}` cannot be written: {reason}", rule="bad-file") from None


def _better(stem: str) -> str:
    """The nearest name that will do."""
    plain = re.sub(r"[^\w]+", "-", stem).strip("-_")
    return plain or "hello"
