"""What the updates of a job mean for the log. Pure: from the tree and an update to events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trex_nb.core import events as ev
from trex_nb.core.ids import RunId
from trex_nb.core.job import Failed, Finished, JobUpdate, NotSaved, Progressed, Queued, Saved, Started
from trex_nb.core.node import Run
from trex_nb.core.result import Checkpoint, Failure
from trex_nb.search.halving import steps_done, steps_left
from trex_nb.search.tree import Tree

_POINTS_PER_RUN = 60


def told(tree: Tree, run: RunId, update: JobUpdate) -> Sequence[ev.Event]:
    """The events of an update of the job of `run`; none for a failure, which is decided about elsewhere."""
    now = tree.run(run)
    found: Sequence[ev.Event] = ()
    match update:
        case Queued():
            found = [ev.JobQueued(run=run, why=update.why, line=update.line)]
        case Started():
            found = [ev.JobStarted(run=run, pid=update.pid, line=update.line)]
        case Progressed() if _is_worth_keeping(now, update):
            found = [ev.JobProgressed(run=run, **update.model_dump(exclude={"kind"}))]
        case Saved(step=step, line=line, is_asked=is_asked):
            at = kept(now, update)
            found = [ev.CheckpointSaved(run=run, step=step, checkpoint=at, line=line, is_asked=is_asked)]
        case NotSaved():
            found = _unstartable(tree, run, update)
        case Finished(cost=cost, line=line, rows=rows):
            found = [ev.JobFinished(run=run, checkpoint=kept(now, update), cost=cost, line=line, rows=rows)]
    return found


def kept(run: Run, update: Saved | Finished) -> Checkpoint:
    """The update's checkpoint: a job names it relative to its folder, the study relative to its own."""
    checkpoint = update.checkpoint
    if checkpoint.path is None:
        return checkpoint
    return checkpoint.model_copy(update={"path": f"{run.folder}/{checkpoint.path}"})


def hopeless_end(run: Run, update: Failed) -> Failure:
    """The end of a run that was called off: how far it came, why, and what that saved."""
    ended = replace(run, cost=update.cost)
    left = steps_left(ended)
    at = f"at step {steps_done(ended)} of {steps_done(ended) + left}"
    message = f"Stopped {at}: {run.called_off}, {left} steps saved."
    return Failure(stage="train", kind="hopeless", message=message, log=update.failure.log)


def _unstartable(tree: Tree, run: RunId, update: NotSaved) -> list[ev.Event]:
    """The answer to requests that waited for weights which could not be saved."""
    waiting = [r.request for r in tree.requests.values() if r.of_run == run and r.start is None]
    reason = (
        f"{run} could not save its state at step {update.step}: {update.reason}. It goes on. Try: make room on disk"
    )
    return [ev.ProposalFailed(request=r, reason=reason) for r in waiting]


def _is_worth_keeping(run: Run, update: Progressed) -> bool:
    """Thin a long curve to about `_POINTS_PER_RUN` points, keeping its first point, held-out losses and the end. A run
    that goes on tells again what is on record."""
    last = run.curve[-1].step if run.curve else 0
    if update.step <= last:
        return False
    apart = update.step - last >= update.total / _POINTS_PER_RUN
    return not last or apart or update.eval_loss is not None or update.step == update.total
