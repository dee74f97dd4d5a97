"""The keeper of a job in a Ray cluster: a detached, named actor that owns the job's task, remembers what it says, and
holds what is wished of it, whether anybody listens or not.

It takes no cores, runs on the head node where that can be, and ends when somebody has taken over the job's last word
(`leave`), or a week after it.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from pydantic import TypeAdapter
from ray import exceptions

from trex_nb.core.job import STOP_WISH, Failed, JobSpec, JobUpdate, Queued, Resources
from trex_nb.core.result import Cost, Failure
from trex_nb.launch import failures
from trex_nb.launch.files import is_last
from trex_nb.launch.ray_node import run_on_node

WEEK = 7 * 24 * 3600.0
SOON, LOOK = 3.0, 10.0
"""Seconds after which a job that has not begun is said to wait, and between two looks at why."""
_UPDATE: TypeAdapter[JobUpdate] = TypeAdapter(JobUpdate)


class Keeper:
    """One job. All methods are coroutines, of which Ray runs many at a time in one thread."""

    def __init__(self, spec: str, storage: str | None, job: str) -> None:
        self._spec = JobSpec.model_validate_json(spec)
        self._storage = storage
        self._job = job
        self._updates: list[JobUpdate] = []
        self._wishes: dict[str, str] = {}
        self._news = asyncio.Condition()
        self._spool = Path(tempfile.mkdtemp(prefix="trex-keeper-"))
        self._begun: float | None = None
        self._task: Any = None
        self._minding: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Hand the job to Ray; what it reads is in its depot."""
        asked = self._spec.resources
        task = ray.remote(run_on_node).options(
            num_cpus=asked.cores, num_gpus=asked.gpus if asked.gpus <= 1 else math.ceil(asked.gpus),
            memory=int(asked.memory_mb * 2**20), max_retries=0, name=self._job,
        )  # fmt: skip
        me = ray.get_runtime_context().current_actor
        self._task = task.remote(self._spec.model_dump_json(), self._storage, self._job, me)
        self._minding = [asyncio.create_task(self._mind()), asyncio.create_task(self._say_why_it_waits())]

    async def updates(self, after: int, patience: float) -> list[str]:
        """The updates beyond line `after` as JSON; waits up to `patience` seconds for the first."""
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(lambda: len(self._updates) > after), patience)
            except TimeoutError:
                return []
        return [update.model_dump_json() for update in self._updates[after:]]

    async def begin(self) -> None:
        """The job has a place."""
        self._begun = self._begun or time.monotonic()

    async def tell(self, updates: Sequence[str]) -> None:
        """The job says something."""
        for update in updates:
            await self._hear(_UPDATE.validate_json(update))

    async def wish(self, name: str, text: str) -> None:
        """Somebody wishes for something; a job that has no place yet ends at once if it is to end."""
        self._wishes[name] = text
        if self._begun is None and name in {"cancel", STOP_WISH}:
            await self._hear(Failed(failure=failures.CANCELLED if name == "cancel" else failures.STOPPED_EARLY))
            ray.cancel(self._task)

    async def wishes(self) -> dict[str, str]:
        """What is wished for; of a job whose end is told already, that it end."""
        return {**self._wishes, "cancel": ""} if self._ended else self._wishes

    async def put(self, name: str, offset: int, data: bytes) -> None:
        """Keep a part of a file; the first one makes it anew."""
        path = self._spool / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.write(data)

    async def get(self, name: str, offset: int, size: int) -> bytes:
        """A part of a file; empty at its end."""
        with (self._spool / name).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    async def names(self, prefix: str) -> list[str]:
        """The files kept in the folder `prefix`, or the one file of that name."""
        path = self._spool / prefix
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        return [file.relative_to(self._spool).as_posix() for file in files]

    async def leave(self) -> None:
        """End: the job's last word has been taken over, or nobody will."""
        shutil.rmtree(self._spool, ignore_errors=True)
        ray.actor.exit_actor()

    @property
    def _ended(self) -> bool:
        return bool(self._updates) and is_last(self._updates[-1])

    async def _hear(self, update: JobUpdate) -> None:
        async with self._news:
            if not self._ended:
                self._updates.append(update.model_copy(update={"line": len(self._updates) + 1}))
            self._news.notify_all()

    async def _mind(self) -> None:
        """See to it that the job has an ending, whatever becomes of its task; then wait to be told to leave."""
        try:
            await self._task
            failure = failures.VANISHED
        except exceptions.RayError as error:
            failure = failure_of(error)
        spent = time.monotonic() - self._begun if self._begun is not None else 0.0
        await self._hear(Failed(failure=failure, cost=Cost(seconds=spent)))
        await asyncio.sleep(WEEK)
        shutil.rmtree(self._spool, ignore_errors=True)
        ray.kill(ray.get_runtime_context().current_actor)

    async def _say_why_it_waits(self) -> None:
        said = ""
        await asyncio.sleep(SOON)
        while self._begun is None and not self._ended:
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            why = why_it_waits(self._spec.resources, nodes, ray.available_resources())
            if why not in {"", said}:
                await self._hear(Queued(why=why))
            said = why
            await asyncio.sleep(LOOK)


def why_it_waits(asked: Resources, nodes: Sequence[Mapping[str, float]], free: Mapping[str, float]) -> str:
    """Why a job that asks for that much has not begun, given what each node of the cluster has in all and what is free
    on all nodes together; empty when there seems to be room, and its Ray worker is but slow to start."""
    wanted = {"GPU": asked.gpus, "CPU": asked.cores, "memory": asked.memory_mb * 2**20}
    for name, amount in wanted.items():
        most = max((node.get(name, 0.0) for node in nodes), default=0.0)
        if amount > most:
            has = f"the largest has {_amount(name, most)}" if most else "none has any"
            return f"No node of the cluster has {_amount(name, amount)} ({has}): the job waits for one that does."
    if all(amount <= free.get(name, 0.0) for name, amount in wanted.items()):
        return ""
    room = ", ".join(_amount(name, amount) for name, amount in wanted.items() if amount)
    return f"The cluster has no room yet: the job waits for {room}."


def _amount(name: str, amount: float) -> str:
    return f"{amount / 2**20:.0f} MB of memory" if name == "memory" else f"{amount:g} {name}"


def failure_of(error: Exception) -> Failure:
    """Why a task ended that did not tell its job's end itself."""
    if isinstance(error, exceptions.OutOfMemoryError):
        message = "Ray ended the job because its node ran out of memory."
        return Failure(stage="infra", kind="out_of_memory", message=message, log=str(error)[-failures.LOG_CHARS :])
    if isinstance(error, exceptions.TaskCancelledError):
        return failures.CANCELLED
    if isinstance(error, exceptions.RayTaskError):
        failure = failures.crashed(error.cause) if isinstance(error.cause, Exception) else failures.crashed(error)
        return failure.model_copy(update={"log": failures.plain(str(error))[-failures.LOG_CHARS :]})
    message = "The job's node or its Ray worker is gone without a last word."
    return Failure(stage="infra", kind="lost", message=message, retryable=True, log=str(error)[-failures.LOG_CHARS :])
