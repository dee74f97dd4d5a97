"""Plans with code that a model wrote: who lets them run, and how a person sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.scenarios.house import House, statuses
from trex_nb.core.commands import SetCode
from trex_nb.core.ids import RunId
from trex_nb.core.plan import Code, Plan
from trex_nb.core.recipe import Convert, DataRecipe, Load
from trex_nb.errors import CommandError
from trex_nb.search.tree import Tree
from trex_nb.testing.researchers import ScriptedResearcher
from trex_nb.testing.trees import lora_plan

Build = Callable[..., House]
CODE = Code(brief="Say everything twice.", rows="def rewrite(rows):\n    return rows * 2\n")
LOUDER = CODE.model_copy(update={"rows": "def rewrite(rows):\n    return rows * 3\n"})


def coded(r: int, code: Code = CODE, **more: object) -> Plan:
    return lora_plan(f"Rank {r}", r=r).model_copy(update={"code": code, **more})


def with_plans(house: House, *plans: Plan) -> House:
    house.researcher = ScriptedResearcher(*plans)
    return house


def test_one_approval_lets_plan_and_code_run(build: Build) -> None:
    house = with_plans(build(), coded(2))
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run(jobs=1)
    study.wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert house.executor.prepared[-1].code == CODE
    assert Tree.replay(house.store.read(study.name)) == study.tree


def test_the_person_sees_a_diff_against_the_code_above(build: Build) -> None:
    house = with_plans(build(), coded(2), coded(4, LOUDER))
    study = house.open()
    assert "code that a model wrote: read it with %trex code n1" in str(study.plan(1))
    shown = str(study.show("n1"))
    assert "Code written by a model" in shown
    assert "No plan above it has any." in shown
    assert "+    return rows * 2" in shown
    study.approve("n1")
    study.run(jobs=1)
    study.wait(30)
    study.plan(1, under="n1")
    shown = str(study.show("n2"))
    assert "It is shown against that of n1." in shown
    assert "-    return rows * 2" in shown
    assert "+    return rows * 3" in shown
    assert "def rewrite(rows):\n    return rows * 3" in study.code_of("n2")
    assert study.code_of("n0") == "n0 runs no code that a model wrote."


def test_switched_off_no_code_is_let_run(build: Build) -> None:
    study = with_plans(build(), coded(2)).open()
    study.plan(1)
    assert study.code("off").text == "Code off: models write no code, and plans that have some are not let run."
    with pytest.raises(CommandError, match="n1 runs code that a model wrote, and that is switched off"):
        study.approve("n1")
    assert statuses(study.tree)["n1"] == "proposed"
    study.code("ask")
    assert study.approve("n1").text.startswith("Approved n1.")


def test_what_must_be_fetched_is_no_recipe_for_code(build: Build) -> None:
    load = Load(name="more", source="owner/more", rows=Convert(shape="pair"))
    study = with_plans(build(), coded(2, recipe=DataRecipe(ops=(load,)))).open()
    study.plan(1)
    with pytest.raises(CommandError, match="which has no network, and loads owner/more"):
        study.approve("n1")


def test_auto_leaves_code_to_the_person_and_goes_on_with_the_rest(build: Build) -> None:
    house = with_plans(build(), coded(2), lora_plan("Rank 4", r=4), coded(8), lora_plan("Rank 16", r=16), coded(32))
    study = house.open()
    study.auto(rounds=8)
    study.wait(30)
    found = statuses(study.tree)
    assert [found[n] for n in ("n1", "n3", "n5")] == ["proposed"] * 3
    assert [found[n] for n in ("n2", "n4")] == ["succeeded"] * 2
    assert study.tree.auto is None
    assert study.tree.auto_stopped.startswith("n1, n3, n5 wait for you: they run code that a model wrote")


def test_auto_runs_code_unasked_where_the_person_said_so(build: Build) -> None:
    study = with_plans(build(), coded(2), coded(4)).open()
    study.code("auto")
    study.auto(rounds=2)
    study.wait(30)
    assert [statuses(study.tree)[n] for n in ("n1", "n2")] == ["succeeded"] * 2


def test_saying_it_again_changes_nothing(build: Build) -> None:
    house = build()
    study = house.open()
    for _ in range(2):
        study.do(SetCode(policy="auto"))
    assert len(house.events("code_policy_chosen")) == 1
    assert study.code().text.startswith("Code auto: ")


def test_a_repeat_runs_the_code_too(build: Build) -> None:
    house = with_plans(build(), coded(2))
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run(jobs=1)
    study.wait(30)
    study.repeat("n1", 1)
    study.wait(30)
    assert house.executor.prepared[-1].run == RunId("n1.2")
    assert house.executor.prepared[-1].code == CODE


def test_code_that_is_switched_off_is_not_repeated_and_what_was_let_run_is_named(build: Build) -> None:
    study = with_plans(build(), coded(2), coded(4)).open()
    study.plan(2)
    study.approve("n1")
    study.run(jobs=1)
    study.wait(30)
    study.pause()
    study.approve("n2")
    assert study.code("off").text.endswith("Let run already: n2; %trex prune n2 ends that.")
    with pytest.raises(CommandError, match="switched off"):
        study.repeat("n1")
