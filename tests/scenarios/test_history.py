"""What has been run is not run again."""

from __future__ import annotations

from collections.abc import Callable

from tests.scenarios.house import House, statuses, until
from trex_nb.core.events import RunReused
from trex_nb.core.ids import RunId, node_id
from trex_nb.testing.researchers import ScriptedResearcher
from trex_nb.testing.trees import lora_plan

Build = Callable[..., House]


def test_an_identical_plan_is_served_from_history(build: Build) -> None:
    house = build(scores={"n1": 0.5})
    house.researcher = ScriptedResearcher(lora_plan("One"), lora_plan("The same in other words"))
    study = house.open()
    study.plan(2)
    study.approve("n1", "n2")
    study.run(jobs=2)
    study.wait(30)
    assert [s.run for s in house.launcher.submitted] == ["n1.1"]
    assert house.events("run_reused") == [RunReused(run=RunId("n2.1"), source=RunId("n1.1"))]
    assert study.tree.nodes[node_id(2)].score == study.tree.nodes[node_id(1)].score
    assert study.tree.nodes[node_id(2)].seconds == 0


def test_a_twin_waits_while_the_first_is_being_scored(build: Build) -> None:
    """The first has its checkpoint and not yet its score: training it again would be waste."""
    house = build(is_auto=False)
    house.researcher = ScriptedResearcher(lora_plan("One"), lora_plan("One again"))
    study = house.open()
    study.plan(2)
    study.approve("n1", "n2")
    study.run(jobs=2)
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    house.launcher.release(RunId("n1.1"))
    study.wait(30)
    assert list(house.launcher.jobs) == ["n1.1"]
    assert statuses(study.tree)["n2"] == "succeeded"


def test_a_plan_edited_into_another_gets_its_result(build: Build) -> None:
    house = build()
    house.researcher = ScriptedResearcher(lora_plan("Rank 8", r=8), lora_plan("Rank 4", r=4))
    study = house.open()
    study.plan(2)
    reply = study.edit("n2", r=8, lora_alpha=16)
    assert "now equals n1" in reply.text
    study.approve("n1", "n2")
    study.run()
    study.wait(30)
    assert len(house.launcher.submitted) == 1
