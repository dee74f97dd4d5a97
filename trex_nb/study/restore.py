"""Which pruned nodes can come back, and why the others cannot. Pure.

A prune can be taken back until it mattered: until a job was killed for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trex_nb.core.ids import NodeId
from trex_nb.core.node import Decision, Node, Run, Status
from trex_nb.errors import CommandError
from trex_nb.search.tree import Tree


@dataclass(frozen=True, slots=True)
class Restorable:
    """`nodes` can come back, parents first; those of `left` were pruned with them and cannot."""

    nodes: tuple[NodeId, ...]
    left: tuple[NodeId, ...]


def restorable(tree: Tree, named: Sequence[NodeId]) -> Restorable:
    """The pruned ones of `named` with what was pruned by the same act; raises `CommandError` for one that cannot come
    back."""
    wanted = [n for n in dict.fromkeys(named) if tree.nodes[n].status is Status.PRUNED]
    for name in named:
        _check(tree, tree.nodes[name], wanted)
    found = {n.id: n for name in wanted for n in (tree.nodes[name], *_gone_with(tree, name, name))}
    back = sorted((n for n in found.values() if not is_cut_off(n)), key=lambda n: (n.depth, int(n.id[1:])))
    return Restorable(tuple(n.id for n in back), tuple(n.id for n in found.values() if is_cut_off(n)))


def is_cut_off(node: Node) -> bool:
    """Whether a run of the node's plan was at work when it was pruned, and is or was killed for that."""
    pruned = node.decided("pruned")
    return node.status is Status.PRUNED and pruned is not None and any(_is_killed(r, pruned) for r in node.planned)


def _is_killed(run: Run, pruned: Decision) -> bool:
    if run.is_training:
        return True
    was_ended = run.failure is not None and run.failure.kind in ("stopped", "lost") and run.checkpoint is None
    return was_ended and run.ended is not None and run.ended >= pruned.time


def _check(tree: Tree, node: Node, wanted: Sequence[NodeId]) -> None:
    above = [n.id for n in tree.path(node.id)[:-1] if n.status is Status.PRUNED and n.id not in wanted]
    if above:
        raise CommandError(f"{above[0]}, above {node.id}, was pruned.", f"%trex restore {above[0]}")
    if is_cut_off(node):
        raise CommandError(
            f"{node.id} cannot be restored: a job of it was at work when it was pruned, and was killed.",
            f'%trex redirect {node.parent} "…" for another child like it',
        )
    if node.status is Status.PRUNED and any(r.is_training for r in node.repeats):
        raise CommandError(f"A repeat of {node.id} is still being ended.", f"%trex restore {node.id}, when it has")


def _gone_with(tree: Tree, name: NodeId, at: NodeId) -> Iterator[Node]:
    """What is below `at` and was pruned because `name` was, but nothing below a node that cannot come back."""
    for child in (tree.nodes[n] for n in tree.nodes[at].children):
        pruned = child.decided("pruned")
        if child.status is not Status.PRUNED:
            yield from _gone_with(tree, name, child.id)
        elif pruned is not None and pruned.why == f"below {name}":
            yield child
            if not is_cut_off(child):
                yield from _gone_with(tree, name, child.id)
