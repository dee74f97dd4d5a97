"""Repeats and the sealed test: finalists again over fresh seeds, one look at the test split, nothing of it in sight."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from tests.scenarios.house import BASELINE, NAME, House, until
from trex_nb.agents.context import memory_context
from trex_nb.core.events import ProposalRequested
from trex_nb.core.ids import ROOT, NodeId, RunId, node_of
from trex_nb.core.result import Checkpoint
from trex_nb.core.task import Budget, Split, Task
from trex_nb.errors import CommandError, EvaluationError
from trex_nb.report.answer import report_parts
from trex_nb.report.freeze import report_page
from trex_nb.search.tree import Tree
from trex_nb.study.study import Study
from trex_nb.testing.evaluators import FakeEvaluator

Build = Callable[..., House]
N1, N2 = NodeId("n1"), NodeId("n2")

TEST_BASE, TEST_TUNED = 0.17171, 0.71717
"""Numbers that nothing else in a study has."""

SEARCH: Mapping[str, float] = {
    "n1.1": 0.60, "n2.1": 0.64, "n3.1": 0.30,  # as searched: n2 is ahead by luck
    "n1.2": 0.60, "n1.3": 0.62, "n2.2": 0.50, "n2.3": 0.52,  # as repeated: n1 is better
}  # fmt: skip


def score(_task: Task, checkpoint: Checkpoint, split: Split) -> float:
    if split == "test":
        return TEST_BASE if checkpoint.path is None else TEST_TUNED
    return BASELINE if checkpoint.path is None else SEARCH.get(checkpoint.path.split("/")[1], 0.3)


@pytest.fixture
def house(build: Build) -> House:
    found = build()
    found.evaluator = FakeEvaluator(score)
    return found


def searched(house: House, n: int = 3) -> Study:
    """A study with `n` scored experiments."""
    study = house.open()
    study.plan(n)
    study.approve(*(f"n{i}" for i in range(1, n + 1)))
    study.run(jobs=2)
    return study.wait(30)


def test_looks(house: House) -> int:
    """How many checkpoints were scored on the test split."""
    return sum(split == "test" for _, split in house.evaluator.asked)


test_looks.__test__ = False  # type: ignore[attr-defined]


def test_the_winner_is_picked_by_fresh_repeats_and_scored_once(house: House) -> None:
    study = searched(house)
    assert study.best is not None
    assert study.best.id == "n2"
    said = study.finalize(seeds=2).text
    assert "n2 (0.640) is the best on the search split; n1 (0.600) cannot be told from it" in said
    study.wait(30)
    final = study.tree.final
    assert final is not None
    assert (final.finalists, final.winner, final.is_ended, study.tree.peeks) == (("n2", "n1"), "n1", True, 1)
    assert [s.run for s in study.sealed] == ["n1.1", "n1.2", "n1.3", "n0.1"]
    assert test_looks(house) == 4
    assert study.best.id == "n1"  # counts with its mean over all seeds now
    status = study.status().text
    assert "n1 scores 0.717 ± 0.045 on the sealed test split (100 items); the base model as it is 0.172" in status
    assert "n1 is better than the base model: +0.545" in status
    assert "searched 0.600, repeated 0.610 ± 0.014 (sd) over 2 fresh seeds" in status
    assert "The test split was scored once." in status


def test_repeats_never_raise_the_score_of_their_node(house: House) -> None:
    study = searched(house)
    assert "Repeating n1.1 under seeds 1, 2" in study.repeat("n1", 2).text
    study.wait(30)
    node = study.tree.nodes[N1]
    assert node.score is not None
    assert (node.score.value, node.best_run.id if node.best_run else "") == (0.60, "n1.1")
    assert node.seed_scores == (0.60, 0.60, 0.62)
    assert "mean 0.607 ± 0.012 (sd) over 3 seeds" in study.show("n1").text
    assert "n1 already has 2 repeats" in study.repeat("n1", 2).text
    assert len(house.events("repeats_added")) == 1
    assert node.seconds == pytest.approx(90)  # their cost counts


def test_a_repeat_is_served_from_history(house: House) -> None:
    """A node whose plan is another's under the next seed has its run already."""
    study = searched(house, 1)
    study.plan(1)
    study.edit("n2", r=2, lora_alpha=4, seed=1)
    study.approve("n2")
    study.wait(30)
    study.repeat("n1", 1)
    study.wait(30)
    assert [e.source for e in house.events("run_reused")] == ["n2.1"]  # type: ignore[union-attr]


def test_asking_again_says_so_and_looks_at_nothing(house: House) -> None:
    study = searched(house)
    study.finalize(seeds=1)
    assert "under way" in study.finalize(seeds=1).text or study.tree.peeks
    study.wait(30)
    looks = test_looks(house)
    for again in (False, True):
        assert "Nothing is new" in study.finalize(seeds=1, again=again).text
    study.wait(30)
    assert (test_looks(house), study.tree.peeks) == (looks, 1)


def test_a_second_peek_is_refused_and_with_again_marked(house: House) -> None:
    study = searched(house)
    study.finalize(seeds=1)
    study.wait(30)
    study.plan(1)
    study.approve("n4")
    study.wait(30)
    with pytest.raises(CommandError) as refused:
        study.finalize(seeds=1)
    assert len(str(refused.value).splitlines()) == 2
    assert "already scored once" in str(refused.value)
    assert study.tree.peeks == 1
    study.finalize(seeds=1, again=True)
    study.wait(30)
    assert study.tree.peeks == 2
    for said in (study.status().text, report_page(study.tree, study.sealed)):
        assert "The test split was scored 2 times" in said


@pytest.mark.parametrize("stop_at", ["finalize_started", "repeats_added", "job_submitted", "run_evaluated", "peeked"])
def test_a_finalization_cut_anywhere_is_finished_by_the_next_notebook(build: Build, stop_at: str) -> None:
    """The log is cut after each kind of event; what was scored on the test split is not scored again."""
    house = build()
    house.evaluator = FakeEvaluator(score)
    study = searched(house)
    study.finalize(seeds=1)
    until(study, lambda _: stop_at in house.told()[house.told().index("finalize_started") :])
    study.close()
    study = house.open().wait(30)
    assert study.tree.final is not None
    assert study.tree.final.is_ended
    assert study.tree.peeks == 1
    runs = [s.run for s in study.sealed]
    assert len(runs) == len(set(runs))
    assert len([s for s in house.launcher.submitted if s.run in study.tree.final.repeats]) == 2


def test_nothing_of_the_test_split_is_in_what_agents_and_policies_see(house: House) -> None:
    """Everything that is kept, folded or told to a Researcher, looked through for the test scores."""
    study = searched(house)
    house.folder.references("test").parent.mkdir(parents=True, exist_ok=True)
    house.folder.references("test").write_text(json.dumps({"prompt": "zebra-crossing"}))
    study.finalize(seeds=2)
    study.wait(30)
    request = ProposalRequested(request=99, parent=ROOT, n=1)
    seen = [
        *(s.model_dump_json() for s in house.store.read(NAME)),
        repr([vars_of(n) for n in study.tree.nodes.values()]),
        repr([getattr(study.tree, f) for f in Tree.__dataclass_fields__]),
        memory_context(study.tree, request),
        *(str(study.why(n)) for n in study.tree.nodes),
        *(str(blocks) for _, blocks in report_parts(study.tree)),
    ]
    for text in seen:
        for secret in ("0.17171", "0.71717", "0.717", "0.172", "zebra", "'test'", '"split":"test"'):
            assert secret not in text
    assert "0.717" in str(report_parts(study.tree, study.sealed))  # the person sees it


def vars_of(node: object) -> dict[str, object]:
    return {name: getattr(node, name) for name in node.__slots__}  # type: ignore[attr-defined]


def test_stop_calls_it_off_before_the_test_split_is_opened(build: Build) -> None:
    house = build(is_auto=False)
    house.evaluator = FakeEvaluator(score)
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run(jobs=1)
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    house.launcher.release(RunId("n1.1"))
    study.wait(30)
    study.finalize(seeds=2)
    until(study, lambda _: "n1.2" in house.launcher.jobs)
    assert "finalizing n1: 0 of 2 repeats done" in study.status().text
    assert "Stopping n1" in study.stop().text
    study.wait(30)
    assert (test_looks(house), study.tree.peeks) == (0, 0)
    assert "stopped by the person before the test split was opened" in study.status().text
    assert "Paused: %trex resume" in study.finalize(seeds=1).text  # nothing was seen: a new one needs no leave


def test_a_pruned_finalist_is_waited_for_no_longer(build: Build) -> None:
    house = build(is_auto=False)
    house.evaluator = FakeEvaluator(score)
    study = house.open()
    study.plan(2)
    study.approve("n1", "n2")
    study.run(jobs=2)
    until(study, lambda _: len(house.launcher.jobs) == 2)
    for run in ("n1.1", "n2.1"):
        house.launcher.release(RunId(run))
    study.wait(30)
    study.finalize(seeds=1)
    until(study, lambda _: len(house.launcher.jobs) == 4)
    study.prune("n2")
    house.launcher.release(RunId("n1.2"))
    study.wait(30)
    assert study.tree.final is not None
    assert study.tree.final.winner == "n1"


def test_the_budget_holds_the_repeats_and_says_so(build: Build) -> None:
    house = build(budget=Budget(rounds=4, minutes=0.9))
    house.evaluator = FakeEvaluator(score)
    study = searched(house, 1)
    assert "%trex budget --minutes gives more" in study.finalize(seeds=3).text
    until(study, lambda _: "held by the budget" in study.status().text)
    assert study.tree.peeks == 0
    study.budget(minutes=60)
    study.wait(30)
    assert study.tree.peeks == 1


def test_an_evaluator_that_fails_is_told_and_counts_as_no_look(build: Build) -> None:
    def broken(task: Task, checkpoint: Checkpoint, split: Split) -> float:
        if split == "test":
            raise EvaluationError("The references are gone.", "create the study again.")
        return score(task, checkpoint, split)

    house = build()
    house.evaluator = FakeEvaluator(broken)
    study = searched(house, 1)
    study.finalize(seeds=1)
    study.wait(30)
    assert study.tree.peeks == 0
    assert "The references are gone." in study.status().text


def test_what_cannot_be_repeated_or_finalized_is_refused(build: Build) -> None:
    study = build().open()
    study.plan(1)
    study.run()
    study.wait(30)
    with pytest.raises(CommandError, match="n0 is not trained"):
        study.repeat("n0")
    with pytest.raises(CommandError, match="n1 has no score to repeat"):
        study.repeat("n1")
    with pytest.raises(CommandError, match="No trained experiment"):
        study.finalize()


def test_the_fold_of_it_replays(house: House) -> None:
    study = searched(house)
    study.finalize(seeds=1)
    study.wait(30)
    assert Tree.replay(house.store.read(NAME)) == study.tree
    assert {node_of(r) for r in study.tree.final.repeats} == {"n1", "n2"} if study.tree.final else False
