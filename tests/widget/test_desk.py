from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.house import House
from trex_nb.core import commands as cmd
from trex_nb.core.ids import NodeId, RunId
from trex_nb.errors import CommandError
from trex_nb.launch.files import JobFolder
from trex_nb.study.study import Study
from trex_nb.widget.desk import StudyDesk
from trex_nb.widget.questions import Comparison, Details, Notebook, Weigh

N0, N1, N2 = (NodeId(f"n{i}") for i in range(3))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, scores={"n1": 0.5, "n2": 0.7})
    yield house
    house.close()


@pytest.fixture
def study(house: House) -> Study:
    study = house.open()
    study.plan(3)
    study.approve("n1", "n2")
    study.run(jobs=2)
    return study.wait(30)


def titles(desk: StudyDesk, node: NodeId) -> list[str]:
    return [s["title"] for s in desk.answer(Details(nodes=(node,)))["details"][0]["sections"]]


def test_a_command_is_carried_out(study: Study) -> None:
    assert "Approved n3" in StudyDesk(study).send(cmd.Approve(nodes=(NodeId("n3"),))).result(10)


def test_an_edit_is_read_as_it_was_typed(study: Study) -> None:
    edit = cmd.Edit(node=NodeId("n3"), fields={"r": "64", "learning_rate": "3e-3", "use_rslora": "true"})
    StudyDesk(study).send(edit).result(10)
    config = study.tree.nodes[NodeId("n3")].plan.configs[0].model_dump()
    assert (config["r"], config["learning_rate"], config["use_rslora"]) == (64, 0.003, True)


def test_an_edit_can_be_weighed_while_it_is_typed(study: Study) -> None:
    desk = StudyDesk(study)
    answer = desk.answer(Weigh(command=cmd.Edit(node=NodeId("n3"), fields={"r": "64"})))
    assert answer["code"] == "%trex edit n3 r=64"
    assert "64" in answer["text"]
    with pytest.raises(CommandError, match="r: "):
        desk.answer(Weigh(command=cmd.Edit(node=NodeId("n3"), fields={"r": "many"})))


def test_approving_several_deserves_a_second_word_and_one_does_not(study: Study) -> None:
    study.plan(2)
    waiting = tuple(n.id for n in study.tree.nodes.values() if n.status == "proposed")
    assert f"{len(waiting)} experiments" in StudyDesk(study).asks(cmd.Approve(nodes=waiting))
    assert StudyDesk(study).asks(cmd.Approve(nodes=waiting[:1])) == ""


def test_details_say_what_the_report_says_and_more(study: Study) -> None:
    desk = StudyDesk(study)
    found = desk.answer(Details(nodes=(N1,)))["details"][0]
    assert {"Changes against the parent", "Plan against n0", "Runs", "What the Researcher saw"} <= set(titles(desk, N1))
    assert [r["id"] for r in found["runs"]] == ["n1.1"]
    assert found["runs"][0]["can"] == ["fork"]
    assert found["runs"][0]["curve"] == [(5, 0.2, None), (10, 0.1, None)]
    assert found["runs"][0]["checkpoint"].startswith(str(study.folder.path))
    json.dumps(found)


def test_what_can_be_edited_comes_with_its_fields(study: Study) -> None:
    desk = StudyDesk(study)
    assert desk.answer(Details(nodes=(N1,)))["details"][0]["fields"] == []
    fields = desk.answer(Details(nodes=(NodeId("n3"),)))["details"][0]["fields"]
    assert "learning_rate" in [f["name"] for f in fields]


def test_two_nodes_stand_side_by_side(study: Study) -> None:
    found = StudyDesk(study).answer(Comparison(one=N1, two=N2))
    assert found["title"] == "n1 against n2"
    assert "What differs in the plans" in [s["title"] for s in found["sections"]]


def test_a_node_that_is_not_there_is_said_so(study: Study) -> None:
    with pytest.raises(CommandError, match="no node n9"):
        StudyDesk(study).answer(Details(nodes=(NodeId("n9"),)))


def test_the_executed_notebook_of_a_run_can_be_taken_home(study: Study) -> None:
    desk = StudyDesk(study)
    path = JobFolder(study.folder.path / study.tree.nodes[N1].runs[0].folder).notebook
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"cells": []}')
    assert desk.answer(Notebook(run=RunId("n1.1"))) == {"name": "colours-n1.1.ipynb", "text": '{"cells": []}'}
    assert desk.answer(Details(nodes=(N1,)))["details"][0]["runs"][0]["notebook"] == str(path)
    path.unlink()
    with pytest.raises(CommandError, match="no notebook yet"):
        desk.answer(Notebook(run=RunId("n1.1")))


@pytest.mark.parametrize("run", ["n1.9", "n3.1", "n1.1/../../x"])
def test_no_file_but_a_run_s_notebook_is_given_out(study: Study, run: str) -> None:
    with pytest.raises(CommandError):
        StudyDesk(study).answer(Notebook(run=RunId(run)))
