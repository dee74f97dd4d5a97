"""What of a tree is at work, kept beside its nodes as these change: so that what is due can be told without a look at
thousands of nodes that are over, or that wait in a long queue. Pure; derived from the nodes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from trex_nb.core.ids import NodeId, RunId
from trex_nb.core.node import Node, Run, Status

_MICRO = 1_000_000
"""Seconds are added up in whole microseconds: what is added and taken away again leaves nothing behind."""


@dataclass(frozen=True, slots=True)
class Index:
    """`busy` are nodes of which something is under way or to be done beside being approved, `ready` the approved ones;
    both in the order in which nodes came. `finished` has the run that serves for others of the same content hash."""

    busy: dict[NodeId, None] = field(default_factory=dict)
    ready: dict[NodeId, None] = field(default_factory=dict)
    finished: Mapping[str, RunId] = field(default_factory=dict)
    micros: int = 0

    @property
    def seconds(self) -> float:
        """Compute spent on all nodes."""
        return self.micros / _MICRO

    def changed(self, old: Node | None, new: Node) -> Index:
        """The index after a node came (`old` is None) or changed."""
        spent = round(new.seconds * _MICRO) - (round(old.seconds * _MICRO) if old else 0)
        fresh = {r.key: r.id for r in new.runs if r.evaluation and r.key and r.key not in self.finished}
        return replace(
            self,
            busy=_with(self.busy, new.id, is_in=is_busy(new)),
            ready=_with(self.ready, new.id, is_in=new.status is Status.APPROVED),
            finished={**self.finished, **fresh} if fresh else self.finished,
            micros=self.micros + spent,
        )


def number(node: NodeId) -> int:
    """The place of a node in the order in which they came."""
    return int(node[1:])


def is_busy(node: Node) -> bool:
    """Whether something of a node is under way, or is to be done though it is not approved."""
    if node.status is Status.RUNNING or (node.status.is_finished and not node.is_diagnosed):
        return True
    return any(_is_open(r) for r in node.runs)


def _is_open(run: Run) -> bool:
    return run.is_queued or (run.is_repeat and run.is_due) or (run.is_submitted and not run.is_finished)


def _with(found: dict[NodeId, None], node: NodeId, *, is_in: bool) -> dict[NodeId, None]:
    if (node in found) == is_in:
        return found
    if not is_in:
        left = dict(found)
        del left[node]
        return left
    last = next(reversed(found), None)
    if last is None or number(last) < number(node):
        return {**found, node: None}
    return dict.fromkeys(sorted((*found, node), key=number))
