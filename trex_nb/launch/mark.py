"""The mark of a job on a process that was forked before there was a job.

`processes` finds a job's processes by `JOB_VARIABLE` in their environment, as the system shows it. That is the block of
memory a program was started with: a fork server is started with room in it, and a forked child writes its job's folder
there. Its own children inherit that, whether they are forked or started. Linux only.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from trex_nb.core.job import JOB_VARIABLE

ROOM = " " * os.pathconf("/", "PC_PATH_MAX")
"""What a fork server's `JOB_VARIABLE` is, so that any folder fits."""

_PREFIX = f"{JOB_VARIABLE}=".encode()
_ENV_START, _ENV_END = 49, 50  # fields of /proc/<pid>/stat, counted from 0 (proc(5): 50 and 51)


def can_mark() -> bool:
    """Whether this system shows a process's first environment, and lets the process change it."""
    return sys.platform == "linux" and Path("/proc/self/stat").exists()


def mark(folder: str) -> None:
    """Have this process found as one of the job in `folder`. Raises `OSError` where there is no room for it."""
    start, block = _environment()
    at = block.find(_PREFIX)
    room = len(block[at:].split(b"\0")[0]) if at >= 0 else 0
    said = _PREFIX + folder.encode()
    if len(said) > room:
        raise OSError(f"no room to mark a process for {folder}")
    ctypes.memmove(start + at, said.ljust(room, b"\0"), room)


def _environment() -> tuple[int, bytes]:
    """Where the block lies in this process's memory, and its bytes."""
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    start, end = (int(fields[i - 2]) for i in (_ENV_START, _ENV_END))
    return start, ctypes.string_at(start, end - start)
