"""HTTP/1.1 as bytes, apart from any connection: the head of a request, and a response out of bytes in any pieces.

RFC 9112, as strict as is safe and as lenient as servers need. What could be read in two ways (two lengths, a length
beside chunks) is refused: who guesses may take the end of one answer for the beginning of the next.
"""

from collections.abc import Callable, Mapping

from ..pattern import pattern
from .quoting import shown

MOST_HEAD = 64 * 1024  # bytes before the body; also of what stands beside the body in chunks and behind them
MOST_FIELDS = 500  # headers
MOST_LINE = 4 * 1024  # bytes of a line that tells how long a chunk is
MOST_INTERIM = 20  # responses that only say that the response will come
EXCERPT = 40  # characters of a strange answer that are told

_START = b"HTTP/1."
_END = pattern(rb"\n\r?\n")
_STATUS = pattern(r"HTTP/1\.([0-9]) +([1-9][0-9]{2})(?: .*)?")
_NAME = pattern(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_LENGTH = pattern(r"[0-9]{1,18}")
_SIZE = pattern(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_VALUE = pattern(r"[\t\x20-\x7e]*")


_Take = Callable[["ResponseReading", bytes], None]


class NotHttp(Exception):
    """The server breaks the rules of HTTP. `why` begins like a sentence that goes on: "its length is no number"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def request_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request. Raises ValueError, with the header's name alone, for what no header can hold."""
    for name, value in headers.items():
        if _VALUE.fullmatch(value) is None:
            raise ValueError(name)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("ascii")


class ResponseReading:
    """Reads one response. `status` is 0 until its head has come; headers have names in lower case.

    `problem` is why nothing more can be read. `connects`: it answers CONNECT, so that what follows a yes is no body.
    """

    def __init__(self, *, connects: bool = False) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_done = False
        self.problem: NotHttp | None = None
        self.keeps = False  # the connection may be used again once the response is done
        self._connects = connects
        # What takes the next bytes, and the next line between chunks. Bound methods would be circles of references.
        self._take: _Take = ResponseReading._take_head
        self._line: _Take = ResponseReading._size_line
        self._body: list[bytes] = []  # what is given out next
        self._head = bytearray()  # as much of it as has come
        self._blank = 0  # bytes of empty lines before it
        self._interim = 0
        self._ends_with_connection = False
        self._left = 0  # bytes of the body, or of a chunk of it
        self._rest = b""  # of a line whose end has not come
        self._beside = 0  # bytes of extensions and trailers

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body among these."""
        try:
            self._take(self, data)
        except NotHttp as problem:
            self.problem = problem
        body = self._body
        if not body:
            return b""
        self._body = []
        return body[0] if len(body) == 1 else b"".join(body)

    def end(self) -> None:
        """Says that nothing more comes; the response may be done by that."""
        self.is_done = self.is_done or self._ends_with_connection

    def _finish(self, rest: bytes = b"") -> None:
        self.is_done = True
        self._take = ResponseReading._take_excess
        if rest:
            self._take(self, rest)

    def _take_excess(self, data: bytes) -> None:
        """Of whoever sends more than it said nothing more is read."""
        self.keeps = False

    # ── The head ──

    def _take_head(self, data: bytes) -> None:
        head = self._head
        begin = max(0, len(head) - 2)
        head += data
        if head.startswith((b"\r", b"\n")):  # some servers let an empty line slip before it
            begin, blank = 0, len(head) - len(head.lstrip(b"\r\n"))
            self._blank += blank
            del head[:blank]
        if not head.startswith(_START) and not _START.startswith(head):
            raise _no_http(head[:200].decode("latin-1"))
        end = _END.search(head, begin)
        if self._blank + (len(head) if end is None else end.end()) > MOST_HEAD:
            raise NotHttp(f"its headers are longer than {MOST_HEAD // 1024} KB")
        if end is None:
            return
        rest = bytes(head[end.end() :])
        self._head = bytearray()
        self._read_head(head[: end.start()].decode("latin-1"))
        if self.status < 200:
            self._interim += 1
            changes, self.status, self.headers = self.status == 101, 0, {}  # it is not the response
            if changes or self._interim > MOST_INTERIM:
                raise NotHttp("it changes the protocol" if changes else "it is announced, and never comes")
        if rest:
            self._take(self, rest)

    def _read_head(self, text: str) -> None:
        text = text.replace("\r\n", "\n").removesuffix("\r")
        if "\0" in text or "\r" in text:
            raise NotHttp("its headers have a sign in them that no header can have")
        first, *lines = text.split("\n")
        status = _STATUS.fullmatch(first)
        if status is None:
            raise _no_http(first)
        if len(lines) > MOST_FIELDS:
            raise NotHttp(f"it has more than {MOST_FIELDS} headers")
        headers, name = self.headers, ""
        for line in lines:
            if name and line[:1] in (" ", "\t"):  # the old way to go on with the header of the line before
                headers[name] += " " + line.strip(" \t")
                continue
            name, colon, value = line.partition(":")
            if not colon or _NAME.fullmatch(name) is None:
                raise NotHttp(f"one of its headers cannot be read: `{shown(line, EXCERPT)}`")
            name, value = name.lower(), value.strip(" \t")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.status = int(status[2])
        if self.status >= 200:
            self._begin_body(is_old=status[1] == "0")

    def _begin_body(self, is_old: bool) -> None:
        """How the body ends: RFC 9112, section 6.3."""
        headers = self.headers
        options = [one.strip() for one in headers.get("connection", "").lower().split(",")]
        self.keeps = "close" not in options and (not is_old or "keep-alive" in options)
        coding = headers.get("transfer-encoding", "identity").lower()
        length = headers.get("content-length")
        if coding not in ("chunked", "identity"):
            raise NotHttp(f"it is encoded as `{shown(coding, EXCERPT)}`, which was not asked for")
        if length is not None and _LENGTH.fullmatch(length) is None:
            wrong = "told more than once" if "," in length else "no number"
            raise NotHttp(f"its length is {wrong}: `{shown(length, EXCERPT)}`")
        if self.status in (204, 304) or (self._connects and self.status < 300):
            self._finish()
        elif coding == "chunked":
            if length is not None:
                raise NotHttp("it comes in chunks, and has a length as well")
            self.keeps = self.keeps and not is_old
            self._take = ResponseReading._take_chunks
        elif length is not None:
            self._left, self._take = int(length), ResponseReading._take_counted
            if not self._left:
                self._finish()
        else:
            self.keeps, self._ends_with_connection = False, True
            self._take = ResponseReading._take_all

    # ── The body ──

    def _take_all(self, data: bytes) -> None:
        self._body.append(data)

    def _take_counted(self, data: bytes) -> None:
        piece, rest = data[: self._left], data[self._left :]
        self._body.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._finish(rest)

    def _take_chunks(self, data: bytes) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        at = 0
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                self._body.append(piece)
                at += len(piece)
                self._left -= len(piece)
                continue
            end = data.find(b"\n", at)
            line = (data[at:] if end < 0 else data[at:end]).removesuffix(b"\r")
            if len(line) > MOST_LINE or (line and self._line is ResponseReading._end_line):
                raise NotHttp("it comes in chunks, and one of them does not end where it should")
            if end < 0:
                self._rest = data[at:]
                break
            at = end + 1
            self._line(self, line)
            if self._beside > MOST_HEAD:
                raise NotHttp(f"more than {MOST_HEAD // 1024} KB stand beside its body")
            if self.is_done:
                self._finish(data[at:])
                break

    def _size_line(self, line: bytes) -> None:
        size = _SIZE.fullmatch(line)
        if size is None:
            raise NotHttp(f"it comes in chunks, and one has no length: `{shown(line.decode('latin-1'), EXCERPT)}`")
        self._beside += len(line) - len(size[1])
        self._left = int(size[1], 16)
        self._line = ResponseReading._end_line if self._left else ResponseReading._trailer_line

    def _end_line(self, line: bytes) -> None:
        self._line = ResponseReading._size_line

    def _trailer_line(self, line: bytes) -> None:
        self._beside += len(line)
        self.is_done = not line


def _no_http(begins: str) -> NotHttp:
    return NotHttp(f"it is no HTTP, and begins `{shown(begins, EXCERPT)}`")
