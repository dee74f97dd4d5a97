"""The two policies the paper compares UCT with: greedy best-first and sequential."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trex_nb.core.ids import NodeId
from trex_nb.core.node import Node, Status
from trex_nb.core.protocols import TreeView


def candidates(tree: TreeView) -> list[Node]:
    """Nodes that may get a child: finished well, not below a prune."""
    return [n for n in tree.nodes.values() if n.status is Status.SUCCEEDED and not tree.is_pruned(n.id)]


def _value(node: Node) -> float:
    return node.score.value if node.score else 0.0


@dataclass(frozen=True, slots=True)
class GreedyBestFirst:
    """Always refine the node with the highest search score."""

    def select(self, tree: TreeView, k: int) -> Sequence[NodeId]:
        """See `core.protocols.SearchPolicy.select`."""
        best = max(candidates(tree), key=_value, default=None)
        return [best.id] * k if best else []


@dataclass(frozen=True, slots=True)
class Sequential:
    """Always refine the node that was proposed last: a chain."""

    def select(self, tree: TreeView, k: int) -> Sequence[NodeId]:
        """See `core.protocols.SearchPolicy.select`."""
        found = candidates(tree)
        return [found[-1].id] * k if found else []
