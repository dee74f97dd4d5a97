"""Whether a checkpoint has lost what the base model knew: its loss on a fixed general text against the base's.

Any fine-tuning costs some of it, and a small base much. It is a problem where nothing was gained for it, where another
node scores as well and has lost less than half as much, or where the loss has grown out of all proportion; otherwise it
is a note.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

from trex_nb.agents.findings.noise import STRICT, mean_and_error
from trex_nb.core.ids import ROOT
from trex_nb.core.node import Node
from trex_nb.core.protocols import TreeView
from trex_nb.core.result import Evaluation, Finding, Score

Evidence: TypeAlias = tuple[tuple[str, float], ...]

MUCH = 0.25
"""A rise worth a finding, as a share of the base model's loss."""
RUIN = 2.0
"""The same, from which the model is good for nothing else; sound runs of the tiny base come to 0.1 to 0.9."""


def from_general_text(tree: TreeView, node: Node, evaluation: Evaluation) -> Iterator[Finding]:
    """Forgetting, where the loss rose by `MUCH` and by two standard errors of the paragraph-by-paragraph difference."""
    base = tree.nodes[ROOT].evaluation
    if base is None or not base.general_losses or len(base.general_losses) != len(evaluation.general_losses):
        return
    before, after = base.general_loss or 0.0, evaluation.general_loss or 0.0
    differences = [b - a for a, b in zip(base.general_losses, evaluation.general_losses, strict=True)]
    rise, error = mean_and_error(differences)
    if rise < max(MUCH * before, STRICT * error):
        return
    said = f"Loss on general text rose from {before:.2f} to {after:.2f} nats per token (± {error:.2f})"
    evidence = (("general loss of the base", before), ("general loss", after), ("standard error of the rise", error))
    kept = _kept_more(tree, node, evaluation.score, base.score, before + rise / 2)
    if kept:
        message = f"{said}; {kept.id} scores as well and lost less than half as much."
        yield Finding(kind="forgetting", message=message, evidence=evidence)
    elif not _gained(base.score, evaluation.score):
        yield Finding(kind="forgetting", message=f"{said}, and no score was gained for it.", evidence=evidence)
    else:
        yield Finding(kind="forgetting", message=f"{said}.", evidence=evidence, is_note=not is_ruin(evidence))


def is_ruin(evidence: Evidence) -> bool:
    """Whether the model is broken: whatever else may be wrong with it follows from that."""
    (_, before), (_, after), _ = evidence
    return after - before >= RUIN * before


def _gained(base: Score, score: Score) -> bool:
    return score.value - base.value > STRICT * math.hypot(base.stderr, score.stderr)


def _kept_more(tree: TreeView, node: Node, score: Score, base: Score, loss: float) -> Node | None:
    """The node that gained on the base and scores as well as this one, within noise, with a general loss below `loss`:
    the one with the lowest."""
    others = [
        (e.general_loss, n.id, n)
        for n in tree.nodes.values()
        if n.id != node.id
        and n.parent is not None
        and not n.is_probe
        and (e := n.evaluation)
        and e.general_loss is not None
        and e.general_loss < loss
        and score.value - e.score.value <= STRICT * math.hypot(score.stderr, e.score.stderr)
        and _gained(base, e.score)
    ]
    return min(others, default=(0.0, "", None))[2]
