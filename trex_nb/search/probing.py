"""Probe and confirm: our own policy, `auto`.

Ideas may be tried on a quarter of the data first (a probe), the most promising probes are confirmed by full runs, and
only full runs are ever called best. UCT, whose reward is what the surrogate over all finished runs expects a full run
of a node to score, ranks the nodes that may be refined; so what was pruned or redirected is masked as in UCT. Among
the first few of them, and the probes that wait for a confirmation, the node is taken whose most worthwhile child is
worth most (`search.ideas`). Which child that is, is the Researcher's business: it asks the same surrogate.

Everything follows from the tree: there is no memory beside it, and a person's own probes and full runs count like any
other.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trex_nb.core.ids import ROOT, NodeId
from trex_nb.core.node import Node, Status
from trex_nb.core.protocols import TreeView
from trex_nb.search.ideas import Idea, children, incumbent, rate
from trex_nb.search.observed import observations, pending, surrogate_of
from trex_nb.search.space import Space, space_for
from trex_nb.search.surrogate import Surrogate
from trex_nb.search.uct import Uct, normalised, rewards

PROBE = 0.25
"""The share of the data that a probe uses."""

DRAFTS = 7
"""Trained runs before the surrogate is asked: the recommended plan in full, then probes around it."""

FULL_RUNS = 6
"""Full runs that trained, from which on nothing new is probed: what is left to win is finer than a probe can tell."""

CONSIDERED = 4
"""Nodes, in UCT's order, whose children are compared."""

_SAMPLED = 60


@dataclass(frozen=True, slots=True)
class ProbeAndConfirm:
    """The policy. `uct` ranks the nodes to refine."""

    uct: Uct = field(default_factory=Uct)

    def select(self, tree: TreeView, k: int) -> Sequence[NodeId]:
        """See `core.protocols.SearchPolicy.select`."""
        space = space_for(tree.data, tree.base) if k and ROOT in tree.nodes else None
        surrogate = surrogate_for(tree, space) if space else None
        if space is None or surrogate is None:
            return self.uct.select(tree, k)
        ranked = self.uct.select_by(tree, k * CONSIDERED, promises(tree, space, surrogate))
        return [
            _most_worthwhile(tree, space, surrogate, ranked[i * CONSIDERED : (i + 1) * CONSIDERED])
            for i in range(k)
            if ranked[i * CONSIDERED : (i + 1) * CONSIDERED]
        ]


def surrogate_for(tree: TreeView, space: Space) -> Surrogate | None:
    """The surrogate over all finished runs; under `auto` not before there are `DRAFTS` of them."""
    is_early = tree.policy.name == "auto" and len(observations(tree, space)) < DRAFTS
    return None if is_early else surrogate_of(tree, space)


def shares(tree: TreeView) -> tuple[float, ...]:
    """The shares of the data that a new idea may be tried on: under `auto` a quarter too, broad first and deep later,
    and the last round is for a full run."""
    full = [n for n in tree.nodes.values() if n.parent and n.score and not n.is_probe]
    may_probe = tree.policy.name == "auto" and len(full) < FULL_RUNS and tree.rounds_left >= 1 + PROBE
    return (PROBE, 1.0) if may_probe else (1.0,)


def _most_worthwhile(tree: TreeView, space: Space, surrogate: Surrogate, ranked: Sequence[NodeId]) -> NodeId:
    going = pending(tree, space)
    best = incumbent(surrogate)
    believed = surrogate.believing([p for p, _ in going], [f for _, f in going])
    worths = {node: _worth(tree, space, believed, best, tree.nodes[node]) for node in dict.fromkeys(ranked)}
    for node in tree.nodes.values():
        if is_unconfirmed(tree, node):
            worths[node.id] = max(worths.get(node.id, 0.0), _worth_of_confirming(space, believed, best, node))
    return max(worths, key=lambda n: worths[n])


def _worth(tree: TreeView, space: Space, surrogate: Surrogate, best: float, node: Node) -> float:
    """Of the most worthwhile of some children that the node might get."""
    known = [o.point for o in sorted(observations(tree, space), key=lambda o: -o.score)]
    rng = random.Random(f"{node.id}-{len(tree.nodes)}")
    points = [*children(space, space.point(node.plan), known, rng)]
    drawn = rng.sample(points, min(_SAMPLED, len(points)))
    ideas = [Idea(p, share) for p in drawn for share in shares(tree)]
    return max(r.worth for r in rate(surrogate, ideas, best))


def _worth_of_confirming(space: Space, surrogate: Surrogate, best: float, node: Node) -> float:
    point = space.point(node.plan)
    return rate(surrogate, [Idea(point)], best)[0].worth if point is not None else 0.0


def promises(tree: TreeView, space: Space, surrogate: Surrogate) -> dict[NodeId, float]:
    """Rewards by finished node, in [0, 1]: how a full run of it is expected to score among them; a failure is 0."""
    scored = {n.id: n for n in tree.nodes.values() if n.score}
    expected = expected_scores(space, surrogate, scored)
    baseline = {n.id: n.score.value for n in scored.values() if n.id not in expected and n.score}
    return normalised(expected | baseline) | {n: 0.0 for n, r in rewards(tree).items() if n not in scored and r == 0}


def expected_scores(space: Space, surrogate: Surrogate, nodes: Mapping[NodeId, Node]) -> dict[NodeId, float]:
    """What a full run of each node that trains should score; of several runs in a node the best."""
    points = [
        (n.id, point)
        for n in nodes.values()
        for r in n.runs
        if r.evaluation and (point := space.point_of(n.plan.recipe, r.config)) is not None
    ]
    found: dict[NodeId, float] = {}
    for (node, _), p in zip(points, surrogate.predict([point for _, point in points]), strict=True):
        found[node] = max(found.get(node, 0.0), p.mean)
    return found


def is_unconfirmed(tree: TreeView, node: Node) -> bool:
    """Whether `node` is a finished probe, still in the search, that no node of the tree repeats in full."""
    if not (node.is_probe and node.status is Status.SUCCEEDED and not tree.is_pruned(node.id)):
        return False
    return not any(_is_in_full(n, node) for n in tree.nodes.values())


def _is_in_full(node: Node, probe: Node) -> bool:
    if node.is_probe or node.status is Status.REDIRECTED or node.plan.recipe != probe.plan.recipe:
        return False
    return any(c in node.plan.configs for c in probe.plan.configs)
