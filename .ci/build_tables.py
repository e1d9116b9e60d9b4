"""Puts the tables of grammar.lark into the wheel, so that an installed flowlang never builds them."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TablesHook(BuildHookInterface):
    """Runs when a wheel is built; an editable install builds the tables when they are first needed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Writes the tables to a temporary file and has it packed as flowlang/language/tables.json."""
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root))
        try:
            from flowlang.language.grammar import build_tables
        finally:
            sys.path.remove(str(root))
        self._folder = tempfile.TemporaryDirectory()
        tables = Path(self._folder.name) / "tables.json"
        grammar = (root / "grammar.lark").read_bytes()
        tables.write_text(json.dumps(build_tables(grammar), separators=(",", ":")), encoding="utf-8")
        build_data["force_include"][str(tables)] = "flowlang/language/tables.json"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Takes the temporary file away."""
        if version != "editable":
            self._folder.cleanup()
