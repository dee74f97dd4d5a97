"""A file of lines that a crash may cut short."""

from __future__ import annotations

from pathlib import Path

import pytest

from trex_nb.core.result import Cost
from trex_nb.errors import StoreError
from trex_nb.store.lines import Lines


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "new" / "costs.jsonl", Cost)
    lines.append(Cost(steps=1))
    lines.append(Cost(steps=2))
    assert [c.steps for c in lines.read()] == [1, 2]
    assert [c.steps for c in lines.read(lambda line: b'"steps":2' in line)] == [2]


def test_a_line_that_was_cut_short_is_passed_over_and_spoils_no_other(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "costs.jsonl", Cost)
    lines.append(Cost(steps=1))
    with lines.path.open("ab") as file:
        file.write(b'{"steps": 2')
    lines.append(Cost(steps=3))
    assert [c.steps for c in lines.read()] == [1, 3]


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert list(Lines(tmp_path / "none.jsonl", Cost).read()) == []


def test_what_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    lines = Lines(tmp_path, Cost)
    with pytest.raises(StoreError, match="cannot be written"):
        lines.append(Cost())
    with pytest.raises(StoreError, match="cannot be read"):
        list(lines.read())
