"""Web addresses, read strictly, and the hosts that may be asked. Nothing is looked up here.

Programs disagree about odd addresses (`http://good@evil/`, `http://0x7f.1/`, `http://evil\\@good/`), and whoever can
make two of them disagree gets past a list of allowed hosts. So whatever could be read in two ways is no address.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ..pattern import pattern
from ..record import record

IpAddress = IPv4Address | IPv6Address

MOST_CHARACTERS = 8_000
_PORTS = {"http": 80, "https": 443}
_ADDRESS = pattern(r"(https?)://([^/?]*)(/[^?]*)?(\?.*)?", re.IGNORECASE)
_PORT = pattern(r"(.*):([1-9][0-9]{0,4})")
_LABEL = pattern(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = pattern(r"[0-9]+|0x[0-9a-f]*")
_NEVER = pattern(r'[\x00-\x20\x7f\\"<>`{}]')  # what no address may hold, of the signs of ASCII

# What is not the open internet. The standard library's own `is_global` differs from release to release.
_INNER_IPV4 = tuple(
    IPv4Network(one)
    for one in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # a data centre's own service, though the number looks public
    )
)
_OPEN_IPV6 = IPv6Network("2000::/3")
# Tunnels and translations (2001::/23, 2002::/16: an inner address could be wrapped in them), and examples.
_INNER_IPV6 = tuple(IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")


class BadAddress(ValueError):
    """No address that could be asked: `message` is one sentence, `hints` what to do."""

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints


@record
class Address:
    """One web address. `host` in lower case, without brackets; `target` is the path and what stands behind `?`."""

    scheme: str
    host: str
    port: int
    target: str
    ip: IpAddress | None  # where the host is a number

    def where(self) -> str:
        """The host as it stands in an address, with its port if that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def is_loopback(self) -> bool:
        """Whether this computer itself is meant, by the looks of the address."""
        return self.host == "localhost" or (self.ip is not None and self.ip.is_loopback)


def split_address(text: str) -> Address:
    """The parts of an address. Raises BadAddress for whatever is not plainly one."""
    if len(text) > MOST_CHARACTERS:
        raise BadAddress(f"an address has at most {MOST_CHARACTERS:,} characters, this one has {len(text):,}")
    told = _shortened(text)
    if (odd := _NEVER.search(text)) is not None:
        sign = odd.group()
        hint = "leave it out" if sign == "\\" or not sign.isprintable() else f"write it as `%{ord(sign):02X}`"
        raise BadAddress(f"`{told}` has {_named(sign)} in it, and an address has none", hint)
    if "#" in text:
        raise BadAddress(f"`{told}` has a `#` in it", "leave it out with what follows: a server is never sent it")
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise BadAddress(f"`{told}` is no address that can be read", "an address begins with `https://`")
    scheme, authority = found[1].lower(), found[2]
    if "@" in authority:
        raise BadAddress(
            f"`{told}` has a name before `@`, in front of the host", "leave it out: write `https://HOST/…`"
        )
    if not authority.isascii():
        raise BadAddress(f"the host of `{told}` has letters beyond a to z", "write it in its `xn--…` form")
    target = (found[3] or "/") + (found[4] or "")
    if (beyond := next((sign for sign in target if not sign.isascii()), "")) != "":
        written = "".join(f"%{byte:02X}" for byte in beyond.encode("utf-8", "surrogatepass"))
        raise BadAddress(f"`{told}` has {_named(beyond)} in it, and an address has none", f"write it as `{written}`")
    host, port = authority, _PORTS[scheme]
    if (numbered := _PORT.fullmatch(authority)) is not None:
        host, port = numbered[1], int(numbered[2])
    name, ip = _host(host, told)
    if port > 65_535:
        raise BadAddress(f"`{told}` has the port {port}, and ports end at 65535")
    return Address(scheme, name, port, target, ip)


def host_of(address: str) -> str:
    """The host of an address as `[allow]` lists it, with its port if that is not the usual one. Raises BadAddress."""
    return split_address(address).where()


@record
class Hosts:
    """The hosts that may be asked: `weather.example`, `localhost:8080`, `10.0.0.0/8`, `[::1]`.

    An entry without a port stands for all of them. `offline`: of these, only what is on this computer.
    """

    entries: tuple[str, ...] = ()
    offline: bool = False

    def allows(self, host: str, port: int) -> bool:
        """Whether a host is listed, by its name or number; what the name leads to is `allows_address`."""
        try:
            name, ip = _host(f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host, host)
        except BadAddress:
            return False
        return any(
            one.fits(port) and (one.name == name or (ip is not None and one.holds(ip))) for one in _read(self.entries)
        )

    def allows_address(self, ip: IpAddress, port: int) -> bool:
        """Whether a host that is listed may lead there: anywhere in the open internet, and to what is listed itself."""
        if is_open(ip):
            return True
        plain = _unwrapped(ip)
        return any(
            one.fits(port) and (one.holds(plain) or (one.name == "localhost" and plain.is_loopback))
            for one in _read(self.entries)
        )


def entry_mistake(entry: str) -> str:
    """Why a text cannot be an entry of `[allow] hosts`, in words that go on after it; empty if it can."""
    try:
        _entry(entry)
    except BadAddress as bad:
        return bad.message
    return ""


def is_open(ip: IpAddress) -> bool:
    """Whether an address belongs to the open internet, and to no network of somebody's own."""
    ip = _unwrapped(ip)
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _INNER_IPV4)
    if ip in _NAT64:
        return is_open(IPv4Address(int(ip) & 0xFFFF_FFFF))
    return ip in _OPEN_IPV6 and not any(ip in network for network in _INNER_IPV6)


@record
class _Entry:
    """One entry of the list: a name or a network, and the one port that it is limited to."""

    name: str
    network: IPv4Network | IPv6Network | None
    port: int | None

    def fits(self, port: int) -> bool:
        return self.port is None or self.port == port

    def holds(self, ip: IpAddress) -> bool:
        return self.network is not None and ip.version == self.network.version and ip in self.network


def _read(entries: tuple[str, ...]) -> list[_Entry]:
    """The entries that can be one; the others allow nothing."""
    return [_entry(text) for text in entries if entry_mistake(text) == ""]


def _entry(text: str) -> _Entry:
    if "://" in text:
        raise BadAddress("is an address: only the host is listed, without `https://`")
    if "*" in text:
        raise BadAddress("has a `*`: each host is listed by its own name")
    if "/" in text:
        try:
            return _Entry("", ip_network(text), None)
        except ValueError:
            raise BadAddress("is neither a host nor a network like `10.0.0.0/8`: a host has no `/` behind it") from None
    host, port = text, None
    if text.count(":") > 1 and not text.startswith("["):
        host = f"[{text}]"
    elif (numbered := _PORT.fullmatch(text)) is not None:
        host, port = numbered[1], int(numbered[2])
    try:
        name, ip = _host(host, text)
    except BadAddress:
        raise BadAddress("is no host: write it like `weather.example` or `localhost:8080`") from None
    if ip is None:
        return _Entry(name, None, port)
    return _Entry("", ip_network(ip), port)


def _host(host: str, told: str) -> tuple[str, IpAddress | None]:
    """A host's name in lower case, and its number if it is one."""
    if host.startswith("[") and host.endswith("]"):
        try:
            if "%" in host:
                raise ValueError
            ip = _unwrapped(IPv6Address(host[1:-1]))
        except ValueError:
            raise BadAddress(f"`{told}` has no number of a host between `[` and `]`") from None
        return str(ip), ip
    name = host.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadAddress(f"`{told}` has no host that can be read", "an address looks like `https://HOST/PATH`")
    if _NUMBER.fullmatch(labels[-1]) is None:
        return name, None
    # 2130706433, 0x7f.1 and 0177.0.0.1 are all 127.0.0.1 to some programs, and to others not.
    try:
        return name, IPv4Address(name)
    except ValueError:
        raise BadAddress(f"`{told}` has a number for a host", "write it as four numbers, like `192.0.2.7`") from None


def _unwrapped(ip: IpAddress) -> IpAddress:
    """An IPv4 address that was written as `::ffff:127.0.0.1` as what it is."""
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip


def read_ip(text: str) -> IpAddress | None:
    """The number of a host as a resolver tells it, `fe80::1%eth0` included; None if it is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def _named(sign: str) -> str:
    """A sign that stands in the way, so that it can be found."""
    if sign == " ":
        return "a space"
    return f"`{sign}`" if sign.isprintable() else f"the sign U+{ord(sign):04X}"


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
