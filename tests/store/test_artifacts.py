from __future__ import annotations

import os
from pathlib import Path

import pytest

from trex_nb.core.events import NodeNoted
from trex_nb.core.ids import ROOT, RunId, StudyId
from trex_nb.store.artifacts import StudyFolder, remove_tree, studies_in, write_rows


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder.of(tmp_path, StudyId("colours"))


def test_naming_paths_touches_no_disk(folder: StudyFolder) -> None:
    assert not folder.path.exists()
    assert not folder.exists()


def test_every_attempt_has_a_folder_of_its_own(folder: StudyFolder) -> None:
    run = RunId("n1.2")
    assert folder.relative(folder.run(run, 1)) == "runs/n1.2"
    assert folder.relative(folder.run(run, 2)) == "runs/n1.2-attempt2"


def test_references_are_not_among_the_job_s_data(folder: StudyFolder) -> None:
    assert folder.references("test").parent != folder.train_file.parent


def test_studies_are_listed_oldest_first(tmp_path: Path) -> None:
    assert studies_in(tmp_path / "nowhere") == ()
    for age, name in enumerate(("b", "a", ".c.part1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.db").touch()
        os.utime(tmp_path / name, (age, age))
    assert studies_in(tmp_path) == ("b", "a")


def test_rows_are_written_whole_or_not_at_all(folder: StudyFolder) -> None:
    write_rows(folder.train_file, [NodeNoted(node=ROOT, text="ü\n"), NodeNoted(node=ROOT, text="b")])
    assert len(folder.train_file.read_text(encoding="utf-8").splitlines()) == 2
    assert [p.name for p in folder.train_file.parent.iterdir()] == ["train.jsonl"]


def test_removing_what_is_not_there_is_no_error(folder: StudyFolder) -> None:
    folder.train_file.parent.mkdir(parents=True)
    remove_tree(folder.path)
    remove_tree(folder.path)
    assert not folder.path.exists()
