"""Local files: what a person named, the head of it, and never a way out."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from trex_nb.agents.tools.base import BadArguments, Found
from trex_nb.agents.tools.local import ListFiles, ReadFile, Shelf
from trex_nb.agents.tools.sealed import Sealed
from trex_nb.core.ngrams import write_sealed

SECRET = "the quick brown fox jumps over the lazy dog tonight"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    (folder / "notes").mkdir(parents=True)
    (folder / ".trex" / "s" / "sealed").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "rows.csv").write_text("text,label\n" + "".join(f"row {i},{i % 2}\n" for i in range(50)))
    (folder / "test.csv").write_text(f"text,label\n{SECRET},1\n")
    (folder / "notes" / "ideas.md").write_text("# Try more epochs")
    (folder / ".env.txt").write_text("KEY=planted")
    (folder / ".trex" / "s" / "sealed" / "test.jsonl").write_text('{"a": 1}')
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "away").symlink_to(tmp_path)
    (folder / "model.bin").write_bytes(b"\0")
    return folder


def read(shelf: Shelf, name: str) -> Found:
    return asyncio.run(ReadFile(shelf, clock=lambda: 5.0).run(json.dumps({"name": name})))


def listed(shelf: Shelf) -> str:
    return asyncio.run(ListFiles(shelf).run("{}")).text


def test_files_are_listed_without_hidden_ones_and_links(desk: Path) -> None:
    shelf = Shelf((desk,), hidden=(desk / "test.csv",))
    assert [row.split("  ")[0] for row in listed(shelf).splitlines()] == ["notes/ideas.md", "rows.csv"]


def test_the_head_of_a_table_is_shown(desk: Path) -> None:
    found = read(Shelf((desk,)), "rows.csv")
    assert found.text.startswith("columns: text, label\nline 2\n  text: row 0\n  label: 0\n")
    assert "row 4" in found.text
    assert "row 5" not in found.text
    assert (found.sources[0].kind, found.sources[0].name, found.sources[0].url) == ("file", "rows.csv", "")


def test_the_head_of_a_text_is_shown(desk: Path) -> None:
    assert read(Shelf((desk,)), "notes/ideas.md").text == "# Try more epochs"


@pytest.mark.parametrize("name", [
    "../outside.txt", "link.txt", "away/outside.txt", ".env.txt", ".trex/s/sealed/test.jsonl",
    "notes/../../outside.txt", "/etc/passwd", "model.bin", "missing.txt", "notes", "rows.csv\0.txt", "~/.ssh/id_rsa", "http://127.0.0.1/x.txt",
    "notes/./../.env.txt",
])  # fmt: skip
def test_there_is_no_way_out(desk: Path, name: str) -> None:
    with pytest.raises(BadArguments, match="no file"):
        read(Shelf((desk,)), name)


def test_hidden_files_are_hidden_under_any_name(desk: Path) -> None:
    os.link(desk / "test.csv", desk / "copy.csv")
    shelf = Shelf((desk,), hidden=(desk / "test.csv",))
    assert "copy" not in listed(shelf)
    for name in ("test.csv", "copy.csv"):
        with pytest.raises(BadArguments):
            read(shelf, name)


def test_a_hidden_folder_is_hidden_with_all_in_it(desk: Path) -> None:
    shelf = Shelf((desk,), hidden=(desk / "notes",))
    assert "ideas" not in listed(shelf)
    with pytest.raises(BadArguments):
        read(shelf, "notes/ideas.md")


def test_rows_of_the_evaluation_splits_are_recognised(desk: Path) -> None:
    write_sealed(desk / "ngrams.npy", [f"Text: {SECRET}", "Text: short"])
    sealed = Sealed.of(desk / "ngrams.npy", "Text: {text}")
    (desk / "copied.txt").write_text(f"Remember: {SECRET.upper()}!")
    (desk / "copied.csv").write_text("text,label\nshort,1\n")
    shelf = Shelf((desk,), sealed=sealed)
    for name in ("test.csv", "copied.txt", "copied.csv"):
        with pytest.raises(BadArguments, match="evaluation splits"):
            read(shelf, name)
    assert "row 0" in read(shelf, "rows.csv").text


def test_a_parquet_file_shows_its_columns(desk: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"text": ["planted"], "n": [1]}), desk / "t.parquet")
    text = read(Shelf((desk,)), "t.parquet").text
    assert text == "1 rows; columns:\n  text: string\n  n: int64"
    (desk / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadArguments, match="Parquet"):
        read(Shelf((desk,)), "bad.parquet")


@pytest.mark.parametrize(("name", "content"), [
    ("bad.jsonl", b"{nonsense\n"), ("bad.csv", b"\xff\xfe\n1"), ("twice.csv", b"a,a\n1,2\n"),
])  # fmt: skip
def test_a_broken_file_is_said(desk: Path, name: str, content: bytes) -> None:
    (desk / name).write_bytes(content)
    with pytest.raises(BadArguments, match="cannot be read"):
        read(Shelf((desk,)), name)


def test_a_huge_line_is_not_read(desk: Path) -> None:
    (desk / "long.jsonl").write_text('{"a": "' + "x" * 300_000 + '"}')
    (desk / "wide.jsonl").write_text(json.dumps({"a": "x" * 100_000}) + "\n")
    assert read(Shelf((desk,)), "long.jsonl").text == "It has no rows that can be shown."
    assert len(read(Shelf((desk,)), "wide.jsonl").text) < 1_000


def test_a_pipe_is_no_file(desk: Path) -> None:
    os.mkfifo(desk / "pipe.txt")
    assert "pipe" not in listed(Shelf((desk,)))
    with pytest.raises(BadArguments):
        read(Shelf((desk,)), "pipe.txt")
