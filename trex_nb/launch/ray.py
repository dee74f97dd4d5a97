"""RayLauncher: jobs on the machines of a Ray cluster (extra `ray`; see CLUSTERS.md beside this file).

The job itself is what it is everywhere: the same runner with the same kernel, as a Ray task with the resources that
the spec asks for. This module does not import Ray; a bridge process does (`ray_link`, `ray_bridge`). In the cluster a
keeper (`ray_keeper`) owns the job, and a node runs it (`ray_node`). What is heard of it is written into its folder
here, so its handle is that of any job; `ray.json` there says where it runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from trex_nb.core.job import Failed, JobId, JobSpec, JobUpdate
from trex_nb.errors import LaunchError
from trex_nb.launch import failures
from trex_nb.launch.files import JobFolder, is_last, write_atomically
from trex_nb.launch.job import POLL, FolderJob
from trex_nb.launch.ray_link import Link, link_to
from trex_nb.launch.ray_mirror import Mirror

NAMESPACE = "trex_nb"
PATIENCE, AGAIN = 300.0, 5.0
"""Seconds that a cluster may be out of reach before its jobs are given up, and between two tries to reach it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a job was handed to: a cluster, an actor's name there, and the storage of its files."""

    address: str
    actor: str
    storage: str | None = None

    @classmethod
    def read(cls, folder: JobFolder) -> Placed | None:
        """What the folder says; None for one of another launcher, or whose submitter died too soon."""
        try:
            return cls(**json.loads(folder.placement.read_text()))
        except FileNotFoundError:
            return None

    def write(self, folder: JobFolder) -> None:
        """Put it on record in the folder."""
        write_atomically(folder.placement, json.dumps(asdict(self)))

    def withdraw(self, folder: JobFolder) -> None:
        """The job could not be handed over after all."""
        folder.placement.unlink(missing_ok=True)


class RayJob(FolderJob):
    """A job in a cluster, known by its folder here."""

    def __init__(self, folder: JobFolder, link: Link) -> None:
        super().__init__(folder)
        self._link = link

    async def updates(self, after: int = 0) -> AsyncIterator[JobUpdate]:
        """Updates with a line beyond `after`, as they come; the files that they name are here by then."""
        offset, deadline = 0, None
        while True:
            is_followed = self.folder.alive()
            updates, offset = self.folder.read_updates(offset)
            for update in updates:
                if update.line > after:
                    yield update
                if is_last(update):
                    return
            if is_followed:
                deadline = None
            elif await self._follow() is False:
                deadline = deadline or time.monotonic() + PATIENCE
                if time.monotonic() > deadline:
                    self._give_up()
            await asyncio.sleep(POLL if deadline is None else AGAIN)

    async def save(self) -> None:
        """Ask the training code to save its state and go on. Does nothing to an ended job."""
        await self._ask(self.folder.ask_to_save)

    async def stop(self) -> None:
        """Ask the job to save its state and end. Does nothing to an ended job."""
        await self._ask(self.folder.ask_to_stop)

    async def cancel(self) -> None:
        """End the job and all its processes. Does nothing to an ended job."""
        await self._ask(self.folder.ask_to_cancel)

    async def _ask(self, leave_word: Callable[[], None]) -> None:
        """Leave word in the folder; whoever follows the job, now or later, passes it on."""
        if not self._ended():
            leave_word()
            await self._follow()

    async def _follow(self) -> bool:
        """See to it that somebody follows the job; whether the cluster could be reached."""
        try:
            await self._link.ask(follow=str(self.folder.path))
        except LaunchError:
            return False
        return True

    def _give_up(self) -> None:
        """The job ends as lost, here and for good: the cluster is not coming back."""
        lock = self.folder.lock()
        if lock is None:
            return
        mirror = Mirror(self.folder)
        if not mirror.ended:
            failure = failures.VANISHED.model_copy(update={"message": "The cluster cannot be reached any more."})
            mirror.write(Failed(line=mirror.line + 1, failure=failure))
        mirror.close()
        os.close(lock)


class RayLauncher:
    """Starts jobs in a Ray cluster (`core.protocols.Launcher`).

    `address` is "auto" (the cluster that this machine is part of, also when None, unless RAY_ADDRESS says otherwise),
    "host:port" (this machine is part of that one) or "ray://host:10001" (it need not be). `storage` is any fsspec URL
    that submitter and nodes reach alike; without one, files go through the head node, up to 2 GiB at a time.
    """

    def __init__(self, address: str | None = None, storage: str | None = None) -> None:
        self._link = link_to(address or os.environ.get("RAY_ADDRESS") or "auto", storage)

    async def submit(self, spec: JobSpec) -> FolderJob:
        """Hand the job to the cluster, unless it was submitted before, by whomever.

        Raises `LaunchError` when the folder holds no notebook or the cluster does not take it, and `MissingExtraError`.
        """
        job = await self.attach(spec.job)
        if job is not None:
            return job
        await self._link.ask(submit=spec.model_dump(mode="json"))
        return RayJob(JobFolder(Path(spec.folder)), self._link)

    async def attach(self, job: JobId) -> FolderJob | None:
        """The handle of a job started earlier, by whomever; None if it never was."""
        folder = JobFolder(Path(job))
        if not folder.submitted():
            return None
        return placed_job(folder) or RayJob(folder, self._link)


def placed_job(folder: JobFolder) -> RayJob | None:
    """The handle of a job that was handed to a cluster, whichever launcher is in use now."""
    placed = Placed.read(folder)
    return RayJob(folder, link_to(placed.address, placed.storage)) if placed else None
