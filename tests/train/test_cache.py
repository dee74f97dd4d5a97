"""Prepared rows are carried out once, whoever asks and however many at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.train.writers import obliging
from trex_nb import tiny
from trex_nb.core.recipe import Balance, DataRecipe, Filter, Generate, Judge, Load, Sample, Select, Template
from trex_nb.testing.chats import ScriptedChat
from trex_nb.train import TrainingFailed, prepare, prepare_once
from trex_nb.train.answers import Answers
from trex_nb.train.chat_rows import ChatRows
from trex_nb.train.recorded_rows import RecordedRows

pytestmark = pytest.mark.usefixtures("shown")
RECIPE = DataRecipe(ops=(Balance(strength=0.5), Sample(n=60)), seed=3)


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()]


def test_rows_read_back_are_the_rows_prepared(train_file: Path, tmp_path: Path, shown: list[dict[str, Any]]) -> None:
    first, again = (prepare_once(RECIPE, train_file, folder=tmp_path / "data", limit=50) for _ in range(2))
    assert first.to_list() == again.to_list() == prepare(RECIPE, train_file, limit=50).to_list()
    (folder,) = kept(tmp_path / "data")
    assert f"50 rows, as another run of this study prepared them (data/{folder.name})." in [
        s["data"]["text/plain"] for s in shown
    ]


def test_other_rows_have_another_place(train_file: Path, tmp_path: Path) -> None:
    """Each thing that the rows depend on: recipe, fidelity, limit, and the file's content (not its name)."""
    folder = tmp_path / "data"
    prepare_once(RECIPE, train_file, folder=folder)
    prepare_once(RECIPE.model_copy(update={"seed": 4}), train_file, folder=folder)
    prepare_once(RECIPE, train_file, folder=folder, fidelity=0.5)
    prepare_once(RECIPE, train_file, folder=folder, limit=10)
    assert len(kept(folder)) == 4
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(train_file.read_bytes())
    prepare_once(RECIPE, copy, folder=folder)
    assert len(kept(folder)) == 4
    copy.write_text("".join(train_file.read_text().splitlines(keepends=True)[1:]))
    prepare_once(RECIPE, copy, folder=folder)
    assert len(kept(folder)) == 5


def test_jobs_that_prepare_at_once_get_the_same_rows(train_file: Path, tmp_path: Path) -> None:
    folder, found = tmp_path / "data", list[list[Any]]()
    jobs = [
        threading.Thread(target=lambda: found.append(prepare_once(RECIPE, train_file, folder=folder).to_list()))
        for _ in range(6)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(found) == 6
    assert all(rows == found[0] for rows in found)
    assert len(kept(folder)) == 1


def test_what_a_killed_job_left_half_written_is_not_taken(train_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    prepare_once(RECIPE, train_file, folder=folder)
    (whole,) = kept(folder)
    whole.rename(folder / f"{whole.name}.part1")
    (folder / f"{whole.name}.part1" / "state.json").unlink()
    assert len(prepare_once(RECIPE, train_file, folder=folder)) == 60
    assert whole.is_dir()


def test_a_folder_that_cannot_be_used_is_said_and_done_without(
    train_file: Path, tmp_path: Path, shown: list[dict[str, Any]]
) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    assert len(prepare_once(RECIPE, train_file, folder=tmp_path / "data")) == 60
    assert any("not shared with other runs" in s["data"]["text/plain"] for s in shown)


def test_a_recipe_that_leaves_nothing_leaves_nothing_behind(train_file: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed):
        prepare_once(DataRecipe(ops=(Filter(field="prompt", min_chars=999),)), train_file, folder=tmp_path / "data")
    assert kept(tmp_path / "data") == []


def test_rows_that_a_language_model_wrote_follow_from_the_record(train_file: Path, tmp_path: Path) -> None:
    recipe = DataRecipe(ops=(Generate(instruction="More.", n=130), Judge(question="Good?"), Sample(n=80)))
    path = tmp_path / "answers.jsonl"
    chat = ScriptedChat(script=obliging)
    writer = ChatRows(chat, "scripted", answers=Answers(path))
    asked = prepare(recipe, train_file, model=writer).to_list()
    writer.close()
    model = RecordedRows(path=path, model="scripted")
    first = prepare_once(recipe, train_file, folder=tmp_path / "data", model=model)
    again = prepare_once(recipe, train_file, folder=tmp_path / "data", model=model)
    assert asked == first.to_list() == again.to_list()
    assert len(kept(tmp_path / "data")) == 1
    probe = prepare_once(recipe, train_file, folder=tmp_path / "data", model=model, fidelity=0.25)
    assert probe.to_list() == asked[: len(probe)]
    with pytest.raises(TrainingFailed, match="generate operator needs 130 answers of other, and 130 of them"):
        prepare_once(recipe, train_file, folder=tmp_path / "data", model=RecordedRows(path=path, model="other"))


def test_rows_chosen_by_the_base_model_are_kept_as_well(train_file: Path, tmp_path: Path) -> None:
    recipe = DataRecipe(ops=(Select(n=9, embedding="model"),))
    first, again = (
        prepare_once(recipe, train_file, folder=tmp_path / "data", model=RecordedRows(base=tiny.path()))
        for _ in range(2)
    )
    assert first.to_list() == again.to_list()
    assert (len(first), len(kept(tmp_path / "data"))) == (9, 1)


def test_an_unpinned_source_is_read_anew(train_file: Path, tmp_path: Path) -> None:
    read = Template(prompt="{prompt}", answer="{answer}")
    recipe = DataRecipe(ops=(Load(source="train.jsonl", rows=read),))
    assert len(prepare_once(recipe, train_file, folder=tmp_path / "data")) == 240
    assert not (tmp_path / "data").exists()
