"""What a provider answers, from its bytes to a Reply: a stream of events, or one JSON body.

Many servers speak chat completions, each a little differently; this reads what all of them mean.
An answer counts only once its end was told. An error may stand anywhere, also in what came with status 200.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..pattern import pattern
from .calls import CallParts
from .chat import ChatRequest, Chunk, Reply, Usage
from .cost import searches_of, tokens_of_request
from .errors import BrokenOff, CutOff, ModelError, Unreachable
from .quoting import shown
from .refusals import error_in
from .rest import KNOWN, RestParts
from .sse import Frames
from .tokens import estimate_tokens

EXCERPT = 80  # characters of what was no answer

_LONE = pattern("[\ud800-\udfff]")
_DATA = pattern(rb"^(?:\xef\xbb\xbf)?data: ?[{\[]", re.MULTILINE)
_KEPT_ALIVE = frozenset(("ping", "pong", "keepalive", "keep-alive", "heartbeat"))
_ENDS = {
    "stop": "stop", "eos": "stop", "end_turn": "stop", "stop_sequence": "stop", "complete": "stop",
    "length": "length", "max_tokens": "length", "model_length": "length", "max_output_tokens": "length",
    "tool_calls": "tool_calls", "function_call": "tool_calls", "tool_use": "tool_calls",
    "content_filter": "content_filter", "content_filtered": "content_filter", "safety": "content_filter",
    "recitation": "content_filter", "prohibited_content": "content_filter", "blocklist": "content_filter",
    "sensitive": "content_filter",
    "refusal": "refusal",
}  # fmt: skip


class BodyReading:
    """Reads the body of an answer with status 200, in any pieces, whatever form it turns out to have.

    The server's own word for the form is not looked at: streams come as plain text, and JSON as a stream. What is
    `hidden` never stands in an error.
    """

    def __init__(self, request: ChatRequest, hidden: Collection[str] = ()) -> None:
        self._request = request
        self._hidden = hidden
        self._stream = StreamReading(request, hidden)
        self._frames = Frames()
        self._held: list[bytes] = []  # everything, as long as it may be one JSON body
        self._streamed: bool | None = None

    @property
    def done(self) -> bool:
        """The end was told: nothing that still comes is needed."""
        return self._stream.done

    @property
    def finished(self) -> bool:
        """The answer is whole, though the end of the stream was not told."""
        return self._stream.finished

    @property
    def events(self) -> int:
        """How many events there were; what only keeps the connection open is none."""
        return self._stream.events

    def feed(self, data: bytes) -> list[Chunk]:
        """The pieces of the answer in these bytes. Raises ModelError."""
        if self._streamed is None:
            # Blanks before it are not kept: there may be millions, and each piece would be looked through with them.
            start = b"".join((*self._held, data)).removeprefix(b"\xef\xbb\xbf").lstrip()
            self._held = [start] if start else []
            if start:
                self._streamed = start[:1] not in b'{["<'
        elif not self.events:
            self._held.append(data)
        if self._streamed is False:
            return []
        chunks = []
        for frame in self._frames.feed(data):
            chunks += self._stream.take(frame)
        return chunks

    def end(self) -> Reply:
        """The reply, once no more bytes come; it may end with a piece that feed() did not give. Raises ModelError."""
        if self._streamed:
            for frame in self._frames.end():
                self._stream.take_last(frame)
            if self._stream.events or _DATA.search(b"".join(self._held)):
                return self._stream.reply()
        lines = b"".join(self._held).splitlines(keepends=True)
        while lines and (lines[0].startswith(b":") or not lines[0].strip()):
            del lines[0]
        return whole_reply(b"".join(lines), self._request, self._hidden)


class StreamReading:
    """Puts a reply together from the events of a stream, in their order."""

    def __init__(self, request: ChatRequest, hidden: Collection[str] = ()) -> None:
        self.done = False
        self.events = 0
        self._request = request
        self._hidden = hidden
        self._text: list[str] = []
        self._half = ""  # of a character whose other half comes with the next piece
        self._refusal: list[str] = []
        self._thought = 0
        self._calls = CallParts()
        self._rest = RestParts()
        self._finish = ""
        self._usage: Mapping[str, Any] | None = None
        self._model = ""

    @property
    def finished(self) -> bool:
        """The model has said why it stopped."""
        return bool(self._finish)

    def take(self, frame: str) -> list[Chunk]:
        """The pieces of the answer in one event. Raises ModelError for an error that it tells, or what is no event."""
        if self.done:
            return []
        try:
            data = _read(frame)
        except _Unreadable as problem:
            return self._take_odd(frame, problem)
        if not isinstance(data, dict):
            if data is None:
                return []
            raise _no_completion(self._hidden, frame)
        return self.take_data(data)

    def take_last(self, frame: str) -> None:
        """Takes an event whose end did not come; what can't be read of it was cut off, and says nothing."""
        try:
            _read(frame)
        except _Unreadable:
            if not frame.lstrip().startswith("[DONE]"):
                return
        self.take(frame)

    def reply(self) -> Reply:
        """The reply, once nothing more comes. Raises ModelError if it has no end, or nothing in it."""
        text = "".join(self._text)
        if not self._finish and not self.done:
            raise BrokenOff("the answer broke off: the connection ended before the answer did", text)
        calls = self._calls.whole()
        finish = self._ending(text)
        if finish == "stop" and calls:
            finish = "tool_calls"
        if self._refusal:
            finish, text = "refusal", "".join(self._refusal)
        if finish == "tool_calls" and not calls:
            finish = "stop"
        if not text.strip() and not calls and finish in ("stop", "length"):
            raise self._billed(self._empty(finish), text)
        if self._half:
            raise self._billed(_half_character(), text)
        rest = self._rest.whole() if calls else {}
        return Reply(text, calls, finish, self._usage_of(text), self._model, rest=rest)

    def _take_odd(self, frame: str, problem: "_Unreadable") -> list[Chunk]:
        word = frame.strip()
        if word.startswith("[DONE]"):
            self.done = True
            return []
        if word.startswith(":") or word.lower() in _KEPT_ALIVE:
            return []
        if "\n" in frame:  # events that nobody set apart
            return [chunk for line in frame.split("\n") if line.strip() for chunk in self.take(line)]
        raise _no_completion(self._hidden, frame, problem.why)

    def take_data(self, data: Mapping[str, Any]) -> list[Chunk]:
        """The pieces of the answer in one event that was read already. Raises ModelError."""
        error = error_in(data, self._hidden)
        if error is not None:
            raise error
        usage = data.get("usage")
        if isinstance(usage, dict) and usage:
            self._usage = usage
            self.events += not data.get("choices")
        model = data.get("model")
        if not self._model and isinstance(model, str):
            self._model = shown(model, 200)
        choices = data.get("choices")
        if not choices:
            return []
        if not isinstance(choices, list):
            raise _no_completion(self._hidden, json.dumps(data), "its `choices` are no list")
        self.events += 1
        chunks: list[Chunk] = []
        for choice in choices:
            if not isinstance(choice, dict):
                raise _no_completion(self._hidden, json.dumps(data), "one of its `choices` is no record")
            if not choice.get("index"):  # only one answer was asked for
                chunks += self._take_choice(choice)
        return chunks

    def _take_choice(self, choice: Mapping[str, Any]) -> list[Chunk]:
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = choice.get("message")
        chunks = self._take_delta(delta) if isinstance(delta, dict) else []
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish and not self._finish:
            self._finish = finish
        error = choice.get("error")
        if finish == "error" or error:
            told = error_in({"error": error or "the provider gives no reason"}, self._hidden)
            assert told is not None
            raise told
        return chunks

    def _take_delta(self, delta: Mapping[str, Any]) -> list[Chunk]:
        if not delta.keys() <= KNOWN:
            self._rest.take(delta)
        content = delta.get("content")
        if isinstance(content, list):
            content = self._of_parts(content)
        for name in ("reasoning_content", "reasoning"):
            thought = delta.get(name)
            if isinstance(thought, str):
                self._thought += len(thought)
                break
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._refusal.append(refusal)
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            for call in calls:
                if isinstance(call, dict):
                    self._calls.take(call)
        if not isinstance(content, str) or not content:
            return []
        if self._half or not content.isascii():
            content = self._whole_characters(content)
            if not content:
                return []
        self._text.append(content)
        return [Chunk(content)]

    def _of_parts(self, parts: Sequence[object]) -> str:
        texts = []
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
            elif isinstance(part, dict) and isinstance(part.get("text"), str):
                if part.get("type") in (None, "text", "output_text"):
                    texts.append(part["text"])
                else:
                    self._thought += len(part["text"])
            elif isinstance(part, dict) and part.get("type") == "thinking":
                self._thought += 1
        return "".join(texts)

    def _whole_characters(self, text: str) -> str:
        """The text, with halves of characters joined that came in two pieces."""
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if _LONE.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
            if _LONE.search(text):
                raise _half_character()
        return text

    def _ending(self, text: str) -> str:
        if not self._finish:
            return "stop"
        known = _ENDS.get(self._finish.lower())
        if known is None:
            message = f"the answer ended with `{shown(self._finish, 60)}`, so it may not be whole"
            raise self._billed(CutOff(message, text), text)
        return known

    def _billed(self, error: ModelError, text: str) -> ModelError:
        """The error with what the provider asks money for all the same: it did answer."""
        error.reply = Reply(text, (), self._finish, self._usage_of(text), self._model)
        return error

    def _empty(self, finish: str) -> ModelError:
        thought = ": the model thought, and then said nothing" if self._thought else ""
        if finish == "length":
            why = ": the model spent all the tokens it may have on thinking" if self._thought else ""
            return ModelError(f"the answer was cut off before its first word{why}", "cut-off", retryable=False)
        return ModelError(f"the answer is empty{thought}", "bad-answer", retryable=True)

    def _usage_of(self, text: str) -> Usage:
        searches = searches_of(self._request.parameters)
        told = _told_usage(self._usage) if self._usage is not None else None
        if told is not None and (told.tokens_in or told.tokens_out):
            return replace(told, searches=searches)
        said = estimate_tokens(text) + self._thought // 4 + self._calls.tokens()
        return Usage(tokens_of_request(self._request), said, 0, estimated=True, searches=searches)


def whole_reply(data: bytes, request: ChatRequest, hidden: Collection[str] = ()) -> Reply:
    """The reply that a JSON body is. Raises ModelError."""
    text = data.decode("utf-8", "surrogateescape").lstrip("\ufeff \t\r\n")
    if not text:
        raise _no_completion(hidden, text)
    try:
        found = _read(text)
    except _Unreadable as problem:
        raise _no_completion(hidden, text, problem.why) from None
    if not isinstance(found, dict):
        raise _no_completion(hidden, text)
    error = error_in(found, hidden)
    if error is not None:
        raise error
    choices = found.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
        raise _no_completion(hidden, text, "it has no `choices` with a `message`")
    reading = StreamReading(request, hidden)
    reading.take_data(found)
    reading.done = True
    return reading.reply()


# JSON


class _Unreadable(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _read(text: str) -> Any:
    try:
        return _decode(text)
    except json.JSONDecodeError:
        raise _Unreadable("it is broken") from None
    except RecursionError:
        raise _Unreadable("it is nested too deep") from None
    except ValueError:  # a number of more digits than Python reads
        raise _Unreadable("it holds a number that is too long") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        for name, value in pairs:
            if record[name] != value:
                raise _Unreadable(f"`{shown(name, 40)}` stands in it twice, with different values")
    return record


def _nothing(_: str) -> None:
    """NaN and infinity, which are no JSON, and which some servers write into probabilities."""
    return None


_decode: Callable[[str], Any] = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_nothing).decode


def _half_character() -> ModelError:
    return Unreachable("the provider's answer holds half a character, or bytes that are no text")


def _no_completion(hidden: Collection[str], text: str, why: str = "") -> ModelError:
    kind = _kind_of(text)
    said = f", starts `{shown(text[:400], EXCERPT, hidden)}`" if text.strip() else ""
    because = f" ({why})" if why and kind == "JSON" else ""
    return Unreachable(f"the provider answered, but not with a chat completion: {kind}{because}{said}", status=200)


def _kind_of(text: str) -> str:
    start = text.lstrip()[:1]
    if not start:
        return "nothing at all"
    if start == "<":
        return "a web page"
    return "JSON" if start in '{["' else "text"


# Usage


def _told_usage(usage: Mapping[str, Any]) -> Usage | None:
    def count(record: object, *names: str) -> int:
        for name in names:
            found = record.get(name) if isinstance(record, Mapping) else None
            if isinstance(found, int | float) and not isinstance(found, bool) and 0 < found < 1e12:
                return int(found)
        return 0

    taken = count(usage, "prompt_tokens", "input_tokens")
    said = count(usage, "completion_tokens", "output_tokens")
    total = count(usage, "total_tokens")
    details = usage.get("prompt_tokens_details")
    cached = count(details, "cached_tokens") or count(
        usage, "cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens"
    )
    written = count(details, "cache_write_tokens", "cache_creation_tokens") or count(
        usage, "cache_creation_input_tokens"
    )
    # Counted beside the rest, as Claude does.
    if cached + written and (cached + written > taken or total == taken + cached + written + said):
        taken += cached + written
    # Some count thinking beside what was said, so that only the total has all of it. It is billed like an answer, even
    # if one of them says that it asks less: a call is never told too cheap.
    thought = count(usage, "reasoning_tokens")
    if thought > said and not total:
        said += thought
    if not taken:
        taken = max(0, total - said)
    return Usage(taken, max(said, total - taken), cached, tokens_written=written)
