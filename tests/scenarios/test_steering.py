"""A person at the tree: approve, prune, redirect, edit, pause, stop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.scenarios.house import House, statuses, until
from trex_nb.agents.offline import OfflineResearcher
from trex_nb.core import commands as cmd
from trex_nb.core.ids import RunId, node_id
from trex_nb.errors import CommandError
from trex_nb.testing.researchers import ScriptedResearcher
from trex_nb.testing.trees import lora_plan

Build = Callable[..., House]


def test_approve_prune_redirect(build: Build) -> None:
    house = build(scores={"n1": 0.5, "n4": 0.7})
    study = house.open()
    assert study.plan(3).nodes == ("n1", "n2", "n3")
    study.prune("n2", why="too small")
    assert study.redirect("n3", "keep the data, try rank 32").nodes == ("n4",)
    study.approve("n1", "n4")
    study.run(jobs=2)
    study.wait(30)
    assert statuses(study.tree) == {
        "n0": "succeeded", "n1": "succeeded", "n2": "pruned", "n3": "redirected", "n4": "succeeded"
    }  # fmt: skip
    assert study.best is not None
    assert (study.best.id, study.best.parent) == ("n4", "n3")
    assert [s.run for s in house.launcher.submitted] == ["n1.1", "n4.1"]
    assert [d.what for d in study.tree.nodes[node_id(3)].decisions] == ["redirected"]


def test_a_redirect_that_is_not_understood_leaves_the_node_waiting(build: Build) -> None:
    house = build()
    house.researcher = OfflineResearcher()
    study = house.open()
    study.plan(1)
    reply = study.redirect("n1", "make it purple")
    assert "make it purple" in reply.text
    assert reply.nodes == ()
    assert statuses(study.tree)["n1"] == "proposed"
    study.approve("n1")


def test_what_is_not_understood_of_a_redirect_is_said(build: Build) -> None:
    house = build()
    house.researcher = OfflineResearcher()
    study = house.open()
    study.plan(1)
    reply = study.redirect("n1", "rank 8, make it purple")
    assert '"make it purple"' in reply.text
    assert study.tree.nodes[node_id(2)].plan.configs[0].r == 8  # type: ignore[union-attr]


def test_an_edited_plan_is_what_runs(build: Build) -> None:
    house = build()
    study = house.open()
    study.plan(1)
    study.edit("n1", r=7, share=0.5)
    study.approve("n1")
    study.run()
    study.wait(30)
    plan = house.executor.prepared[0].node.plan
    assert (plan.configs[0].r, plan.recipe.ops[0].op) == (7, "sample")  # type: ignore[union-attr]
    with pytest.raises(CommandError, match="already succeeded"):
        study.edit("n1", r=9)


def test_the_fields_of_a_form_are_there_until_the_plan_runs(build: Build) -> None:
    house = build()
    study = house.open()
    study.plan(2)
    shown = {f.name: f.value for f in study.editable("n1")}
    assert (shown["r"], shown["share"], shown["fidelity"]) == ("2", "1", "1")
    study.approve("n1")
    assert study.editable("n1")
    study.prune("n2")
    study.run()
    study.wait(30)
    assert [study.editable(n) for n in ("n0", "n1", "n2")] == [(), (), ()]


def test_what_is_weighed_is_not_done(build: Build) -> None:
    house = build()
    study = house.open()
    study.plan(2)
    before = house.told()
    weighed = study.weigh(cmd.Approve(nodes=(node_id(1), node_id(2))))
    assert weighed.asks
    assert study.approve("n1", "n2", dry_run=True).text == weighed.text
    assert study.edit("n1", r=3, dry_run=True).text.startswith("Would make n1 ")
    with pytest.raises(CommandError, match="There is no node n9"):
        study.prune("n9", dry_run=True)
    assert house.told() == before


def test_pause_lets_running_jobs_end_and_starts_nothing(build: Build) -> None:
    house = build(is_auto=False)
    study = house.open()
    study.plan(2)
    study.approve("n1", "n2")
    study.run(jobs=1)
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    study.pause()
    house.launcher.release(RunId("n1.1"))
    study.wait(30)
    assert statuses(study.tree) == {"n0": "succeeded", "n1": "succeeded", "n2": "approved"}
    study.resume()
    until(study, lambda _: "n2.1" in house.launcher.jobs)
    house.launcher.release(RunId("n2.1"))
    study.wait(30)
    assert statuses(study.tree)["n2"] == "succeeded"


def test_stop_ends_the_jobs_and_pauses(build: Build) -> None:
    house = build(is_auto=False)
    study = house.open()
    study.plan(2)
    study.approve("n1")
    study.run()
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    study.stop()
    study.wait(30)
    failure = study.tree.nodes[node_id(1)].failure
    assert failure is not None
    assert failure.kind == "stopped"
    assert study.tree.is_paused


def test_stopping_a_node_ends_its_runs_that_have_not_started_too(build: Build) -> None:
    house = build(is_auto=False)
    house.researcher = ScriptedResearcher(lora_plan("Three seeds", runs=3))
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run(jobs=1)
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    study.stop("n1")
    study.wait(30)
    assert statuses(study.tree)["n1"] == "failed"
    assert list(house.launcher.jobs) == ["n1.1"]


def test_pruning_a_running_node_stops_its_job(build: Build) -> None:
    house = build(is_auto=False)
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run()
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    study.prune("n1")
    study.wait(30)
    assert house.launcher.jobs[RunId("n1.1")].ended
    assert statuses(study.tree)["n1"] == "pruned"


def test_a_pruned_node_that_is_restored_runs_with_what_was_below_it(build: Build) -> None:
    house = build(scores={"n1": 0.5, "n2": 0.7})
    study = house.open()
    study.plan(1)
    study.do(cmd.Propose(n=2, under=node_id(1)))
    until(study, lambda t: len(t.nodes) == 3)
    study.approve("n1")
    study.prune("n1")
    study.run()
    study.wait(30)
    assert statuses(study.tree) == {"n0": "succeeded", "n1": "pruned", "n2": "pruned"}
    assert study.restore("n1").text == (
        "Restored n1, n2. n2 awaits your decision. Starts as soon as a job slot is free."
    )
    study.approve("n2")
    study.wait(30)
    assert statuses(study.tree) == {"n0": "succeeded", "n1": "succeeded", "n2": "succeeded"}
    assert study.best is not None
    assert study.best.id == "n2"
    assert house.told().count("node_restored") == 2


def test_a_node_whose_job_was_killed_cannot_be_restored(build: Build) -> None:
    house = build(is_auto=False)
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run()
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    study.prune("n1")
    study.wait(30)
    with pytest.raises(CommandError, match="was killed") as error:
        study.restore("n1")
    assert "%trex redirect n0" in error.value.hint


def test_a_node_below_a_pruned_one_cannot_be_approved(build: Build) -> None:
    house = build(is_auto=False)
    study = house.open()
    study.plan(1)
    study.do(cmd.Propose(n=2, under=node_id(1)))
    until(study, lambda t: len(t.nodes) == 3)
    study.prune("n1")
    with pytest.raises(CommandError, match="n2 was already pruned"):
        study.approve("n2")


def test_an_unknown_node_is_waited_for_while_planning(build: Build) -> None:
    """Run All: `%trex approve n1` comes before the plan it means."""
    house = build()
    study = house.open()
    planned = study.send(cmd.Propose(n=1))
    approved = study.send(cmd.Approve(nodes=(node_id(1),)))
    assert planned.result(30)
    assert approved.result(30).startswith("Approved n1")


def test_an_unknown_node_is_refused_when_nothing_is_planned(build: Build) -> None:
    study = build().open()
    with pytest.raises(CommandError, match="There is no node n9"):
        study.approve("n9")


def test_running_by_hand_after_a_pause_does_not_hand_over_the_wheel(build: Build) -> None:
    house = build(is_auto=False)
    study = house.open()
    study.auto(rounds=3, jobs=1)
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    study.pause()
    study.run(jobs=1)
    house.launcher.release(RunId("n1.1"))
    study.wait(30)
    assert list(study.tree.nodes) == ["n0", "n1"]
    assert study.tree.auto is None


ONCE_ENOUGH = [
    cmd.Approve(nodes=(node_id(1), node_id(1))), cmd.Prune(nodes=(node_id(2),)),
    cmd.Restore(nodes=(node_id(2),)), cmd.Note(node=node_id(1), text="hm"),
    cmd.Redirect(node=node_id(3), text="rank 32"), cmd.Edit(node=node_id(1), fields={"r": 3}), cmd.Pause(),
    cmd.Stop(), cmd.Run(jobs=3), cmd.SetBudget(rounds=5), cmd.Auto(rounds=2), cmd.Propose(n=3), cmd.Resume(),
]  # fmt: skip


@pytest.mark.parametrize("command", ONCE_ENOUGH, ids=lambda c: c.do)
def test_saying_it_twice_changes_nothing(build: Build, command: cmd.Command) -> None:
    house = build(is_auto=False)
    study = house.open()
    study.plan(3)
    study.do(cmd.Pause())
    study.do(command)
    until(study, lambda t: not t.requests)
    said = [s.event for s in house.store.read(study.name) if s.actor == "human"]
    study.do(command)
    assert [s.event for s in house.store.read(study.name) if s.actor == "human"] == said
