"""UCT over rounds, asynchronous: the default policy (TREX section 3.3 names MCTS with UCT; constants are ours).

A node's reward is its search score, min-max normalised over the study's scored nodes to [0, 1]; a failed node is
worth 0. `value` is the *highest* reward in the node's subtree (ours: with a mean, one bad child hides a good branch);
visits count the finished and the pending nodes of the subtree. Pending nodes (proposed, approved, running) add a
visit and no reward, so parallel requests spread over branches. From the root, the walk stops at a node that may still
widen, which is one with fewer than `1.5 * sqrt(visits)` children, and else goes to the child with the highest

    value + c * sqrt(log(visits of the parent) / visits of the child)

Pruned nodes are never entered; failed and redirected nodes may be passed through to a child that succeeded, and are
never chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trex_nb.core.ids import ROOT, NodeId
from trex_nb.core.node import Node, Nodes, Status
from trex_nb.core.protocols import TreeView

WIDEN = 1.5


def rewards(tree: TreeView) -> dict[NodeId, float]:
    """The number the search uses, by finished node: in [0, 1], rising with the search score; a failure is 0."""
    scored = {n.id: n.score.value for n in tree.nodes.values() if n.score}
    low, high = min(scored.values(), default=0.0), max(scored.values(), default=0.0)
    spread = high - low
    found = {node: (value - low) / spread if spread else 0.5 for node, value in scored.items()}
    return found | {n.id: 0.0 for n in tree.nodes.values() if n.status is Status.FAILED}


@dataclass(frozen=True, slots=True)
class Statistics:
    """Visits and value of a subtree."""

    visits: int
    value: float


def backpropagate(tree: TreeView) -> dict[NodeId, Statistics]:
    """Statistics of every node that is not pruned: visits add up over children, value is the subtree's best."""
    found: dict[NodeId, Statistics] = {}
    own = rewards(tree)
    for node in sorted(tree.nodes.values(), key=_by_depth, reverse=True):
        if tree.is_pruned(node.id):
            continue
        below = [found[c] for c in node.children if c in found]
        counts = 0 if node.status is Status.REDIRECTED else 1
        visits = counts + sum(s.visits for s in below)
        found[node.id] = Statistics(visits, max([own.get(node.id, 0.0), *(s.value for s in below)]))
    return found


def _by_depth(node: Node) -> int:
    return node.depth


@dataclass(frozen=True, slots=True)
class Uct:
    """The policy. `c` weighs exploration against value (ours; 0.25 as in published tree searches over ML code)."""

    c: float = 0.25

    def select(self, tree: TreeView, k: int) -> Sequence[NodeId]:
        """See `core.protocols.SearchPolicy.select`: up to `k` parents, each choice pending for the next."""
        statistics = backpropagate(tree)
        pending: dict[NodeId, int] = {}
        chosen: list[NodeId] = []
        for _ in range(k):
            node = self._walk(tree, statistics, pending)
            if node is None:
                break
            chosen.append(node)
            for above in tree.path(node):
                pending[above.id] = pending.get(above.id, 0) + 1
        return chosen

    def _walk(
        self, tree: TreeView, statistics: Mapping[NodeId, Statistics], pending: Mapping[NodeId, int]
    ) -> NodeId | None:
        at = ROOT
        while at in statistics:
            node = tree.nodes[at]
            visits = statistics[at].visits + pending.get(at, 0)
            open_ = [c for c in node.children if c in statistics and _leads_to_a_parent(tree.nodes, c)]
            width = len([c for c in node.children if c in statistics]) + _new_children(pending, node, open_)
            if _can_be_parent(node) and (not open_ or width < WIDEN * math.sqrt(visits)):
                return at
            if not open_:
                return None
            at = max(open_, key=lambda c: self._bound(visits, statistics[c], pending.get(c, 0)))
        return None  # an empty tree, or a pruned root

    def _bound(self, parent_visits: int, child: Statistics, pending: int) -> float:
        visits = child.visits + pending
        if not visits:
            return math.inf
        return child.value + self.c * math.sqrt(math.log(max(parent_visits, 1)) / visits)


def _new_children(pending: Mapping[NodeId, int], node: Node, children: Sequence[NodeId]) -> int:
    return pending.get(node.id, 0) - sum(pending.get(c, 0) for c in children)


def _can_be_parent(node: Node) -> bool:
    return node.status is Status.SUCCEEDED


def _leads_to_a_parent(nodes: Nodes, node: NodeId) -> bool:
    stack = [node]
    while stack:
        here = nodes[stack.pop()]
        if here.status is Status.PRUNED:
            continue
        if _can_be_parent(here):
            return True
        stack.extend(here.children)
    return False
