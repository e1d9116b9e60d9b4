"""Which columns of its tables a flow reads."""

from pathlib import Path

import pytest

from flowlang.plan.columns import columns_read
from tests.run.scripted import flow_of

ROWS = "input rows: table\n"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ('step a\n  repeat for each r in rows\n  prompt: "{{ r.id }} {{ r.text }} {{ r.id }}"\n', ("id", "text")),
        ('step a\n  repeat for each r in rows\n  prompt: "{{ r }}"\n'
         'step b\n  prompt: "{{ for x in a }}{{ x.r.id }}{{ end }}"\n', ("id",)),
        ('step a\n  prompt: "{{ for r in rows }}{{ r.id }}{{ end }}"\n', ("id",)),
        ('let some = rows | where kind is "x" | sort by size\nlet top = some | first\n'
         'step a\n  prompt: "{{ top.id }} {{ some | count }}"\n', ("id", "kind", "size")),
        ('let ids = rows | take id\nstep a\n  prompt: "{{ ids | count }}"\n', ("id",)),
        ('step a\n  repeat for each r in rows\n  when r.note is not empty\n  prompt: "{{ r.note }}"\n', ()),
        ('step a\n  repeat for each r in rows\n  prompt: "{{ r }}"\n  ensure: a contains r.word\n', ("word",)),
        ('input kind: text\nlet some = rows | where kind is "x"\n'
         'step a\n  prompt: "{{ some | count }} {{ kind }}"\n', ()),
    ],
)  # fmt: skip
def test_rows_are_followed_to_where_they_are_read(text: str, columns: tuple[str, ...], tmp_path: Path) -> None:
    assert columns_read(flow_of(ROWS + text, tmp_path)) == {"rows": columns}
