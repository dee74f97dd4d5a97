"""The contract of the `SearchPolicy` seam. Subclass it with a `policy` fixture."""

from __future__ import annotations

import pytest

from trex_nb.core.events import NodePruned
from trex_nb.core.node import Status
from trex_nb.core.protocols import SearchPolicy
from trex_nb.search.tree import Tree
from trex_nb.testing import trees

WIDE = [(1, 0, 0.4), (2, 0, 0.3), (3, 1, None), (4, 1, 0.5), (5, 2, 0.2), (6, 4, 0.45), (7, 4, None)]


def _with(tree: Tree, *events: object) -> Tree:
    for stamped in trees.stamp(events, after=tree.seq):  # type: ignore[arg-type]
        tree = tree.apply(stamped)
    return tree


class PolicyContract:
    """What every SearchPolicy promises."""

    @pytest.fixture
    def tree(self) -> Tree:
        """Seven nodes: two branches, two failures; one node waits and one runs."""
        tree = trees.tree_of_scores(WIDE)
        return _with(tree, trees.proposed(8, 1), trees.proposed(9, 2), trees.approved(9), trees.submitted(9))

    @pytest.mark.parametrize("k", [0, 1, 2, 5, 40])
    def test_never_more_than_were_asked_for(self, policy: SearchPolicy, tree: Tree, k: int) -> None:
        chosen = policy.select(tree, k)
        assert len(chosen) <= k
        assert bool(chosen) == (k > 0)

    def test_only_nodes_that_succeeded_are_selected(self, policy: SearchPolicy, tree: Tree) -> None:
        assert {tree.nodes[n].status for n in policy.select(tree, 40)} == {Status.SUCCEEDED}

    def test_a_pruned_branch_is_never_selected(self, policy: SearchPolicy, tree: Tree) -> None:
        pruned = _with(tree, NodePruned(node=trees.node(1)))
        chosen = policy.select(pruned, 40)
        assert chosen
        assert not {*chosen} & {n.id for n in pruned.subtree(trees.node(1))}

    def test_equal_trees_get_equal_answers(self, policy: SearchPolicy, tree: Tree) -> None:
        assert list(policy.select(tree, 7)) == list(policy.select(tree, 7))

    def test_asking_for_more_does_not_change_the_first_choices(self, policy: SearchPolicy, tree: Tree) -> None:
        assert list(policy.select(tree, 7))[:3] == list(policy.select(tree, 3))

    def test_only_the_baseline_is_there(self, policy: SearchPolicy) -> None:
        assert list(policy.select(trees.tree_of_scores([]), 2)) == [trees.node(0)] * 2

    def test_nothing_is_selected_before_the_baseline_has_run(self, policy: SearchPolicy) -> None:
        assert list(policy.select(trees.tree_of(), 3)) == []

    def test_nothing_is_selected_in_an_empty_tree(self, policy: SearchPolicy) -> None:
        assert list(policy.select(Tree(), 3)) == []

    def test_nothing_is_selected_when_the_baseline_failed(self, policy: SearchPolicy) -> None:
        assert list(policy.select(trees.tree_of(trees.failed(0)), 3)) == []

    def test_a_good_child_of_a_failed_node_can_be_selected(self, policy: SearchPolicy) -> None:
        tree = trees.tree_of(
            trees.failed(0), trees.proposed(1), trees.approved(1), trees.succeeded(1, 0.5)
        )  # fmt: skip
        assert list(policy.select(tree, 1)) == [trees.node(1)]
