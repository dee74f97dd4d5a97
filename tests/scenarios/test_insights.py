"""A lesson is learnt, contradicted, superseded; another study starts with what is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agents.test_insights import carried as example
from tests.scenarios.house import NAME, House
from trex_nb.agents.insights import lessons
from trex_nb.core.events import InsightRecorded
from trex_nb.core.ids import NodeId
from trex_nb.core.protocols import Reflection, TreeView
from trex_nb.errors import StoreError, TaskError
from trex_nb.store.sqlite import SqliteStore
from trex_nb.study.carry import insights_of
from trex_nb.testing.researchers import ScriptedResearcher
from trex_nb.testing.trees import created, lora_plan

Build = Callable[..., House]
RATES = (1e-3, 2e-3, 8e-3, 1e-2, 1.2e-2)


class Learner(ScriptedResearcher):
    """Proposes from a script, learns as the shipped Researchers do."""

    async def reflect(self, tree: TreeView, node: NodeId) -> Reflection:
        return Reflection(insights=lessons(tree, node))


def studied(build: Build, root: Path) -> House:
    """Rank 16 beats 4 at two rates, then loses at three higher ones."""
    scores: dict[str, float] = {}
    for k in range(5):
        scores |= {f"n{2 * k + 1}": 0.4 if k < 2 else 0.55, f"n{2 * k + 2}": 0.6 if k < 2 else 0.3}
    house = build(scores=scores, budget=created().task.budget.model_copy(update={"rounds": 20}))
    house.store = SqliteStore(root / NAME / "study.db")
    plans = [lora_plan(f"Rank {r} at {rate}", r=r, learning_rate=rate) for rate in RATES for r in (4, 16)]
    house.researcher = Learner(*plans)
    return house


def test_a_lesson_is_superseded_and_the_next_study_starts_with_what_holds(build: Build, tmp_path: Path) -> None:
    house = studied(build, tmp_path)
    study = house.open()
    study.plan(10)
    study.approve(*(f"n{k}" for k in range(1, 5)))
    study.run(jobs=2)
    study.wait(30)
    (first,) = study.tree.insights
    assert first.text.startswith("r 16 beats 4 by ")
    study.approve(*(f"n{k}" for k in range(5, 11)))
    study.wait(30)
    assert first.text not in [i.text for i in study.tree.insights]
    assert first.text in study.insights().text
    assert "<details><summary>" in study.insights().html
    recorded = house.events("insight_recorded")
    assert any(isinstance(e, InsightRecorded) and first.text in e.insight.supersedes for e in recorded)

    assert " when learning_rate is below " in study.insights().text
    holds = [i for i in study.tree.insights if i.claim and i.claim.is_clear]
    carried = insights_of(NAME, tmp_path)
    assert [c.text for c in carried] == [f"In the study {NAME}: {i.text}" for i in holds]


def test_there_is_nothing_to_take_from_a_study_without_insights(build: Build, tmp_path: Path) -> None:
    studied(build, tmp_path).open()
    with pytest.raises(TaskError, match="no insights yet"):
        insights_of(NAME, tmp_path)


def test_a_wrong_place_is_told_in_two_lines(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no study to take insights from") as error:
        insights_of(tmp_path / "nowhere", tmp_path)
    assert len(str(error.value).splitlines()) == 2
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "study.db").write_text("this is no database, and never was one" * 100)
    with pytest.raises(StoreError, match="cannot be opened") as unreadable:
        insights_of("broken", tmp_path)
    assert len(str(unreadable.value).splitlines()) == 2


def test_what_is_carried_over_twice_is_recorded_once(build: Build) -> None:
    house = build()
    study = house.open()
    for _ in range(2):
        study.carry_over((example(), example(field="no_such_knob")))
    assert [i.text for i in study.tree.insights] == [example().text]
    stamped = [s for s in house.store.read(NAME) if s.event.kind == "insight_recorded"]
    assert [s.actor for s in stamped] == ["system"]
    assert "study other (colours, tiny): n3" in study.insights().text
