"""Probe and confirm: our own policy, `auto`.

A study opens with the recommended plan in full and contrasts to it as probes, on a quarter of the data. From then on
the node to refine is the full run with the highest search score, or a probe that is worth confirming by a full run:
only full runs are ever called best. What a child changes, and whether it is a probe, is decided by what it is worth
(`search.ideas`): the surrogate starts out doubting that probes agree with full runs and learns from those that were
confirmed, so probes are bought where they have proved themselves.

Greedy on purpose: over the objectives of `tests/benchmarks/search.py`, with children chosen by the surrogate, refining
the best node did as well as or better than UCT's wider walk, whose exploration the surrogate takes over. What was
pruned or redirected is masked as in every policy. Everything follows from the tree: there is no memory beside it, and
a person's own probes and full runs count like any other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from trex_nb.core.ids import ROOT, NodeId
from trex_nb.core.node import Node, Status
from trex_nb.core.protocols import TreeView
from trex_nb.search.baselines import candidates
from trex_nb.search.ideas import Idea, children, incumbent, rate
from trex_nb.search.observed import pending, surrogate_of, tried
from trex_nb.search.space import Space, space_for
from trex_nb.search.surrogate import Surrogate

PROBE = 0.25
"""The share of the data that a probe uses."""

_SAMPLED = 60


@dataclass(frozen=True, slots=True)
class ProbeAndConfirm:
    """The policy."""

    def select(self, tree: TreeView, k: int) -> Sequence[NodeId]:
        """See `core.protocols.SearchPolicy.select`."""
        found = candidates(tree)
        if not found or not k:
            return []
        best = max(found, key=_full_score)
        space = space_for(tree.data, tree.base)
        surrogate = surrogate_of(tree, space)
        if surrogate is None:  # it opens below the baseline
            return [ROOT if tree.nodes[ROOT] in found else best.id] * k
        return [_most_worthwhile(tree, space, surrogate, best)] * k


def _full_score(node: Node) -> tuple[bool, bool, float]:
    trained = node.parent is not None
    return not node.is_probe, trained, node.score.value if node.score else 0.0


def shares(tree: TreeView) -> tuple[float, ...]:
    """The shares of the data that a new idea may be tried on: under `auto` a quarter too, but for the last round."""
    may_probe = tree.policy.name == "auto" and tree.rounds_left >= 1 + PROBE
    return (PROBE, 1.0) if may_probe else (1.0,)


def _most_worthwhile(tree: TreeView, space: Space, surrogate: Surrogate, best: Node) -> NodeId:
    probes = [n for n in tree.nodes.values() if is_unconfirmed(tree, n)]
    if not probes:
        return best.id
    going = pending(tree, space)
    to_beat = incumbent(surrogate)
    believed = surrogate.believing([p for p, _ in going], [f for _, f in going])
    worths = {n.id: _worth_of_confirming(space, believed, to_beat, n) for n in probes}
    promising = max(worths, key=lambda n: worths[n])
    return promising if worths[promising] > _worth(tree, space, believed, to_beat, best) else best.id


def _worth(tree: TreeView, space: Space, surrogate: Surrogate, to_beat: float, node: Node) -> float:
    """Of the most worthwhile of some children that the node might get."""
    rng = random.Random(f"{node.id}-{len(tree.nodes)}")
    points = [*children(space, space.point(node.plan), tried(tree, space), rng)]
    drawn = rng.sample(points, min(_SAMPLED, len(points)))
    ideas = [Idea(p, share) for p in drawn for share in shares(tree)]
    return rate(surrogate, ideas, to_beat)[0].worth


def _worth_of_confirming(space: Space, surrogate: Surrogate, to_beat: float, node: Node) -> float:
    point = space.point(node.plan)
    return rate(surrogate, [Idea(point)], to_beat)[0].worth if point is not None else 0.0


def is_unconfirmed(tree: TreeView, node: Node) -> bool:
    """Whether `node` is a finished probe, still in the search, that no node of the tree repeats in full."""
    if not (node.is_probe and node.status is Status.SUCCEEDED and not tree.is_pruned(node.id)):
        return False
    return not any(_is_in_full(n, node) for n in tree.nodes.values())


def _is_in_full(node: Node, probe: Node) -> bool:
    if node.is_probe or node.status is Status.REDIRECTED or node.plan.recipe != probe.plan.recipe:
        return False
    return any(c in node.plan.configs for c in probe.plan.configs)
