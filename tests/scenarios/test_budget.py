"""Nothing is spent beyond what the person allowed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.scenarios.house import House, statuses, until
from trex_nb.core.ids import RunId, node_of
from trex_nb.core.task import Budget
from trex_nb.errors import CommandError
from trex_nb.study.study import Study
from trex_nb.testing.researchers import ScriptedResearcher
from trex_nb.testing.trees import lora_plan

Build = Callable[..., House]


def test_a_budget_of_rounds_ends_auto(build: Build) -> None:
    house = build(budget=Budget(rounds=3))
    study = house.open()
    study.auto(rounds=99, jobs=2)
    study.wait(30)
    assert study.tree.auto_stopped == "round 3 is done"
    assert len(house.launcher.submitted) == 3
    with pytest.raises(CommandError, match="The budget is spent: 3 of 3 rounds"):
        study.auto()


def test_a_budget_of_minutes_ends_auto(build: Build) -> None:
    """Every job takes half a minute, one at a time: the third is the last that starts below 1.2 minutes."""
    house = build(budget=Budget(minutes=1.2))
    study = house.open()
    study.auto(jobs=1)
    study.wait(30)
    assert study.tree.auto_stopped == "the budget of compute minutes is spent"
    assert len(house.launcher.submitted) == 3


def test_more_budget_lets_auto_go_on(build: Build) -> None:
    house = build(budget=Budget(rounds=1))
    study = house.open()
    study.auto()
    study.wait(30)
    study.budget(rounds=2)
    study.auto()
    study.wait(30)
    assert study.tree.rounds == 2


def test_approving_beyond_the_budget_is_refused(build: Build) -> None:
    study = build(budget=Budget(rounds=2)).open()
    study.plan(2)
    study.approve("n1", "n2")
    with pytest.raises(CommandError, match="The budget is spent: 2 of 2 rounds"):
        study.plan(1)


def test_running_with_no_minutes_left_says_so(build: Build) -> None:
    house = build(budget=Budget(minutes=0.4))
    study = house.open()
    study.plan(2)
    study.approve("n1", "n2")
    study.run(jobs=1)
    study.wait(30)
    assert statuses(study.tree)["n2"] == "approved"
    with pytest.raises(CommandError, match=r"0\.5 of 0\.4 compute minutes"):
        study.run()


def test_an_endless_budget_is_not_a_number(build: Build) -> None:
    with pytest.raises(CommandError, match="finite"):
        build().open().budget(minutes=float("inf"))


def test_numbers_beyond_reason_are_refused_and_the_study_lives_on(build: Build) -> None:
    study = build().open()
    with pytest.raises(CommandError, match="less than"):
        study.budget(rounds=10**400)
    with pytest.raises(CommandError, match="less than"):
        study.budget(minutes=1e308)
    with pytest.raises(CommandError, match="less than"):
        study.auto(hours=1e308)
    assert study.plan(1).nodes


def test_the_hours_of_auto_are_up(build: Build) -> None:
    study = build().open()
    study.auto(hours=1e-9)
    study.wait(30)
    assert study.tree.auto_stopped == "the time is up"
    assert study.tree.rounds == 0


def probes(house: House, n: int) -> Study:
    """A study with `n` approved probes, each a quarter of a round; one more can be planned."""
    plans = [lora_plan(f"Probe {r}", r=r).model_copy(update={"fidelity": 0.25}) for r in range(1, n + 2)]
    house.researcher = ScriptedResearcher(*plans)
    study = house.open()
    for number in range(1, n + 1):
        study.plan(1)
        study.approve(f"n{number}")
    return study


def test_an_approved_probe_is_not_edited_beyond_the_rounds(build: Build) -> None:
    study = probes(build(is_auto=False, budget=Budget(rounds=2)), 4)
    study.edit("n1", fidelity=1.0)
    with pytest.raises(CommandError, match="The budget is spent"):
        study.edit("n2", fidelity=1.0)
    assert study.tree.rounds == 1.75


def test_a_stopped_probe_goes_on_where_there_is_room_for_a_probe(build: Build) -> None:
    house = build(is_auto=False, budget=Budget(rounds=1))
    study = probes(house, 1)
    study.run(jobs=1)
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    house.launcher.release(RunId("n1.1"), 2)
    until(study, lambda t: bool(t.run(RunId("n1.1")).curve))
    study.stop("n1")
    study.wait(30)
    study.plan(1)
    study.approve("n2")
    assert study.resume("n1").text == "Resuming n1.1 from step 5."


def test_a_budget_of_money_ends_auto(build: Build) -> None:
    """Every job takes half a minute, at 60 an hour: the third is the last that starts below 1.20."""
    house = build(budget=Budget(price_per_hour=60, money=1.2, currency="EUR"))
    study = house.open()
    study.auto(jobs=1)
    study.wait(30)
    assert study.tree.auto_stopped == "the budget of money is spent"
    assert len(house.launcher.submitted) == 3
    assert "of 1.2" in str(study.status())
    with pytest.raises(CommandError, match=r"1\.50 of 1\.2 EUR"):
        study.auto()
    study.budget(money=9)
    study.auto(rounds=4, jobs=1)
    study.wait(30)
    assert study.tree.rounds == 4


def test_a_limit_in_money_says_what_has_no_price(build: Build) -> None:
    study = build().open()
    assert "Of money only language models are counted" in study.budget(money=5).text
    assert "5 EUR" in study.budget(money=5, price="2.50 EUR").text


def test_hours_and_minutes_are_one_limit(build: Build) -> None:
    study = build().open()
    study.budget(hours=1.5)
    assert study.tree.budget.minutes == 90
    with pytest.raises(CommandError, match="one limit"):
        study.budget(hours=1, minutes=5)


def test_a_job_that_uses_up_the_budget_saves_its_state_and_goes_on_when_there_is_more(build: Build) -> None:
    house = build(is_auto=False, budget=Budget(minutes=60))
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run(jobs=1)
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    house.launcher.release(RunId("n1.1"), 2)
    until(study, lambda t: bool(t.run(RunId("n1.1")).curve))
    study.budget(minutes=1e-6)
    study.wait(30)
    run = study.tree.run(RunId("n1.1"))
    assert run.is_resumable
    assert run.saved is not None
    (stopped,) = (d for d in study.tree.nodes[node_of(run.id)].decisions if d.what.startswith("stopped"))
    assert (stopped.actor, stopped.why) == ("system", "the budget of compute minutes is spent")
    study.budget(minutes=60)
    assert "from step 5" in study.resume("n1.1").text
    until(study, lambda _: len(house.launcher.submitted) == 2)
    house.launcher.release(RunId("n1.1"))
    study.wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
