"""A cancel that the runner does not heed: it is ended all the same, and nothing else is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from trex_nb.core.job import Failed, JobUpdate
from trex_nb.launch.files import JobFolder
from trex_nb.launch.inline import InlineLauncher
from trex_nb.launch.job import FolderJob
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.processes import processes_of
from trex_nb.launch.unheeded import Unheeded, recorded_runner
from trex_nb.testing.launchers import SLOW, everything, notebook_job, until_started


@pytest.mark.parametrize("suspends", ["runner", "kernel", "both"])
def test_a_suspended_job_that_is_cancelled_ends_as_stopped(tmp_path: Path, suspends: str) -> None:
    spec = notebook_job(tmp_path / "job", [SLOW])

    async def scenario() -> list[JobUpdate]:
        submitted = await KernelLauncher().submit(spec)
        kernel = (await until_started(submitted)).pid
        if suspends != "kernel":
            os.kill(submitted.folder.read_runner()["pid"], signal.SIGSTOP)
        if suspends != "runner":
            os.kill(kernel, signal.SIGSTOP)
        job = FolderJob(submitted.folder, hung_after=0.3 if suspends != "kernel" else 60)
        await job.cancel()
        return await everything(job)

    last = asyncio.run(scenario())[-1]
    assert isinstance(last, Failed)
    assert last.failure.kind == "stopped"
    assert processes_of(JobFolder(tmp_path / "job")) == []


def test_a_job_counts_as_hung_only_so_long_after_it_was_cancelled(tmp_path: Path) -> None:
    now = 0.0
    unheeded = Unheeded(JobFolder(tmp_path), 15.0, clock=lambda: now)
    assert not unheeded.is_overdue()
    now = 1000.0
    JobFolder(tmp_path).ask_to_cancel()
    assert not unheeded.is_overdue()
    now = 1014.0
    assert not unheeded.is_overdue()
    now = 1016.0
    assert unheeded.is_overdue()


@pytest.fixture
def bystander() -> Iterator[psutil.Process]:
    """A process that has the id that is on record, and nothing else."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield psutil.Process(process.pid)
        process.kill()


def test_an_id_that_another_process_has_by_now_is_not_the_runner(bystander: psutil.Process) -> None:
    facts = {"pid": bystander.pid, "create_time": bystander.create_time(), "host": socket.gethostname()}
    assert recorded_runner(facts, "/job") == bystander
    assert recorded_runner({**facts, "create_time": bystander.create_time() - 60}, "/job") is None
    assert recorded_runner({**facts, "host": "elsewhere"}, "/job") is None
    assert recorded_runner({"pid": "?", "host": socket.gethostname()}, "/job") is None
    assert recorded_runner({}, "/job") is None


def test_a_process_that_a_job_states_to_be_its_runner_is_not_killed_for_it(
    tmp_path: Path, bystander: psutil.Process
) -> None:
    folder = JobFolder(tmp_path)
    facts = {"pid": bystander.pid, "create_time": bystander.create_time(), "host": socket.gethostname(), "started": 0}
    (tmp_path / "runner.json").write_text(json.dumps(facts))
    (tmp_path / "runner.lock").touch()
    assert recorded_runner(folder.read_runner(), str(tmp_path)) == bystander
    Unheeded(folder, 0.0).end()
    assert bystander.status() != psutil.STATUS_ZOMBIE


DEAF = """
import contextlib, os
os.unlink("runner.json")
open("up", "w").close()
while True:
    with contextlib.suppress(OSError):
        os.unlink("cancel")
"""


def test_a_job_that_removes_what_cancels_it_is_cancelled(tmp_path: Path) -> None:
    async def scenario() -> JobUpdate:
        job = await KernelLauncher().submit(notebook_job(tmp_path / "job", [DEAF], timeout=60))
        async with asyncio.timeout(30):
            while not (tmp_path / "job" / "up").exists():
                await asyncio.sleep(0.05)
        await job.cancel()
        return (await everything(job))[-1]

    last = asyncio.run(scenario())
    assert isinstance(last, Failed)
    assert last.failure.kind == "stopped"


def test_our_own_runner_is_known_also_when_the_clock_was_stepped(tmp_path: Path) -> None:
    async def scenario() -> None:
        job = await KernelLauncher().submit(notebook_job(tmp_path / "job", [SLOW]))
        await until_started(job)
        facts = job.folder.read_runner()
        facts["create_time"] -= 3600
        runner = recorded_runner(facts, job.id)
        await job.cancel()
        await everything(job)
        assert runner is not None
        assert runner.pid == facts["pid"]

    asyncio.run(scenario())


def test_a_job_inside_a_notebooks_process_takes_that_process_with_it_never(tmp_path: Path) -> None:
    """It goes on until its one long call returns: better a late end than no notebook."""
    deaf = "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end:\n    try:\n        time.sleep(0.1)\n"
    deaf += "    except KeyboardInterrupt:\n        pass"

    async def scenario() -> list[JobUpdate]:
        job = await InlineLauncher().submit(notebook_job(tmp_path / "job", [deaf]))
        await until_started(job)
        watched = FolderJob(job.folder, hung_after=0.1)
        await watched.cancel()
        return await everything(watched)

    assert isinstance(asyncio.run(scenario())[-1], Failed)
