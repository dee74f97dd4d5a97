"""What came of a run: a Result or a Failure, never both and never neither.

A Failure is a value, not an exception: experiments fail as a matter of course, and the search learns from it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trex_nb.core.base import Frozen
from trex_nb.core.ids import NodeId
from trex_nb.core.task import MetricName, Split

Stage = Literal["plan", "data", "train", "evaluate", "infra"]
FailureKind = Literal["bad_data", "diverged", "out_of_memory", "timeout", "stopped", "lost", "error"]


class Score(Frozen):
    """A metric on a split: value in [0, 1], the number of items, and the standard error of the value."""

    metric: MetricName
    split: Split
    value: float
    n: int = Field(ge=1)
    stderr: float = Field(ge=0)

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.stderr:.3f}"


class SliceScore(Frozen):
    """The metric's mean item score on the items of one slice."""

    slice: str
    value: float
    n: int = Field(ge=1)


class BadCase(Frozen):
    """An item of the search split that was answered wrongly."""

    prompt: str
    expected: str
    got: str


class Evaluation(Frozen):
    """What the evaluator says of a checkpoint on one split. `evaluator` is the hash of the code that scored.

    `malformed` is the share of answers that no training answer looks like (None where answers are free text).
    `items` are the items' scores in the order of the split, packed by `core.items`; their mean is the score (but for
    rounding, and for splits of more items than are kept). Empty in logs of an older version.
    """

    score: Score
    slices: tuple[SliceScore, ...] = ()
    bad_cases: tuple[BadCase, ...] = ()
    malformed: float | None = None
    evaluator: str
    seconds: float = Field(ge=0)
    items: str = ""


class Cost(Frozen):
    """What a run spent: wall seconds of its job, seconds of training proper, steps, and peak memory in MB."""

    seconds: float = Field(0.0, ge=0)
    train_seconds: float = Field(0.0, ge=0)
    steps: int = Field(0, ge=0)
    peak_memory_mb: float = Field(0.0, ge=0)


class Checkpoint(Frozen):
    """Trained weights on disk. `path` is relative to the study's folder; None means the base model itself."""

    kind: Literal["base", "adapter", "model"]
    path: str | None = None


class Failure(Frozen):
    """Why a run has no result. `log` is the tail of what it printed; `retryable` says whether the same run may
    succeed when tried again (a killed process, not a diverged loss)."""

    stage: Stage
    kind: FailureKind
    message: str
    retryable: bool = False
    log: str = ""

    def __str__(self) -> str:
        return f"{self.stage}/{self.kind}: {self.message}"


FindingKind = Literal["underfitting", "overfitting", "diverged", "weak_slice", "malformed_answers", "imbalance"]


class Finding(Frozen):
    """A diagnosis of one node with its evidence in a sentence; `slices` names the weak ones where that is it."""

    kind: FindingKind
    message: str
    slices: tuple[str, ...] = ()


class Insight(Frozen):
    """A lesson with the nodes that prove it; `supersedes` names earlier insights (by text) it replaces."""

    text: str
    evidence: tuple[NodeId, ...] = Field(min_length=1)
    supersedes: tuple[str, ...] = ()
