from __future__ import annotations

import math

import pytest

from trex_nb.search.uct import Statistics, Uct, backpropagate, rewards
from trex_nb.testing import trees
from trex_nb.testing.trees import node, tree_of_scores


def test_rewards_are_normalised_and_a_failure_is_worth_nothing() -> None:
    """Scores 0.1 (baseline), 0.5, 0.3: (0.3 - 0.1) / (0.5 - 0.1) = 0.5."""
    tree = tree_of_scores([(1, 0, 0.5), (2, 0, 0.3), (3, 0, None)])
    assert rewards(tree) == pytest.approx({"n0": 0.0, "n1": 1.0, "n2": 0.5, "n3": 0.0})


def test_equal_scores_are_worth_a_half() -> None:
    assert rewards(tree_of_scores([(1, 0, 0.1)])) == {"n0": 0.5, "n1": 0.5}


def test_value_is_the_best_of_the_subtree_and_visits_its_size() -> None:
    tree = tree_of_scores([(1, 0, 0.3), (2, 1, 0.5), (3, 1, None), (4, 0, 0.2)])
    found = backpropagate(tree, rewards(tree))
    assert found[node(1)] == Statistics(3, 1.0)
    assert found[node(0)].visits == 5


def test_the_walk_goes_where_the_bound_is_highest() -> None:
    """By hand. Scores: n0 0.1, n1 0.4, n2 0.5, n3 to n5 0.3, all below n0, so n0 has 6 visits and 5 children, and
    1.5 * sqrt(6) = 3.67 < 5: it does not widen. Every child has one visit, so the bonus 0.25 * sqrt(ln 6 / 1) = 0.335
    is the same for all and the value decides: n2 with (0.5 - 0.1) / 0.4 = 1. It has 0 < 1.5 children: it is chosen.
    Then n2 has two visits: 1 + 0.25 * sqrt(ln 7 / 2) = 1.247 against n1's 0.75 + 0.25 * sqrt(ln 7 / 1) = 1.099.
    """
    tree = tree_of_scores([(1, 0, 0.4), (2, 0, 0.5), (3, 0, 0.3), (4, 0, 0.3), (5, 0, 0.3)])
    assert Uct().select(tree, 1) == [node(2)]
    bound = Uct()._bound(7, Statistics(1, 1.0), 1)
    assert bound == pytest.approx(1 + 0.25 * math.sqrt(math.log(7) / 2))


def test_a_node_widens_until_its_children_outgrow_its_visits() -> None:
    """With v visits a node has at most about 1.5 * sqrt(v) children before the walk goes deeper."""
    tree = tree_of_scores([(1, 0, 0.4), (2, 0, 0.5)])
    assert Uct().select(tree, 1) == [node(0)]  # 2 < 1.5 * sqrt(3) = 2.6
    tree = tree_of_scores([(1, 0, 0.4), (2, 0, 0.5), (3, 0, 0.2)])
    assert Uct().select(tree, 1) == [node(2)]  # 3 = 1.5 * sqrt(4)


def test_parallel_choices_spread_over_branches() -> None:
    tree = tree_of_scores([(1, 0, 0.45), (2, 0, 0.5), (3, 0, 0.45), (4, 0, 0.45)])
    chosen = Uct().select(tree, 4)
    assert len(set(chosen)) > 1


def test_a_pending_child_counts_as_a_visit() -> None:
    alone = tree_of_scores([(1, 0, 0.45), (2, 0, 0.5), (3, 0, 0.1), (4, 0, 0.1)])
    assert Uct(c=1).select(alone, 1) == [node(2)]
    waiting = alone
    for stamped in trees.stamp([trees.proposed(5, 2), trees.proposed(6, 2)], after=alone.seq):
        waiting = waiting.apply(stamped)
    assert Uct(c=1).select(waiting, 1) == [node(1)]
