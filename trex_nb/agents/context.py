"""The memory context of a proposal, as text (TREX section 3.4): the path to the root, the siblings, the key nodes, the
insights and the person's notes. `%trex why n4` shows the very text.

A key node is one whose score lies far from its nearest scored ancestor's (two standard errors, ours), for better or
worse, or one that failed. The text has a budget of characters: the oldest key nodes go first, then the end is cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from trex_nb.core.events import ProposalRequested
from trex_nb.core.ids import NodeId
from trex_nb.core.node import Node, Status
from trex_nb.core.protocols import TreeView
from trex_nb.core.result import Insight

LIMIT = 12_000


def memory_context(tree: TreeView, request: ProposalRequested) -> str:
    """What a Researcher is told before it proposes children of `request.parent`."""
    parts = [
        f"Directions of the person: {request.directions}" if request.directions else "",
        f"The plans start from the weights of {request.start}." if request.start else "",
        f"Goal: {tree.task.goal}",
        f"Metric: {tree.task.metric} on {tree.data.search} search items; {tree.data.train} training rows.",
        record(tree, request.parent),
        _section("What the person said", person_said(tree)),
    ]
    text = "\n".join(p for p in parts if p)
    return text if len(text) <= LIMIT else text[:LIMIT] + "\n… (cut)"


def record(tree: TreeView, parent: NodeId, limit: int = LIMIT) -> str:
    """What the study knows around `parent`, in at most `limit` characters."""
    seen = {*(n.id for n in tree.path(parent)), *tree.nodes[parent].children}
    key = [n for n in tree.nodes.values() if n.id not in seen and _is_key(tree, n)]
    text = _record(tree, parent, key)
    while len(text) > limit and key:
        key = key[1 + len(key) // 4 :]
        text = _record(tree, parent, key)
    return text if len(text) <= limit else text[:limit] + "\n… (cut)"


def person_said(tree: TreeView) -> list[str]:
    """Notes and reasons of the person, node by node."""
    return [line for n in tree.nodes.values() for line in _said(n)]


def _record(tree: TreeView, parent: NodeId, key: Sequence[Node]) -> str:
    parts = [
        _section("Path from the baseline", [_line(n) for n in tree.path(parent)]),
        _section("Children it already has", [_line(tree.nodes[c]) for c in tree.nodes[parent].children]),
        _section("Key nodes elsewhere", [_line(n) for n in reversed(key)]),
        _section("Insights", [f"{i.text} [{told_source(i)}]" for i in tree.insights]),
    ]
    return "\n".join(p for p in parts if p)


def told_source(insight: Insight) -> str:
    """Where an insight comes from: its nodes, or the other study."""
    nodes = ", ".join(insight.evidence[:12]) + (" …" if len(insight.evidence) > 12 else "")
    if insight.origin is None:
        return nodes
    origin = insight.origin
    return f"carried over from the study {origin.study} of {origin.task} on {origin.base_model}: less sure here"


def _said(node: Node) -> list[str]:
    """Notes, and decisions with the reason the person gave; no prune that was taken back."""
    kept = [d for d in node.decisions if d.what != "pruned" or node.status is Status.PRUNED]
    decided = [f"{d.what}: {d.why}" for d in kept if d.actor == "human" and d.why and node.parent]
    return [f"{node.id}: {line}" for line in (*decided, *node.notes)]


def _section(title: str, lines: list[str]) -> str:
    return "\n".join([f"{title}:", *(f"- {line}" for line in lines)]) if lines else ""


def _line(node: Node) -> str:
    outcome = str(node.score or node.failure or node.status)
    changed = "; ".join(str(c) for c in node.plan.changes)
    findings = " ".join(map(str, node.findings))
    return " | ".join(p for p in (node.id, node.plan.title, outcome, changed, findings) if p)


def _is_key(tree: TreeView, node: Node) -> bool:
    if node.failure:
        return True
    above = tree.scored_ancestor(node.id)
    if not node.score or not above or not above.score:
        return False
    error = math.hypot(node.score.stderr, above.score.stderr)
    return abs(node.score.value - above.score.value) > 2 * error
