"""What an address that was given for an input becomes."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from flowlang.language.types import (
    TABLE,
    DocumentType,
    JsonType,
    ListOf,
    MediaType,
    NumberType,
    Optional,
    SecretType,
    TextType,
    Type,
)
from flowlang.language.values import Document, Media, Secret, Value, ValueMistake
from flowlang.run.documents import MOST_DOCUMENT_BYTES
from flowlang.run.fetched import Fetched, FetchFailed, refuse_addresses
from flowlang.run.files import FileMistake
from flowlang.run.fitting import Misfit
from flowlang.run.given import MOST_TEXT_BYTES, GivenValues
from flowlang.run.media import MOST_MEDIA_BYTES
from tests.run.test_inputs import LINE, PNG

PAGE = b"<html><head><title>no</title></head><body><p>Sun in K\xc3\xb6ln</p></body></html>"


def at(data: bytes, media_type: str = "", charset: str = "", name: str = "a") -> Callable[[str, int], Fetched]:
    return lambda address, most_bytes: Fetched(data, media_type, charset, name)


def given(of: Type, fetch: Callable[[str, int], Fetched], text: str = "@https://a.example/a") -> Value:
    return GivenValues(None, fetch).value_of_flags([text], of, Path())


@pytest.mark.parametrize(
    ("fetch", "document"),
    [
        (at(b"Sun.\n", "text/plain", name="a.txt"), Document("Sun.", "a.txt", ("Sun.",))),
        (at(PAGE, "text/html"), Document("Sun in Köln", "a", ("Sun in Köln",))),
        (at(PAGE, name="a.html"), Document("Sun in Köln", "a.html", ("Sun in Köln",))),
        (at(PAGE, "text/html", "utf-8", "a.php"), Document("Sun in Köln", "a.php", ("Sun in Köln",))),
        (at(b"<p>K\xf6ln", "text/html", "iso-8859-1"), Document("Köln", "a", ("Köln",))),
        (at(b"K\xf6ln", "text/plain", "windows-1252"), Document("Köln", "a", ("Köln",))),
        (at("東京".encode("shift_jis"), "text/plain", "shift_jis"), Document("東京", "a", ("東京",))),
    ],
)
def test_a_document_is_told_by_its_bytes_its_media_type_and_its_name(
    fetch: Callable[[str, int], Fetched], document: Document
) -> None:
    assert given(DocumentType(), fetch) == document


@pytest.mark.parametrize(
    ("of", "fetch", "value"),
    [
        (TextType(), at(b"Sun.\n"), "Sun."),
        (Optional(TextType()), at(b"K\xf6ln", charset="iso-8859-1"), "Köln"),
        (NumberType(), at(b" 12.5\n"), Decimal("12.5")),
        (SecretType(), at(b"word\n"), Secret("word")),
        (JsonType(), at(b'{"a": "@/etc/passwd"}'), {"a": "@/etc/passwd"}),
        (ListOf(TextType()), at(b'["a", "@b"]', "application/json"), ("a", "@b")),
        (ListOf(TextType()), at(b'"a"\n"b"\n', name="a.jsonl"), ("a", "b")),
        (ListOf(TextType()), at(b"a\nb\n", "text/plain"), ("a\nb",)),
        (ListOf(DocumentType()), at(b"a", name="a.txt"), (Document("a", "a.txt", ("a",)),)),
        (TABLE, at(b"what,amount\ntea,3\n", "text/csv"), ({"what": "tea", "amount": "3"},)),
        (ListOf(LINE), at(b'[{"what": "tea", "amount": 3}]'), ({"what": "tea", "amount": Decimal(3)},)),
    ],
)
def test_an_address_gives_what_a_file_would(of: Type, fetch: Callable[[str, int], Fetched], value: Value) -> None:
    assert given(of, fetch) == value


def test_an_image_is_told_by_its_bytes_alone() -> None:
    found = given(MediaType("image"), at(PNG, "text/plain", name="photo"))
    assert isinstance(found, Media) and (found.media_type, found.name) == ("image/png", "photo")
    with pytest.raises(FileMistake, match="an image is needed"):
        given(MediaType("image"), at(PAGE, "image/png", name="photo.png"))


@pytest.mark.parametrize(
    ("of", "most"),
    [
        (DocumentType(), MOST_DOCUMENT_BYTES),
        (MediaType("audio"), MOST_MEDIA_BYTES),
        (TextType(), MOST_TEXT_BYTES),
    ],
)
def test_an_address_may_bring_as_much_as_a_file(of: Type, most: int) -> None:
    asked: list[tuple[str, int]] = []

    def fetch(address: str, most_bytes: int) -> Fetched:
        asked.append((address, most_bytes))
        raise FetchFailed("no", "hint", rule="unreachable")

    with pytest.raises(FileMistake) as mistake:
        given(of, fetch)
    assert asked == [("https://a.example/a", most)]
    assert (mistake.value.rule, mistake.value.message, mistake.value.hints) == ("unreachable", "no", ("hint",))


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        ("@https://a.example/x", "not-allowed", "the project does not allow the host `a.example`"),
        ("@HTTPS://A.Example:99/x", "not-allowed", "the host `a.example:99`"),
        ("@http://a.example/x", "not-allowed", "without encryption"),
        ("@http://localhost:1/x", "not-allowed", "the host `localhost:1`"),
        ("@https://user@a.example/x", "bad-file", "before `@`"),
        ("@https://0x7f.1/x", "bad-file", "a number for a host"),
    ],
)
def test_without_hosts_no_address_is_read(text: str, rule: str, words: str) -> None:
    with pytest.raises(FileMistake) as mistake:
        given(DocumentType(), refuse_addresses, text)
    assert mistake.value.rule == rule and words in mistake.value.message


@pytest.mark.parametrize(
    ("fetch", "words"),
    [
        (at(b"a", "text/plain", "zip"), "the charset `zip`, which cannot be read"),
        (at(b"\xff\xff\xff", "text/plain", "euc-kr"), "not the text in euc-kr"),
        (at(b"\xff"), "not UTF-8"),
        (at(PAGE, "text/html", name="report.pdf"), "is called .pdf, but"),
        (at(b"<p> ", "text/html", "utf-8"), "there is no text in `a`"),
        (at(b""), "is empty"),
    ],
)
def test_a_document_that_is_none_is_told(fetch: Callable[[str, int], Fetched], words: str) -> None:
    with pytest.raises(FileMistake) as mistake:
        given(DocumentType(), fetch)
    assert words in mistake.value.message


def test_an_address_without_its_sign_is_told_where_a_document_is_needed() -> None:
    with pytest.raises(Misfit, match="that is an address: write `@https://a"):
        given(DocumentType(), at(b"a"), "https://a.example/a")
    assert given(TextType(), at(b"a"), "https://a.example/a") == "https://a.example/a"
    assert given(TextType(), at(b"a"), "@@https://a.example/a") == "@https://a.example/a"
    assert isinstance(given(DocumentType(), at(b"a"), "https://a.example/a\nis where it was"), Document)


def test_broken_json_is_told() -> None:
    with pytest.raises(ValueMistake):
        given(JsonType(), at(b"{"))
