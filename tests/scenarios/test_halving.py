"""A round of runs that start together: the hopeless one is stopped, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.scenarios.house import House, ends_well, statuses, until
from trex_nb.core.events import RunCalledOff
from trex_nb.core.ids import RunId, node_id
from trex_nb.core.job import Finished, JobSpec, JobUpdate, Progressed, Started
from trex_nb.core.plan import Plan
from trex_nb.core.protocols import Store
from trex_nb.core.result import Checkpoint, Cost
from trex_nb.core.training import LoraTraining
from trex_nb.report.text import node_text, status_text
from trex_nb.search.tree import Tree
from trex_nb.store.sqlite import SqliteStore
from trex_nb.study.study import Study
from trex_nb.study.writer import FileLead
from trex_nb.testing.researchers import ScriptedResearcher
from trex_nb.testing.trees import lora_plan

Build = Callable[..., House]
N0, BAD = RunId("n0.1"), RunId("n1.3")
LEVELS = {"n1.1": 1.0, "n1.2": 0.9, "n1.3": 3.0}
RUNG = 2
"""Updates from one rung to the next: a point of the curve, and one with held-out losses."""


def round_of_three() -> Plan:
    """Three runs that differ in rank, whose warm-up takes them to the first rung: the second is the first to count."""
    configs = tuple(LoraTraining(learning_rate=1e-3, r=r, warmup_steps=10) for r in (4, 8, 16))
    return lora_plan("Three ranks").model_copy(update={"configs": configs})


def learns(spec: JobSpec) -> Sequence[JobUpdate]:
    """A job of 50 steps whose held-out losses stay at its run's level."""
    if spec.run not in LEVELS:
        return ends_well(spec)
    losses = tuple(LEVELS[spec.run] * (1 + row / 100) for row in range(20))
    updates: list[JobUpdate] = [Started(pid=1)]
    for step in range(10, 51, 10):
        updates.append(Progressed(step=step - 5, total=50, loss=1.0))
        updates.append(Progressed(step=step, total=50, loss=1.0, eval_loss=sum(losses) / 20, eval_losses=losses))
    done = Finished(checkpoint=Checkpoint(kind="adapter", path="adapter"), cost=Cost(seconds=30, steps=50))
    return [*updates, done]


def begun(house: House) -> Study:
    """A study whose one round has its three jobs."""
    house.researcher = ScriptedResearcher(round_of_three(), lora_plan("Another", r=2))
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run(jobs=3)
    until(study, lambda _: set(LEVELS) <= set(house.launcher.jobs))
    return study


def to_rung(house: House, rung: int, *runs: str) -> None:
    """Let jobs come to a rung, from their start."""
    for run in runs or LEVELS:
        house.launcher.release(RunId(run), 1 + RUNG * rung)


def is_ended(tree: Tree) -> bool:
    return tree.run(BAD).failure is not None


def test_a_hopeless_run_is_stopped_and_the_round_goes_on(build: Build) -> None:
    house = build(script=learns, is_auto=False)
    study = begun(house)
    to_rung(house, 2)
    until(study, is_ended)
    failure = study.tree.run(BAD).failure
    assert failure is not None
    assert (failure.stage, failure.kind, failure.retryable) == ("train", "hopeless", False)
    assert failure.message == (
        "Stopped at step 20 of 50: held-out loss 3.29 against 0.986 of n1.2 (p=0.0001), 30 steps saved."
    )
    for run in ("n1.1", "n1.2"):
        house.launcher.release(RunId(run))
    study.wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert [s.actor for s in house.store.read(study.name) if s.event.kind == "run_called_off"] == ["system"]
    assert Tree.replay(house.store.read(study.name)) == study.tree
    assert failure.message in node_text(study.tree, node_id(1))
    assert "1 hopeless run stopped early: 30 of 150 training steps" in status_text(study.tree)


def test_nothing_is_stopped_before_it_can_be_known(build: Build) -> None:
    house = build(script=learns, is_auto=False)
    study = begun(house)
    to_rung(house, 1)
    until(study, lambda t: all(t.run(RunId(r)).curve[-1:] and t.run(RunId(r)).curve[-1].eval_losses for r in LEVELS))
    assert house.events("run_called_off") == []
    for run in LEVELS:  # without siblings at the same rung until the end, which comes in one go
        house.launcher.release(RunId(run))
    study.wait(30)
    assert all(r.evaluation for r in study.tree.nodes[node_id(1)].runs)


@pytest.mark.parametrize("known", [False, True])
def test_a_restart_in_the_middle_stops_the_run_once(build: Build, known: bool) -> None:
    """Closed before anybody knew, or after it was put on record and before the job was cancelled."""
    house = build(script=learns, is_auto=False)
    study = begun(house)
    to_rung(house, 1)
    until(study, lambda t: all(len(t.run(RunId(r)).curve) == RUNG for r in LEVELS))
    study.close()
    for run in LEVELS:
        house.launcher.release(RunId(run), RUNG)
    if known:
        event = RunCalledOff(run=BAD, why="held-out loss 3.29 against 0.986 of n1.2 (p=0.0001)")
        house.store.append(study.name, [event], actor="system", time=9.0, expected_seq=len(house.events()))
    study = house.open()
    until(study, is_ended)
    for run in ("n1.1", "n1.2"):
        house.launcher.release(RunId(run))
    study.wait(30)
    assert len(house.events("run_called_off")) == 1
    assert [r.failure.kind if r.failure else "scored" for r in study.tree.nodes[node_id(1)].runs] == [
        "scored", "scored", "hopeless"
    ]  # fmt: skip
    assert len(house.launcher.submitted) == 3


def test_two_notebooks_stop_it_once(build: Build) -> None:
    house = build(script=learns, is_auto=False)
    house.store = SqliteStore(house.folder.database)
    one = begun_with(house, house.store)
    two = house.open(store=SqliteStore(house.folder.database), lead=FileLead(house.folder))
    to_rung(house, 2)
    until(two, is_ended)
    for run in ("n1.1", "n1.2"):
        house.launcher.release(RunId(run))
    one.wait(30)
    until(two, lambda t: t == one.tree)
    assert len(house.events("run_called_off")) == 1


def begun_with(house: House, store: Store) -> Study:
    house.researcher = ScriptedResearcher(round_of_three())
    study = house.open(store=store, lead=FileLead(house.folder))
    study.plan(1)
    study.approve("n1")
    study.run(jobs=3)
    until(study, lambda _: set(LEVELS) <= set(house.launcher.jobs))
    return study


def test_a_hopeless_job_that_is_lost_before_it_is_stopped_is_not_tried_again(build: Build) -> None:
    house = build(script=learns, is_auto=False)
    study = begun(house)
    study.close()
    to_rung(house, 2)
    house.launcher.lose(BAD)
    event = RunCalledOff(run=BAD, why="held-out loss 3.29 against 0.986 of n1.2 (p=0.0001)")
    house.store.append(study.name, [event], actor="system", time=9.0, expected_seq=len(house.events()))
    study = house.open()
    until(study, is_ended)
    failure = study.tree.run(BAD).failure
    assert failure is not None
    assert failure.kind == "hopeless"
    assert len(house.launcher.submitted) == 3


def test_a_round_that_began_is_launched_whole_before_another_begins(build: Build) -> None:
    house = build(script=learns, is_auto=False)
    house.researcher = ScriptedResearcher(lora_plan("Another", r=2), round_of_three())
    study = house.open()
    study.plan(2)
    study.approve("n2")
    study.run(jobs=1)
    until(study, lambda _: "n2.1" in house.launcher.jobs)
    study.approve("n1")
    house.launcher.release(RunId("n2.1"))
    until(study, lambda _: len(house.launcher.submitted) == 2)
    assert [s.run for s in house.launcher.submitted] == ["n2.1", "n2.2"]
