"""The way to an address: which server, by which proxy of the environment, and what the request line says there."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import quote, unquote, urlsplit

from ..pattern import pattern
from ..record import record
from .errors import ModelError

_PORTS = {"http": 80, "https": 443}
_HOST = pattern(r"(?=.{1,254}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?|[0-9a-f:.]*:[0-9a-f:.]*(?:%[a-z0-9_.-]+)?")
_KEPT = "!$%&'()*+,/:;=?@[]~"  # of a path and what follows it; whatever else is no letter or digit goes as %XX


@record
class Server:
    """Who is connected to. `host` as it is looked up: in lower case and ASCII, without brackets."""

    host: str
    port: int
    is_secure: bool

    @property
    def authority(self) -> str:
        """The host and the port."""
        return f"{self._in_address}:{self.port}"

    @property
    def shown(self) -> str:
        """The same, without a port that is the usual one."""
        return self._in_address if self.port == _PORTS["https" if self.is_secure else "http"] else self.authority

    @property
    def _in_address(self) -> str:
        return f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host


@record
class Proxy:
    """A server that passes on what it is asked. `authorization` is what it wants to see; it is a secret."""

    server: Server
    authorization: str = field(repr=False)


@record
class Way:
    """How an address is reached. `target` stands in the request line, `headers` are what the way itself needs."""

    server: Server
    proxy: Proxy | None
    target: str
    headers: Mapping[str, str] = field(repr=False)  # one of them may be a secret


def way_to(url: str, environment: Mapping[str, str]) -> Way:
    """The way to an address. Raises ModelError for what is none, and for a proxy that cannot be used."""
    try:
        parts = urlsplit(url if url.isprintable() else "")
        server = _server(parts.scheme, parts.hostname, parts.port)
    except ValueError:
        shown = url.rpartition("@")[2] if "@" in url else url  # what stands before it may be a password
        raise ModelError(f"`{shown}` is no address that can be asked", "unreachable", retryable=False) from None
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_KEPT)
    headers = {"Host": server.shown}
    proxy = _proxy(proxy_for(url, environment), server)
    if proxy is not None and not server.is_secure:
        target = f"http://{server.shown}{target}"
        if proxy.authorization:
            headers["Proxy-Authorization"] = proxy.authorization
    return Way(server, proxy, target, headers)


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for an address; never one for this computer."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if host == "localhost" or host.startswith("127.") or host == "::1":
        return None
    named = {name.lower(): value.strip() for name, value in environment.items() if value.strip()}
    for spared in named.get("no_proxy", "").split(","):
        ending = spared.strip().lower().lstrip("*").lstrip(".")
        if spared.strip() == "*" or (ending and (host == ending or host.endswith(f".{ending}"))):
            return None
    return named.get(f"{parts.scheme}_proxy") or named.get("all_proxy")


def _server(scheme: str, host: str | None, port: int | None) -> Server:
    """Raises ValueError."""
    name = (host or "").replace("%25", "%")
    if not name.isascii():
        # The standard library knows names of 2003: where today's rules lead elsewhere (`ß`), it must not be guessed.
        ascii_name = name.encode("idna").decode("ascii")
        if ascii_name.encode("ascii").decode("idna") != name:
            raise ValueError
        name = ascii_name
    if scheme not in _PORTS or port == 0 or _HOST.fullmatch(name) is None:
        raise ValueError
    return Server(name, port or _PORTS[scheme], scheme == "https")


def _proxy(text: str | None, to: Server) -> Proxy | None:
    if text is None:
        return None
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        if parts.scheme.startswith("socks"):
            why = "only proxies that begin with http:// or https:// are"
            raise _unusable(f"a `{parts.scheme}` proxy", to, why)
        server = _server(parts.scheme, parts.hostname, parts.port)
    except ValueError:
        raise _unusable("the proxy", to, "it is no address, which looks like http://HOST:PORT") from None
    if parts.username is None:
        return Proxy(server, "")
    told = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(server, "Basic " + b64encode(told.encode("utf-8")).decode("ascii"))


def _unusable(what: str, to: Server, why: str) -> ModelError:
    message = f"{what} that the environment names on the way to {to.shown} cannot be used: {why}"
    return ModelError(message, "unreachable", retryable=False)
