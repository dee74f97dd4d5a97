"""What can be stopped: asked by the command that does it and by the explorer that offers it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from trex_nb.core.node import Node, Run, Status
from trex_nb.study.finalize import is_repeating


def can_stop(node: Node, *, now: bool = False) -> bool:
    """Whether jobs of the node, repeats included, are at work or to come, and nobody has stopped them all (`now`: or
    only asked them to save and end)."""
    works = node.status is Status.RUNNING or is_repeating(node)
    return works and not all(_is_stopped(r, now=now) or r.is_over for r in node.runs)


def can_stop_run(node: Node, run: Run, *, now: bool = False) -> bool:
    """Whether one run of the node is at work or to come, and nobody has stopped it (`now`: or only asked it to save and
    end)."""
    is_open = not (_is_stopped(run, now=now) or run.is_over) and run.checkpoint is None
    return node.status is Status.RUNNING and is_open


def _is_stopped(run: Run, *, now: bool) -> bool:
    return run.stop_now or (run.stop_requested and not (now and run.is_training))


def stopping_words(names: Sequence[str], *, now: bool) -> str:
    """What becomes of the jobs of these nodes and runs."""
    told, again = ", ".join(names), f"%trex resume {' '.join(names)} goes on"
    if now:
        return f"Ending {told} now: nothing more is saved. {again} from the last saved state, if any."
    return f"Stopping {told}, its state is saved first where it trains already. {again} from there."
