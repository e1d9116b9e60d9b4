"""Inputs that are given as addresses, as a person types them."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

FLOW = 'input mail: document\nstep reply\n  model: m\n  prompt: "Answer: {{ mail }}"\noutput name: mail.name\n'


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        data = b"<p>The export button does nothing."
        self.send_response(200 if self.path == "/mail.html" else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]


@pytest.fixture
def server(folder: Path) -> Iterator[ThreadingHTTPServer]:
    (folder / "mail.flow").write_text(FLOW, encoding="utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as one:
        one.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=one.serve_forever, args=(0.01,))
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def test_an_address_is_read_from_a_host_that_the_project_allows(flowlang, folder, server):
    (folder / "flowlang.toml").write_text('[allow]\nhosts = ["127.0.0.1"]\n', encoding="utf-8")
    address = f"@http://127.0.0.1:{server.server_port}/mail.html"
    for words in (("preview", "mail.flow", "reply"), ("plan", "mail.flow", "--full")):
        code, out, err = flowlang(*words, "--mail", address)
        assert code == 2 and "only `run` reads addresses" in err
    assert server.asked == []
    code, out, err = flowlang("run", "mail.flow", "--offline", "--mail", address)
    assert (code, out) == (0, "mail.html\n"), err
    code, out, err = flowlang("run", "mail.flow", "--offline", "--mail", address + "x")
    assert code == 2 and "answered with status 404" in err


def test_a_host_that_is_not_allowed_is_not_asked(flowlang, folder, server):
    where = f"127.0.0.1:{server.server_port}"
    code, _, err = flowlang("run", "mail.flow", "--offline", "--mail", f"@http://{where}/mail.html")
    assert code == 7 and f"the project does not allow the host `{where}`" in err
    assert f'hosts = ["{where}"]' in err
    assert server.asked == []


def test_a_host_that_does_not_answer_has_an_exit_code_of_its_own(flowlang, folder):
    (folder / "mail.flow").write_text(FLOW, encoding="utf-8")
    (folder / "flowlang.toml").write_text('[allow]\nhosts = ["127.0.0.1"]\n', encoding="utf-8")
    with socket.socket() as silent:  # the port is taken, and nobody listens
        silent.bind(("127.0.0.1", 0))
        address = f"@http://127.0.0.1:{silent.getsockname()[1]}/"
        code, _, err = flowlang("run", "mail.flow", "--offline", "--mail", address)
    assert code == 4 and "nothing listens at" in err


def test_offline_no_other_computer_is_asked(flowlang, folder, server):
    (folder / "flowlang.toml").write_text('[allow]\nhosts = ["weather.invalid"]\n', encoding="utf-8")
    code, _, err = flowlang("run", "mail.flow", "--offline", "--mail", "@https://weather.invalid/mail.html")
    assert code == 7 and "with `--offline` nothing else is read" in err
