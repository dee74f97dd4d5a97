"""What the surrogate over all finished runs says, in words: the same text for a person, for the memory context and
for any Researcher that reads it."""

from __future__ import annotations

from trex_nb.core.protocols import TreeView
from trex_nb.search.observed import surrogate_of
from trex_nb.search.space import space_for
from trex_nb.search.surrogate import Surrogate

_FIELDS, _NODES = 4, 3


def summary(tree: TreeView) -> str:
    """The fields that matter, what full runs of the most promising nodes should score, and how far probes can be
    trusted; empty before there is enough to fit."""
    surrogate = surrogate_of(tree, space_for(tree.data, tree.base))
    if surrogate is None:
        return ""
    return " ".join([_best(tree), _fields(surrogate), _promising(surrogate), _trust(surrogate)]).strip()


def _best(tree: TreeView) -> str:
    best = tree.best
    return f"Best full run so far: {best.id} at {best.score}." if best else "No full run has a score yet."


def _fields(surrogate: Surrogate) -> str:
    shares = sorted(surrogate.importance().items(), key=lambda kv: -kv[1])[:_FIELDS]
    return "What seems to matter most: " + ", ".join(f"{name} {share:.0%}" for name, share in shares) + "."


def _promising(surrogate: Surrogate) -> str:
    rated = zip(surrogate.seen, surrogate.predict([o.point for o in surrogate.seen]), strict=True)
    found = {o.node: p for o, p in sorted(rated, key=lambda op: op[1].mean)}
    top = list(reversed(found.items()))[:_NODES]
    return "Expected of full runs: " + ", ".join(f"{n} {p.mean:.3f} ± {p.stderr:.3f}" for n, p in top) + "."


def _trust(surrogate: Surrogate) -> str:
    if all(o.fidelity == 1 for o in surrogate.seen):
        return ""
    return f"Probes agree with full runs to {surrogate.agreement:.2f} (1 would be perfectly)."
