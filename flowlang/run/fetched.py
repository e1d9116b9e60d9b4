"""What was read from a web address, and what that is as the value of an input. How it is read stands in fetch.py."""

from collections.abc import Callable

from ..language.address import Address, BadAddress, split_address
from ..language.values import Document
from ..record import record
from .documents import document_of, html_text
from .files import FileMistake


@record
class Fetched:
    """`media_type` in lower case, without what follows `;`; `name` the last part of the path, fit to be shown."""

    data: bytes
    media_type: str  # "" if none was told
    charset: str  # "" if none was told
    name: str


class FetchFailed(Exception):
    """An address that gave nothing: `message` is one sentence, `hints` what to do, the fix first."""

    def __init__(self, message: str, *hints: str, rule: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        self.rule = rule  # "not-allowed", "unreachable", "bad-file" or "tool-failed"


Fetch = Callable[[str, int], Fetched]  # an address, and the most bytes it may bring; raises FetchFailed

_HTML = ("text/html", "application/xhtml+xml")
# The charsets that the web uses and that Python calls by the same names. Others are codecs for other ends.
_CHARSETS = frozenset(
    (
        *("utf-8", "utf8", "us-ascii", "utf-16", "utf-16le", "utf-16be", "iso-8859-1", "iso-8859-2", "iso-8859-5"),
        *("iso-8859-7", "iso-8859-9", "iso-8859-15", "windows-1250", "windows-1251", "windows-1252", "windows-1253"),
        *("windows-1254", "windows-1255", "windows-1256", "koi8-r", "koi8-u", "shift_jis", "euc-jp", "iso-2022-jp"),
        *("euc-kr", "gbk", "gb2312", "gb18030", "big5"),
    )
)


def not_allowed(where: str) -> FetchFailed:
    """The refusal of a host that is not listed, with the line that would list it."""
    return FetchFailed(
        f"the project does not allow the host `{where}`",
        f'to allow it, write in flowlang.toml, below [allow]: hosts = ["{where}"]',
        f"for one run: --allow host={where}",
        rule="not-allowed",
    )


def refuse_addresses(address: str, most_bytes: int) -> Fetched:
    """Stands in where no host is allowed."""
    raise not_allowed(_split(address).where())


def read_address(address: str, fetch: Fetch, most_bytes: int) -> Fetched:
    """What an address that was given for an input holds. Raises FileMistake."""
    try:
        parts = _split(address)
        if parts.scheme == "http" and not parts.is_loopback():
            message = f"`{parts.where()}` would be read without encryption, and anybody on the way could change it"
            raise FetchFailed(message, "write `https://` in front of it", rule="not-allowed")
        return fetch(address, most_bytes)
    except FetchFailed as failed:
        rule = "bad-file" if failed.rule == "tool-failed" else failed.rule
        raise FileMistake(failed.message, *failed.hints, rule=rule) from None


def document_at(found: Fetched) -> Document:
    """The document at an address: told by its first bytes, then its media type, then its name. Raises FileMistake."""
    ending = found.name.rpartition(".")[2].lower() if "." in found.name else ""
    is_file = found.data.startswith((b"%PDF", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")) or ending in ("pdf", "docx")
    if is_file or (found.media_type not in _HTML and ending not in ("html", "htm", "xhtml")):
        return document_of(found.data if is_file else as_utf8(found), found.name)
    if not found.charset:  # what the page says of itself counts then
        named = found.name if ending in ("html", "htm", "xhtml") else f"{found.name}.html"
        return replace_name(document_of(found.data, named), found.name)
    text = html_text(as_utf8(found).decode("utf-8"))
    if not text.strip():
        raise FileMistake(f"there is no text in `{found.name}`")
    return Document(text, found.name, tuple(text.split("\f")))


def as_utf8(found: Fetched) -> bytes:
    """The bytes of a text, brought to UTF-8 if they came in another charset. Raises FileMistake."""
    if found.charset in ("", "utf-8", "utf8"):
        return found.data
    if found.charset not in _CHARSETS:
        message = f"`{found.name}` comes in the charset `{found.charset}`, which cannot be read"
        raise FileMistake(message, "save it as UTF-8, and give the file")
    try:
        # What is called Latin-1 on the web is Windows' own variant of it, as in browsers.
        charset = "windows-1252" if found.charset in ("iso-8859-1", "us-ascii") else found.charset
        return found.data.decode(charset, "replace" if charset == "windows-1252" else "strict").encode("utf-8")
    except UnicodeError:
        message = f"`{found.name}` is not the text in {found.charset} that it is sent as"
        raise FileMistake(message, "save it as UTF-8, and give the file") from None


def is_json(found: Fetched) -> bool:
    """Whether a whole list can stand in it, as in a `.json` file."""
    return found.media_type == "application/json" or found.name.lower().endswith(".json")


def is_json_lines(found: Fetched) -> bool:
    kinds = ("application/jsonl", "application/x-ndjson", "application/x-jsonlines")
    return found.media_type in kinds or found.name.lower().endswith((".jsonl", ".ndjson"))


def replace_name(document: Document, name: str) -> Document:
    return Document(document.text, name, document.pages)


def _split(address: str) -> Address:
    try:
        return split_address(address)
    except BadAddress as bad:
        raise FetchFailed(bad.message, *bad.hints, rule="bad-file") from None
