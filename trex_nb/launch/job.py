"""The handle of a job: its folder, followed. The same for every launcher, in any process that can read the folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from trex_nb.core.job import Failed, JobId, JobSpec, JobUpdate
from trex_nb.core.peek import Peek
from trex_nb.core.result import Cost
from trex_nb.errors import LaunchError
from trex_nb.launch import failures
from trex_nb.launch.files import JobFolder, is_last
from trex_nb.launch.peek import peek
from trex_nb.launch.processes import end_leftovers
from trex_nb.launch.unheeded import HUNG_AFTER, Unheeded, tell

POLL = 0.05
"""Seconds between two looks at a job's events; each takes some tens of microseconds."""


class FolderJob:
    """A job known by its folder (`core.protocols.Job`)."""

    def __init__(self, folder: JobFolder, hung_after: float = HUNG_AFTER) -> None:
        self.folder = folder
        self._hung_after = hung_after

    @property
    def id(self) -> JobId:
        """The absolute path of the folder."""
        return JobId(str(self.folder.path))

    async def updates(self, after: int = 0) -> AsyncIterator[JobUpdate]:
        """Updates with a line beyond `after`, as they come; ends after Finished or Failed. When the runner is gone
        without a last word, what it left running is killed, and the job ends as lost (or stopped, if that was asked).
        """
        offset = line = 0
        unheeded = Unheeded(self.folder, self._hung_after)
        while True:
            alive = self.folder.alive()  # asked before reading: what was written before death is read below
            updates, offset = self.folder.read_updates(offset)
            for update in updates:
                line = update.line
                if line > after:
                    yield update
                if is_last(update):
                    return
            if not alive:
                break
            if unheeded.is_overdue():
                await asyncio.to_thread(unheeded.end)
            await asyncio.sleep(POLL)
        await asyncio.to_thread(end_leftovers, self.folder)
        if line + 1 > after:
            asked_to_stop = self.folder.asked_to_stop() and not self.folder.wants_to_go_on()
            failure = failures.CANCELLED if self.folder.cancelled() or asked_to_stop else failures.VANISHED
            yield Failed(line=line + 1, failure=failure, cost=Cost(seconds=self.folder.seconds_alive()))

    async def save(self) -> None:
        """Ask the training code to save its state and go on. Does nothing to an ended job."""
        if self.folder.alive() and not self._ended():
            self.folder.ask_to_save()

    async def stop(self) -> None:
        """Ask the job to save its state and end; its runner cancels it when it does not. Does nothing to an ended
        job."""
        if self.folder.alive() and not self._ended():
            self.folder.ask_to_stop()

    async def cancel(self) -> None:
        """Ask the runner to stop the job and all its processes; the last update tells when it has. A runner that does
        not heed it is killed by whoever follows the updates. Does nothing to an ended job."""
        if self.folder.alive() and not self._ended():
            self.folder.ask_to_cancel()
            await asyncio.to_thread(tell, self.folder)

    async def peek(self, expressions: Sequence[str] = ()) -> Peek:
        """Look into the job's kernel while it runs (`core.protocols.Peekable`)."""
        return await peek(self.folder, expressions)

    def _ended(self) -> bool:
        return any(is_last(update) for update in self.folder.read_updates()[0])


def attach(job: JobId) -> FolderJob | None:
    """The handle of a job that was submitted, by whomever; None if it never was."""
    folder = JobFolder(Path(job))
    if folder.submitted() and folder.is_elsewhere():
        from trex_nb.launch.ray import placed_job  # noqa: PLC0415  builds on this module

        return placed_job(folder)
    return FolderJob(folder) if folder.submitted() else None


def claim(spec: JobSpec) -> int | None:
    """The lock of a job that is to be started now, as an open file descriptor; None when it was started before.

    The spec is on disk when this returns. Raises `LaunchError` for a folder that cannot be run.
    """
    folder = JobFolder(Path(spec.folder))
    if not (folder.path.is_absolute() and folder.notebook.is_file()):
        raise LaunchError(f"There is no experiment.ipynb in {spec.folder}.", "prepare the run with an Executor first")
    if folder.submitted():
        return None
    try:
        lock = folder.lock()
        if lock is not None and folder.submitted():  # somebody's job began and ended meanwhile
            os.close(lock)
            return None
        if lock is not None:
            folder.write_spec(spec)
    except OSError as error:
        raise LaunchError(f"{spec.folder} cannot be used: {error}.", "use a local, writable disk") from error
    return lock
