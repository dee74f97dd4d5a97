"""How to open a console on a live kernel, in words: the command, and what to mind."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from pathlib import Path

from trex_nb.core.node import Run
from trex_nb.launch.files import JobFolder
from trex_nb.report import words
from trex_nb.search.tree import Tree
from trex_nb.study.live import live_runs

_PATIENT = "--ZMQTerminalInteractiveShell.kernel_timeout=86400"
"""Else jupyter console takes a kernel that is busy for a minute for dead."""


def attached(tree: Tree, name: str, folder: Path) -> str:
    """What to type for each live run of `name`; raises `CommandError` when there is none. `folder` is the study's."""
    runs = live_runs(tree, name)
    return "\n\n".join(_of_run(r, JobFolder(folder / r.folder)) for r in runs)


def _of_run(run: Run, job: JobFolder) -> str:
    where = [f"  notebook: {job.notebook} (saved every few seconds, with its outputs so far)", f"  log: {job.log}"]
    at = f"{words.progress(run):.0%} of its training" if run.curve else "starting"
    if not job.connection.exists():
        return "\n".join([f"{run.id}, {at}: it has no kernel of its own on this machine (yet).", *where])
    missing = [] if find_spec("jupyter_console") else ["  first: pip install jupyter-console"]
    return "\n".join([
        f"{run.id}, {at}: a console on its live kernel, on this machine and as this user only:",
        *missing,
        f"  jupyter console --existing {shlex.quote(str(job.connection))} {_PATIENT}",
        *where,
        f"  Training is one long cell: the console waits until it ends. To look in now: %trex peek {run.id}",
        "  Ctrl-C ends the waiting, not the cell. Leave with Ctrl-D: exit would be carried out in the kernel.",
        f"  A client that can interrupt the kernel would end the run: %trex stop {run.id} saves it first.",
    ])  # fmt: skip
