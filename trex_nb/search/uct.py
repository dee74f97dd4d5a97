"""UCT over rounds, asynchronous: the default policy (TREX section 3.3 names MCTS with UCT; constants are ours).

A node's reward is its search score, min-max normalised to [0, 1] over the study's nodes that used the same share of the
data (a probe is not compared with a full run); a failed node is worth 0. `value` is the *highest* reward in the
node's subtree (ours: with a mean, one bad child hides a good branch); visits count the finished and the pending nodes
of the subtree. Pending nodes (proposed, approved, running) add a visit and no reward, so parallel requests spread
over branches. From the root, the walk stops at a node that may still widen, which is one with fewer than `widen *
sqrt(visits)` children, and else goes to the child with the highest

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


def rewards(tree: TreeView) -> dict[NodeId, float]:
    """The number the search uses, by finished node: in [0, 1], rising with the search score; a failure is 0."""
    scored = [n for n in tree.nodes.values() if n.score]
    found: dict[NodeId, float] = {}
    for share in {n.plan.fidelity for n in scored}:
        found |= _normalised({n.id: n.score.value for n in scored if n.score and n.plan.fidelity == share})
    return found | {n.id: 0.0 for n in tree.nodes.values() if n.status is Status.FAILED}


def _normalised(values: Mapping[NodeId, float]) -> dict[NodeId, float]:
    """Values moved and scaled to [0, 1]; all .5 where they are equal."""
    low, high = min(values.values(), default=0.0), max(values.values(), default=0.0)
    return {node: (value - low) / (high - low) if high > low else 0.5 for node, value in values.items()}


@dataclass(frozen=True, slots=True)
class Statistics:
    """Visits and value of a subtree."""

    visits: int
    value: float


def backpropagate(tree: TreeView, own: Mapping[NodeId, float]) -> dict[NodeId, Statistics]:
    """Statistics of every node that is not pruned: visits add up over children, value is the subtree's best of `own`,
    the nodes' rewards."""
    found: dict[NodeId, Statistics] = {}
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
    """The policy. `c` weighs exploration against value (ours; 0.25 as in published tree searches over ML code), `widen`
    bounds the number of children (ours)."""

    c: float = 0.25
    widen: float = 1.5

    def select(self, tree: TreeView, k: int) -> Sequence[NodeId]:
        """See `core.protocols.SearchPolicy.select`: up to `k` parents, each choice pending for the next."""
        return self.select_by(tree, k, rewards(tree))

    def select_by(self, tree: TreeView, k: int, own: Mapping[NodeId, float]) -> Sequence[NodeId]:
        """The same with the nodes' rewards given, each in [0, 1]."""
        statistics = backpropagate(tree, own)
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
            if _can_be_parent(node) and (not open_ or width < self.widen * math.sqrt(visits)):
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
