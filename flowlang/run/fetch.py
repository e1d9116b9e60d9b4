"""Reads a web address: the only place where a tool or an input reaches out.

A name is looked up once, every number that it leads to is judged, and the connection goes to that very number: a name
that leads elsewhere a moment later leads nowhere. For the same reason proxies are not used, not even those of the
environment: behind one, nobody could tell where a name leads. Redirects are not followed, and certificates are checked
against the name, always.
"""

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import TypeVar
from urllib.parse import unquote, urljoin

import httpx2

from .. import __version__
from ..language.address import Address, BadAddress, Hosts, read_ip, split_address
from ..language.tool_texts import OWN_HEADERS
from ..pattern import pattern
from .fetched import Fetched as Fetched
from .fetched import FetchFailed as FetchFailed
from .fetched import not_allowed
from .files import in_megabytes

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]  # a host's name and port, the numbers that it leads to

IDLE_S = 20.0  # without a single byte
CONNECT_S = 5.0  # for each number that a name leads to; IPv6 that leads nowhere must not take all the time
MOST_NUMBERS = 4  # of one name that are tried
INPUT_S = 120.0  # for an input, all in all

_HEADER_NAME = pattern(r"[A-Za-z0-9!#$%&'*+.^_|~-]+")
_HEADER_VALUE = pattern(r"[\t\x20-\x7e]*")
_E = TypeVar("_E", bound=Exception)
_TOLD_BYTES = 4_000  # of an answer that is an error
_GZIP = ("gzip", "x-gzip")


async def look_up(host: str, port: int) -> Sequence[str]:
    """The numbers that the system's resolver gives for a name. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


async def fetch(
    address: str,
    hosts: Hosts,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout_s: float,
    most_bytes: int,
    resolve: Resolve = look_up,
) -> Fetched:
    """What stands at an address. `timeout_s` is for all of it, `most_bytes` counts what is unpacked.

    Raises FetchFailed: `not-allowed` before anything is sent, `unreachable` where no whole answer came, `tool-failed`
    for an answer that says no, `bad-file` for one that cannot be used and for an address that is none.
    """
    try:
        parts = split_address(address)
    except BadAddress as bad:
        raise FetchFailed(bad.message, *bad.hints, rule="bad-file") from None
    given = dict(headers or {})
    for name, value in given.items():
        if why := header_mistake(name, value):
            raise FetchFailed(why, rule="tool-failed")
    if not hosts.allows(parts.host, parts.port):
        raise not_allowed(parts.where())
    if hosts.offline and not parts.is_loopback():
        raise _not_offline(parts)
    try:
        async with asyncio.timeout(timeout_s):
            numbers = await _numbers(parts, hosts, resolve)
            return await _ask(parts, numbers, method, given, body, most_bytes)
    except TimeoutError:
        message = f"`{parts.where()}` was not done after {timeout_s:g} seconds"
        raise FetchFailed(message, "try again later, or read something smaller", rule="unreachable") from None


def fetch_input(address: str, hosts: Hosts, most_bytes: int) -> Fetched:
    """The same for an input, before the run: no loop of events is running yet."""
    return asyncio.run(fetch(address, hosts, timeout_s=INPUT_S, most_bytes=most_bytes))


def header_mistake(name: str, value: str = "") -> str:
    """Why a header cannot be sent, never with its value, which may be a secret; empty if it can."""
    if _HEADER_NAME.fullmatch(name) is None:
        return f"`{_one_line(name, 40)}` cannot be the name of a header"
    if name.lower() in OWN_HEADERS:
        return f"the header `{name}` belongs to the connection, and is set there"
    if _HEADER_VALUE.fullmatch(value) is None:
        return f"the header `{name}` has a line break or another sign in it that a header cannot have"
    return ""


async def _numbers(parts: Address, hosts: Hosts, resolve: Resolve) -> list[str]:
    """The numbers that the host leads to, each of them one where it may lead."""
    where = parts.where()
    if parts.ip is not None:
        found: Sequence[str] = (parts.host,)
    else:
        try:
            found = await resolve(parts.host, parts.port)
        except (OSError, UnicodeError) as problem:
            if isinstance(problem, socket.gaierror) and problem.errno == socket.EAI_AGAIN:
                message = f"the host `{where}` could not be looked up"
                raise FetchFailed(message, "is this computer connected to the network?", rule="unreachable") from None
            message = f"there is no host `{where}`, or it could not be found"
            raise FetchFailed(message, "look at its spelling, and at the network", rule="unreachable") from None
    for number in found:
        ip = read_ip(number)
        if ip is None or not hosts.allows_address(ip, parts.port):
            message = f"`{where}` leads to {_one_line(number, 60)}, which is not in the open internet"
            hint = f'if that is meant, allow the number, too: hosts = ["{parts.host}", "{number}"]'
            raise FetchFailed(message, *((hint,) if ip is not None else ()), rule="not-allowed")
        if hosts.offline and not ip.is_loopback:
            raise _not_offline(parts)
    if not found:
        raise FetchFailed(f"the host `{where}` has no number to connect to", rule="unreachable")
    return list(found[:MOST_NUMBERS])


async def _ask(
    parts: Address, numbers: list[str], method: str, headers: Mapping[str, str], body: bytes | None, most_bytes: int
) -> Fetched:
    sent = {"User-Agent": f"flowlang/{__version__}", "Accept": "*/*"}
    sent = {name: value for name, value in sent.items() if name.lower() not in {one.lower() for one in headers}}
    sent |= {name: value.strip(" \t") for name, value in headers.items()}
    sent |= {"Host": parts.where(), "Accept-Encoding": "identity", "Connection": "close"}
    # Straight to the transport: a client would bring cookies, redirects and settings of the environment along.
    async with httpx2.AsyncHTTPTransport(verify=_trust()) as transport:
        try:
            response = await _first_answer(transport, parts, numbers, method, sent, body)
        except (httpx2.TransportError, OSError) as problem:
            if isinstance(problem, TimeoutError):
                raise
            raise _failure(parts, problem) from None
        try:
            return await _read(parts, response, most_bytes)
        except httpx2.TimeoutException:
            message = f"`{parts.where()}` stopped in the middle of its answer"
            raise FetchFailed(message, "try again later", rule="unreachable") from None
        except (httpx2.TransportError, OSError) as problem:
            if isinstance(problem, TimeoutError):
                raise
            message = f"the answer of `{parts.where()}` broke off before its end"
            raise FetchFailed(message, "try again later", rule="unreachable") from None
        finally:
            await response.aclose()


async def _first_answer(
    transport: httpx2.AsyncHTTPTransport,
    parts: Address,
    numbers: list[str],
    method: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> httpx2.Response:
    """The answer of the first number that can be connected to. Nothing is sent before that, so it is sent once."""
    for number in numbers:
        url = httpx2.URL(scheme=parts.scheme, host=number, port=parts.port, raw_path=parts.target.encode("ascii"))
        extensions = {
            "sni_hostname": parts.host,
            "timeout": {"connect": CONNECT_S, "read": IDLE_S, "write": IDLE_S, "pool": None},
        }
        request = httpx2.Request(method, url, headers=dict(headers), content=body, extensions=extensions)
        try:
            return await transport.handle_async_request(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as problem:
            if number == numbers[-1] or _cause(problem, ssl.SSLError) is not None:
                raise
    raise AssertionError("a host without numbers was refused before")


async def _read(parts: Address, response: httpx2.Response, most_bytes: int) -> Fetched:
    """The whole answer, if it is a good one and not too long."""
    where, status = parts.where(), response.status_code
    if 300 <= status < 400:
        place = urljoin(f"{parts.scheme}://{where}{parts.target}", response.headers.get("Location", ""))
        message = f"`{where}` says that this is elsewhere, at `{_one_line(place, 200)}` (status {status})"
        raise FetchFailed(message, "addresses are not followed: write that one, if it is meant", rule="tool-failed")
    media_type, charset = _content_type(response.headers.get("Content-Type", ""))
    packing = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in ("", "identity", *_GZIP):
        message = f"`{where}` sent its answer packed as `{_one_line(packing, 40)}`, which cannot be unpacked"
        raise FetchFailed(message, rule="bad-file")
    gzip = zlib.decompressobj(31) if packing in _GZIP else None
    good = status < 400
    most = most_bytes if good else _TOLD_BYTES
    told_length = response.headers.get("Content-Length", "")
    if good and told_length.isascii() and told_length.isdigit() and int(told_length[:20]) > most:
        raise _too_long(where, most)
    data = bytearray()
    async for piece in response.aiter_raw():
        try:
            data += gzip.decompress(piece, most + 1 - len(data)) if gzip is not None else piece
        except zlib.error:
            raise FetchFailed(f"the answer of `{where}` is packed, and damaged", rule="bad-file") from None
        if len(data) > most:
            if not good:
                break
            raise _too_long(where, most)
    if not good:
        words = _one_line(bytes(data[:most]).decode("utf-8", "replace"), 200)
        raise FetchFailed(
            f"`{where}` answered with status {status}" + (f": {words}" if words else ""), rule="tool-failed"
        )
    if gzip is not None and data and not gzip.eof:
        raise FetchFailed(f"the answer of `{where}` broke off before its end", "try again later", rule="unreachable")
    return Fetched(bytes(data), media_type, charset, _name(parts))


@cache
def _trust() -> ssl.SSLContext:
    """Whom this computer trusts; reading that takes 20 ms, so it is read once."""
    return httpx2.create_ssl_context()


_WORDS_OF_CERTIFICATES = {
    10: "it has expired",
    18: "nobody but itself has signed it",
    19: "it was signed by somebody whom this computer does not know",
    20: "it was signed by somebody whom this computer does not know",
    62: "it was made out to another name",
    64: "it was made out to another number",
}


def _failure(parts: Address, problem: Exception) -> FetchFailed:
    """Why no answer came, in plain words. What the libraries say is not shown: it may hold what was sent."""
    where = parts.where()
    untrusted = _cause(problem, ssl.SSLCertVerificationError)
    if untrusted is not None:
        why = _WORDS_OF_CERTIFICATES.get(untrusted.verify_code, untrusted.verify_message.lower())
        return FetchFailed(f"the certificate of `{where}` cannot be trusted: {why}", rule="unreachable")
    if _cause(problem, ssl.SSLError) is not None:
        hint = ("perhaps it takes `http://` only",) if parts.is_loopback() else ()
        return FetchFailed(f"no encrypted connection to `{where}` could be made", *hint, rule="unreachable")
    if _cause(problem, ConnectionRefusedError) is not None:
        return FetchFailed(f"nothing listens at `{where}`: the connection was refused", rule="unreachable")
    if isinstance(problem, httpx2.ConnectTimeout | httpx2.ConnectError):
        system = _cause(problem, OSError)
        why = (system.strerror or "").lower() if system is not None and system.errno is not None else ""
        return FetchFailed(
            f"no connection to `{where}` could be made" + (f": {why}" if why else ""), rule="unreachable"
        )
    if isinstance(problem, httpx2.TimeoutException):
        return FetchFailed(f"`{where}` did not answer for {IDLE_S:g} seconds", "try again later", rule="unreachable")
    return FetchFailed(f"`{where}` gave no answer that can be read", rule="unreachable")


def _cause(problem: BaseException | None, kind: type[_E]) -> _E | None:
    """The innermost error of a kind behind an error."""
    found: _E | None = None
    while problem is not None:
        if isinstance(problem, kind):
            found = problem
        problem = problem.__cause__ or problem.__context__
    return found


def _not_offline(parts: Address) -> FetchFailed:
    message = f"`{parts.where()}` is not on this computer, and with `--offline` nothing else is read"
    return FetchFailed(message, "save the file, and give its name", rule="not-allowed")


def _too_long(where: str, most_bytes: int) -> FetchFailed:
    message = f"the answer of `{where}` has more than {in_megabytes(most_bytes)}"
    return FetchFailed(message, "read something smaller", rule="bad-file")


def _content_type(header: str) -> tuple[str, str]:
    """Media type and charset of a `Content-Type`, in lower case, empty where they are not told."""
    kind, *parameters = header.lower().split(";")
    said = (one.strip().partition("=") for one in parameters)
    charset = next((value.strip(" \t\"'") for name, _, value in said if name.strip() == "charset"), "")
    return kind.strip(), _one_line(charset, 40)


def _name(parts: Address) -> str:
    """The last part of the path; the host, where there is none."""
    last = unquote(parts.target.partition("?")[0].rstrip("/").rpartition("/")[2], errors="replace")
    last = re.split(r"[/\\]", last)[-1]
    safe = "".join(sign for sign in last if sign.isprintable()).strip(" .")
    return safe[-120:] or parts.host


def _one_line(text: str, most: int) -> str:
    """Foreign words, short and on one line; what could steer a terminal is spelled out."""
    line = " ".join(text.split())
    line = line if len(line) <= most else line[: most - 1] + "…"
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in line)
