"""The policies by name, and the one that a study uses: whichever its tree says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trex_nb.core.ids import NodeId
from trex_nb.core.protocols import SearchPolicy, TreeView
from trex_nb.core.task import Policy, PolicyName
from trex_nb.search.baselines import GreedyBestFirst, Sequential
from trex_nb.search.probing import ProbeAndConfirm
from trex_nb.search.uct import Uct

POLICIES: dict[PolicyName, Callable[[Policy], SearchPolicy]] = {
    "uct": lambda p: Uct(p.c, p.widen),
    "auto": lambda _: ProbeAndConfirm(),
    "gbfs": lambda _: GreedyBestFirst(),
    "sequential": lambda _: Sequential(),
}

ABOUT: dict[PolicyName, str] = {
    "uct": "the tree rule UCT picks the node to refine; every run is a full run",
    "auto": "refines the best full run; ideas may be probed on a quarter of the data, and are confirmed in full",
    "gbfs": "always refine the node with the highest score (greedy best-first)",
    "sequential": "always refine the node that was proposed last (a chain)",
}


@dataclass(frozen=True, slots=True)
class AsChosen:
    """Selects by the policy that the person chose for the study."""

    def select(self, tree: TreeView, k: int) -> Sequence[NodeId]:
        """See `core.protocols.SearchPolicy.select`; nothing is selected in an empty tree."""
        if not tree.nodes:
            return []
        return POLICIES[tree.policy.name](tree.policy).select(tree, k)
