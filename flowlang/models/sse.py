"""Server-sent events, from bytes as they come: what stands behind `data:`, event by event."""


class Frames:
    """Takes bytes in any pieces and gives the data of each event that is complete.

    Comments, names of events, ids and empty events are dropped. However the bytes are cut, the same events come out.
    Bytes that are no UTF-8 become lone surrogates, so that whoever uses the text can tell.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []  # the pieces of a line whose end has not come
        self._data: list[bytes] = []  # the data lines of an event whose end has not come
        self._after_cr = False
        self._begun = False

    def feed(self, data: bytes) -> list[str]:
        """The events that these bytes complete."""
        if self._after_cr and data:
            # A line feed behind a carriage return is the other half of the same line break.
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data:
            return []
        if b"\n" not in data and b"\r" not in data:
            self._line.append(data)
            return []
        self._after_cr = data.endswith(b"\r")
        self._line.append(data)
        lines = b"".join(self._line).splitlines()
        self._line = [] if data.endswith((b"\n", b"\r")) else [lines.pop()]
        return self._events(lines)

    def end(self) -> list[str]:
        """What is left when no more bytes come: a last event whose empty line is missing."""
        lines = [b"".join(self._line), b""]
        self._line = []
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[str]:
        found: list[str] = []
        if not self._begun and lines:
            self._begun = True
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b" ", 5) else line[5:])
            elif not line and self._data:
                text = b"\n".join(self._data).decode("utf-8", "surrogateescape")
                self._data = []
                if text and not text.isspace():
                    found.append(text)
        return found
