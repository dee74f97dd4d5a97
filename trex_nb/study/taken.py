"""A decision that was taken before: by whom and when, for the answer to a command that comes again or late. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from trex_nb.core.ids import NodeId
from trex_nb.core.node import Decision, Node, Status
from trex_nb.errors import CommandError
from trex_nb.report.words import decision_words, moment
from trex_nb.search.tree import Tree
from trex_nb.study.restore import is_cut_off


def who_and_when(decision: Decision, now: float) -> str:
    """The decision as "pruned by human at 14:02 UTC", with the date where that is not today's; `now` in epoch
    seconds."""
    (today, _), (day, clock) = (moment(t).split(" ", 1) for t in (now, decision.time))
    return f"{decision_words(decision)} {f'at {clock}' if day == today else f'on {day} at {clock}'}"


def already(nodes: Sequence[Node], what: str, now: float) -> str:
    """A sentence for each way in which `nodes` were decided before, and what became of that since."""
    told: dict[str, list[NodeId]] = {}
    for node in nodes:
        told.setdefault(_since(node, what, now), []).append(node.id)
    return " ".join(f"{', '.join(n)} {'were' if len(n) > 1 else 'was'} already {how}." for how, n in told.items())


def _since(node: Node, what: str, now: float) -> str:
    decision, pruned = node.decided(what), node.decided("pruned")
    said = what if decision is None else who_and_when(decision, now)
    is_gone = node.status is Status.PRUNED and what != "pruned" and pruned is not None
    return f"{said}, then {who_and_when(pruned, now)}" if is_gone and pruned else said


def out_of_search(tree: Tree, node: Node, now: float) -> CommandError:
    """The refusal for a node that is pruned, or below one that is."""
    top = next(n for n in tree.path(node.id) if n.status is Status.PRUNED)
    another = f"%trex plan --under {top.parent} for another child of its parent"
    hint = another if is_cut_off(top) else f"%trex restore {top.id}, or {another}"
    if node.status is Status.PRUNED:
        return CommandError(already([node], "pruned", now), hint)
    pruned = top.decided("pruned")
    how = "pruned" if pruned is None else who_and_when(pruned, now)
    return CommandError(f"{top.id}, above {node.id}, was {how}.", hint)
