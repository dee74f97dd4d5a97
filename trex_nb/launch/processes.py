"""The processes of a job, found by the mark they carry in their environment (`environment.JOB_VARIABLE`).

A kernel normally dies with its runner, and its children with it. This is for what does not: a child that left the
process group, or a kernel that was just starting when its runner was killed. Limits: a process that replaced its whole
environment is found by its runner alone (`adopt`), one of another user or machine not at all.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import sys
import time
from pathlib import Path

import psutil

from trex_nb.core.job import JOB_VARIABLE
from trex_nb.launch.files import JobFolder
from trex_nb.launch.private import is_private

_PR_SET_CHILD_SUBREAPER = 36
_ADOPTED_BY: list[int] = []

PATIENCE = 5.0
"""Seconds a killed process may take to be gone."""


def processes_of(folder: JobFolder) -> list[psutil.Process]:
    """The job's processes that run on this machine, its runner and this process not among them. To its runner, which
    adopts them, all its children are the job's, whatever they did to the mark."""
    adopted = psutil.Process().children(recursive=True) if [os.getpid()] == _ADOPTED_BY else []
    marked = [p for p in psutil.process_iter() if p.pid != os.getpid() and _mark(p) == str(folder.path)]
    return list({p.pid: p for p in (*marked, *adopted)}.values())


def adopt() -> None:
    """Have the system make this process, a job's runner, the parent of every process of the job whose own parent ends.
    Linux only."""
    if sys.platform == "linux" and not ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        _ADOPTED_BY[:] = [os.getpid()]


def end_leftovers(folder: JobFolder) -> None:
    """Kill what is left of a job whose runner is gone, and remove its private folder."""
    kill_all(folder)
    with contextlib.suppress(OSError, ValueError, KeyError):
        if folder.read_spec().folder != str(folder.path):
            return  # a copy of the folder: the private one is the original's
        private = Path(json.loads(folder.connection.read_text())["ip"]).parent
        if is_private(private, folder.path):  # a job can write into its connection file what it likes
            shutil.rmtree(private)


def kill_all(folder: JobFolder) -> None:
    """Kill the job's processes, and those they start meanwhile; return when they are gone, or hang in the system."""
    deadline = time.monotonic() + PATIENCE
    while (found := processes_of(folder)) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.01)  # not psutil's wait: it would take our children's exit codes from their owners


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(JOB_VARIABLE)
    except (psutil.Error, OSError):
        return None
