"""Text taken out of documents: PDF, DOCX, HTML, Markdown and plain text."""

import html
import logging
import re
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from xml.parsers import expat

from ..language.values import Document
from ..pattern import pattern
from .files import FileMistake, decoded, in_megabytes, is_unmarked_utf_16, read_bytes, without_last_break

MOST_DOCUMENT_BYTES = 50_000_000
MOST_DOCX_TEXT_BYTES = 100_000_000  # of the text part, unpacked

INSTALL_PDF = 'pip install "flowlang-dsl[docs]"'


def read_document(path: Path) -> Document:
    """The document in a file. Raises FileMistake, also for one without any text."""
    return document_of(read_bytes(path, MOST_DOCUMENT_BYTES, "document"), path.name)


def document_of(data: bytes, name: str) -> Document:
    """The document in bytes; its kind is told by what they begin with, and by the name's ending."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if data.startswith(b"%PDF"):
        found = _pdf_pages(data, name)
        text = "\n\n".join(page for page in found if page.strip())
        if not text.strip():
            raise FileMistake(
                f"there is no text in `{name}`: it is probably a scan",
                "run it through text recognition first, or give its pages as images",
            )
        return Document(text, name, found)
    pages: tuple[str, ...] | None = None
    if data.startswith(b"PK\x03\x04"):
        text = _docx_text(data, name)
        pages = tuple(page.strip("\n") for page in text.split("\f"))
    elif data.startswith(b"{\\rtf"):
        raise FileMistake(f"`{name}` is an RTF file", "save it as .docx, PDF or plain text")
    elif data.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileMistake(f"`{name}` is an old Word file", "save it as .docx or PDF")
    elif ending in ("pdf", "docx"):
        if not data:
            raise FileMistake(f"`{name}` is empty")
        raise FileMistake(f"`{name}` is called .{ending}, but what is in it is something else")
    elif ending in ("html", "htm", "xhtml"):
        text = html_text(_decoded_html(data, name))
    elif b"\0" in data[:4096] and data[:2] not in (b"\xff\xfe", b"\xfe\xff") and not is_unmarked_utf_16(data):
        raise FileMistake(
            f"`{name}` is not a document that can be read", "PDF, DOCX, HTML, Markdown and plain text can be read"
        )
    else:
        text = without_last_break(decoded(data, name))
    if not text.strip():
        raise FileMistake(f"there is no text in `{name}`" if data.strip() else f"`{name}` is empty")
    return Document(text, name, tuple(text.split("\f")) if pages is None else pages)


# ── PDF ──


def _pdf_pages(data: bytes, name: str) -> tuple[str, ...]:
    try:
        import pypdf
    except ImportError:
        raise FileMistake(f"reading `{name}` needs the library for PDF files", f"install it: {INSTALL_PDF}") from None
    # What the library has to say of a file is no business of the reader's screen.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)
    try:
        reader = pypdf.PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise FileMistake(f"`{name}` is locked with a password", "save it without one")
        return tuple(page.extract_text() or "" for page in reader.pages)
    except FileMistake:
        raise
    except pypdf.errors.DependencyError:
        raise FileMistake(f"`{name}` is encrypted in a way that cannot be read", "save it without a password") from None
    except Exception:  # a broken file makes the library raise almost anything
        raise FileMistake(f"`{name}` cannot be read as a PDF: it is damaged", "open it and save it again") from None


# ── DOCX ──

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main "
_COMPATIBILITY = "http://schemas.openxmlformats.org/markup-compatibility/2006 "


class _WordText:
    """Collects a Word document's paragraphs while expat reads it; no tree is built."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._in_text = 0
        self._skipping = 0  # inside the older copy of something that is there twice
        self._cells = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == _COMPATIBILITY + "Fallback" or self._skipping:
            self._skipping += 1
        elif tag == _WORD + "t":
            self._in_text += 1
        elif tag == _WORD + "tab":
            self.pieces.append("\t")
        elif tag in (_WORD + "br", _WORD + "cr"):
            self.pieces.append("\f" if attributes.get(_WORD + "type") == "page" else "\n")
        elif tag == _WORD + "numPr":
            self.pieces.append("- ")
        elif tag == _WORD + "tc":
            self._cells += 1

    def end(self, tag: str) -> None:
        if self._skipping:
            self._skipping -= 1
        elif tag == _WORD + "t":
            self._in_text -= 1
        elif tag == _WORD + "p":
            self.pieces.append(" " if self._cells else "\n\n")
        elif tag == _WORD + "tc":
            self._cells -= 1
            self.pieces.append("\t")
        elif tag == _WORD + "tr" or tag == _WORD + "tbl":
            self.pieces.append("\n")

    def data(self, text: str) -> None:
        if self._in_text and not self._skipping:
            self.pieces.append(text)


def _docx_text(data: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive, archive.open("word/document.xml") as part:
            xml = part.read(MOST_DOCX_TEXT_BYTES + 1)
    except KeyError:
        raise FileMistake(f"`{name}` is no Word document", "DOCX, PDF, HTML, Markdown and text can be read") from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise FileMistake(
            f"`{name}` cannot be read as a Word document: it is damaged", "open it and save it again"
        ) from None
    if len(xml) > MOST_DOCX_TEXT_BYTES:
        raise FileMistake(f"`{name}` holds more than {in_megabytes(MOST_DOCX_TEXT_BYTES)} of text")
    collected = _WordText()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = collected.start
    parser.EndElementHandler = collected.end
    parser.CharacterDataHandler = collected.data
    parser.StartDoctypeDeclHandler = _refuse_declarations
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, ValueError):
        raise FileMistake(
            f"`{name}` cannot be read as a Word document: it is damaged", "open it and save it again"
        ) from None
    return _tidied("".join(collected.pieces))


def _refuse_declarations(*_: object) -> None:
    """Word writes no document type; one that is there could only define entities."""
    raise ValueError


# ── HTML ──

_SILENT = frozenset(("script", "style", "head", "title", "template", "noscript", "svg", "select", "iframe", "textarea"))
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt", "figure", "footer"),
        *("form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "nav", "ol", "p", "section", "summary"),
        *("table", "ul", "caption", "figcaption", "fieldset"),
    )
)
_LINES = frozenset(("br", "tr", "li", "option"))
_TAG = pattern(r"</?([A-Za-z][A-Za-z0-9:-]*)")
_BLANKS = pattern(r"[ \t\n\f]+")
_CHARSET = pattern(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_WEB_LATIN = frozenset(("latin-1", "latin1", "iso-8859-1", "us-ascii", "ascii", "windows-1252", "cp1252"))


def html_text(source: str) -> str:
    """The words of an HTML page, a blank line between paragraphs, `- ` before list items, tabs between cells.

    One pass with `find`, so that the time grows with the page and not with its mistakes.
    """
    pieces: list[str] = []
    position, verbatim = 0, 0
    while position < len(source):
        opening = source.find("<", position)
        if opening < 0:
            opening = len(source)
        if opening > position:
            words = html.unescape(source[position:opening])
            pieces.append(words if verbatim else _BLANKS.sub(" ", words))
        if opening == len(source):
            break
        tag = _TAG.match(source, opening)
        if tag is None:
            position = _after_declaration(source, opening, pieces)
            continue
        closing = source.find(">", tag.end())
        if closing < 0:
            break
        position = closing + 1
        name, is_end = tag.group(1).lower(), source[opening + 1] == "/"
        if name in _SILENT:
            if not is_end and source[closing - 1] != "/":
                position = _after_end_of(name, source, position)
        elif name == "pre":
            verbatim = max(0, verbatim + (-1 if is_end else 1))
            pieces.append("\n\n")
        elif name in _BLOCKS:
            pieces.append("\n\n")
        elif name in ("td", "th"):
            pieces.append("\t" if is_end else "")
        elif name == "li":
            pieces.append("" if is_end else "\n- ")
        elif name in _LINES:
            pieces.append("" if is_end and name != "tr" else "\n")
    return _tidied("".join(pieces))


def _after_declaration(source: str, opening: int, pieces: list[str]) -> int:
    """Where the text goes on behind a comment, a declaration, or a `<` that opens nothing."""
    if source.startswith("<!--", opening):
        end = source.find("-->", opening + 4)
        return len(source) if end < 0 else end + 3
    if source.startswith(("<!", "<?"), opening):
        end = source.find(">", opening)
        return len(source) if end < 0 else end + 1
    pieces.append("<")
    return opening + 1


def _after_end_of(name: str, source: str, position: int) -> int:
    """Behind the end of an element whose content is no text of the page."""
    end = re.compile(f"</{name}", re.IGNORECASE).search(source, position)
    if end is None:
        return len(source) if name in ("script", "style", "textarea", "title") else position
    closing = source.find(">", end.end())
    return len(source) if closing < 0 else closing + 1


def _decoded_html(data: bytes, name: str) -> str:
    """HTML may say in itself how it is encoded; only the encodings that the web uses are believed."""
    said = _CHARSET.search(data[:2048])
    if said is not None and said.group(1).decode("ascii").lower() in _WEB_LATIN:
        return data.decode("cp1252", errors="replace")
    return decoded(data, name)


_SPACES_AT_ENDS = pattern(r"[ \t]*\n[ \t]*(?![ \t])")
_MANY_BREAKS = pattern(r"\n{3,}")


def _tidied(text: str) -> str:
    """Lines without blanks at their ends, and no more than one empty line between them."""
    lines = (line.rstrip(" \t") for line in text.split("\n"))
    return _MANY_BREAKS.sub("\n\n", "\n".join(lines)).strip("\n ")
