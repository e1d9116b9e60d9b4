"""Images and audio: what they are is told by their first bytes, never by their names."""

import hashlib
import struct

from ..language.values import Media
from .files import FileMistake

MOST_MEDIA_BYTES = 20_000_000
MOST_PIXELS = 50_000_000

READABLE = {"image": "PNG, JPEG, GIF and WebP", "audio": "WAV and MP3"}


def media_of(data: bytes, name: str, kind: str) -> Media:
    """The image or audio in bytes. Raises FileMistake if they are anything else."""
    if not data:
        raise FileMistake(f"`{name}` is empty")
    media_type = _media_type(data)
    if media_type is None or not media_type.startswith(kind):
        what = f"`{name}` is {_in_words(media_type)}" if media_type else f"`{name}` is no {kind} that can be read"
        raise FileMistake(
            f"{what}, {'an image' if kind == 'image' else 'audio'} is needed", f"{READABLE[kind]} can be read"
        )
    if kind == "image":
        size = _image_size(data, media_type)
        if size is not None and size[0] * size[1] > MOST_PIXELS:
            raise FileMistake(
                f"`{name}` has {size[0]} by {size[1]} points, an image may have {MOST_PIXELS // 1_000_000} million",
                "make it smaller",
            )
    return Media(kind, media_type, name, hashlib.sha256(data).hexdigest(), data)


def _media_type(data: bytes) -> str | None:
    """The media type that the first bytes show."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "audio/wav"
    if data.startswith(b"ID3") or (
        len(data) > 2 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2 and data[1] & 0x18 != 8
    ):
        return "audio/mpeg"
    return None


def _in_words(media_type: str) -> str:
    return "audio" if media_type.startswith("audio") else "an image"


def _image_size(data: bytes, media_type: str) -> tuple[int, int] | None:
    """Width and height as the file's head tells them, without decoding; None if it does not."""
    try:
        match media_type:
            case "image/png":
                return struct.unpack(">II", data[16:24])
            case "image/gif":
                return struct.unpack("<HH", data[6:10])
            case "image/webp":
                return _webp_size(data)
            case _:
                return _jpeg_size(data)
    except (struct.error, IndexError):
        return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    match data[12:16]:
        case b"VP8X":
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = struct.unpack("<HH", data[26:30])
            return width & 0x3FFF, height & 0x3FFF
        case _:
            return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        else:
            position += 2 + struct.unpack(">H", data[position + 2 : position + 4])[0]
    return None
