"""What can be stopped: asked by the command that does it and by the explorer that offers it. Pure."""

from __future__ import annotations

from trex_nb.core.node import Node, Run, Status
from trex_nb.study.finalize import is_repeating


def can_stop(node: Node) -> bool:
    """Whether jobs of the node, repeats included, are at work or to come, and nobody has stopped them all."""
    works = node.status is Status.RUNNING or is_repeating(node)
    return works and not all(r.stop_requested or r.is_over for r in node.runs)


def can_stop_run(node: Node, run: Run) -> bool:
    """Whether one run of the node is at work or to come, and nobody has stopped it."""
    is_open = not (run.stop_requested or run.is_over) and run.checkpoint is None
    return node.status is Status.RUNNING and is_open
