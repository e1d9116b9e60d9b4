"""Checking again after an edit: to the letter what a check that remembers nothing comes to, whatever the edit."""

import gc
import random
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from flowlang.diagnostics.source import SourceFile
from flowlang.language.again import Memory
from flowlang.language.check import check
from flowlang.language.checked import CheckedFile, CheckedFlow
from flowlang.language.loader import Denied, Loader
from flowlang.language.read import Remembered
from flowlang.pipeline import Workspace, models_of
from flowlang.plan.build import build
from flowlang.plan.graph import Defaults, Plan
from flowlang.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
MODELS = models_of(Settings())
STANDARD = {f"std/{path.name}": path.read_bytes() for path in (ROOT / "stdlib").glob("*.flow")}
Files = dict[str, str]


class Editor:
    """Files that are edited, and a process that checks the first of them after each edit."""

    def __init__(self, files: Files, main: str) -> None:
        self.files, self.main = dict(files), main
        self.remembered: dict[str, Remembered] = {}
        self.memory = Memory()
        self.asked_for: set[str] = set()

    def read(self, name: str) -> bytes | Denied:
        if (shipped := STANDARD.get(name)) is not None:
            return shipped
        self.asked_for.add(name)
        text = self.files.get(name)
        return Denied("not-found", f"there is no file `{name}`") if text is None else text.encode()

    def checked(self, remembered: dict[str, Remembered], memory: Memory | None) -> CheckedFile:
        loader = Loader(self.read, remembered=remembered)
        self.asked_for = set()
        return check(loader, loader.load(self.main), MODELS, memory=memory)

    def kept(self) -> set[str]:
        """The steps and lets of the first file that need not be checked again."""
        flows = [flow for (path, _), flow in self.memory.flows.items() if path == self.main]
        return {one.header.name.text for flow in flows for one in (*flow.steps, *flow.lets)}  # type: ignore[union-attr]

    def assert_same(self) -> None:
        """Checks with all that is remembered and with nothing, and compares what comes of both."""
        again, fresh = self.checked(self.remembered, self.memory), self.checked({}, None)
        told = [(one.source.path, one.span, one.rule, one.message, one.hints) for one in again.diagnostics]
        wanted = [(one.source.path, one.span, one.rule, one.message, one.hints) for one in fresh.diagnostics]
        assert told == wanted
        assert to_the_letter(again) == to_the_letter(fresh)
        if fresh.flow is not None and again.flow is not None:
            assert to_the_letter(build(again.flow, Defaults())) == to_the_letter(build(fresh.flow, Defaults()))


def to_the_letter(value: object) -> str:
    """All that a value holds, in its order: also what `==` leaves out, as the order of a mapping, or 1.0 and 1."""
    parts: list[str] = []
    _tell(value, parts.append, {})
    return "\n".join(parts)


def _tell(value: object, put: object, seen: dict[int, int]) -> None:
    assert callable(put)
    if isinstance(value, SourceFile):
        put(f"{value.path} {hash(value.text)} {value.newline!r} {value.bom}")
    elif is_dataclass(value) and not isinstance(value, type):
        if isinstance(value, CheckedFlow | Plan):
            if id(value) in seen:
                put(f"the {seen[id(value)]}. flow")
                return
            seen[id(value)] = len(seen)
        put(type(value).__name__)
        for one in fields(value):
            put(one.name)
            _tell(getattr(value, one.name), put, seen)
    elif isinstance(value, tuple):
        put(f"({len(value)}")
        for item in value:
            _tell(item, put, seen)
    elif isinstance(value, dict):
        put(f"{{{len(value)}")
        for key, item in value.items():
            put(str(key))
            _tell(item, put, seen)
    else:
        assert value is None or isinstance(value, str | int | bool | Decimal), type(value)
        put(repr(value))


# ── Edits ──


def edited(text: str, draw: random.Random) -> str:
    """The text after one edit, as people make them, and as a slip of the hand makes them."""
    lines = text.split("\n")
    at = draw.randrange(len(lines))
    match draw.randrange(14):
        case 0:
            lines.insert(at, "# " + draw.choice(("A note.", "What it is for", "")))
        case 1:
            lines[at:at] = [""] * draw.randint(1, 3)
        case 2:
            del lines[at : at + draw.randint(1, 3)]
        case 3:
            lines.insert(at, lines[draw.randrange(len(lines))])
        case 4:  # sections change places
            parts = text.split("\n\n")
            draw.shuffle(parts) if draw.random() < 0.3 else parts.insert(
                draw.randrange(len(parts)), parts.pop(draw.randrange(len(parts)))
            )
            return "\n\n".join(parts)
        case 5:  # a section is written twice, or is gone
            parts = text.split("\n\n")
            chosen = draw.randrange(len(parts))
            parts[chosen : chosen + 1] = [parts[chosen]] * draw.choice((0, 2))
            return "\n\n".join(parts)
        case 6 | 7:  # a word is exchanged for another of the text, everywhere or once
            words = [word for word in set(text.replace("{", " ").replace("}", " ").split()) if word.isidentifier()]
            if words:
                words.sort()
                one, other = draw.choice(words), draw.choice([*words, "text", "number", "nobody"])
                return text.replace(one, other, draw.choice((-1, 1)))
        case 8 | 9 | 10:
            lines[at] = lines[at] + draw.choice((" more", " 7", ".", " {{ nobody }}", " #", '"', "  ", " | count"))
        case 11:
            lines[at] = "  " * draw.randrange(3) + lines[at].strip()
        case 12:
            where = draw.randrange(len(text) + 1)
            return text[:where] + draw.choice((" ", "\n", '"""', "x", "{{", "}}", ":", "0", ",")) + text[where:]
        case _:
            lines.insert(at, draw.choice(MORE))
    return "\n".join(lines)


MORE = (
    "  temperature: 0.3",
    "  samples: 3",
    "  returns: list of text",
    "  returns: number from 0.0 to 1",
    "  fallback: gemini-3-flash",
    "  extra seed: 7",
    '\nstep further\n  prompt: "What else?"\n',
    "\nlet more = further\n",
    "\npreset careful\n  model: gemini-3-1-pro\n  temperature: {{ level }}\n",
    "\ninput level: number = 0.5\n",
    '\nflow inner\ninput what: text\nstep one\n  prompt: "{{ what }}"\n',
    "\nlimits\n  cost: 2.00\n",
)


def files_of(flow: Path) -> tuple[Files, str]:
    """A flow of the repository with the files beside it."""
    files: Files = {}
    for path in sorted(flow.parent.rglob("*")):
        if path.is_file() and path.suffix in (".flow", ".md", ".txt") and path.stat().st_size < 60_000:
            files[path.relative_to(flow.parent).as_posix()] = path.read_text(encoding="utf-8", errors="replace")
    return files, flow.name


FLOWS = sorted(
    path
    for folder in ("flows", "stdlib", "tests/golden/run", "tests/golden/acceptance", "../shared/acceptance")
    for path in (ROOT / folder).rglob("*.flow")
)

# One flow in which a step hangs on everything that a step can hang on.
HOUSE = {
    "main.flow": '''flowlang 1
# A flow that has some of everything.
import "house.flow" as house
import "std/vote.flow" as vote

input claims: table
input level: number from 0 to 1 = 0.5
input reader: one of investor, lawyer = investor
input note: optional text
input key: secret text

preset careful
  model: gemini-3-1-pro
  temperature: 0.4
  fallback: gemini-3-flash

preset sliding
  model: gemini-3-flash
  temperature: {{ level }}

preset quick
  model: gemini-3-flash

schema Verdict
  supported: yes/no
  page: optional whole number
  reason: text "One sentence"

schema Rated: number from 0.0 to 1

snippet plain: """
  Write plain English for {{ reader }}.
"""

snippet style: file "style.md"

tool lookup
  about: "Looks a word up"
  takes word: text
  get: "https://words.example/{{ word }}"
  header Authorization: "Bearer {{ key }}"

let few = claims | first 3

step judge
  repeat for each claim in few, 4 at a time
  model: careful
  uses: lookup
  returns: Verdict
  system: "{{ plain }} {{ house.tone }}"
  prompt: """
    {{ style }}
    Is this supported? {{ claim.statement }}
    {{ if note is not empty }}Mind this: {{ note }}{{ end }}
  """
  ensure: judge.reason is not empty
  ensure: judge "It names a page" using quick

let doubtful = judge | where supported is no | sort by reason

step tell
  when (doubtful | count) > 0 and reader is investor
  model: house.calm
  prompt: file "tell.md"

step further
  continues: tell
  prompt: "Say more. {{ house.tone }}"

step rate
  returns: Rated
  samples: 3
  model: quick
  temperature: {{ level }}
  prompt: """
    How good is this? {{ tell | default "nothing" }}
  """

step mind
  when note is not empty
  model: quick
  extra note: {{ note }}
  prompt: "Mind {{ note }}"

step improve
  run: polish
  with draft: further
  with reader: reader
  with level: level
  repeat until improve is not empty, at most 3 times

step ask
  call: lookup
  with word: "claim"
  after: rate

step shout
  repeat for each d in doubtful
  prompt: """
    {{ for c in few }}- {{ c.statement }}{{ end }}
    {{ d.reason }} {{ file "style.md" }}
  """

output improve to "brief.md"
output ask
output votes: shout
output minded: mind | default "nothing"

limits
  cost: 3.00
  expect improve is not empty

test "all is well"
  with claims: file "claims.csv"
  with key: "k"
  answer tell: "So it is."
  expect improve is not empty

flow polish
input draft: text
input reader: text
input level: number
step reread
  model: sliding
  prompt: "{{ plain }} Read again: {{ draft }}"
step better
  prompt: "Better: {{ reread }} {{ house.tone }}"
''',
    "house.flow": '''snippet tone: """
  Be calm. {{ reader }}
"""

preset calm
  model: gemini-3-flash
  temperature: 0.1

schema Claim
  statement: text
''',
    "style.md": "Short sentences, {{ reader }}.\n",
    "tell.md": "Tell {{ reader }} about these:\n{{ doubtful | take reason | bullets }}\n",
    "claims.csv": "statement\nWater is wet\n",
}


def test_edits_of_all_that_a_step_hangs_on() -> None:
    """One edit after another, each checked; the first words of the text say what is changed, the others into what."""
    editor = Editor(HOUSE, "main.flow")
    editor.assert_same()
    assert editor.kept() == {
        "judge",
        "tell",
        "further",
        "rate",
        "mind",
        "improve",
        "ask",
        "shout",
        "better",
        "few",
        "doubtful",
    }
    for file, before, after in ONE_BY_ONE:
        whole = editor.files[file]
        assert before in whole, before
        for text in (whole.replace(before, after), whole):
            editor.files[file] = text
            editor.assert_same()


def go_through(files: Files, *edits: tuple[str, str, str]) -> None:
    """Checks the files, and again after each edit: the file, what stands there, and what is to stand there."""
    editor = Editor(files, "main.flow")
    editor.assert_same()
    for file, before, after in edits:
        assert before in editor.files[file], before
        editor.files[file] = editor.files[file].replace(before, after)
        editor.assert_same()


def test_a_snippet_beside_a_pasted_one() -> None:
    main = 'import "house.flow" as house\n\nstep one\n  prompt: "{{ house.tone }}"\n'
    house = 'snippet tone: "Be {{ loud }}"\n\nsnippet loud: "loud"\n'
    go_through(
        {"main.flow": main, "house.flow": house}, ("house.flow", '"loud"', '"quiet"'), ("main.flow", "one", "1st")
    )


def test_a_text_in_a_pasted_snippet_of_another_file() -> None:
    main = 'import "house.flow" as house\n\nstep one\n  prompt: "{{ house.tone }}"\n'
    house = 'snippet tone: """\n  {{ file "w.md" }}\n"""\n'
    go_through({"main.flow": main, "house.flow": house, "w.md": "Words\n"}, ("w.md", "Words", "Other words"))


def test_a_name_that_an_unclosed_text_has_swallowed() -> None:
    main = 'flowlang 1\n\nstep one\n  prompt: "{{ lost }}"\n\nstep two\n  prompt: """\n    Words\nstep lost\n'
    go_through({"main.flow": main}, ("main.flow", "step lost", "step found"), ("main.flow", "step found", "step lost"))


def test_a_bound_that_is_written_in_another_way() -> None:
    main = 'input level: number from 0.0 to 1\n\nlet same = level\n\nstep one\n  prompt: "{{ same }}"\n'
    go_through({"main.flow": main}, ("main.flow", "0.0", "0"), ("main.flow", "from 0 to 1", "from 0.00 to 1.0"))


def test_a_circle_that_is_closed_and_opened_again() -> None:
    main = "input lines: list of text\n\nlet a = b | first 2\n\nlet b = c\n\nlet c = lines\n\n"
    main += 'step one\n  repeat for each x in a\n  prompt: "{{ x }}"\n\nstep two\n  prompt: "{{ b | count }}"\n'
    go_through(
        {"main.flow": main},
        ("main.flow", "c = lines", "c = a"),
        ("main.flow", "step two", "# A note\n\nstep two"),
        ("main.flow", "c = a", "c = lines | first 3"),
        ("main.flow", "c = lines | first 3", "c = two"),
        ("main.flow", "input lines", "\ninput lines"),
        ("main.flow", "c = two", "c = lines"),
    )


def test_a_circle_that_closes_in_a_text() -> None:
    main = 'input x: text\n\nstep second\n  prompt: "{{ x }}"\n\nsnippet s: """\n  {{ x }}{{ second }}\n"""\n\n'
    for prompt in ('file "first.md"', '"{{ s }}"'):
        go_through(
            {"main.flow": f"{main}step first\n  prompt: {prompt}\n", "first.md": "Of {{ x }}: {{ second }}\n"},
            ("main.flow", 'prompt: "{{ x }}"', 'prompt: "{{ x }} {{ first }}"'),
            ("main.flow", "input x", "# Up\n\ninput x"),
        )


def test_a_section_that_stands_there_twice() -> None:
    one = 'step one\n  repeat for each row in table\n  prompt: "{{ table | where one is 1 | count }} {{ row }}"\n\n'
    main = f"flowlang 1\n\ninput table: table\n\n{one}output one\n"
    go_through(
        {"main.flow": main},
        ("main.flow", one, one + one),
        ("main.flow", "input table", "\ninput table"),
        ("main.flow", one + one, one),
    )


def test_a_line_number_in_a_hint_keeps_up() -> None:
    main = 'input x: text\n\nstep one\n  prompt: """\n    Say {{ x }}"""\n'
    go_through({"main.flow": main}, ("main.flow", "input x", "\n\ninput x"))


def test_a_header_that_is_one_no_more() -> None:
    main = 'input x: text\n\nstep one\n  prompt: "{{ x }}"\n\nstep two\n  prompt: "{{ one }}"\n\noutput two\n'
    go_through(
        {"main.flow": main},
        ("main.flow", "step two", "step: two"),
        ("main.flow", "step: two", "step two"),
        ("main.flow", "step two", "stepp two"),
        ("main.flow", "output two", "# The end\noutput two"),
        ("main.flow", "stepp two", "step two"),
        ("main.flow", "input x: text\n\n", ""),
        ("main.flow", "step one", "flowlang 1\n# What it does\n\nstep one"),
        ("main.flow", "# What it does\n", ""),
    )


ONE_BY_ONE = (
    ("main.flow", "Say more.", "Say much more."),
    ("main.flow", "# A flow that", "# Once more\n\n# A flow that"),
    ("main.flow", "\nstep rate", "\n\n# How good it is.\nstep rate"),
    ("main.flow", "step tell\n", "step told\n"),
    ("main.flow", "step tell\n", "step: tell\n"),
    ("main.flow", "input reader: one of investor, lawyer = investor", "input reader: text"),
    ("main.flow", "input reader: one of investor, lawyer = investor", "input reader: optional text"),
    ("main.flow", "input reader:", "input readers:"),
    ("main.flow", "input level: number from 0 to 1 = 0.5", "input level: optional number"),
    ("main.flow", "input note: optional text", "input note: text"),
    ("main.flow", "input note: optional text", "input note: secret text"),
    ("main.flow", "input key: secret text", "input key: text"),
    ("main.flow", "temperature: 0.4\n  fallback", "temperature: {{ level }}\n  fallback"),
    ("main.flow", "temperature: {{ level }}\n\npreset quick", "temperature: 0.5\n\npreset quick"),
    ("main.flow", "fallback: gemini-3-flash", "fallback: quick"),
    ("main.flow", "preset quick", "preset quicker"),
    ("main.flow", "  model: quick\n", "  model: quickly\n"),
    ("main.flow", "  page: optional whole number\n", ""),
    ("main.flow", "supported: yes/no", "supported: text"),
    ("main.flow", 'reason: text "One', 'reason: list of text "One'),
    ("main.flow", 'reason: text "One sentence"', 'reason: text "Two sentences"'),
    ("main.flow", "number from 0.0 to 1\n", "number from 0 to 1\n"),
    ("main.flow", "plain English", "plain German, {{ nobody }}"),
    ("main.flow", "plain English for {{ reader }}", "plain English for {{ note | default reader }}"),
    ("main.flow", "snippet plain:", "snippet plainly:"),
    ("main.flow", 'snippet style: file "style.md"', 'snippet style: file "tell.md"'),
    ("main.flow", 'snippet style: file "style.md"', 'snippet style: "Short."'),
    ("main.flow", "let few = claims | first 3", "let few = claims | first 5"),
    ("main.flow", "let few = claims | first 3", "let few = claims | count"),
    ("main.flow", "let few =", "let c = 1\nlet few ="),
    ("main.flow", "let few =", "let statement = 1\nlet few ="),
    ("main.flow", "let few =", "let d = 1\nlet few ="),
    ("main.flow", "| sort by reason", "| sort by page"),
    ("main.flow", "where supported is no", "where supported is no and reason contains tell"),
    ("main.flow", "takes word: text", "takes words: text"),
    ("main.flow", "takes word: text", "takes word: number"),
    ("main.flow", "words.example", "word.example"),
    ("main.flow", 'about: "Looks', 'about: "He looks'),
    ("main.flow", "  when (doubtful", "  samples: 2\n  when (doubtful"),
    ("main.flow", "  repeat for each d in doubtful", "  repeat for each d in judge"),
    ("main.flow", "uses: lookup", "uses: lookup\n  rounds: 3"),
    ("main.flow", "input draft: text", "input draft: number"),
    ("main.flow", "input draft: text", "input draft: text\ninput more: text"),
    ("main.flow", 'prompt: "Better:', 'returns: list of text\n  prompt: "Better:'),
    ("main.flow", '"{{ plain }} Read', '"{{ better }} {{ plain }} Read'),
    ("main.flow", "run: polish", "run: vote"),
    ("main.flow", "flow polish", "flow polished"),
    ("main.flow", "cost: 3.00", "cost: 0.01"),
    ("main.flow", "limits\n", "limit\n"),
    ("main.flow", 'answer tell: "So', 'answer judge: "So'),
    ("main.flow", '"house.flow" as house', '"house.flow" as home'),
    ("main.flow", '"house.flow" as house', '"hose.flow" as house'),
    ("main.flow", "output ask\n", ""),
    (
        "main.flow",
        'output improve to "brief.md"\noutput ask\noutput votes: shout\noutput minded: mind | default "nothing"\n',
        "",
    ),
    ("main.flow", "after: rate", "after: judge"),
    ("main.flow", "after: rate", "after: ask"),
    ("main.flow", "continues: tell", "continues: judge"),
    ("main.flow", "system: \"{{ plain }}", "system: \"\"\"{{ plain }}"),
    ("main.flow", "flowlang 1\n# A flow", "flowlang 1\n\nstep top\n  prompt: \"{{ tell }}\"\n\n# A flow"),
    ("main.flow", "few = claims | first 3", "few = shout"),
    ("house.flow", "Be calm.", "Be quiet."),
    ("house.flow", "{{ reader }}", "{{ note }}"),
    ("house.flow", "{{ reader }}", "{{ loud }}"),
    ("house.flow", "snippet tone:", "snippet loud: \"!\"\n\nsnippet tone:"),
    ("house.flow", "snippet tone:", "snippet tones:"),
    ("house.flow", "temperature: 0.1", "temperature: {{ level }}"),
    ("house.flow", "temperature: 0.1", "temperature: 7"),
    ("house.flow", "preset calm", "# Calm.\n\npreset calm"),
    ("style.md", "Short", "Long"),
    ("style.md", "{{ reader }}", "{{ note }}"),
    ("style.md", "{{ reader }}", "{{ claim.statement }}"),
    ("tell.md", "reason | bullets", "reason | join \", \""),
    ("tell.md", "take reason", "take supported"),
    ("tell.md", "{{ reader }}", "{{ reader"),
    ("tell.md", "Tell ", "Tell {{ style }} "),
)  # fmt: skip


def test_only_what_an_edit_touches_is_checked_again() -> None:
    editor = Editor(HOUSE, "main.flow")
    texts = texts_of(editor.checked(editor.remembered, editor.memory))
    for before, after, touched in (
        ("Say more.", "Say much more.", {"further"}),
        ("\ninput claims", "\n# What it is about\n\ninput claims", set()),
        ("temperature: 0.4", "temperature: 0.3", set()),
        ("supported: yes/no", "supported: one of yes, no, partly", {"judge", "shout", "tell"}),
        ("first 3", "first 2", set()),
        ('  system: "{{ plain }} {{', '  system: "{{', {"judge"}),
    ):
        editor.files["main.flow"] = editor.files["main.flow"].replace(before, after)
        found = texts_of(editor.checked(editor.remembered, editor.memory))
        assert {name for name, text in found.items() if text is not texts[name]} == touched, after
        texts = found


def texts_of(checked: CheckedFile) -> dict[str, object]:
    """What each prompt says, as it was worked out."""
    assert checked.flow is not None, checked.diagnostics
    return {name: step.messages[-1].text for name, step in checked.flow.steps.items() if step.messages}


def test_what_is_remembered_does_not_grow(tmp_path: Path) -> None:
    flow = tmp_path / "a.flow"
    space, sizes = Workspace(), []
    gc.unfreeze()  # what tests before this one have left, and set apart, is none of its business
    gc.collect()
    for number in range(60):
        name = f"let number_{number} = {number}\n\noutput number_{number}\n\n"
        flow.write_text(name + f'step say\n  prompt: "Say {number}."\n\noutput say\n', encoding="utf-8")
        assert space.check(flow).flow is not None
        assert gc.collect() < 20  # nothing waits for the collector, which is called seldom
        sizes.append(len(gc.get_objects()))
    assert sizes[-1] < sizes[10] + 50 * 40  # trees of lines are dropped when there are many


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, len(FLOWS) + 5))
def test_whatever_is_edited(seed: int, number: int) -> None:
    draw = random.Random(seed)
    files, main = files_of(FLOWS[number]) if number < len(FLOWS) else (HOUSE, "main.flow")
    editor = Editor(files, main)
    editor.assert_same()
    pasts = [dict(editor.files)]
    for _ in range(draw.randint(2, 12)):
        if draw.random() < 0.2:
            editor.files = dict(draw.choice(pasts))  # taken back
        else:
            named = [name for name in editor.files if name in editor.asked_for]
            file = main if draw.random() < 0.75 or not named else draw.choice(named)
            editor.files[file] = edited(editor.files[file], draw)
        pasts.append(dict(editor.files))
        editor.assert_same()
