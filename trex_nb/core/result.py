"""What came of a run: a Result or a Failure, never both and never neither.

A Failure is a value, not an exception: experiments fail as a matter of course, and the search learns from it.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, field_validator

from trex_nb.core.base import Frozen
from trex_nb.core.ids import NodeId, RunId
from trex_nb.core.task import MetricName, Split

Stage = Literal["plan", "data", "train", "evaluate", "infra"]
FailureKind = Literal[
    "bad_data", "diverged", "out_of_memory", "disk", "timeout", "stopped", "hopeless", "lost", "bad_code", "error"
]


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


class Confusion(Frozen):
    """One label taken for another: `count` of the `n` items whose answer is `expected` were answered with `got`."""

    expected: str
    got: str
    count: int = Field(ge=1)
    n: int = Field(ge=1)

    @property
    def share(self) -> float:
        """Share of the label's items that were taken for the other one."""
        return self.count / self.n


class Evaluation(Frozen):
    """What the evaluator says of a checkpoint on one split. `evaluator` is the hash of the code that scored.

    `malformed` is the share of answers that no training answer looks like (None where answers are free text), `cut` the
    share that hit the limit of tokens before they ended. `confusions` are the most frequent ones among closed answers,
    of `labels` labels. `general_losses` are mean losses (nats per token) on a fixed general text, paragraph by
    paragraph: what the checkpoint still knows beside its task. The last three are of the search split alone.
    `items` are the items' scores in the order of the split, packed by `core.items`; their mean is the score (but for
    rounding, and for splits of more items than are kept). Empty in logs of an older version.
    """

    score: Score
    slices: tuple[SliceScore, ...] = ()
    bad_cases: tuple[BadCase, ...] = ()
    malformed: float | None = None
    cut: float | None = None
    confusions: tuple[Confusion, ...] = ()
    labels: int = 0
    general_losses: tuple[float, ...] = ()
    evaluator: str
    seconds: float = Field(ge=0)
    items: str = ""

    @property
    def general_loss(self) -> float | None:
        """Mean of `general_losses`; None where they were not measured."""
        return sum(self.general_losses) / len(self.general_losses) if self.general_losses else None


class Cost(Frozen):
    """What a run spent: wall seconds of its job, seconds of training proper, steps, and peak memory in MB."""

    seconds: float = Field(0.0, ge=0)
    train_seconds: float = Field(0.0, ge=0)
    steps: int = Field(0, ge=0)
    peak_memory_mb: float = Field(0.0, ge=0)


class RowReport(Frozen):
    """What a run's rows were, as its job saw them: `rows` trained on, `held_out` watched beside them, how many of the
    former were `truncated` (prompt and answer longer than max_length; of these `dropped` had no room for any answer),
    the `duplicates` in both together (rows with the text of another, case and spacing aside; a row that was resampled
    is not its own duplicate), the `longest` row in tokens, and how many of the rows a language model has `written`."""

    rows: int = Field(ge=0)
    held_out: int = Field(0, ge=0)
    truncated: int = Field(0, ge=0)
    dropped: int = Field(0, ge=0)
    duplicates: int = Field(0, ge=0)
    longest: int = Field(0, ge=0)
    written: int = Field(0, ge=0)


class Checkpoint(Frozen):
    """Trained weights on disk. `path` is relative to the study's folder (to its own, as a job states it) and leads
    nowhere else; None means the base model itself."""

    kind: Literal["base", "adapter", "model"]
    path: str | None = None

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str | None) -> str | None:
        """A job is believed of its own weights alone, not of a sibling's."""
        if path is not None and (PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts):
            raise ValueError(f"{path} is not inside the folder")
        return path


class Start(Frozen):
    """A place in a run that training can begin at: the checkpoint of `run` after `step` optimiser steps."""

    run: RunId
    step: int = Field(ge=0)
    checkpoint: Checkpoint

    def __str__(self) -> str:
        return f"{self.run} at step {self.step}"


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


FindingKind = Literal[
    "diverged",
    "truncated_rows",
    "malformed_answers",
    "cut_answers",
    "overfitting",
    "underfitting",
    "plateau",
    "weak_slice",
    "confusion",
    "imbalance",
    "forgetting",
    "duplicates",
    "contamination",
]
"""What can be found, most telling first."""


class Finding(Frozen):
    """A diagnosis of one node: a sentence with its evidence, the same evidence as numbers by name, and what it
    suggests, in words. `slices` names the weak slices or the confused labels where that is it. A note is true and
    worth knowing, but by itself no reason to change anything.
    """

    kind: FindingKind
    message: str
    slices: tuple[str, ...] = ()
    evidence: tuple[tuple[str, float], ...] = ()
    suggests: str = ""
    is_note: bool = False

    def __str__(self) -> str:
        said = f"{self.kind.replace('_', ' ')}: {self.message}"
        return f"{said} Try {self.suggests}." if self.suggests else said


Value = float | int | str | bool


class Side(Frozen):
    """Values of a field on one side of a contrast: from `low` to `high`; equal where it is one value."""

    low: Value
    high: Value


class Condition(Frozen):
    """Where a claim holds: `field` is at least `low` and less than `high`; None is open."""

    field: str
    low: float | None = None
    high: float | None = None


class Claim(Frozen):
    """What an insight says, as data: `better` values of `field` beat `worse` ones by `effect` ± `stderr` of `metric`
    in `contrasts` matched contrasts, on runs with `fidelity` of the rows. `is_clear` is False where what was said
    before did not hold up: then the effect is within noise and may be negative."""

    field: str
    better: Side
    worse: Side
    effect: float
    stderr: float = Field(ge=0)
    contrasts: int = Field(ge=1)
    metric: MetricName
    fidelity: float = 1.0
    where: Condition | None = None
    is_clear: bool = True


class Origin(Frozen):
    """The other study that an insight was carried over from: its name, task, base model and that model's parameters."""

    study: str
    task: str
    base_model: str
    parameters: int


class Insight(Frozen):
    """A lesson with the nodes that prove it; `supersedes` names earlier insights (by text) it replaces. `claim` is the
    same as data, None where it is in words alone; with an `origin` the evidence are nodes of that study."""

    text: str
    evidence: tuple[NodeId, ...] = Field(min_length=1)
    supersedes: tuple[str, ...] = ()
    claim: Claim | None = None
    origin: Origin | None = None
