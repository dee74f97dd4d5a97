"""The processes of a job, found by the mark they carry in their environment (`environment.JOB_VARIABLE`).

A kernel normally dies with its runner, and its children with it. This is for what does not: a child that left the
process group, or a kernel that was just starting when its runner was killed. Limits: a process that replaced its whole
environment is not found, nor is one of another user or machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from pathlib import Path

import psutil

from trex_nb.launch.environment import JOB_VARIABLE
from trex_nb.launch.files import JobFolder

SOCKETS = "trex-"
"""How the name of a kernel's socket folder begins."""

PATIENCE = 5.0
"""Seconds a killed process may take to be gone."""


def processes_of(folder: JobFolder) -> list[psutil.Process]:
    """The job's processes that run on this machine, its runner and this process not among them."""
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _mark(p) == str(folder.path)]


def end_leftovers(folder: JobFolder) -> None:
    """Kill what is left of a job whose runner is gone, and remove its sockets."""
    kill_all(folder)
    with contextlib.suppress(OSError, ValueError, KeyError):
        if folder.read_spec().folder != str(folder.path):
            return  # a copy of the folder: the sockets are the original's
        sockets = Path(json.loads(folder.connection.read_text())["ip"]).parent
        if sockets.name.startswith(SOCKETS):
            shutil.rmtree(sockets)


def kill_all(folder: JobFolder) -> None:
    """Kill the job's processes, and those they start meanwhile; return when they are gone, or hang in the system."""
    deadline = time.monotonic() + PATIENCE
    while (found := processes_of(folder)) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.01)  # not psutil's wait: it would take our children's exit codes from their owners


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(JOB_VARIABLE)
    except (psutil.Error, OSError):
        return None
