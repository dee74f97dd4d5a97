"""Where each node of the tree is drawn: one layout for the widget and the static report.

A tidy tree in the manner of Reingold and Tilford, simplified: leaves take the next free row, an inner node sits in the
middle of its children. x counts levels, y counts rows; no two nodes share a place. O(n).
"""

from __future__ import annotations

from dataclasses import dataclass

from trex_nb.core.ids import ROOT, NodeId
from trex_nb.core.node import Nodes


@dataclass(frozen=True, slots=True)
class Place:
    """Coordinates of a node: `x` in levels from the root, `y` in rows from the top."""

    x: int
    y: float


def layout(nodes: Nodes) -> dict[NodeId, Place]:
    """Places for all nodes below and including the root; empty for an empty tree."""
    if ROOT not in nodes:
        return {}
    places: dict[NodeId, Place] = {}
    next_row = 0.0
    for node in reversed(_parents_first(nodes)):  # children come before their parents, last row first
        children = nodes[node].children
        if children:
            y = (places[children[0]].y + places[children[-1]].y) / 2
        else:
            y, next_row = next_row, next_row - 1
        places[node] = Place(nodes[node].depth, y)
    return {n: Place(p.x, p.y - next_row - 1) for n, p in reversed(places.items())}


def _parents_first(nodes: Nodes) -> list[NodeId]:
    found, stack = [], [ROOT]
    while stack:
        node = stack.pop()
        found.append(node)
        stack.extend(reversed(nodes[node].children))
    return found
