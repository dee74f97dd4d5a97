"""What runs on a node of the cluster: one Ray task per job, which makes itself a working folder, fetches what the job
reads, runs the same runner as everywhere (`ray_child`), and passes on what it says.

What an update names is in the depot before the update is told. The keeper is asked for wishes meanwhile; when it is
gone, nobody will ever ask for this job, and it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trex_nb.core.job import SAVE_WISH, STOP_WISH, Failed, Finished, JobSpec, JobUpdate, NotSaved, Saved
from trex_nb.core.result import Failure
from trex_nb.errors import LaunchError
from trex_nb.launch import failures
from trex_nb.launch.environment import with_package
from trex_nb.launch.files import JobFolder, is_last, write_atomically
from trex_nb.launch.job import FolderJob
from trex_nb.launch.private import CACHED
from trex_nb.launch.processes import end_leftovers
from trex_nb.launch.ray_depot import MOST_WITHOUT_STORAGE, Depot, depot_of, fetch, here, inside, send

WORK = "trex-ray-"
"""How the name of a working folder begins."""

LOOK, LEAVE = 0.5, 5.0
"""Seconds between two questions for wishes, and that a runner has to leave by itself after its last word."""

Call = Callable[..., Any]
"""Calls a method of the keeper by name and waits for its answer."""


def run_on_node(spec: str, storage: str | None, job: str, keeper: Any) -> None:
    """The Ray task: run the job of `spec` (JSON) and tell its `keeper` all of it."""
    import ray  # noqa: PLC0415  the rest of the module does without

    def call(method: str, *arguments: Any) -> Any:
        return ray.get(getattr(keeper, method).remote(*arguments))

    call("begin")
    work, lock = working_folder()
    try:
        asked = JobSpec.model_validate_json(spec)
        most = float("inf") if storage else MOST_WITHOUT_STORAGE
        conduct(here(asked, work), work, depot_of(storage, job, call), call, most)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(lock)


def working_folder() -> tuple[Path, int]:
    """A new folder, and the lock that says that it is in use. What jobs left on this machine whose Ray worker had no
    time to tidy up (Ray kills a worker's children with it) goes first."""
    for left in Path(tempfile.gettempdir()).glob(f"{WORK}*"):
        with contextlib.suppress(OSError):  # another user's, or just gone
            _remove(left)
    while True:
        work = Path(tempfile.mkdtemp(prefix=WORK))
        lock = JobFolder(work).lock()
        if lock is not None:  # otherwise somebody who tidies up has it already
            return work, lock


def _remove(left: Path) -> None:
    lock = JobFolder(left).lock()
    if lock is None:
        return
    for spec in left.glob("*/*/spec.json"):
        end_leftovers(JobFolder(spec.parent))
    shutil.rmtree(left, ignore_errors=True)
    os.close(lock)


def conduct(spec: JobSpec, work: Path, depot: Depot, call: Call, most: float) -> None:
    """Run the job of `spec` in the working folder `work`; its last update is told when this returns."""
    spec = _own_models(spec)
    try:
        _furnish(spec, work, depot)
    except Exception as error:  # noqa: BLE001  whatever a storage raises, the job cannot begin
        call("tell", [Failed(failure=_not_fetched(error)).model_dump_json()])
        return
    if (missing := [p for p in spec.reads if not Path(p).exists()]) != []:
        call("tell", [Failed(failure=_missing(missing)).model_dump_json()])
        return
    folder = JobFolder(Path(spec.folder))
    with _runner(folder, work):
        asyncio.run(_Passage(folder, depot, call, most).run())


def _own_models(spec: JobSpec) -> JobSpec:
    """What the submitter has in its cache of the hub, and this node has not, is fetched from the hub."""
    lacking = {p for p in spec.reads if Path(p).name.startswith(CACHED) and not Path(p).exists()}
    limits = spec.limits.model_copy(update={"network": spec.limits.network or bool(lacking)})
    return spec.model_copy(update={"reads": tuple(p for p in spec.reads if p not in lacking), "limits": limits})


def _furnish(spec: JobSpec, work: Path, depot: Depot) -> None:
    for folder in (spec.folder, *spec.writes):
        if Path(folder).is_relative_to(work):
            Path(folder).mkdir(parents=True, exist_ok=True)
    fetch(depot, "in", work)
    JobFolder(Path(spec.folder)).write_spec(spec)


def _not_fetched(error: Exception) -> Failure:
    message = f"The job's files could not be fetched on {os.uname().nodename}: {type(error).__name__}: {error}"
    return Failure(stage="infra", kind="error", message=message[:500], retryable=isinstance(error, OSError))


def _missing(paths: list[str]) -> Failure:
    message = f"{', '.join(paths)} is not on {os.uname().nodename}: put it at the same place on every node."
    return Failure(stage="infra", kind="error", message=message)


@contextlib.contextmanager
def _runner(folder: JobFolder, work: Path) -> Iterator[None]:
    """The job's runner, as a child that ends with this process and, surely, with this context."""
    lock = folder.lock()
    assert lock is not None  # the folder is new
    command = [sys.executable, "-P", "-m", "trex_nb.launch.ray_child", str(work), str(folder.path), str(lock)]
    environment = {**with_package(os.environ), "TREX_SLOTS": "off"}  # Ray sees to the machine's slots
    try:
        with folder.log.open("ab") as log:
            child = subprocess.Popen(  # noqa: S603  our own module
                command, cwd=folder.path, env=environment, pass_fds=(lock,), start_new_session=True,
                stdin=subprocess.PIPE, stdout=log, stderr=log,
            )  # fmt: skip
    finally:
        os.close(lock)
    try:
        yield
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(LEAVE)
    finally:
        child.communicate()  # closes the pipe: a runner that has not ended is to end now


class _Passage:
    """Passes on what happens in the job's folder, and what is wished for."""

    def __init__(self, folder: JobFolder, depot: Depot, call: Call, most: float) -> None:
        self._folder = folder
        self._depot = depot
        self._call = call
        self._most = most

    async def run(self) -> None:
        """To the job's end, or the keeper's."""
        tasks = {asyncio.create_task(self._pass_on()), asyncio.create_task(self._heed_wishes())}
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.gather(*done)

    async def _pass_on(self) -> None:
        async for update in FolderJob(self._folder).updates():
            told = await asyncio.to_thread(self._send_what_it_names, update)
            await asyncio.to_thread(self._call, "tell", [told.model_dump_json()])

    async def _heed_wishes(self) -> None:
        while True:
            wishes = await asyncio.to_thread(self._call, "wishes")
            for name, text in wishes.items():
                self._heed(name, text)
            await asyncio.sleep(LOOK)

    def _heed(self, name: str, text: str) -> None:
        if name == "cancel":
            self._folder.ask_to_cancel()
        elif name == STOP_WISH:
            self._folder.ask_to_stop()
        elif name == SAVE_WISH:
            write_atomically(self._folder.path / SAVE_WISH, text)

    def _send_what_it_names(self, update: JobUpdate) -> JobUpdate:
        """Bring the files of `update` to the depot; what to tell instead where that cannot be."""
        try:
            send(self._depot, "out", self._folder.path, self._named(update), most=self._most)
        except Exception as error:  # noqa: BLE001  whatever a storage raises
            reason = error.what if isinstance(error, LaunchError) else f"{type(error).__name__}: {error}"
            return _unsent(update, reason)
        return update

    def _named(self, update: JobUpdate) -> list[Path]:
        state = update.checkpoint.path if isinstance(update, Saved | Finished) else None
        said = [self._folder.notebook, self._folder.log] if is_last(update) or isinstance(update, Saved) else []
        return [*said, inside(self._folder.path, state)] if state else said


def _unsent(update: JobUpdate, reason: str) -> JobUpdate:
    if isinstance(update, Saved):
        return NotSaved(step=update.step, total=update.total, reason=reason[:500])
    if isinstance(update, Finished):
        message = f"The job is done, but its checkpoint could not be sent: {reason}"[:500]
        failure = Failure(stage="infra", kind="error", message=message, log=failures.plain(reason))
        return Failed(failure=failure, cost=update.cost)
    return update  # a failure is told with or without its notebook
