"""Things that go wrong, as they do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from tests.scenarios.house import DIVERGED, House, diverges, ends_well, statuses
from trex_nb.core.ids import NodeId, node_id
from trex_nb.core.job import JobSpec, JobUpdate
from trex_nb.core.protocols import Reflection, TreeView
from trex_nb.core.result import Checkpoint
from trex_nb.core.task import Split, Task
from trex_nb.errors import EvaluationError
from trex_nb.search.policies import AsChosen
from trex_nb.testing.evaluators import FakeEvaluator
from trex_nb.testing.researchers import ScriptedResearcher
from trex_nb.testing.trees import lora_plan

Build = Callable[..., House]


def test_all_runs_fail(build: Build) -> None:
    house = build(script=diverges)
    study = house.open()
    study.auto(rounds=3, jobs=1)
    study.wait(30)
    assert statuses(study.tree) == {"n0": "succeeded", "n1": "failed", "n2": "failed", "n3": "failed"}
    assert study.best is not None
    assert study.best.id == "n0"
    assert {n.parent for n in study.tree.nodes.values()} == {None, "n0"}
    assert study.tree.auto_stopped == "round 3 is done"
    assert study.tree.nodes[node_id(1)].failure == DIVERGED


def test_a_node_with_one_good_run_of_three_succeeds(build: Build) -> None:
    def script(spec: JobSpec) -> Sequence[JobUpdate]:
        return ends_well(spec) if spec.run == "n1.2" else diverges(spec)

    house = build(script=script)
    house.researcher = ScriptedResearcher(lora_plan("Three seeds", runs=3))
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run(jobs=3)
    study.wait(30)
    node = study.tree.nodes[node_id(1)]
    assert node.status == "succeeded"
    assert node.best_run is not None
    assert node.best_run.id == "n1.2"


def test_a_checkpoint_that_cannot_be_scored_fails_the_run(build: Build) -> None:
    def score(_task: Task, checkpoint: Checkpoint, _split: Split) -> float:
        if checkpoint.path:
            raise EvaluationError("The adapter is empty.", "run it again")
        return 0.1

    house = build()
    house.evaluator = FakeEvaluator(score)
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run()
    study.wait(30)
    failure = study.tree.nodes[node_id(1)].failure
    assert failure is not None
    assert (failure.stage, failure.message) == ("evaluate", "The adapter is empty. Try: run it again")
    assert study.tree.nodes[node_id(1)].seconds == 30


def test_a_baseline_that_fails_ends_auto(build: Build) -> None:
    def score(_task: Task, _checkpoint: Checkpoint, _split: Split) -> float:
        raise EvaluationError("The model is gone.", "download it again")

    house = build()
    house.evaluator = FakeEvaluator(score)
    study = house.open()
    study.auto(rounds=3)
    study.wait(30)
    assert study.tree.auto_stopped == "the baseline failed"


class Broken(ScriptedResearcher):
    async def reflect(self, tree: TreeView, node: NodeId) -> Reflection:  # noqa: ARG002
        raise ZeroDivisionError("a bug in a plug-in")


def test_a_broken_researcher_is_put_on_record_and_stops_nothing(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    house = build()
    house.researcher = Broken(lora_plan("One"), RuntimeError("no connection"))
    study = house.open()
    study.plan(1)
    assert "RuntimeError: no connection" in study.plan(2).text
    study.approve("n1")
    study.run()
    study.wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert study.tree.nodes[node_id(1)].is_diagnosed
    assert "An effect of colours broke" in caplog.text


def test_a_researcher_with_no_more_ideas_ends_auto(build: Build) -> None:
    house = build()
    house.researcher = ScriptedResearcher(lora_plan("One", r=2), lora_plan("Two", r=4))
    study = house.open()
    study.auto(rounds=8, jobs=1)
    study.wait(30)
    assert study.tree.auto_stopped.startswith("nothing came of three requests for a proposal: The script has no")
    assert study.tree.rounds == 2


def test_redirects_that_failed_do_not_keep_auto_from_starting(build: Build) -> None:
    house = build()
    refusals = [RuntimeError("what?")] * 3
    house.researcher = ScriptedResearcher(lora_plan("One", r=2), *refusals, lora_plan("Two", r=4))
    study = house.open()
    study.plan(1)
    for words in ("a", "b", "c"):
        study.redirect("n1", words)
    study.auto(rounds=2, jobs=1)
    study.wait(30)
    assert study.tree.auto_stopped == "round 2 is done"


class FaultyPolicy:
    """Breaks until it is mended."""

    def __init__(self) -> None:
        self.is_mended = False
        self.asked = threading.Event()

    def select(self, tree: TreeView, k: int) -> Sequence[NodeId]:
        self.asked.set()
        if not self.is_mended:
            raise ZeroDivisionError("a fault of ours")
        return AsChosen().select(tree, k)


def test_a_policy_that_breaks_leaves_the_person_the_study(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    house = build()
    house.policy = policy = FaultyPolicy()
    study = house.open()
    study.auto(rounds=1, jobs=1)
    assert policy.asked.wait(20)
    assert "Paused" in study.pause().text
    assert [r.message for r in caplog.records] == ["a fault of ours"]  # once, however often it is asked
    policy.is_mended = True
    study.resume()
    study.wait(30)
    assert statuses(study.tree) == {"n0": "succeeded", "n1": "succeeded"}
