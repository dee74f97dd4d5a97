"""Watches what a job takes against its limits: the memory of its processes together, the disk its folders take.

Memory is counted twice: first the quick way, from above (pages that processes share count once for each); only when
that exceeds the limit the exact way, by proportional shares. Files without a name (memfd, or unlinked and still open)
count too. Linux only; elsewhere resident memory is taken as psutil gives it. Limits: what is written to
/dev/shm under a name belongs to nobody; memory of a GPU is not counted; between two looks a job may exceed what it
has. A control group would be exact, but few systems let an ordinary process make one.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from trex_nb.core.limits import Limits
from trex_nb.core.result import Failure
from trex_nb.launch.files import JobFolder
from trex_nb.launch.processes import processes_of

MEMORY_EVERY, MEMORY_CLOSE_EVERY, DISK_EVERY = 1.0, 0.25, 5.0
"""Seconds between looks; the second where more than half of the memory is taken."""
_REST = 20
"""A look may take a twentieth of the time."""
_BLOCK = 512
_SHARED_MEMORY = ("/memfd:", "/dev/shm/")  # noqa: S108  names, nothing is written there


@dataclass(frozen=True, slots=True)
class Taken:
    """Megabytes."""

    memory: float
    disk: float


class Meter:
    """Looks after one job; whoever runs the job asks it now and then. `folders` count as the job's disk."""

    def __init__(self, folder: JobFolder, limits: Limits, folders: Sequence[Path]) -> None:
        self._folder = folder
        self._limits = limits
        self._folders = tuple(folders)
        self._memory_at = self._disk_at = 0.0

    async def exceeded(self) -> Failure | None:
        """Why the job must be ended now, if it must. Cheap to ask often; looks in another thread."""
        now = time.monotonic()
        if self._limits.memory_mb is not None and now >= self._memory_at:
            return await asyncio.to_thread(self._memory, self._limits.memory_mb)
        if self._limits.disk_mb is not None and now >= self._disk_at:
            return await asyncio.to_thread(self._disk, self._limits.disk_mb)
        return None

    def _memory(self, limit: float) -> Failure | None:
        began = time.monotonic()
        processes = [p.pid for p in processes_of(self._folder)]
        taken = memory_of(processes, limit)
        now = time.monotonic()
        every = MEMORY_CLOSE_EVERY if taken > limit / 2 else MEMORY_EVERY
        self._memory_at = now + max(every, _REST * (now - began))
        if taken <= limit:
            return None
        message = f"The job's processes took {taken:,.0f} MB of memory together; its limit is {limit:,.0f} MB."
        return Failure(stage="train", kind="out_of_memory", message=message)

    def _disk(self, limit: float) -> Failure | None:
        began = time.monotonic()
        hidden = _hidden(p.pid for p in processes_of(self._folder))
        taken = sum(map(disk_of, self._folders)) + sum(s for s, is_memory in hidden if not is_memory)
        now = time.monotonic()
        self._disk_at = now + max(DISK_EVERY, _REST * (now - began))
        if taken <= limit:
            return None
        message = f"The job's folder takes {taken:,.0f} MB of disk; its limit is {limit:,.0f} MB."
        return Failure(stage="infra", kind="disk", message=message)


def memory_of(processes: Sequence[int], limit: float) -> float:
    """Megabytes that processes take together: exact (but for files in memory that are also mapped) above `limit`, at
    least the truth below."""
    hidden = sum(size for size, is_memory in _hidden(processes) if is_memory)
    rough = sum(map(_resident, processes)) + hidden
    if rough <= limit:
        return rough
    own, shared = (sum(column) for column in zip(*map(_proportional, processes), strict=True))
    return float(own + max(shared, hidden))


def disk_of(folder: Path) -> float:
    """Megabytes that the files in `folder` take on the disk, as far as they can be seen."""
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
        except OSError:  # gone meanwhile
            continue
    return total / 1e6


def _resident(process: int) -> float:
    """Megabytes of a process that are no file's, those in the swap too."""
    found = _kilobytes(process, "status", ("RssAnon", "RssShmem", "VmSwap"))
    if found:
        return sum(found.values()) / 1e3
    try:
        return psutil.Process(process).memory_info().rss / 1e6 if not Path("/proc/self").exists() else 0.0
    except psutil.Error:
        return 0.0


def _proportional(process: int) -> tuple[float, float]:
    """A process's share of memory in megabytes: its own, and that of memory with a name."""
    found = _kilobytes(process, "smaps_rollup", ("Pss_Anon", "SwapPss", "Pss_Shmem"))
    if not found:
        return _resident(process), 0.0
    return (found.get("Pss_Anon", 0) + found.get("SwapPss", 0)) / 1e3, found.get("Pss_Shmem", 0) / 1e3


def _kilobytes(process: int, file: str, names: Iterable[str]) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name: int(value.split()[0]) for name, value in pairs if name in names}


def _hidden(processes: Iterable[int]) -> Iterator[tuple[float, bool]]:
    """Megabytes of each open file without a name, and whether it lies in memory."""
    seen = set()
    for process in processes:
        for handle in _handles(process):
            try:
                target = os.readlink(handle)  # noqa: PTH115  thousands of them, perhaps
                if not target.endswith("(deleted)") or not target.startswith("/"):
                    continue
                found = os.stat(handle)  # noqa: PTH116
            except OSError:
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                yield found.st_blocks * _BLOCK / 1e6, target.startswith(_SHARED_MEMORY)


def _handles(process: int) -> list[str]:
    try:
        with os.scandir(f"/proc/{process}/fd") as entries:
            return [entry.path for entry in entries]
    except OSError:
        return []
