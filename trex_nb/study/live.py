"""Which jobs are live under a name that a person gave: a node's, or one run's. Pure."""

from __future__ import annotations

from trex_nb.core.ids import NodeId, RunId, node_of
from trex_nb.core.node import Run, Status
from trex_nb.errors import CommandError
from trex_nb.report.runs import state_words
from trex_nb.search.tree import Tree
from trex_nb.study.handle import Situation


def live_runs(tree: Tree, name: str) -> tuple[Run, ...]:
    """The runs of `name` ("n4", "n4.2") that a job is at work for; raises `CommandError` when there is none."""
    situation = Situation(tree, 0.0, 1)
    runs = (situation.run(RunId(name)),) if "." in name else situation.node(NodeId(name)).runs
    found = tuple(r for r in runs if r.is_training)
    if found:
        return found
    node = tree.nodes[node_of(RunId(name))]
    raise CommandError(f"{name} is not running: {_why(node.status, runs)}.", _hint(node.id, node.status, runs))


def _why(status: Status, runs: tuple[Run, ...]) -> str:
    if status is Status.PROPOSED:
        return "it awaits your decision"
    if any(r.is_submitted for r in runs):
        return f"it {_state(runs)}"
    return f"it is {status}"


def _state(runs: tuple[Run, ...]) -> str:
    if all(r.evaluation for r in runs):
        return "finished"
    last = next(r for r in reversed(runs) if r.is_submitted)
    return "is being scored" if last.checkpoint and not last.is_finished else _worded(last)


def _worded(run: Run) -> str:
    if run.evaluation:
        return "finished"
    return f"ended ({state_words(run)})" if run.failure else state_words(run)


def _hint(node: NodeId, status: Status, runs: tuple[Run, ...]) -> str:
    if status is Status.PROPOSED:
        return f"%trex approve {node}, then %trex run"
    return f"%trex show {node}" if any(r.is_submitted for r in runs) else "%trex status"
