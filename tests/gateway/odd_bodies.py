"""Bodies of a 200 that are no answer, or hardly one, by name: whole, and as a frame of a stream."""

import json

HTML = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>"

# What stands where the JSON of an answer should.
NO_ANSWER: dict[str, bytes] = {
    "empty": b"",
    "spaces": b"  \n ",
    "bad-json": b'{"choices":[{"message":{"content":"Hel',
    "two-jsons": b'{"choices":[]}{"choices":[]}',
    "list": b"[]",
    "text": b'"hello"',
    "number": b"7",
    "null": b"null",
    "no-choices": b'{"id":"x","object":"chat.completion"}',
    "empty-choices": b'{"choices":[]}',
    "null-choices": b'{"choices":null}',
    "choices-object": b'{"choices":{"message":{"content":"hi"}}}',
    "choices-text": b'{"choices":"hi"}',
    "choices-list": b'{"choices":[["hi"]]}',
    "error": b'{"error":{"message":"The model crashed.","type":"server_error","code":500}}',
    "error-text": b'{"error":"The model crashed."}',
    "error-object": b'{"object":"error","message":"The model crashed.","code":500}',
    "error-number": b'{"error":{"message":"Provider returned error","code":429}}',
    "not-utf8": b'{"choices":[{"message":{"content":"\xff\xfe"}}]}',
}

# What stands where the text should: the JSON of the content alone.
ODD_CONTENT: dict[str, bytes] = {
    "null-content": b"null",
    "content-list": b'[{"type":"text","text":"hi"}]',
    "content-number": b"7",
    "content-object": b'{"text":"hi"}',
    "surrogate": rb'"a\ud800b"',
    "nan": b'"hi","score":NaN',
    "infinity": b'"hi","score":-Infinity',
    "long-number": b'"hi","score":' + b"9" * 5_000,
    "duplicate-keys": b'"first","content":"second"',
    "deep": b'"hi","x":' + b"[" * 100_000 + b"]" * 100_000,
    "deep-objects": b'"hi","x":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "control": rb'"\u0000\u001b]52;c;aGk=\u0007\u009b2J"',
}
BOM = b"\xef\xbb\xbf"


def odd_body(name: str) -> tuple[bytes, str]:
    """The body and its content type."""
    if name == "html":
        return HTML, "text/html; charset=utf-8"
    if name == "bom":
        return BOM + _whole(json.dumps("hi").encode()), "application/json"
    return NO_ANSWER.get(name) or _whole(ODD_CONTENT.get(name, b"")) * (name in ODD_CONTENT), "application/json"


def odd_frames(name: str) -> list[bytes]:
    """A stream with the odd thing as one frame, and a proper end."""
    if name == "html":
        return [HTML]
    mark = BOM if name == "bom" else b""
    frame = NO_ANSWER.get(name, _delta(ODD_CONTENT.get(name, b'"hi"')))
    end = b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
    return [mark + b"data: " + frame + b"\n\n", b"data: " + end + b"\n\n", b"data: [DONE]\n\n"]


ODD = ("html", "bom", *NO_ANSWER, *ODD_CONTENT)


def _whole(content: bytes) -> bytes:
    message = b'{"role":"assistant","content":' + content + b"}"
    return b'{"choices":[{"index":0,"message":' + message + b',"finish_reason":"stop"}]}'


def _delta(content: bytes) -> bytes:
    return b'{"choices":[{"index":0,"delta":{"content":' + content + b'},"finish_reason":null}]}'
