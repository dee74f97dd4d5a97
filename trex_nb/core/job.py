"""Jobs: what a Launcher is given and what it reports back.

A job runs one experiment notebook in one folder. Updates come in the order they happened, numbered by `line` (its line
in the run's `events.jsonl`, counting from 1), so a watcher that comes back asks only for what it has not seen.
The last update of a job is always Finished or Failed.
"""

from __future__ import annotations

from typing import Annotated, Literal, NewType

from pydantic import Field

from trex_nb.core.base import Frozen
from trex_nb.core.ids import RunId
from trex_nb.core.result import Checkpoint, Cost, Failure, RowReport

JobId = NewType("JobId", str)
"""A job is known by the absolute path of its folder."""


class JobSpec(Frozen):
    """What to run. `folder` is absolute and holds `experiment.ipynb`; `threads` is the number of cores granted;
    `env` is added to a clean environment; `timeout` is in seconds of wall time."""

    run: RunId
    folder: str
    timeout: float = Field(gt=0)
    threads: int = Field(1, ge=1)
    env: dict[str, str] = Field(default_factory=dict)

    @property
    def job(self) -> JobId:
        """The job this spec becomes when submitted."""
        return JobId(self.folder)


class Started(Frozen):
    """The kernel is up and the first cell runs."""

    kind: Literal["started"] = "started"
    line: int = 0
    pid: int


class Progressed(Frozen):
    """A point of the training curve. `loss` is None when the step reported none; `eval_loss` is on held-out
    training rows."""

    kind: Literal["progressed"] = "progressed"
    line: int = 0
    step: int
    total: int
    loss: float | None = None
    eval_loss: float | None = None


class Finished(Frozen):
    """All cells ran; the checkpoint is on disk. `rows` says what was trained on, where the job counted it."""

    kind: Literal["finished"] = "finished"
    line: int = 0
    checkpoint: Checkpoint
    cost: Cost
    rows: RowReport | None = None


class Failed(Frozen):
    """The job ended without a checkpoint."""

    kind: Literal["failed"] = "failed"
    line: int = 0
    failure: Failure
    cost: Cost = Cost()


JobUpdate = Annotated[Started | Progressed | Finished | Failed, Field(discriminator="kind")]

METRICS_MIME = "application/vnd.trex.metrics+json"
"""Display data of this type carries a run's curve: `{"points": [{"step","total","loss","eval_loss"}, …]}`. It is
updated in place, so the executed notebook contains the whole curve."""

OUTCOME_MIME = "application/vnd.trex.outcome+json"
"""Display data of this type ends a good run: a `Finished` without line, cost.seconds filled in by the runner."""

FAILURE_MIME = "application/vnd.trex.failure+json"
"""Display data of this type states a `Failure` that the training code itself recognised."""
