"""The data a task is made of is recognised under any name."""

from __future__ import annotations

import os
from pathlib import Path

from trex_nb.core.task import DataFiles
from trex_nb.study.own_data import OwnData


def test_files_are_known_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("a\n1\n")
    (tmp_path / "other.csv").write_text("a\n1\n")
    os.link(tmp_path / "test.csv", tmp_path / "hard.csv")
    (tmp_path / "soft.csv").symlink_to(tmp_path / "test.csv")
    own = OwnData.of(DataFiles(train="owner/Name:config", test=str(tmp_path / "test.csv")))
    names = ("test.csv", "hard.csv", "soft.csv", "sub/../test.csv", "other.csv", "missing.csv")
    assert [own.has_file(tmp_path / n) for n in names] == [True, True, True, True, False, False]


def test_data_sets_are_known_whatever_their_config() -> None:
    own = OwnData.of(DataFiles(train="owner/Name:config"))
    assert [own.has_set(n) for n in ("owner/Name", "Owner/name:other", "owner/else")] == [True, True, False]


def test_an_embedded_task_has_no_files() -> None:
    assert OwnData.of("tiny-intent") == OwnData()
