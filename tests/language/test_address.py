"""What is an address, whose it is, and which hosts may be asked. No form of a host gets past the list."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.language.address import Address, BadAddress, Hosts, entry_mistake, host_of, is_open, split_address


@pytest.mark.parametrize(
    ("text", "where", "port", "target"),
    [
        ("https://weather.example", "weather.example", 443, "/"),
        ("https://weather.example/", "weather.example", 443, "/"),
        ("HTTPS://Weather.Example/A/b", "weather.example", 443, "/A/b"),
        ("https://weather.example./x", "weather.example", 443, "/x"),
        ("https://weather.example?q=1", "weather.example", 443, "/?q=1"),
        ("https://weather.example/a?b=/c?d@e:f", "weather.example", 443, "/a?b=/c?d@e:f"),
        ("https://weather.example/a@b", "weather.example", 443, "/a@b"),
        ("https://weather.example:443/", "weather.example", 443, "/"),
        ("https://weather.example:8443/", "weather.example:8443", 8443, "/"),
        ("http://weather.example/", "weather.example", 80, "/"),
        ("http://localhost:8080/x", "localhost:8080", 8080, "/x"),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080", 8080, "/"),
        ("http://127.0.0.1./", "127.0.0.1", 80, "/"),
        ("http://[::1]:8080/", "[::1]:8080", 8080, "/"),
        ("http://[::1]/", "[::1]", 80, "/"),
        ("https://[2001:DB8:0:0::1]/", "[2001:db8::1]", 443, "/"),
        ("http://[::ffff:127.0.0.1]/", "127.0.0.1", 80, "/"),
        ("http://[::ffff:7f00:1]/", "127.0.0.1", 80, "/"),
        ("https://xn--gre-6ka8l.example/", "xn--gre-6ka8l.example", 443, "/"),
        ("https://my_service/x", "my_service", 443, "/x"),
        ("https://4chan.example/", "4chan.example", 443, "/"),
        ("https://a.example/%20%C3%B6", "a.example", 443, "/%20%C3%B6"),
    ],
)
def test_an_address_is_split_into_its_parts(text: str, where: str, port: int, target: str) -> None:
    parts = split_address(text)
    assert (parts.where(), parts.port, parts.target) == (where, port, target)
    assert host_of(text) == where


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no address"),
        ("weather.example", "is no address"),
        ("//weather.example/", "is no address"),
        ("https:weather.example", "is no address"),
        ("https:/weather.example", "is no address"),
        ("https:///weather.example/", "has no host"),
        ("https://", "has no host"),
        ("https:///", "has no host"),
        ("https://?q", "has no host"),
        ("ftp://weather.example/", "is no address"),
        ("file:///etc/passwd", "is no address"),
        ("gopher://weather.example/", "is no address"),
        ("javascript:alert(1)", "is no address"),
        (" https://weather.example/", "has a space in it"),
        ("https://weather.example/a b", "has a space in it"),
        ("https://weather.example/\n", "the sign U+000A"),
        ("https://weather.example/\r\nHost: evil", "the sign U+000D"),
        ("https://weather.example/\0", "the sign U+0000"),
        ("https://weather.example/\x7f", "the sign U+007F"),
        ("https://wea\tther.example/", "the sign U+0009"),
        ("https://weather.example\\@evil.example/", "`\\` in it"),
        ("https:\\\\weather.example/", "`\\` in it"),
        ("https://weather.example/#top", "`#` in it"),
        ("https://weather.example#@evil.example/", "`#` in it"),
        ("https://weather.example@evil.example/", "before `@`"),
        ("https://user:word@evil.example/", "before `@`"),
        ("https://@evil.example/", "before `@`"),
        ("https://weather.example%40evil.example/", "has no host"),
        ("https://weather%2eexample/", "has no host"),
        ("https://größe.example/", "letters beyond a to z"),
        ("https://weather。example/", "letters beyond a to z"),
        ("https://①②⑦.0.0.1/", "letters beyond a to z"),
        ("https://weather.example/größe", "has `ö` in it"),
        ("https://weather.example:/", "has no host"),
        ("https://weather.example:0/", "has no host"),
        ("https://weather.example:080/", "has no host"),
        ("https://weather.example:99999/", "the port 99999"),
        ("https://weather.example:1234567/", "has no host"),
        ("https://weather.example:80:90/", "has no host"),
        ("https://weather.example:+80/", "has no host"),
        ("https://weather..example/", "has no host"),
        ("https://.example/", "has no host"),
        ("https://weather.example../", "has no host"),
        ("https://-weather.example/", "has no host"),
        ("https://" + "a" * 64 + ".example/", "has no host"),
        ("https://" + "a." * 130 + "example/", "has no host"),
        ("http://2130706433/", "a number for a host"),
        ("http://0x7f000001/", "a number for a host"),
        ("http://0X7F.1/", "a number for a host"),
        ("http://0x7f.0.0.1/", "a number for a host"),
        ("http://127.1/", "a number for a host"),
        ("http://127.0.1/", "a number for a host"),
        ("http://0177.0.0.1/", "a number for a host"),
        ("http://127.0.0.01/", "a number for a host"),
        ("http://127.0.0.256/", "a number for a host"),
        ("http://1.2.3.4.5/", "a number for a host"),
        ("http://weather.example.0x1/", "a number for a host"),
        ("http://0/", "a number for a host"),
        ("http://[::1/", "has no host"),
        ("http://[::1]x/", "has no host"),
        ("http://[127.0.0.1]/", "between `[` and `]`"),
        ("http://[fe80::1%25eth0]/", "between `[` and `]`"),
        ("http://[fe80::1%eth0]/", "between `[` and `]`"),
        ("http://[]/", "between `[` and `]`"),
        ("http://::1/", "has no host"),
        ("https://a.example/" + "x" * 9_000, "at most 8,000 characters"),
    ],
)
def test_whatever_could_be_read_in_two_ways_is_no_address(text: str, words: str) -> None:
    with pytest.raises(BadAddress) as bad:
        split_address(text)
    assert words in bad.value.message


_PIECES = st.sampled_from(
    ["http", "s", "://", "/", "\\", "@", ":", ".", "?", "#", "[", "]", "%", "80", "0x7f", "a", "ö"]
)


@given(st.lists(_PIECES, max_size=12).map("".join))
def test_what_is_an_address_is_the_same_one_to_the_standard_library(text: str) -> None:
    try:
        parts = split_address(text)
    except BadAddress:
        return
    other = urlsplit(text)
    assert (other.scheme, other.port or {"http": 80, "https": 443}[parts.scheme]) == (parts.scheme, parts.port)
    assert (other.hostname or "").removesuffix(".") == parts.host and other.username is None


@pytest.mark.parametrize(
    ("entry", "text", "allowed"),
    [
        ("weather.example", "https://weather.example/", True),
        ("weather.example", "https://WEATHER.example.:8080/", True),
        ("Weather.Example.", "https://weather.example/", True),
        ("weather.example", "https://evil.weather.example/", False),
        ("weather.example", "https://weather.example.evil/", False),
        ("weather.example", "https://xweather.example/", False),
        ("localhost:8080", "http://localhost:8080/", True),
        ("localhost:8080", "http://localhost:8081/", False),
        ("localhost:80", "http://localhost/", True),
        ("localhost", "http://127.0.0.1/", False),
        ("127.0.0.1", "http://localhost/", False),
        ("127.0.0.1", "http://127.0.0.1:9/", True),
        ("127.0.0.1", "http://[::ffff:7f00:1]/", True),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("10.0.0.0/8", "http://intranet.example/", False),
        ("[::1]", "http://[::1]:8080/", True),
        ("::1", "http://[0:0::1]/", True),
        ("[::1]:80", "http://[::1]/", True),
        ("[::1]:80", "http://[::1]:81/", False),
        ("fd00::/8", "http://[fd12::1]/", True),
        ("fd00::/8", "http://10.0.0.1/", False),
        ("https://weather.example", "https://weather.example/", False),
        ("*", "https://weather.example/", False),
        ("*.example", "https://weather.example/", False),
        ("", "https://weather.example/", False),
    ],
)
def test_an_entry_allows_its_host_and_no_other(entry: str, text: str, allowed: bool) -> None:
    parts: Address = split_address(text)
    assert Hosts(("other.example", entry)).allows(parts.host, parts.port) is allowed


_INNER = """
0.0.0.0 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192
192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16
:: ::1 ::7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1
2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe:: 3fff::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 5f00::1
"""
_OPEN = """
8.8.8.8 172.32.0.1 100.128.0.1 192.0.1.1 ::ffff:8.8.8.8
64:ff9b::808:808 2606:4700::1111 2a00:1450::1 2001:4860::8888
"""


@pytest.mark.parametrize("number", _INNER.split())
def test_an_inner_number_is_not_reached_unless_it_is_listed(number: str) -> None:
    ip = ip_address(number)
    assert not is_open(ip)
    assert not Hosts(("weather.example", "9.9.9.9")).allows_address(ip, 443)


@pytest.mark.parametrize("number", _OPEN.split())
def test_the_open_internet_is_reached(number: str) -> None:
    assert Hosts().allows_address(ip_address(number), 443)


@pytest.mark.parametrize(
    ("entry", "number", "port", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1", 80, True),
        ("127.0.0.1", "127.0.0.2", 80, False),
        ("localhost", "127.0.0.2", 80, True),
        ("localhost", "::1", 80, True),
        ("localhost", "10.0.0.1", 80, False),
        ("localhost:8080", "127.0.0.1", 8080, True),
        ("localhost:8080", "127.0.0.1", 22, False),
        ("10.0.0.0/8", "10.9.9.9", 80, True),
        ("10.0.0.0/8", "::ffff:10.9.9.9", 80, True),
        ("10.0.0.0/8", "192.168.0.1", 80, False),
    ],
)
def test_a_listed_number_or_network_is_reached(entry: str, number: str, port: int, allowed: bool) -> None:
    assert Hosts(("weather.example", entry)).allows_address(ip_address(number), port) is allowed


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("weather.example", ""),
        ("[::1]:8080", ""),
        ("fd00::/8", ""),
        ("https://weather.example", "only the host is listed"),
        ("*.example", "has a `*`"),
        ("weather.example/v1", "neither a host nor a network"),
        ("10.0.0.1/8", "neither a host nor a network"),
        ("größe.example", "is no host"),
        ("127.1", "is no host"),
        ("a b", "is no host"),
        ("", "is no host"),
    ],
)
def test_an_entry_that_could_allow_nothing_is_told(entry: str, words: str) -> None:
    assert words in entry_mistake(entry)
    assert bool(words) == bool(entry_mistake(entry))
