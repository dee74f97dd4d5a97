"""The end of what a node's jobs printed, from the files they left."""

from __future__ import annotations

from pathlib import Path

from trex_nb.core.node import Node, Run

LOG = "runner.log"


def log_of(node: Node, folder: Path, lines: int) -> str:
    """The last `lines` of each run under the study's `folder`, or why a run has none."""
    return "\n".join(line for run in node.runs for line in _of_run(run, folder, lines))


def _of_run(run: Run, folder: Path, lines: int) -> list[str]:
    if not run.folder:
        return [f"{run.id}: not run", *_failure(run)]
    path = folder / run.folder / LOG
    tail = path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
    said = [*tail, *_failure(run)] or ["nothing was printed"]
    return [f"{run.id}: {folder / run.folder}", *said]


def _failure(run: Run) -> list[str]:
    return [run.failure.log or str(run.failure)] if run.failure else []
