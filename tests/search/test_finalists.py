"""Who is repeated, who wins, and how much of the best score is luck."""

from __future__ import annotations

import pytest

from trex_nb.core import events as ev
from trex_nb.core.ids import NodeId, RunId, run_id
from trex_nb.core.items import pack
from trex_nb.core.node import Finals
from trex_nb.core.result import Failure
from trex_nb.search.finalists import compare_nodes, finalists, fresh_scores, incomparable, luck_of, pick, seed_noise
from trex_nb.search.tree import Tree
from trex_nb.testing import trees

N = 200


def scored(number: int, right: int, index: int = 1) -> list[ev.Event]:
    """A run that is right on the first `right` of 200 items."""
    *before, last = trees.succeeded(number, right / N, index)
    assert isinstance(last, ev.RunEvaluated)
    items = pack([1.0] * right + [0.0] * (N - right))
    score = last.evaluation.score.model_copy(update={"n": N, "stderr": 0.03})
    return [*before, last.model_copy(update={"evaluation": last.evaluation.model_copy(
        update={"items": items, "score": score})})]  # fmt: skip


def study(*right: int, more: tuple[ev.Event, ...] = ()) -> Tree:
    """A tree of experiments that are right so often, the baseline 20 of 200."""
    events = [e for i, r in enumerate(right, 1) for e in (trees.proposed(i), trees.approved(i), *scored(i, r))]
    return trees.tree_of(scored(0, 20), events, more)


def repeated(number: int, *right: int) -> list[ev.Event]:
    """Repeats of a node's first run."""
    node = NodeId(f"n{number}")
    added = ev.RepeatsAdded(node=node, run=run_id(node, 1), seeds=tuple(range(1, 1 + len(right))))
    return [added, *(e for i, r in enumerate(right, 2) for e in scored(number, r, i))]


def final_of(tree: Tree, *numbers: int) -> Finals:
    nodes = tuple(NodeId(f"n{i}") for i in numbers)
    runs = tuple(r.id for n in nodes for r in tree.nodes[n].repeats)
    return Finals(1, nodes, 2, runs, tree.candidates)


def test_finalists_are_the_best_and_those_not_told_from_it() -> None:
    """160, 157 and 130 of 200: three items apart cannot be told (p .25), thirty can."""
    tree = study(130, 157, 160)
    assert finalists(tree, 3) == ("n3", "n2")
    assert finalists(tree, 1) == ("n3",)
    assert finalists(trees.tree_of(scored(0, 20)), 3) == ()


def test_among_equals_the_cheaper_comes_first_and_pruned_ones_never() -> None:
    tree = study(160, 160, 160, more=(ev.NodePruned(node=NodeId("n1")),))
    assert finalists(tree, 3) == ("n2", "n3")


def test_the_winner_has_the_best_fresh_mean_whatever_was_searched() -> None:
    tree = study(150, 156, more=(*repeated(1, 150, 152), *repeated(2, 140, 144)))
    final = final_of(tree, 2, 1)
    assert pick(tree, final) == "n1"
    assert fresh_scores(tree, NodeId("n2"), final) == (0.70, 0.72)  # without the 0.78 that made it a finalist


def test_a_seed_that_diverges_counts_as_the_base_model() -> None:
    gone = ev.RunFailed(run=RunId("n1.3"), failure=Failure(stage="train", kind="diverged", message="nan"))
    lost = ev.RunFailed(run=RunId("n1.4"), failure=Failure(stage="infra", kind="lost", message="gone"))
    added = ev.RepeatsAdded(node=NodeId("n1"), run=RunId("n1.1"), seeds=(1, 2, 3))
    tree = study(150, more=(added, *scored(1, 150, 2), gone, lost))
    assert fresh_scores(tree, NodeId("n1"), final_of(tree, 1)) == (0.75, 0.1)


def test_a_repeated_node_counts_with_its_mean_and_its_score_stays() -> None:
    tree = study(150, 156, more=tuple(repeated(2, 140, 142)))
    node = tree.nodes[NodeId("n2")]
    assert node.score is not None
    assert node.score.value == 0.78
    assert node.standing == pytest.approx((156 + 140 + 142) / 600)
    assert tree.best is not None
    assert tree.best.id == "n1"
    assert node.status.is_finished


def test_seeds_once_known_are_in_every_comparison() -> None:
    alone = compare_nodes(study(140, 156), NodeId("n1"), NodeId("n2"))
    tree = study(140, 156, more=tuple(repeated(2, 130, 150)))
    together = compare_nodes(tree, NodeId("n1"), NodeId("n2"))
    noise = seed_noise(tree)
    assert noise is not None
    assert noise.df == 2
    assert (alone.outcome, alone.with_seeds) == ("better", False)
    assert (together.outcome, together.with_seeds) == ("cannot tell", True)


def test_a_probe_is_never_compared_with_a_full_run() -> None:
    plan = trees.lora_plan("Probe").model_copy(update={"fidelity": 0.25})
    tree = trees.tree_of(
        scored(0, 20), trees.proposed(1), trees.approved(1), scored(1, 150),
        trees.proposed(2, plan=plan), trees.approved(2), scored(2, 160),
    )  # fmt: skip
    why = incomparable(tree.nodes[NodeId("n1")], tree.nodes[NodeId("n2")])
    assert "n2 is a probe on 25% of the data" in why
    assert finalists(tree, 3) == ("n1",)


def test_the_luck_of_the_best_grows_with_those_that_are_near() -> None:
    two, five = luck_of(study(150, 152)), luck_of(study(150, 151, 150, 151, 152))
    assert two is not None
    assert five is not None
    assert 0 < two.bias < five.bias
    assert (five.k, five.contenders) == (5, 4)
    far = luck_of(study(40, 160))
    assert far is not None
    assert (far.bias, far.contenders) == (0.0, 0)
    assert luck_of(study(150)) is None
    assert luck_of(study(150, 152, more=tuple(repeated(2, 150)))) is None
