"""Which of the named runs can go on, and why the others cannot. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trex_nb.core.ids import node_of
from trex_nb.core.node import Run, Status
from trex_nb.errors import CommandError
from trex_nb.search.tree import Tree


def resumable(tree: Tree, named: Mapping[str, Sequence[Run]]) -> list[Run]:
    """The runs to let go on among those of the names a person gave (a node's runs, or one run); raises `CommandError`
    for a name of which nothing can and that neither runs nor has finished."""
    found: dict[str, Run] = {}
    for name, runs in named.items():
        node = node_of(runs[0].id)
        if tree.is_pruned(node):
            raise CommandError(f"{name} was pruned.", "resume what is still in the search")
        ready = [r for r in runs if r.is_resumable]
        if not ready:
            _check_is_under_way(tree, name, runs)
        found |= {r.id: r for r in ready}
    return list(found.values())


def resumed_words(runs: Sequence[Run]) -> str:
    """Where each run goes on from, or what is left to do for it."""
    return ", ".join(f"{r.id} {_from(r)}" for r in runs)


def _from(run: Run) -> str:
    if run.is_unscored:
        return "to be scored again"
    return f"from step {run.saved.step}" if run.saved else "from its beginning"


def _check_is_under_way(tree: Tree, name: str, runs: Sequence[Run]) -> None:
    node = node_of(runs[0].id)
    if any(r.stop_requested and r.is_training for r in runs):
        raise CommandError(f"{name} is still saving its state.", f"%trex resume {name} when it has stopped")
    if any(r.evaluation or r.is_training or r.is_queued or (r.checkpoint and not r.failure) for r in runs):
        return
    if all(r.failure is None for r in runs):
        is_let = tree.nodes[node].status in (Status.APPROVED, Status.RUNNING)
        raise CommandError(
            f"{name} has not run: there is nothing to resume.", f"%trex {'run' if is_let else f'approve {node}'}"
        )
    failure = next(r.failure for r in runs if r.failure)
    raise CommandError(f"{name} failed ({failure.kind}) and left no saved state.", f'%trex redirect {node} "…"')
