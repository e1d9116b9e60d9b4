"""A secret is found by its value, in any spelling, and wherever the text is cut."""

import asyncio
import base64
import html
import itertools
import json
import random
import string
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.checked import CheckedTool
from flowlang.language.values import Secret, Value
from flowlang.models.chat import ChatRequest, Chunk, EmitChunk, Reply, ToolCall
from flowlang.run.secret_signs import may_hold
from flowlang.run.secrets import LONGEST, NONE, Secrets, secrets_of, why_not_hidden
from flowlang.run.shield import hide_from_model, hide_from_tools
from flowlang.run.tools import ToolFailed
from flowlang.show.terminal import visible
from tests.run.scripted import flow_of

_SIGNS = string.ascii_letters + string.digits + string.punctuation
_DRAW = random.Random(3)
CANARIES = [
    "canary-1",
    "p@ss w0rd & more",
    'quo"ted\\back\\\\slash',
    "Schlüssel-für-größe",
    "鍵は秘密です・とても",
    "🔑🔑🔑🔑🔑🔑🔑🔑",
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n0zJ1/+==\n-----END KEY-----",
    "sk-proj-" + "".join(_DRAW.choices(string.ascii_letters + string.digits + "_-", k=156)),
    "jklmno/zoom",  # letters whose codes have a letter in them
    *("".join(_DRAW.choices(_SIGNS, k=_DRAW.randrange(8, 60))) for _ in range(41)),
]

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json, not ASCII": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "json in json": lambda secret: json.dumps(json.dumps(secret)[1:-1])[1:-1],
    "percent": lambda secret: urllib.parse.quote(secret, safe=""),
    "percent, as an address has it": urllib.parse.quote,
    "percent, as a form has it": urllib.parse.quote_plus,
    "percent, all of it": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "percent, all of it, capitals": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
    "json, all of it": lambda secret: "".join(
        f"\\u{unit}" for unit in secret.encode("utf-16-be").hex("-", 2).split("-")
    ),
    "html": html.escape,
    "hex": lambda secret: secret.encode().hex(),
    "hex, capitals, colons": lambda secret: secret.encode().hex(":").upper(),
    "hex, apart": lambda secret: secret.encode().hex(" "),
    "hex, as C has it": lambda secret: "".join(f"\\x{byte:02x}" for byte in secret.encode()),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "base64, wrapped": lambda secret: base64.encodebytes(secret.encode()).decode().rstrip("=\n"),
    "base64, for addresses": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "visible": visible,
    "in one line": lambda secret: " ".join(secret.split()),
}
LONG = "A long text is looked through for signs of a secret before the whole search. " * 2


def test_there_are_fifty_canaries() -> None:
    assert len(set(CANARIES)) == 50


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_found_in_every_spelling(spelling: str) -> None:
    for canary in CANARIES:
        told = f"before {SPELLINGS[spelling](canary)} behind"
        assert secrets_of({"key": canary}).redact(told).startswith("before [secret key]"), canary
        assert len(secrets_of({"key": canary}).redact(told)) <= len("before [secret key]x behind"), canary
        assert secrets_of({"key": canary}).redact(f"{LONG} {told}").startswith(f"{LONG} before [secret key]"), canary


@pytest.mark.parametrize("mark", ["-", "+", "    -", "  | ", "> "])
def test_a_secret_of_several_lines_is_found_in_a_diff_and_in_a_quotation(mark: str) -> None:
    secrets = secrets_of({"key": "-----BEGIN KEY-----\ncanary-4711\n-----END KEY-----\n"})
    told = "".join(f"{mark}{line}\n" for line in ("a", *secrets.values[0].split("\n"), "b"))
    assert "canary" not in secrets.redact(told) and secrets.redact(told).endswith(f"{mark}b\n")


LETTERS = "abcdefxyzABZ019"
ONE_LETTER: list[Callable[[str], str]] = [
    str,
    lambda sign: f"%{ord(sign):02x}",
    lambda sign: f"%{ord(sign):02X}",
    lambda sign: f"\\u{ord(sign):04x}",
    lambda sign: f"\\\\u{ord(sign):04X}",
]
BETWEEN = ["", " ", ":", ",", "\n", "0x", "\\x", ", 0x", "%", "-", "\xa0"]
BREAKS = ["", "\n", "\\n", "\\\\r\\\\n", " ", "\u2028"]


@given(st.text(LETTERS, min_size=4, max_size=12), st.text(min_size=100), st.data())
def test_the_look_ahead_misses_no_spelling_that_the_pattern_finds(
    letters: str, around: str, data: st.DataObject
) -> None:
    """However odd: every letter in a spelling of its own, something else between any two digits."""
    secret = f"{letters}+-/_{letters}"
    secrets = secrets_of({"key": secret})
    assert secrets.pattern is not None
    escaped = "".join(data.draw(st.sampled_from(ONE_LETTER))(sign) if sign.isalnum() else sign for sign in secret)
    digits = [f"{ord(sign):02x}" for sign in secret]
    apart = "".join(
        data.draw(st.sampled_from(BETWEEN)) + data.draw(st.sampled_from([one, one.upper()])) for one in digits
    )
    before = data.draw(st.text(LETTERS, max_size=3))
    encode = data.draw(st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
    wrapped = "".join(
        data.draw(st.sampled_from(BREAKS)) + sign for sign in encode(f"{before}{secret}".encode()).decode()
    )
    for spelling in (escaped, apart, wrapped):
        told = f"{around}{spelling}{around}"
        assert secrets.pattern.search(told) is not None
        assert may_hold(told, secrets.signs)


def test_the_look_ahead_spares_a_long_text_the_search() -> None:
    secrets = secrets_of({"key": "sk-abcdef0123456789"})
    assert secrets.signs and not may_hold("A fee of 5% is due \\u2013 or \\n less. " * 100, secrets.signs)


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_a_secret_is_found_inside_longer_base64(before: str) -> None:
    for canary in CANARIES:
        for encoded in (base64.b64encode, base64.urlsafe_b64encode):
            told = secrets_of({"key": canary}).redact(encoded(f"{before}{canary} and more".encode()).decode())
            assert "[secret key]" in told
            left = told.replace("[secret key]", "")
            assert len(left) <= len(base64.b64encode(f"{before} and more".encode())) + 4


@given(st.text(_SIGNS + " äλ🔑\n", min_size=8, max_size=40), st.text(_SIGNS + " \n"), st.data())
def test_however_a_stream_is_cut_it_shows_what_the_whole_text_would(
    secret: str, text: str, data: st.DataObject
) -> None:
    if why_not_hidden(secret):
        return
    spelling = data.draw(st.sampled_from([*SPELLINGS.values()]))
    place = data.draw(st.integers(0, len(text)))
    whole = f"{text[:place]} {spelling(secret.strip())} {text[place:]}"
    cuts = sorted({0, len(whole), *data.draw(st.lists(st.integers(0, len(whole)), max_size=30))})
    pieces = [whole[a:b] for a, b in itertools.pairwise(cuts)]
    secrets = secrets_of({"key": secret})
    shown, reply = streamed(pieces, secrets)
    assert shown == secrets.redact(whole) == reply.text
    assert secret.strip() not in shown


def streamed(pieces: list[str], secrets: Secrets) -> tuple[str, Reply]:
    """What is shown of a stream, and the reply."""

    async def complete(request: ChatRequest, emit: EmitChunk) -> Reply:
        for piece in pieces:
            emit(Chunk(piece))
        return Reply("".join(pieces), (ToolCall("1", "t", "".join(pieces)),))

    shown: list[str] = []
    reply = asyncio.run(
        hide_from_model(complete, secrets)(ChatRequest("m", ()), lambda chunk: shown.append(chunk.text))
    )
    assert reply.tool_calls[0].arguments == reply.text
    return "".join(shown), reply


def test_a_stream_of_words_is_not_held_back_for_long() -> None:
    secrets = secrets_of({"key": CANARIES[7]})
    text = "The quick brown fox jumps over the lazy hound. " * 20
    assert secrets.unfinished(text) == len(text)
    assert secrets.unfinished(text + "unfin") == len(text)


@pytest.mark.parametrize("size", range(8, 20))
def test_where_a_text_was_cut_half_a_secret_goes_too(size: int) -> None:
    secrets = secrets_of({"key": "abcdefghijklmnopqrstuvwxyz"})
    assert secrets.redact(f"it was {'abcdefghijklmnopqrstuvwxyz'[:size]}…") == "it was …"
    assert secrets.redact(f"…{'abcdefghijklmnopqrstuvwxyz'[-size:]} it was") == "… it was"


@pytest.mark.parametrize("before", range(3))
@pytest.mark.parametrize("size", range(16, 34))
def test_where_another_spelling_was_cut_half_a_secret_goes_too(size: int, before: int) -> None:
    value = "abcdefghijklmnopqrstuvwxyz"
    secrets = secrets_of({"key": value})
    inside = base64.b64encode(b"key"[:before] + value.encode()).decode()
    for spelled in (inside, value.encode().hex()):
        told = secrets.redact(f"it was {spelled[:size]}…")
        assert len(told) <= len("it was …") + 4, told  # what its neighbours decide may stay


def test_one_secret_inside_another() -> None:
    secrets = secrets_of({"short": "password", "long": "password-of-mine"})
    assert secrets.redact("password-of-mine, password") == "[secret long], [secret short]"


def test_what_is_no_secret_stays() -> None:
    text = "".join(map(chr, range(32, 1000))) * 3
    assert secrets_of({key: key for key in CANARIES}).redact(text) == text
    assert NONE.redact("password") == "password" and not NONE
    assert secrets_of({}) is NONE
    assert "password" not in repr(secrets_of({"key": "password"}))


@pytest.mark.parametrize(
    ("value", "reason"),
    [("123", "has fewer than 4"), (" " * 20 + "x", "has fewer than 4"), ("x" * (LONGEST + 1), "has more than")],
)
def test_what_cannot_be_hidden(value: str, reason: str) -> None:
    assert why_not_hidden(value).startswith(reason)
    assert not secrets_of({"key": value})


def test_no_text_makes_the_search_slow() -> None:
    # Each would take hours if the time grew with the square of the size.
    secrets = secrets_of({"key": "\\\\\\ \\a b\\", "other": "AAAAAAAAAAAA", "third": "n n n n n n"})
    for evil in ("\\" * 300_000, " " * 300_000, "QUFB" * 75_000, "%5c" * 100_000, "n \\n" * 75_000, "&#" * 150_000):
        assert secrets.redact(evil + "!").endswith("!")


def test_a_tool_gives_no_secret_back(tmp_path: Path) -> None:
    async def echo(tool: CheckedTool, takes: Mapping[str, Value], own: Mapping[str, Secret]) -> str:
        return f"{takes['say']} {own['token'].value} {base64.b64encode(own['token'].value.encode()).decode()}"

    async def fail(tool: CheckedTool, takes: Mapping[str, Value], own: Mapping[str, Secret]) -> str:
        raise ToolFailed(f"401: {takes['say']}", f"try {own['token'].value}", rule="not-allowed", told=False)

    text = 'tool t\n  about: "x"\n  takes say: text\n  command: "true"\nstep s\n  call: t\n  with say: "x"\n'
    tool = flow_of(text, tmp_path).steps["s"].call
    assert tool is not None
    own, run = {"token": Secret("handed-on-by-a-flow")}, secrets_of({"KEY": "key-of-the-run"})
    takes: dict[str, Value] = {"say": "key-of-the-run"}
    said = asyncio.run(hide_from_tools(echo, run)(tool, takes, own))
    assert said == "[secret KEY] [secret token] [secret token]"
    with pytest.raises(ToolFailed) as failed:
        asyncio.run(hide_from_tools(fail, run)(tool, takes, own))
    assert failed.value.message == "401: [secret KEY]"
    assert failed.value.hints == ("try [secret token]",)
    assert (failed.value.rule, failed.value.told) == ("not-allowed", False)
