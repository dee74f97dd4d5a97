from __future__ import annotations

from trex_nb.search.baselines import GreedyBestFirst, Sequential
from trex_nb.testing.trees import node, tree_of_scores

TREE = tree_of_scores([(1, 0, 0.4), (2, 0, 0.5), (3, 1, 0.3), (4, 3, None)])


def test_greedy_takes_the_best_score() -> None:
    assert GreedyBestFirst().select(TREE, 2) == [node(2), node(2)]


def test_sequential_takes_the_last_that_succeeded() -> None:
    assert Sequential().select(TREE, 1) == [node(3)]
