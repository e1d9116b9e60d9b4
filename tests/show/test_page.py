"""The page of a run, read back: whole in itself, and whatever a stranger wrote is nothing but text in it."""

import json
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flowlang.show.graph import Node
from flowlang.show.page import POLICY
from flowlang.show.page_graph import Look, graph_svg
from flowlang.show.terminal import visible
from flowlang.workbench.cli import main
from tests.gateway import Gateway, numbered
from tests.workbench.kept import CLAIMS, project, says

HOSTILE = (
    "</pre></details></script><script>alert(1)</script><img src=x onerror=alert(2)>"
    "<a href='https://evil.example'>x</a>\"'><svg onload=alert(3)> javascript:alert(4) "
    "\u202egnol\u202c \x00\x07\x1b]52;c;aGk=\x07 <!-- ]]> &lt; {{ mail }}"
)
MAY_STAND = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "h1", "h2", "h3"),
    *("div", "span", "p", "b", "i", "small", "a", "br", "code", "pre", "details", "summary", "dl", "dt", "dd"),
    *("table", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li", "svg", "g", "rect", "text", "path", "line"),
}
MAY_BE_SAID = {
    *("class", "id", "href", "style", "content", "name", "http-equiv", "charset", "lang", "role", "aria-label"),
    *("viewbox", "width", "height", "x", "y", "x1", "x2", "y1", "y2", "rx", "d", "preserveaspectratio"),
}


class Page(HTMLParser):
    """What a browser would make of the page: its elements, their attributes, its texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}")

    def ids(self) -> list[str]:
        return [found for _, attributes in self.elements if (found := attributes.get("id"))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def page_of(path: Path) -> Page:
    page = Page(path.read_text(encoding="utf-8"))
    # Elements that may stand anywhere are closed in their order, so nothing foreign has broken out of one.
    assert (page.wrong, page.open) == ([], [])
    assert {tag for tag, _ in page.elements} <= MAY_STAND
    assert {name for _, attributes in page.elements for name in attributes} <= MAY_BE_SAID
    for tag, attributes in page.elements:
        assert (attributes.get("href") or "#").startswith("#"), tag
        assert "url(" not in (attributes.get("style") or "")
    links = [(attributes.get("href") or "")[1:] for tag, attributes in page.elements if tag == "a"]
    assert set(links) <= set(page.ids())
    assert len(page.ids()) == len(set(page.ids()))
    return page


def test_what_strangers_wrote_is_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(request: dict) -> str:
        if "List the claims" in str(request["messages"][-1]["content"]):
            return json.dumps({"answer": [HOSTILE, "It is red."]})
        return HOSTILE

    with Gateway(answers, faults=numbered({3: "400-parameter"})) as url:
        project(folder, url, monkeypatch)
        words = ["run", "claims.flow", "--mail", HOSTILE.replace("\x00", ""), "--trust", "--report", "html=run.html"]
        assert main([*words, "--at-once", "1"]) == 1
    page = page_of(folder / "run.html")
    shown = "".join(page.texts)
    text = (folder / "run.html").read_text(encoding="utf-8")
    assert visible(HOSTILE) in shown
    assert "Is it so? " + visible(HOSTILE) in shown
    assert "<script" not in text and "<img" not in text and "evil.example'>" not in text
    assert not set(text) & {"\x00", "\x07", "\x1b", "\u202e", "\u202c"}


def test_it_asks_the_browser_for_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Gateway(says) as url:
        project(folder, url, monkeypatch)
        assert main(["run", "claims.flow", "--mail", "Hm", "--trust", "--report", "html=run.html"]) == 0
    page = page_of(folder / "run.html")
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}) in page.elements
    assert "default-src 'none'" in POLICY and "script" not in POLICY
    style = (folder / "run.html").read_text(encoding="utf-8").partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style and "//" not in style


def test_everything_is_in_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Gateway(says, faults=numbered({3: "400-parameter"})) as url:
        project(folder, url, monkeypatch)
        assert main(["run", "claims.flow", "--mail", "A mail.", "--trust", "--at-once", "1"]) == 1
        assert main(["retry", "--trust", "--report", "html=run.html"]) == 0
    shown = "".join(page_of(folder / "run.html").texts)
    for part in ("claims.flow", "Run 2, again after run 1", "A mail.", "Is it so? It is late.", "Yes.", "All is well."):
        assert part in shown
    assert "from before, of run 1" in shown
    assert CLAIMS.splitlines()[0] in shown
    assert main(["show", "1", "--html", "first.html"]) == 0
    first = "".join(page_of(folder / "first.html").texts)
    assert "What went wrong" in first and "step verdict" in first and "verdict, item 2" in first


def test_a_long_text_stands_in_it_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = "".join(f"Line {number} of a long mail.\n" for number in range(20_000))
    (folder / "mail.txt").write_text(mail, encoding="utf-8")
    flow = CLAIMS.replace("Is it so? {{ claim }}", "{{ mail }} Is it so? {{ claim }}")
    with Gateway(says) as url:
        project(folder, url, monkeypatch, flow)
        assert main(["run", "claims.flow", "--mail", "@mail.txt", "--trust", "--report", "html=run.html"]) == 0
    shown = "".join(page_of(folder / "run.html").texts)
    assert shown.count("Line 12345 of a long mail.") == 1
    assert shown.count(f"[mail, {len(mail) - 1:,} characters]") == 3


def test_what_many_requests_begin_with_stands_in_it_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "word " * 1_000
    flow = CLAIMS.replace("Is it so?", f"{long}Is it so?")
    with Gateway(says) as url:
        project(folder, url, monkeypatch, flow)
        assert main(["run", "claims.flow", "--mail", "Hm", "--trust", "--report", "html=run.html"]) == 0
    shown = "".join(page_of(folder / "run.html").texts)
    assert shown.count(long) == 2  # in the first request, and in the flow
    assert "[the first 5,016 characters are those of the first call]" in shown


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--report", "pdf=a.pdf"), 2, "`--report` cannot be `pdf=a.pdf`"),
        (("--report", "a.html"), 2, "write it like this: --report html=FILE"),
        (("--report", "html=none/a.html"), 2, "there is no folder `none`"),
        (("--report", "html=a.html", "--no-store"), 2, "`--no-store` keeps nothing"),
    ],
)
def test_where_it_cannot_be_written_nothing_runs(
    words: tuple[str, ...], code: int, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.flow").write_text('step a\n  model: m\n  prompt: "Hm"\n', encoding="utf-8")
    assert main(["run", "a.flow", "--offline", *words]) == code
    told = capsys.readouterr()
    assert message in told.err and told.out == ""
    assert not (folder / ".flowlang").exists()


def test_an_image_of_an_input_stands_in_it(folder: Path) -> None:
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100"
        "18dd8db00000000049454e44ae426082"
    )
    (folder / 'a".png').write_bytes(png)
    (folder / "a.flow").write_text(
        'input receipt: image\nstep a\n  model: m\n  prompt: "{{ receipt }} Sum?"\n', encoding="utf-8"
    )
    words = ["run", "a.flow", "--offline", "--receipt", '@a".png', "--report", "html=run.html"]
    assert main(words) == 0
    page = Page((folder / "run.html").read_text(encoding="utf-8"))
    (picture,) = [attributes for tag, attributes in page.elements if tag == "img"]
    assert picture == {"alt": '[image a".png]', "src": f"data:image/png;base64,{b64encode(png).decode()}"}
    assert '[image a".png] Sum?' in "".join(page.texts)


# ── The graph ──


def node(name: str, level: int, *reads: str, kind: str = "prompt") -> Node:
    return Node(name, kind, level, (), reads)


def test_boxes_of_a_column_never_overlap() -> None:
    wide = [node(f"a{place}", 1) for place in range(30)]
    deep = [node(f"b{place}", 2, f"a{(place * 7) % 30}", f"a{(place * 11) % 30}") for place in range(20)]
    last = [node("end", 3, "a3", *(f"b{place}" for place in range(20)))]
    svg = Page(graph_svg([*wide, *deep, *last], {}))
    boxes: dict[str, list[float]] = {}
    for tag, attributes in svg.elements:
        if tag == "rect" and attributes.get("class") == "box":
            boxes.setdefault(str(attributes["x"]), []).append(float(str(attributes["y"])))
    assert sorted(map(len, boxes.values())) == [1, 20, 30]
    for tops in boxes.values():
        assert all(below - above >= 44 for above, below in zip(sorted(tops), sorted(tops)[1:], strict=False))
    assert min(min(tops) for tops in boxes.values()) >= 0


def test_a_long_or_hostile_name_stays_in_its_box() -> None:
    svg = graph_svg([node("x" * 80, 1), node("</text><script>", 2)], {"x" * 80: Look("done", "a note", "s1")})
    page = Page(svg)
    assert (page.wrong, page.open) == ([], [])
    assert {tag for tag, _ in page.elements} <= {"svg", "a", "g", "title", "rect", "text", "path"}
    assert f"{'x' * 20}…" in page.texts


def test_without_steps_there_is_no_picture() -> None:
    assert graph_svg([], {}) == ""
