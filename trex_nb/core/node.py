"""Nodes and runs as the fold derives them from events: values in memory, never stored.

Status of a node, and what may follow:

    proposed ──approve──> approved ──submit──> running ──> succeeded | failed
       │  └──redirect──> redirected
       └──prune──> pruned      (approved, running and finished nodes can be pruned too)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from trex_nb.core.events import Actor
from trex_nb.core.ids import NodeId, RunId
from trex_nb.core.plan import Plan
from trex_nb.core.result import Checkpoint, Cost, Evaluation, Failure, Finding, RowReport, Score
from trex_nb.core.training import TrainingConfig


class Status(StrEnum):
    """Where a node stands; see the module's drawing."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PRUNED = "pruned"
    REDIRECTED = "redirected"

    @property
    def is_finished(self) -> bool:
        """Whether the node has run to a result or a failure."""
        return self in (Status.SUCCEEDED, Status.FAILED)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of a training curve."""

    step: int
    total: int
    loss: float | None
    eval_loss: float | None


_NO_COST = Cost()


@dataclass(frozen=True, slots=True)
class Run:
    """One TrainingConfig of a node on its way from nothing to an evaluation or a failure."""

    id: RunId
    config: TrainingConfig
    attempt: int = 0
    key: str = ""
    folder: str = ""
    pid: int | None = None
    line: int = 0
    curve: tuple[CurvePoint, ...] = ()
    checkpoint: Checkpoint | None = None
    cost: Cost = _NO_COST
    rows: RowReport | None = None
    evaluation: Evaluation | None = None
    failure: Failure | None = None
    source: RunId | None = None
    spent_before: float = 0.0
    stop_requested: bool = False

    @property
    def is_submitted(self) -> bool:
        """Whether a launcher was given this run (or history served it)."""
        return self.attempt > 0 or self.source is not None

    @property
    def is_finished(self) -> bool:
        """Whether the run has its evaluation or its failure."""
        return self.evaluation is not None or self.failure is not None

    @property
    def seconds(self) -> float:
        """Compute spent: all attempts and the evaluation; nothing when history served the run."""
        evaluated = self.evaluation.seconds if self.evaluation and self.source is None else 0.0
        return self.spent_before + self.cost.seconds + evaluated

    @property
    def is_training(self) -> bool:
        """Whether a job is at work for this run (its checkpoint is not there yet)."""
        return self.is_submitted and not self.is_finished and self.checkpoint is None


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided about a node, what, when (seconds since the epoch) and why."""

    actor: Actor
    what: str
    time: float
    why: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Node:
    """A vertex of the search tree: one Plan and what came of it."""

    id: NodeId
    parent: NodeId | None
    depth: int
    plan: Plan
    status: Status
    runs: tuple[Run, ...]
    request: int = 0
    children: tuple[NodeId, ...] = ()
    notes: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    findings: tuple[Finding, ...] = ()
    is_diagnosed: bool = False

    def __repr__(self) -> str:
        return " ".join(str(p) for p in (self.id, self.status, self.score or "", self.plan.title) if p)

    @property
    def best_run(self) -> Run | None:
        """The run with the highest search score (ours: TREX does not say how a round's score is taken)."""
        scored = [r for r in self.runs if r.evaluation is not None]
        return max(scored, key=_run_value, default=None)

    @property
    def evaluation(self) -> Evaluation | None:
        """The evaluation of the best run."""
        run = self.best_run
        return run.evaluation if run else None

    @property
    def score(self) -> Score | None:
        """The search score of the best run."""
        evaluation = self.evaluation
        return evaluation.score if evaluation else None

    @property
    def failure(self) -> Failure | None:
        """The first failure of a node none of whose runs has a score."""
        return next((r.failure for r in self.runs if r.failure), None) if self.score is None else None

    @property
    def seconds(self) -> float:
        """Compute spent on this node: seconds of all its jobs and evaluations together."""
        return sum(r.seconds for r in self.runs)

    @property
    def is_probe(self) -> bool:
        """Whether the node used only a share of its data; its score is not comparable with a full run's."""
        return self.plan.fidelity < 1


def _run_value(run: Run) -> float:
    assert run.evaluation is not None
    return run.evaluation.score.value


@dataclass(frozen=True, slots=True)
class Auto:
    """The wheel is with the system: until `rounds` rounds in all, or `until` (epoch seconds)."""

    rounds: int
    until: float | None


Nodes = Mapping[NodeId, Node]
