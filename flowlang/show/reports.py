"""Reports for programs: JSON, GitHub's annotations, SARIF. The shapes are stable; columns count code points from 1."""

import json
import os
import posixpath
from collections.abc import Iterable, Sequence
from typing import Literal, TypedDict

from ..diagnostics.diagnostic import Diagnostic
from ..diagnostics.rules import RULES
from .terminal import visible

MOST_ANNOTATIONS = 10  # GitHub shows no more of one step

# What may stand in a path of an address as it is (RFC 3986), without the colon that would make it a scheme.
_PLAIN_IN_URI = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/!$&'()*+,;=@")


class Reported(TypedDict):
    """One report in the JSON that `check` writes. The end is one past the last character."""

    rule: str
    severity: Literal["error", "warning"]
    message: str
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    hints: list[str]


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON list with an object per report, in plain ASCII."""
    return json.dumps([reported(one) for one in diagnostics], indent=2)


def as_github(diagnostics: Sequence[Diagnostic], folder: str = "", shows_all: str = "`flowlang check`") -> str:
    """A workflow command per report, errors first; where there are too many, the last one counts the rest.

    `folder` is where the command runs, from the repository's top on: annotations are placed from there.
    """
    ordered = sorted(diagnostics, key=lambda one: one.severity != "error")
    shown, rest = ordered, ordered[:0]
    if len(ordered) > MOST_ANNOTATIONS:
        shown, rest = ordered[: MOST_ANNOTATIONS - 1], ordered[MOST_ANNOTATIONS - 1 :]
    lines = [_annotation(_from_top(reported(one), folder)) for one in shown]
    if rest:
        lines.append(f"::{rest[0].severity}::and {len(rest)} more; {shows_all} shows them all")
    return "\n".join(lines)


def as_sarif(diagnostics: Sequence[Diagnostic], version: str, folder: str = "") -> str:
    """A SARIF 2.1.0 log with one run; `version` is that of the program, `folder` as in as_github()."""
    found = {one.rule for one in diagnostics}
    rules = [name for name in RULES if name in found]
    rules += sorted(found - RULES.keys())
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "flowlang", "semanticVersion": version, "rules": [_rule(name) for name in rules]}
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(_from_top(reported(one), folder), rules.index(one.rule)) for one in diagnostics],
            }
        ],
    }
    return json.dumps(log, indent=2)


def reported(diagnostic: Diagnostic) -> Reported:
    """A report as plain data, in the shape that programs read."""
    source = diagnostic.source
    line, column = source.position(diagnostic.span.start)
    end_line, end_column = source.position(max(diagnostic.span.end, diagnostic.span.start))
    return {
        "rule": diagnostic.rule,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "path": _with_slashes(source.path),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "hints": list(diagnostic.hints),
    }


def _from_top(one: Reported, folder: str) -> Reported:
    """A report with its path from the repository's top on; an absolute one stays."""
    return {**one, "path": posixpath.normpath(posixpath.join(folder, one["path"]))} if folder else one


def _annotation(one: Reported) -> str:
    properties: dict[str, str | int] = {"file": one["path"], "line": one["line"]}
    if one["line"] == one["end_line"]:
        properties |= {"col": one["column"], "endLine": one["end_line"], "endColumn": one["end_column"]}
    else:
        properties |= {"endLine": one["end_line"]}  # GitHub takes no columns for more than one line
    properties["title"] = one["rule"]
    told = ",".join(f"{name}={_escaped_property(str(value))}" for name, value in properties.items())
    return f"::{one['severity']} {told}::{_escaped(_sentences(one))}"


def _sentences(one: Reported) -> str:
    return "\n".join([one["message"], *one["hints"]])


def _escaped(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return visible(escaped)


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _rule(name: str) -> dict[str, object]:
    known = RULES.get(name)
    title = known.title if known else name
    return {
        "id": name,
        "shortDescription": {"text": title[0].upper() + title[1:] + "."},
        "defaultConfiguration": {"level": known.severity if known else "error"},
        "help": {"text": f"flowlang explain {name}"},
    }


def _result(one: Reported, rule_index: int) -> dict[str, object]:
    return {
        "ruleId": one["rule"],
        "ruleIndex": rule_index,
        "level": one["severity"],
        "message": {"text": _sentences(one)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _as_uri(one["path"])},
                    "region": {
                        "startLine": one["line"],
                        "startColumn": one["column"],
                        "endLine": one["end_line"],
                        "endColumn": one["end_column"],
                    },
                }
            }
        ],
    }


def _as_uri(path: str) -> str:
    """A relative reference, or a `file:` address of a path that is not relative."""
    encoded = "".join(
        chr(byte) if byte in _PLAIN_IN_URI else f"%{byte:02X}" for byte in path.encode("utf-8", "surrogateescape")
    )
    return f"file://{encoded}" if encoded.startswith("/") else encoded


def _with_slashes(path: str) -> str:
    return path.replace(os.sep, "/")
