"""Signs of life: which live jobs have been silent, though nobody has ended them.

A job's runner touches its heartbeat every second. One that is suspended, or whose disk stalls, still holds its lock. A
silence is told after two looks a little apart: right after the system's clock was stepped, or a laptop woke up, a
single look would be wrong. A clock that was set back hides a silence for as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from trex_nb.core.node import Node
from trex_nb.launch.files import JobFolder
from trex_nb.report import words

SILENT = 20.0
APART = 1.5
"""Seconds without a sign of life that are worth a word; seconds between the two looks."""


def silent_words(
    nodes: Iterable[Node],
    folder: Path,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> str:
    """A line for each live run of `nodes` that is silent; empty as a rule. `folder` is the study's."""
    runs = {r.id: JobFolder(folder / r.folder) for n in nodes for r in n.runs if r.is_training and r.folder}
    suspects = {run: job for run, job in runs.items() if _silence(job, clock()) >= SILENT and job.alive()}
    if suspects:
        wait(APART)
    silences = {run: _silence(job, clock()) for run, job in suspects.items()}
    return "\n".join(
        f"{run}: no sign of life for {words.duration(silence)} (stopped, or a stalled disk). "
        f"%trex peek {run} asks its kernel, %trex stop {run} --now ends it."
        for run, silence in silences.items()
        if silence >= SILENT
    )


def _silence(job: JobFolder, now: float) -> float:
    """Seconds since the heartbeat; 0 for a job that has none on this machine."""
    try:
        return now - job.heartbeat.stat().st_mtime
    except OSError:
        return 0.0
