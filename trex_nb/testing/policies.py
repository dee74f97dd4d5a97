"""The contract of the `SearchPolicy` seam. Subclass it with a `policy` fixture."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from trex_nb.core.events import Event, NodePruned
from trex_nb.core.node import Status
from trex_nb.core.protocols import SearchPolicy
from trex_nb.search.tree import Tree
from trex_nb.testing import trees

WIDE = [(1, 0, 0.4), (2, 0, 0.3), (3, 1, None), (4, 1, 0.5), (5, 2, 0.2), (6, 4, 0.45), (7, 4, None)]


def _with(tree: Tree, *events: object) -> Tree:
    for stamped in trees.stamp(events, after=tree.seq):  # type: ignore[arg-type]
        tree = tree.apply(stamped)
    return tree


def _finished(order: Sequence[int]) -> Tree:
    """Nodes 1 to 4 below the baseline, approved; those in `order` finished one after the other, 3 badly."""
    events: list[Event] = [*trees.succeeded(0, 0.1)]
    for number in (1, 2, 3, 4):
        plan = trees.lora_plan(f"Idea {number}", learning_rate=number / 1000)
        events += [trees.proposed(number, 0, plan), trees.approved(number)]
    for number in order:
        events += trees.failed(number) if number == 3 else trees.succeeded(number, number / 10)
    return trees.tree_of(events)


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

    @pytest.mark.parametrize("order", [(1, 2, 3, 4), (4, 3, 2, 1), (2, 4, 1, 3)])
    def test_results_may_come_in_any_order(self, policy: SearchPolicy, order: tuple[int, ...]) -> None:
        """Four nodes run at once, one fails; whoever is first, the tree is the same in the end."""
        assert list(policy.select(_finished(order), 5)) == list(policy.select(_finished((1, 2, 3, 4)), 5))

    def test_a_result_told_twice_changes_nothing(self, policy: SearchPolicy) -> None:
        once = _finished((1, 2, 3, 4))
        twice = _with(once, *trees.succeeded(2, 0.2)[-1:])
        assert list(policy.select(twice, 5)) == list(policy.select(once, 5))

    def test_a_result_that_is_late_does_not_stop_the_rest(self, policy: SearchPolicy) -> None:
        early = _finished((1, 2))  # 3 and 4 are still at work
        assert {*policy.select(early, 5)} <= {trees.node(n) for n in (0, 1, 2)}
        assert policy.select(early, 5)

    def test_a_study_in_which_everything_failed_begins_again(self, policy: SearchPolicy) -> None:
        tree = trees.tree_of_scores([(n, 0, None) for n in range(1, 6)])
        assert list(policy.select(tree, 1)) == [trees.node(0)]

    def test_probes_and_full_runs_stand_side_by_side(self, policy: SearchPolicy) -> None:
        plan = trees.lora_plan("Probe", r=4).model_copy(update={"fidelity": 0.25})
        probe = [trees.proposed(6, 1, plan), trees.approved(6), *trees.succeeded(6, 0.1)]
        assert len(policy.select(_with(_finished((1, 2, 3, 4)), *probe), 4)) == 4

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
