"""Addresses and proxies: what is asked where, what is none, and no password in any message."""

import pytest

from flowlang.models.errors import ModelError
from flowlang.models.ways import Way, proxy_for, way_to


def test_an_address_with_everything() -> None:
    way = way_to("https://me:secret@API.Example:8443/a b/ä/v1/?x=1&y=ü#part", {})
    assert (way.server.host, way.server.port, way.server.is_secure) == ("api.example", 8443, True)
    assert way.target == "/a%20b/%C3%A4/v1/?x=1&y=%C3%BC"
    assert way.headers == {"Host": "api.example:8443"}
    assert way.proxy is None


@pytest.mark.parametrize(
    ("url", "host", "port", "header"),
    [
        ("http://a.example", "a.example", 80, "a.example"),
        ("http://a.example:80/v1", "a.example", 80, "a.example"),
        ("https://a.example:80/v1", "a.example", 80, "a.example:80"),
        ("https://a_b.example./v1", "a_b.example.", 443, "a_b.example."),
        ("http://[::1]:8080/v1", "::1", 8080, "[::1]:8080"),
        ("http://[FE80::1%25eth0]/v1", "fe80::1%eth0", 80, "[fe80::1]"),
        ("http://127.0.0.1:11434/v1", "127.0.0.1", 11434, "127.0.0.1:11434"),
        ("https://bücher.example/v1", "xn--bcher-kva.example", 443, "xn--bcher-kva.example"),
        ("https://例え.テスト/v1", "xn--r8jz45g.xn--zckzah", 443, "xn--r8jz45g.xn--zckzah"),
    ],
)
def test_hosts_of_all_kinds(url: str, host: str, port: int, header: str) -> None:
    way = way_to(url, {})
    assert (way.server.host, way.server.port, way.headers["Host"]) == (host, port, header)


@pytest.mark.parametrize(
    "url",
    [
        *("", "/v1", "localhost:11434/v1", "ftp://a.example/v1", "http://", "http:///v1", "https://:443/v1"),
        *("http://a.example:0/v1", "http://a.example:70000/v1", "http://a.example:x/v1", "http://[::1/v1"),
        *("http://a..example/v1", f"http://{'a' * 64}.example/v1", "http://a b.example/v1", "http://a\\b/v1"),
        *("http://a.example/v1\r\nX-Evil: 1", "http://a.example\n/v1", "http://a.example/\0", "http://*/v1"),
        *("https://straße.example/v1", "https://a\u200db.example/v1", "http://me:secret@a..b/v1"),
    ],
)
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    with pytest.raises(ModelError) as error:
        way_to(url, {})
    assert error.value.rule == "unreachable" and not error.value.retryable
    assert "is no address that can be asked" in error.value.message and "secret" not in error.value.message


def by_proxy(url: str, proxy: str) -> Way:
    return way_to(url, {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy})


def test_a_proxy_is_asked_for_the_whole_address_and_for_a_secure_one_only_for_its_host() -> None:
    way = by_proxy("http://a.example/v1?x=1", "http://me:p%40ss@proxy.example:3128")
    assert way.proxy is not None and way.proxy.server.authority == "proxy.example:3128"
    assert way.target == "http://a.example/v1?x=1"
    assert way.headers == {"Host": "a.example", "Proxy-Authorization": "Basic bWU6cEBzcw=="}
    way = by_proxy("https://a.example/v1", "http://me:p%40ss@proxy.example:3128")
    assert (way.target, way.headers) == ("/v1", {"Host": "a.example"})
    assert way.proxy is not None and way.proxy.authorization == "Basic bWU6cEBzcw=="
    assert "p@ss" not in repr(way) and "bWU6" not in repr(way)


@pytest.mark.parametrize(
    ("proxy", "authority", "is_secure"),
    [
        ("proxy.example:3128", "proxy.example:3128", False),
        ("http://proxy.example", "proxy.example:80", False),
        ("https://proxy.example/", "proxy.example:443", True),
        ("http://[::1]:3128", "[::1]:3128", False),
    ],
)
def test_the_address_of_a_proxy(proxy: str, authority: str, is_secure: bool) -> None:
    way = by_proxy("https://a.example/v1", proxy)
    assert way.proxy is not None
    assert (way.proxy.server.authority, way.proxy.server.is_secure) == (authority, is_secure)


@pytest.mark.parametrize(
    ("proxy", "why"),
    [
        ("socks5://me:secret@proxy.example:1080", "a `socks5` proxy"),
        ("socks5h://proxy.example:1080", "a `socks5h` proxy"),
        ("ftp://me:secret@proxy.example", "is no address"),
        ("http://me:secret@proxy.example:port", "is no address"),
        ("http://", "is no address"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(proxy: str, why: str) -> None:
    with pytest.raises(ModelError) as error:
        by_proxy("https://a.example/v1", proxy)
    assert why in error.value.message and "a.example" in error.value.message and not error.value.retryable
    assert "secret" not in error.value.message


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://a.example/v1", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.example/v1", {"https_proxy": "http://p:1", "NO_PROXY": "b.example, .example"}, None),
        ("https://a.example/v1", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.example/v1", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ("https://notexample/v1", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example"}, "http://p:1"),
        ("http://localhost:11434/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://127.0.0.1:1/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://a.example/v1", {}, None),
    ],
)
def test_the_proxy_of_the_environment(url: str, environment: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(url, environment) == proxy
