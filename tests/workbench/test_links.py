"""A cloned repository brings links: nothing is written or read through them that its owner did not name."""

import json
from pathlib import Path

import pytest

LEAK = """\
input key: text
step reply
  model: gemini-3-flash
  prompt: "{{ key }}"
output reply to "{}"
"""

UGLY = "step   a\n  prompt:'Hello'\n"


@pytest.fixture
def own(folder: Path) -> Path:
    """A folder of the user beside the project, with a file that must stay as it is."""
    place = folder.parent / "own"
    place.mkdir()
    (place / "keys").write_text("kept", encoding="utf-8")
    return place


def kept(own: Path) -> bool:
    return {path.name: path.read_text(encoding="utf-8") for path in own.iterdir()} == {"keys": "kept"}


# ── Written ──


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("out", []),
        ("out", ["--out", "./out"]),
        ("build", ["--out", "build/out"]),
        ("build", ["--out", "sub/../build"]),
    ],
)
def test_outputs_are_not_written_behind_a_link(flowlang, folder: Path, own: Path, link: str, words: list[str]):
    (folder / "sub").mkdir()
    (folder / link).symlink_to("../own")
    (folder / "leak.flow").write_text(LEAK.replace("{}", "keys"), encoding="utf-8")
    code, _, err = flowlang("run", "leak.flow", "--offline", "--key", "x", *words)
    assert code == 7
    assert f"`{link}` is a link, and outputs are written through no link" in err.replace("sub/../", "")
    assert "--out" in err
    assert kept(own)


def test_of_an_absolute_folder_the_last_part_is_no_link_and_those_above_may_be(flowlang, folder: Path, own: Path):
    (folder / "leak.flow").write_text(LEAK.replace("{}", "keys"), encoding="utf-8")
    (folder / "link").symlink_to("../own")
    assert flowlang("run", "leak.flow", "--offline", "--key", "x", "--out", folder / "link").code == 7
    assert kept(own)
    assert flowlang("run", "leak.flow", "--offline", "--key", "x", "--out", folder / "link" / "new").code == 0
    assert (own / "new" / "keys").is_file()


def test_the_folders_of_rows_are_no_links(flowlang, folder: Path, own: Path):
    (folder / "leak.flow").write_text(LEAK.replace("{}", "keys"), encoding="utf-8")
    (folder / "rows.csv").write_text("key\nx\n", encoding="utf-8")
    (folder / "out").mkdir()
    (folder / "out" / "0001").symlink_to("../../own")
    code, _, err = flowlang("run", "leak.flow", "--offline", "--each", "rows.csv")
    assert code == 7
    assert "a folder on the way is a link" in err
    assert kept(own)


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize("flag", ["-o", "--events"])
@pytest.mark.parametrize("path", ["result", "linked/keys"])
def test_results_and_events_are_not_written_through_a_link(
    flowlang, folder: Path, own: Path, flag: str, path: str, each: bool
):
    (folder / "result").symlink_to("../own/keys")
    (folder / "linked").symlink_to("../own")
    (folder / "rows.csv").write_text("mail\nx\n", encoding="utf-8")
    given = ["--each", "rows.csv"] if each else ["--mail", "x"]
    code, _, err = flowlang("run", "triage.flow", "--offline", *given, flag, path)
    assert code == 7
    assert f"`{flag}`: `{path.partition('/')[0]}` is a link, and nothing is written through a link" in err
    assert kept(own)


def test_what_stands_below_dev_may_be_a_link(flowlang, folder: Path):
    assert flowlang("run", "triage.flow", "--offline", "--mail", "x", "-o", "/dev/null").code == 0
    assert flowlang("run", "triage.flow", "--offline", "--mail", "x", "--events", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


def test_fmt_passes_over_links_in_a_folder(flowlang, folder: Path):
    outside = folder.parent / "outside.flow"
    outside.write_text(UGLY, encoding="utf-8")
    (folder / "in.flow").write_text(UGLY, encoding="utf-8")
    (folder / "y.flow").symlink_to("../outside.flow")
    code, _, err = flowlang("fmt", ".")
    assert (code, outside.read_text(encoding="utf-8")) == (0, UGLY)
    assert "passed over y.flow, which is a link" in err
    assert (folder / "in.flow").read_text(encoding="utf-8") != UGLY


@pytest.mark.parametrize(("word", "link"), [("y.flow", "y.flow"), ("linked", "linked"), ("linked/x.flow", "linked")])
def test_fmt_refuses_a_link_that_is_named(flowlang, folder: Path, own: Path, word: str, link: str):
    (own / "x.flow").write_text(UGLY, encoding="utf-8")
    (folder / "y.flow").symlink_to("../own/x.flow")
    (folder / "linked").symlink_to("../own")
    for more in ([], ["--diff"], ["--check"]):
        code, out, err = flowlang("fmt", word, *more)
        assert code == 2
        assert f"`{link}` is a link, and nothing is changed through a link" in err
        assert "Hello" not in out
    assert (own / "x.flow").read_text(encoding="utf-8") == UGLY


def test_check_reads_nothing_behind_a_link(flowlang, folder: Path):
    (folder.parent / "outside.flow").write_text("step a\n  secrt: 1\n", encoding="utf-8")
    (folder / "y.flow").symlink_to("../outside.flow")
    code, out, _ = flowlang("check", ".")
    assert code == 3
    assert "not-allowed" in out
    assert "secrt" not in out


# ── Read ──


def test_settings_behind_a_link_are_refused(flowlang, folder: Path):
    (folder.parent / "other.toml").write_text("[offline]\nlatency = 1\nsecrt = 1\n", encoding="utf-8")
    (folder / "flowlang.toml").symlink_to("../other.toml")
    code, _, err = flowlang("run", "triage.flow", "--offline", "--mail", "x")
    assert code == 2
    assert "not-allowed" in err and "links are not followed" in err
    assert "secrt" not in err
    code, out, _ = flowlang("check", "triage.flow")
    assert code == 3
    assert "not-allowed" in out


def test_settings_behind_a_broken_link_are_no_others(flowlang, folder: Path):
    (folder.parent / "flowlang.toml").write_text("[offline]\nfailure_rate = 1\n", encoding="utf-8")
    (folder / "flowlang.toml").symlink_to("nowhere.toml")
    assert flowlang("run", "triage.flow", "--offline", "--mail", "x").code == 2


@pytest.mark.parametrize("name", ["../own/keys", "linked/keys", "key", ".env"])
def test_a_file_of_values_names_no_file_elsewhere(flowlang, folder: Path, own: Path, name: str):
    (folder / "read.flow").write_text(
        'input x: document\nstep a\n  model: gemini-3-flash\n  prompt: "{{ x }}"\n', encoding="utf-8"
    )
    (folder / "linked").symlink_to("../own")
    (folder / "key").symlink_to("../own/keys")
    (folder / ".env").write_text("kept", encoding="utf-8")
    (folder / "values.json").write_text(json.dumps({"x": f"@{name}"}), encoding="utf-8")
    code, _, err = flowlang("run", "read.flow", "--offline", "--inputs", "values.json")
    assert code == 7
    assert name in err
    # What the user names is read, whatever it is.
    assert flowlang("run", "read.flow", "--offline", "--x", f"@{name}").code == 0


MANY = """\
input ds: list of document
step a
  model: gemini-3-flash
  prompt: "{{ for d in ds }}{{ d.name }} {{ end }}"
"""


@pytest.mark.parametrize("given", ["@docs", "@docs/*.txt"])
def test_of_a_folder_or_pattern_neither_links_nor_hidden_files_are_taken(flowlang, folder: Path, own: Path, given: str):
    (folder / "many.flow").write_text(MANY, encoding="utf-8")
    (folder / "docs").mkdir()
    (folder / "docs" / "link.txt").symlink_to("../../own/keys")
    (folder / "docs" / ".hidden.txt").write_text("hidden", encoding="utf-8")
    code, _, err = flowlang("run", "many.flow", "--offline", "--ds", given)
    assert code == 2
    assert "links, hidden files and folders in it are not taken" in err
    (folder / "docs" / "plain.txt").write_text("plain", encoding="utf-8")
    code, out, _ = flowlang("plan", "many.flow", "--full", "--ds", given)
    assert code == 0
    assert "plain.txt" in out and "link.txt" not in out and ".hidden.txt" not in out
    code, out, _ = flowlang("plan", "many.flow", "--full", "--ds", "@docs/link.txt")
    assert code == 0 and "link.txt" in out


@pytest.mark.parametrize(
    "named", ["@docs", "@docs/*.txt", "@docs/link.txt", "@linked", "@linked/*", "-", "@/etc/passwd"]
)
def test_a_list_in_a_file_of_values_names_plain_files_beside_it(flowlang, folder: Path, own: Path, named: str):
    (folder / "many.flow").write_text(MANY, encoding="utf-8")
    (folder / "docs").mkdir()
    (folder / "docs" / "plain.txt").write_text("plain", encoding="utf-8")
    (folder / "docs" / "link.txt").symlink_to("../../own/keys")
    (folder / "linked").symlink_to("../own")
    for value in ([named], named, json.dumps([named])):
        (folder / "values.json").write_text(json.dumps({"ds": value}), encoding="utf-8")
        code, out, err = flowlang("plan", "many.flow", "--full", "--inputs", "values.json")
        if named in ("@docs", "@docs/*.txt"):
            assert code == 0, err
            assert "plain.txt" in out and "link.txt" not in out
        else:
            assert code == 7, err
