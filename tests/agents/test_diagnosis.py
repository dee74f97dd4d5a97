from __future__ import annotations

import pytest

from trex_nb.agents.diagnosis import diagnose, moves
from trex_nb.core import events as ev
from trex_nb.core.ids import run_id
from trex_nb.core.result import Evaluation, Finding, FindingKind, Score, SliceScore
from trex_nb.search.space import space_for
from trex_nb.testing.trees import (
    BASE,
    FACTS,
    approved,
    evaluation,
    failed,
    node,
    proposed,
    submitted,
    succeeded,
    tree_of,
)

RUN = run_id(node(1), 1)
SPACE = space_for(FACTS, BASE)


def kinds(*happened: ev.Event) -> list[FindingKind]:
    tree = tree_of(proposed(1), approved(1), list(happened))
    return [f.kind for f in diagnose(tree, tree.nodes[node(1)])]


def curve_kinds(losses: list[float], *, held_out: bool = False) -> list[FindingKind]:
    """What is found on a curve; the fake evaluation always has a weak slice, which is another matter."""
    return [k for k in kinds(*curve(losses, held_out=held_out)) if k != "weak_slice"]


def curve(losses: list[float], *, held_out: bool = False) -> list[ev.Event]:
    field = "eval_loss" if held_out else "loss"
    return [
        submitted(1),
        *(ev.JobProgressed(run=RUN, step=i, total=len(losses), line=i, **{field: v}) for i, v in enumerate(losses, 1)),
        *succeeded(1, 0.5)[-2:],
    ]


def scored(slices: tuple[SliceScore, ...] = (), malformed: float | None = None) -> list[ev.Event]:
    found = Evaluation(
        score=Score(metric="accuracy", split="search", value=0.8, n=200, stderr=0.03), slices=slices,
        malformed=malformed, evaluator="e", seconds=1,
    )  # fmt: skip
    return [*succeeded(1, 0.8)[:-1], ev.RunEvaluated(run=RUN, evaluation=found)]


def test_a_diverged_run_is_seen() -> None:
    assert kinds(*failed(1)) == ["diverged"]


def test_a_loss_that_still_falls_is_underfitting() -> None:
    assert curve_kinds([3 - 0.2 * i for i in range(10)]) == ["underfitting"]


def test_a_flat_loss_is_nothing() -> None:
    assert curve_kinds([1.0] * 10) == []


def test_a_held_out_loss_that_rises_is_overfitting() -> None:
    assert curve_kinds([2.0, 1.0, 1.2], held_out=True) == ["overfitting"]


def test_answers_that_are_no_labels_are_seen() -> None:
    assert kinds(*scored(malformed=0.2)) == ["malformed_answers"]
    assert kinds(*scored(malformed=0.01)) == []


def test_a_slice_is_weak_beyond_noise_and_not_when_it_is_small() -> None:
    assert kinds(*scored((SliceScore(slice="red", value=0.5, n=50),))) == ["weak_slice"]
    assert kinds(*scored((SliceScore(slice="red", value=0.75, n=50),))) == []
    assert kinds(*scored((SliceScore(slice="red", value=0.0, n=5),))) == []


def test_the_untrained_baseline_is_not_diagnosed() -> None:
    tree = tree_of(submitted(0), ev.RunEvaluated(run=run_id(node(0), 1), evaluation=evaluation(0.1)))
    assert diagnose(tree, tree.root) == ()


@pytest.mark.parametrize("kind", ["underfitting", "overfitting", "diverged", "weak_slice", "malformed_answers",
                                  "imbalance"])  # fmt: skip
@pytest.mark.parametrize("method", ["lora", "full"])
def test_every_finding_has_moves_and_all_of_them_change_something(kind: FindingKind, method: str) -> None:
    point = SPACE.completed({"method": method})
    found = moves(Finding(kind=kind, message="", slices=("red",)), SPACE, point)
    assert found
    for edit in found:
        assert SPACE.completed({**point, **edit}) != point
