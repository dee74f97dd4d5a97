"""What a study's Researcher may look into, and what not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from trex_nb.agents.research import ToolResearch
from trex_nb.agents.tools.base import BadArguments, ResearchTool
from trex_nb.core.ngrams import write_sealed
from trex_nb.core.plan import Source
from trex_nb.core.task import DataFiles
from trex_nb.errors import SettingsError
from trex_nb.settings import Endpoint, Models
from trex_nb.store.artifacts import StudyFolder
from trex_nb.study.asking import Asking
from trex_nb.study.looking import Looking
from trex_nb.study.own_data import OwnData
from trex_nb.study.surroundings import Around
from trex_nb.testing import trees
from trex_nb.testing.chats import ScriptedChat

SECRET = "a sealed row of more than eight words in all its length"


class Desk:
    """A folder with a task's data and something beside it, and a study of it."""

    def __init__(self, folder: Path, file: dict[str, Any]) -> None:
        for name in ("train", "test", "more"):
            (folder / f"{name}.csv").write_text(f"thing,colour\n{name} thing,red\n")
        (folder / "leaked.csv").write_text(f"thing,colour\n{SECRET},red\n")
        self.folder = StudyFolder.of(folder / "studies", trees.created().study)  # type: ignore[arg-type]
        write_sealed(self.folder.ngrams_file, [SECRET])
        origin = DataFiles(train=str(folder / "train.csv"), test=str(folder / "test.csv"))
        created = trees.created().model_copy(update={"origin": origin})
        models = Models(researcher=Endpoint("http://127.0.0.1:9/v1", "m"))
        self.asking = Asking(self.folder, models, make=lambda _: ScriptedChat())
        self.asking.bind(trees.tree_of, lambda _: None)
        self.own = OwnData.of(origin)
        self.looking = Looking(self.folder, created, self.asking, file)

    def research(self) -> ToolResearch:
        found = self.looking.research()
        assert found
        return found

    def tools(self) -> dict[str, ResearchTool]:
        return {t.described.name: t for t in self.research().kit.tools}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, {})


def test_files_beside_the_task_may_be_looked_into_and_its_own_not(desk: Desk) -> None:
    tools = desk.tools()
    assert asyncio.run(tools["list_files"].run("{}")).text.split()[::3] == ["leaked.csv", "more.csv"]
    assert "more thing" in asyncio.run(tools["read_file"].run('{"name": "more.csv"}')).text
    for name in ("train.csv", "test.csv", "leaked.csv", "studies/colours/data/ngrams-8.npy"):
        with pytest.raises(BadArguments):
            asyncio.run(tools["read_file"].run(f'{{"name": "{name}"}}'))


def test_its_own_data_may_not_be_loaded_either(desk: Desk) -> None:
    around = Around(desk.folder, desk.asking, OwnData(desk.own.files, frozenset({"owner/rows"})))
    found = around(trees.tree_of(), [Source(kind="dataset", name=n) for n in ("owner/rows", "owner/more")])
    up = "../../../"
    assert [found.has_file(up + n) for n in ("more.csv", "test.csv", "train.csv", "x/../test.csv")] == [
        True, False, False, False,
    ]  # fmt: skip
    assert [s.name for s in found.sources] == ["owner/more"]


def test_no_study_s_files_no_hidden_and_no_copied_rows_may_be_loaded(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "studies" / "other" / "sealed"
    other.mkdir(parents=True)
    (other / "test.jsonl").write_text('{"prompt": "p", "answer": "a"}\n')
    (tmp_path / ".kept").mkdir()
    (tmp_path / ".kept" / "rows.csv").write_text("a,b\n1,2\n")
    (tmp_path / "by_name.csv").symlink_to(other / "test.jsonl")
    desk.folder.calls.write_text('{"prompt": "p", "answer": "a"}\n')
    few = "".join(f"row {n},red\n" for n in range(300))
    (tmp_path / "overlaps.csv").write_text(f"thing,colour\n{SECRET},red\n{few}")
    found = Around(desk.folder, desk.asking, desk.own)(trees.tree_of(), [])
    up = "../../../"
    names = ("studies/other/sealed/test.jsonl", "studies/colours/calls.jsonl", ".kept/rows.csv", "by_name.csv",
             "leaked.csv", "overlaps.csv")  # fmt: skip
    assert [found.has_file(up + n) for n in names] == [False, False, False, False, False, True]


def test_the_kit_is_made_once_and_keeps_answers_beside_the_calls(desk: Desk) -> None:
    assert desk.research().kit is desk.research().kit
    assert desk.research().kit.answers.path == desk.folder.calls.with_name("research.jsonl")


def test_a_replay_hears_the_answers_of_the_study_it_replays(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_text("")
    models = Models(researcher=Endpoint("http://127.0.0.1:9/v1", "m"), replay=tmp_path / "calls.jsonl")
    desk.asking.use(models)
    answers = desk.research().kit.answers
    assert (answers.path, answers.only_recorded) == (tmp_path / "research.jsonl", True)


def test_a_person_may_name_other_folders_and_servers_or_none_at_all(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("A note.")
    file = {"research": {"folders": [str(tmp_path / "notes")]}, "mcp": {"s": {"command": ["x"]}}}
    desk = Desk(tmp_path, file)
    assert asyncio.run(desk.tools()["list_files"].run("{}")).text == "a.txt  7 bytes"
    assert [s.name for s in desk.research().kit.servers] == ["s"]
    assert Desk(tmp_path, {"research": {"tools": False}}).looking.research() is None


@pytest.mark.parametrize("said", [3, {"folder": []}, {"folders": "notes"}, {"folders": [1]}, {"tools": "no"}])
def test_what_is_no_setting_is_said(said: Any, tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        Desk(tmp_path, {"research": said}).looking.research()
