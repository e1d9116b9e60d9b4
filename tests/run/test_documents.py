"""Text taken out of documents, and what is said of those that have none."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.run.documents import document_of, html_text, read_document
from flowlang.run.files import FileMistake

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx(body: str, part: str = "word/document.xml", head: str = "") -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(part, f'<?xml version="1.0"?>{head}<w:document {WORD}><w:body>{body}</w:body></w:document>')
    return file.getvalue()


def pdf(*pages: str) -> bytes:
    """A PDF of a page per text, written by hand."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for page in pages:
        stream = f"BT /F1 12 Tf 72 720 Td ({page}) Tj ET" if page else ""
        kids.append(len(objects) + 1)
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> "
            f"/Contents {len(objects) + 2} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] /Count {len(kids)} >>"
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()


def test_markdown_is_taken_as_it_is_without_its_last_line_break() -> None:
    found = document_of(b"\xef\xbb\xbf# Title\r\n\r\nText.\r\n", "a.md")
    assert (found.text, found.name, found.pages) == ("# Title\n\nText.", "a.md", ("# Title\n\nText.",))


def test_html_gives_its_paragraphs() -> None:
    source = (
        "<!DOCTYPE html><html><head><title>No</title><style>p{}</style></head><body><h1>A &amp; B</h1>"
        "<p>One\n two<br>three</p><!-- <p>not this</p> --><ul><li>x</li><li>y</li></ul>"
        "<table><tr><td>1</td><td>2</td></tr></table><script>if (a < b) {}</script>5 < 6 &lt;tag&gt;</body></html>"
    )
    assert html_text(source) == "A & B\n\nOne two\nthree\n\n- x\n- y\n\n1\t2\n\n5 < 6 <tag>"


@pytest.mark.parametrize("junk", ["<a ", "<!--", "<!", "</", "<script>", "<p", "&#", "<a href='"])
def test_html_with_many_mistakes_is_read_in_one_pass(junk: str) -> None:
    assert isinstance(html_text(junk * 50_000), str)


@given(st.text(alphabet="<>/!-ab &;\"'\n=", max_size=200))
def test_html_of_any_kind_gives_text(source: str) -> None:
    assert html_text(source) == html_text(source).strip("\n ")


def test_pages_of_word_begin_with_their_first_line() -> None:
    page = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
    turn = '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'
    assert document_of(docx(page.format("one") + turn + page.format("two")), "a.docx").pages == ("one", "two")


def test_rtf_is_refused_by_its_name() -> None:
    with pytest.raises(FileMistake, match=r"`a.rtf` is an RTF file") as refused:
        document_of(b"{\\rtf1 hello}", "a.rtf")
    assert refused.value.hints == ("save it as .docx, PDF or plain text",)


def test_word_gives_its_paragraphs_tables_and_lists() -> None:
    body = (
        "<w:p><w:r><w:t>First </w:t></w:r><w:r><w:t>line</w:t></w:r></w:p>"
        "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>point</w:t><w:tab/><w:t>two</w:t></w:r></w:p>"
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc>"
        "<w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
        "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    )
    assert document_of(docx(body), "a.docx").text == "First line\n\n- point\ttwo\n\na \tb"


def test_word_with_entities_of_its_own_is_refused() -> None:
    bomb = docx("<w:p><w:r><w:t>&a;</w:t></w:r></w:p>", head='<!DOCTYPE x [<!ENTITY a "aaaa">]>')
    with pytest.raises(FileMistake, match="damaged"):
        document_of(bomb, "a.docx")


def test_a_pdf_has_pages() -> None:
    found = document_of(pdf("Revenue rose", "Risks"), "report.pdf")
    assert found.pages == ("Revenue rose", "Risks")
    assert found.text == "Revenue rose\n\nRisks"


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "a.md", "`a.md` is empty"),
        (b" \n ", "a.md", "`a.md` is empty"),
        (b"<p> </p>", "a.html", "no text in `a.html`"),
        (b"", "a.pdf", "`a.pdf` is empty"),
        (b"hello", "a.pdf", "is called .pdf"),
        (b"%PDF-1.4 nonsense", "a.pdf", "damaged"),
        (pdf(""), "scan.pdf", "probably a scan"),
        (b"PK\x03\x04 nonsense", "a.docx", "damaged"),
        (docx("", part="xl/workbook.xml"), "a.xlsx", "no Word document"),
        (b"\xd0\xcf\x11\xe0rest", "a.doc", "old Word file"),
        (b"\x00\x01\x02", "a.bin", "not a document"),
        (b"abc \xff def", "a.txt", "byte 5"),
    ],
)
def test_what_is_no_document_is_told(data: bytes, name: str, words: str) -> None:
    with pytest.raises(FileMistake, match=words):
        document_of(data, name)


def test_a_document_of_more_than_50_mb_is_refused_unread(tmp_path: Path) -> None:
    big = tmp_path / "big.txt"
    with big.open("wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(FileMistake, match="larger than 50 MB, the most that a document may have"):
        read_document(big)
