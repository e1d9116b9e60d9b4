"""Secrets, found by value: in whatever spelling they turn up, they are replaced by `[secret NAME]`.

A secret is looked for as it stands, with any of its characters escaped (as JSON, addresses and HTML do, and as
`visible` does), in hexadecimal, and in Base64 at each of its three alignments, also inside a longer text. What nobody
can undo by looking (encryption, compression, the letters in another order) is not found.

A run without secrets pays nothing: there is no pattern, and every function hands back what it was given.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache

from ..pattern import pattern
from ..record import record
from .secret_signs import Signs, may_hold, signs_of

SHORTEST = 4  # characters; what is shorter would be found in the middle of other words
LONGEST = 10_000  # characters; building the pattern takes a third of a millisecond for each
_LONG = 100  # characters of a text from where on a look ahead saves time
_CUT = 8  # characters of a secret's beginning or end, beside the `…` of a text that was cut

# The last character that no spelling of a secret has: a space, or what is not ASCII. Base64 is often wrapped, and
# hexadecimal set apart, so a space behind a long run of signs or behind two digits is none.
_BETWEEN_WORDS = pattern(r"(?<![A-Za-z0-9+/_=:\\-]{40})(?<![0-9A-Fa-f]{2})(?<![0-9A-Fa-f]{2}[,:])[^\x21-\x7e]")
_NAMED_IN_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}


@record
class Secrets:
    """What may be shown to nobody, by value. `names`: what stands for the group of the pattern that was found.

    `signs` are of every one of them, or of none where one has too few to go by.
    """

    pattern: re.Pattern[str] | None = field(default=None, repr=False)
    names: Mapping[str, str] = field(default_factory=dict)
    values: tuple[str, ...] = field(default=(), repr=False)
    signs: tuple[Signs, ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return self.pattern is not None

    def redact(self, text: str) -> str:
        """The text with every secret replaced by its name."""
        if self.pattern is None:
            return text
        if not self.signs or len(text) < _LONG or may_hold(text, self.signs):
            text = self.pattern.sub(lambda found: f"[secret {self.names[found.lastgroup or '']}]", text)
        return self._without_cut_ones(text) if "…" in text else text

    def _without_cut_ones(self, text: str) -> str:
        """Where a text was cut, and says so by `…`, half a secret may be left: it goes, too."""
        for value in (form for one in self.values for form in _forms_to_cut(one)):
            parts = text.split("…")
            for place in range(len(parts)):
                if place < len(parts) - 1 and (size := _end_that_begins(parts[place], value)):
                    parts[place] = parts[place][:-size]
                if place > 0 and (size := _end_that_begins(parts[place][::-1], value[::-1])):
                    parts[place] = parts[place][size:]
            text = "…".join(parts)
        return text

    def unfinished(self, text: str) -> int:
        """From where on a text that still grows must be held back, since a secret may have begun there."""
        if self.pattern is None:
            return len(text)
        start = max(0, len(text) - max(_longest(value) for value in self.values))
        if all(value.isascii() and value.isprintable() and " " not in value for value in self.values):
            for found in _BETWEEN_WORDS.finditer(text, start):
                start = found.end()
        for found in self.pattern.finditer(text):
            if found.start() < start < found.end():
                return found.start()
        return start


NONE = Secrets()


def secrets_of(named: Mapping[str, str]) -> Secrets:
    """The secrets of these values, each by its name; those that cannot be hidden are left out."""
    return _compiled(tuple((name, value.strip()) for name, value in named.items() if not why_not_hidden(value)))


def joined(secrets: Secrets, more: Mapping[str, str]) -> Secrets:
    """The secrets, and those of further values."""
    new = tuple((name, one.strip()) for name, one in more.items() if not why_not_hidden(one))
    if all(value in secrets.values for _, value in new):
        return secrets
    return _compiled((*zip(secrets.names.values(), secrets.values, strict=True), *new))


def why_not_hidden(value: str) -> str:
    """Why a secret cannot be known by its value; empty if it can."""
    size = len(value.strip())
    if size < SHORTEST:
        return f"has fewer than {SHORTEST} characters, too few to be kept out of what is shown"
    return f"has more than {LONGEST:,} characters" if size > LONGEST else ""


@lru_cache(maxsize=64)
def _compiled(named: tuple[tuple[str, str], ...]) -> Secrets:
    if not named:
        return NONE
    # One that has another in it is looked for first.
    ordered = sorted(dict((value, name) for name, value in named).items(), key=lambda one: -len(one[0]))
    groups = [f"(?P<s{place}>{_spellings(value)})" for place, (value, _) in enumerate(ordered)]
    names = {f"s{place}": name for place, (_, name) in enumerate(ordered)}
    values = tuple(value for value, _ in ordered)
    signs = [signs_of(value, _base64_of(value.encode("utf-8", "surrogatepass"))) for value in values]
    known = tuple(one for one in signs if one is not None)
    return Secrets(re.compile("|".join(groups)), names, values, known if len(known) == len(values) else ())


# ── How a secret may be spelled ──


def _spellings(value: str) -> str:
    """A pattern for every spelling of a secret."""
    data = value.encode("utf-8", "surrogatepass")
    return "|".join([_escaped(value), _in_hexadecimal(data), *_in_base64(data)])


def _escaped(value: str) -> str:
    """As it stands, or with any of its characters escaped; spaces and line breaks may have become others."""
    return "".join(_of_run(run) for run in re.findall(r"\s+|\\+|.", value, re.DOTALL))


def _of_run(run: str) -> str:
    if run.isspace():
        # Before a further line there may be the mark of a diff, a quotation or a margin.
        mark = r"|(?<=\s)[->|]" if "\n" in run else ""
        return r"(?:\s|\+|%20|%0[9AaDd]|\\{1,8}[nrt]|\\{1,8}(?:x|u00)(?:20|0[9AaDd])|&#(?:9|10|13|32);" + mark + ")+"
    if run.startswith("\\"):
        return rf"(?:\\{{{len(run)},{8 * len(run)}}}|(?:%5[Cc]|\\{{1,8}}u005[Cc]){{{len(run)}}})"
    code, any_case = ord(run), _any_case
    units = run.encode("utf-16-be", "surrogatepass").hex()
    forms = ["".join(f"%{any_case(f'{byte:02x}')}" for byte in run.encode("utf-8", "surrogatepass"))]
    forms.append("".join(rf"\\{{1,8}}u{any_case(units[at : at + 4])}" for at in range(0, len(units), 4)))
    if not run.isalnum() or code > 0x7E:
        forms += [rf"\\{{1,8}}{re.escape(run)}", f"&#{code};", f"&#[xX]0{{0,4}}{any_case(f'{code:x}')};"]
        forms += [rf"\\{{1,8}}x{any_case(f'{code:02x}')}"] if code < 0x100 else []
        forms += [_NAMED_IN_HTML[run]] if run in _NAMED_IN_HTML else []
    return f"(?:{'|'.join([*forms, re.escape(run)])})"


def _in_hexadecimal(data: bytes) -> str:
    """Its bytes as two digits each, also `0x73, 0x65`, `73:65`, `\\x73\\x65`."""
    sign = r"(?:\\{1,8}x|0x|[%-])?"
    return sign + rf"[,:]?\s?{sign}".join(_any_case(f"{byte:02x}") for byte in data)


@lru_cache(maxsize=64)
def _forms_to_cut(value: str) -> tuple[str, ...]:
    """How a secret may have stood in a text before that was cut."""
    data = value.encode("utf-8", "surrogatepass")
    encoded = _base64_of(data)
    for_addresses = [one.replace("+", "-").replace("/", "_") for one in encoded]
    return tuple(dict.fromkeys((value, data.hex(), data.hex().upper(), *encoded, *for_addresses)))


def _base64_of(data: bytes) -> list[str]:
    """Base64 for each place where the bytes may begin in a longer text, without what the neighbours decide."""
    letters = [b64encode(bytes(before) + data).decode() for before in range(3)]
    return [one[-(-before * 8 // 6) : (before + len(data)) * 8 // 6] for before, one in enumerate(letters)]


def _in_base64(data: bytes) -> list[str]:
    """Both alphabets of Base64, for each place where the bytes may begin in a longer text; lines may be broken."""
    found = []
    for whole in _base64_of(data):
        signs = ("[+-]" if sign == "+" else "[/_]" if sign == "/" else sign for sign in whole)
        # The sign that ends it may have a part of what stands behind.
        found.append(r"(?:\s|\\{1,8}[rn])*".join(signs) + "[A-Za-z0-9+/_-]?={0,2}")
    return found


def _any_case(digits: str) -> str:
    return "".join(f"[{sign}{sign.upper()}]" if sign.isalpha() else sign for sign in digits)


def _longest(value: str) -> int:
    """How long a spelling of the secret may be; a bound, no exact number."""
    return 8 * len(value.encode("utf-8", "surrogatepass"))


def _end_that_begins(text: str, value: str) -> int:
    """How many characters at the end of a text are the beginning of a value; 0 if they are too few to tell."""
    for size in range(min(len(text), len(value)), _CUT - 1, -1):
        if text.endswith(value[:size]):
            return size
    return 0
