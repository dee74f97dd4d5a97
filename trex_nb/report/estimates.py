"""How good the estimates of a study were: minutes said before each run against minutes it took."""

from __future__ import annotations

from statistics import median

from trex_nb.core.node import Node, Run
from trex_nb.report.words import duration
from trex_nb.search.tree import Tree

FACTOR = 1.5


def ratio(node: Node, run: Run) -> float | None:
    """Seconds a run took (job and evaluation) over seconds expected; None unless it ran to its score by itself, in one
    attempt: what a kill or a stop cost is no fault of the estimate."""
    said = 60 * node.plan.expected.minutes
    if run.evaluation is None or run.source is not None or run.attempts or not run.cost.steps or said <= 0:
        return None
    return run.seconds / said


def estimates_words(tree: Tree) -> str:
    """How often the estimates were right so far; empty before the first run."""
    ratios = [r for n in tree.nodes.values() for run in n.runs if (r := ratio(n, run)) is not None]
    if not ratios:
        return ""
    hits = sum(1 / FACTOR <= r <= FACTOR for r in ratios)
    jobs = f"{len(ratios)} job" + "s" * (len(ratios) != 1)
    return f"within ×{FACTOR} for {hits} of {jobs} (median ratio of measured to expected {median(ratios):.2f})"


def run_words(node: Node, run: Run) -> str:
    """Measured against expected of one run: "34 s of 30 s expected (×1.13)"; empty where there is nothing to
    compare."""
    found = ratio(node, run)
    if found is None:
        return ""
    return f"{duration(run.seconds)} of {duration(60 * node.plan.expected.minutes)} expected (×{found:.2f})"
