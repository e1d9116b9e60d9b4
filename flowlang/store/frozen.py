"""The values of a run's inputs as the store keeps them: for the same run again, and for telling what changed."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from ..language.values import EMPTY, Document, Media, Remembered, Secret, Value
from .requests import Texts

ReadText = Callable[[bytes], bytes | None]  # a text or media of the store by its digest; None if it is gone


class Gone(Exception):
    """A value cannot be had back: it is a secret, or what was kept of it is gone."""


def frozen(value: Value, texts: Texts) -> Any:
    """The value as plain JSON; long texts and media are kept beside it. A secret is not kept."""
    match value:
        case bool():
            return value
        case str():
            return texts.text(value)
        case Decimal():
            return {"number": f"{value:f}"}
        case date():
            return {"date": value.isoformat()}
        case Document(text, name, pages):
            told = {"document": texts.text(text), "name": name}
            return {**told, "pages": [texts.text(page) for page in pages]} if pages not in ((), (text,)) else told
        case Media():
            return texts.media(value)
        case Secret():
            return {"secret": True}
        case Remembered(inner, _):
            return frozen(inner, texts)
        case tuple():
            return [frozen(item, texts) for item in value]
        case Mapping():
            return {"record": {name: frozen(item, texts) for name, item in value.items()}}
        case _:
            return None


def thawed(told: Any, read: ReadText) -> Value:
    """The value that was frozen. Raises Gone."""
    match told:
        case None:
            return EMPTY
        case bool() | str():
            return told
        case list():
            return tuple(thawed(item, read) for item in told)
        case {"text": str(digest)}:
            return _bytes(digest, read).decode("utf-8", "surrogatepass")
        case {"number": str(number)}:
            return Decimal(number)
        case {"date": str(day)}:
            return date.fromisoformat(day)
        case {"document": text, "name": str(name)}:
            whole = _text(text, read)
            pages = told.get("pages")
            return Document(whole, name, (whole,) if pages is None else tuple(_text(page, read) for page in pages))
        case {"media": str(digest), "kind": str(kind), "type": str(media_type), "name": str(name)}:
            return Media(kind, media_type, name, digest, _bytes(digest, read))
        case {"record": dict(fields)}:
            return {name: thawed(item, read) for name, item in fields.items()}
        case _:
            raise Gone


def _text(told: Any, read: ReadText) -> str:
    found = thawed(told, read)
    if not isinstance(found, str):
        raise Gone
    return found


def _bytes(digest: str, read: ReadText) -> bytes:
    data = read(bytes.fromhex(digest))
    if data is None:
        raise Gone
    return data
