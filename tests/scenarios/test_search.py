"""Searches by other policies, and in rounds of several runs."""

from __future__ import annotations

from collections.abc import Callable

from tests.scenarios.house import House
from trex_nb.agents.offline import OfflineResearcher
from trex_nb.core.task import Budget
from trex_nb.search.probing import PROBE

Build = Callable[..., House]


def test_auto_probes_within_the_budget_and_ends_with_a_full_run(build: Build) -> None:
    house = build(budget=Budget(rounds=3))
    house.researcher = OfflineResearcher()
    study = house.open()
    study.policy("auto")
    study.auto(jobs=2)
    study.wait(60)
    shares = [n.plan.fidelity for n in study.tree.nodes.values() if n.parent]
    assert {PROBE, 1.0} == {*shares}
    assert 2 < study.tree.rounds <= 3
    assert study.tree.auto_stopped == f"round {study.tree.rounds:g} is done"
    assert study.tree.best is not None
    assert not study.tree.best.is_probe
    assert "probe on 25% of the data" in repr(study)
    assert "auto" in str(study.policy())


def test_the_policy_may_change_while_auto_is_at_the_wheel(build: Build) -> None:
    house = build(budget=Budget(rounds=4))
    house.researcher = OfflineResearcher()
    study = house.open()
    study.auto(jobs=2)
    study.policy("gbfs")
    study.policy("sequential", c=0.5)
    study.wait(60)
    assert study.tree.rounds == 4
    assert (study.tree.policy.name, study.tree.policy.c) == ("sequential", 0.5)
    assert [e.kind for e in house.events("policy_chosen")] == ["policy_chosen"] * 2


def test_rounds_of_several_runs_are_planned_and_run_together(build: Build) -> None:
    house = build(budget=Budget(rounds=2))
    house.researcher = OfflineResearcher()
    study = house.open()
    study.auto(jobs=3, runs=3)
    study.wait(60)
    assert [len(n.runs) for n in study.tree.nodes.values()] == [1, 3, 3]
    assert study.tree.rounds == 2
    assert all(r.evaluation for n in study.tree.nodes.values() for r in n.runs)
