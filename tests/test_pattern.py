"""A pattern that is compiled when it is first used does what a compiled one does."""

import re

from flowlang.pattern import pattern


def test_it_finds_what_a_compiled_pattern_finds() -> None:
    late, compiled = pattern(r"(\w)(\d+)", re.IGNORECASE), re.compile(r"(\w)(\d+)", re.IGNORECASE)
    text = "a1, B22; c3"
    assert [one.groups() for one in late.finditer(text)] == [one.groups() for one in compiled.finditer(text)]
    assert late.sub(r"\2", text) == compiled.sub(r"\2", text)
    assert late.split(text) == compiled.split(text)
    assert late.findall(text) == compiled.findall(text)
    assert late.match(text, 4) is not None and late.fullmatch("a1") is not None and late.search("-") is None
    assert late.pattern == compiled.pattern and late.flags == compiled.flags and late.groups == 2


def test_it_finds_in_bytes_too() -> None:
    assert pattern(rb"\d").findall(b"a1b2") == [b"1", b"2"]
