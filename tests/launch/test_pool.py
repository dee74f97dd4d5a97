"""Jobs that are forked from a warm pool are jobs like all others, and the pool leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psutil
import pytest

from trex_nb.core.job import Failed, Finished
from trex_nb.launch.files import JobFolder
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.mark import can_mark
from trex_nb.launch.pool import Pool
from trex_nb.launch.processes import processes_of
from trex_nb.testing.launchers import GOOD, SLOW, MakeSpec, everything, notebook_job, until_started

pytestmark = pytest.mark.skipif(not can_mark(), reason="this system has no warm pool")

HERE = "tests.launch.prepared"


def until(is_true: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def make_spec(tmp_path: Path) -> MakeSpec:
    numbers = count(1)
    return lambda cells: notebook_job(tmp_path / f"job{next(numbers)}", cells)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    pool = Pool(tmp_path / "pool.log", f"{HERE}:nothing")
    yield pool
    pool.close()


def runner_parent(folder: Path) -> int:
    return psutil.Process(JobFolder(folder).read_runner()["pid"]).ppid()


def test_a_job_is_forked_and_its_kernel_knows_what_was_prepared(pool: Pool, make_spec: MakeSpec) -> None:
    cells = ["import sys", f"assert len(sys.modules['{HERE}'].PREPARED) == 1", GOOD]

    async def scenario() -> int:
        job = await KernelLauncher(pool).submit(make_spec([*cells, SLOW]))
        await until_started(job)
        parent = runner_parent(job.folder.path)
        await job.cancel()
        *_, last = await everything(job)
        assert isinstance(last, Failed)
        assert last.failure.kind == "stopped"
        return parent

    assert asyncio.run(scenario()) == pool.pid


def test_the_kernel_has_its_folder_its_environment_and_no_more(pool: Pool, make_spec: MakeSpec) -> None:
    spec = make_spec(
        ["import os", "assert os.getcwd() == os.environ['TREX_JOB']", "assert 'SECRET_KEY' not in os.environ", GOOD]
    )
    os.environ["SECRET_KEY"] = "s"
    try:
        *_, last = asyncio.run(_run(KernelLauncher(pool), spec))
    finally:
        del os.environ["SECRET_KEY"]
    assert isinstance(last, Finished), last


async def _run(launcher: KernelLauncher, spec: object) -> list[object]:
    return list(await everything(await launcher.submit(spec)))  # type: ignore[arg-type]


BREEDING = """\
import os, subprocess, time
if os.fork() == 0:
    os.setsid()
    time.sleep(60)
subprocess.Popen(["sleep", "60"], start_new_session=True)
"""


def test_processes_are_found_that_the_kernel_forked_or_started(pool: Pool, make_spec: MakeSpec) -> None:

    async def scenario() -> None:
        job = await KernelLauncher(pool).submit(make_spec([BREEDING, SLOW]))
        await until_started(job)
        await asyncio.to_thread(until, lambda: len(processes_of(job.folder)) == 3)
        await job.cancel()
        await everything(job)
        assert processes_of(job.folder) == []

    asyncio.run(scenario())


def test_the_kernel_dies_with_its_runner(pool: Pool, make_spec: MakeSpec) -> None:
    async def scenario() -> None:
        job = await KernelLauncher(pool).submit(make_spec([SLOW]))
        started = await until_started(job)
        os.kill(job.folder.read_runner()["pid"], signal.SIGKILL)
        await asyncio.to_thread(until, lambda: not psutil.pid_exists(started.pid))
        *_, last = await everything(job)
        assert isinstance(last, Failed)
        assert (last.failure.kind, last.failure.retryable) == ("lost", True)

    asyncio.run(scenario())


def test_a_server_that_cannot_prepare_leaves_jobs_to_start_cold(tmp_path: Path, make_spec: MakeSpec) -> None:
    pool = Pool(tmp_path / "pool.log", f"{HERE}:failing")
    *_, last = asyncio.run(_run(KernelLauncher(pool), make_spec([GOOD])))
    assert isinstance(last, Finished)
    assert "no such library" in (tmp_path / "pool.log").read_text()
    pool.start()
    assert pool.pid is None  # it would fail again


def test_after_the_death_of_the_server_another_one_comes(pool: Pool, make_spec: MakeSpec) -> None:
    async def scenario() -> None:
        launcher = KernelLauncher(pool)
        job = await launcher.submit(make_spec([SLOW, GOOD]))
        await until_started(job)
        first = pool.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        cold = await launcher.submit(make_spec([GOOD]))
        assert isinstance((await everything(cold))[-1], Finished)
        forked = await launcher.submit(make_spec([GOOD]))
        assert isinstance((await everything(forked))[-1], Finished)
        assert pool.pid not in (None, first)
        assert job.folder.alive()  # it never needed the server again
        await job.cancel()
        await everything(job)

    asyncio.run(scenario())


def test_a_suspended_server_is_given_up_and_its_job_runs_once(
    pool: Pool, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trex_nb.launch.pool.TO_TAKE", 1.0)

    async def scenario() -> None:
        launcher = KernelLauncher(pool)
        assert isinstance((await everything(await launcher.submit(make_spec([GOOD]))))[-1], Finished)
        server = pool.pid
        assert server is not None
        os.kill(server, signal.SIGSTOP)
        updates = await everything(await launcher.submit(make_spec([GOOD])))
        assert isinstance(updates[-1], Finished)
        assert [u.kind for u in updates].count("started") == 1
        await asyncio.to_thread(until, lambda: not psutil.pid_exists(server))

    asyncio.run(scenario())


def test_a_job_whose_submitter_is_cancelled_while_the_server_gets_ready_is_begun_all_the_same(
    tmp_path: Path, make_spec: MakeSpec
) -> None:
    """As when a study is closed; and closing does not wait for the server."""
    pool = Pool(tmp_path / "pool.log", f"{HERE}:endless")
    launcher, spec = KernelLauncher(pool), make_spec([GOOD])

    async def scenario() -> None:
        submitting = asyncio.create_task(launcher.submit(spec))
        await asyncio.to_thread(until, lambda: pool.pid is not None)
        server = pool.pid
        assert server is not None
        submitting.cancel()
        await asyncio.wait({submitting})
        launcher.close()
        await asyncio.to_thread(until, lambda: not psutil.pid_exists(server))
        launcher.warm()
        assert pool.pid is None  # closed for good
        job = await launcher.attach(spec.job)
        assert job is not None
        assert isinstance((await everything(job))[-1], Finished)

    asyncio.run(scenario())


def test_opening_and_closing_leaves_nothing(tmp_path: Path) -> None:
    def held() -> tuple[int, int, int]:
        return psutil.Process().num_fds(), threading.active_count(), len(psutil.Process().children())

    before = held()
    for _ in range(20):
        pool = Pool(tmp_path / "pool.log", f"{HERE}:endless")
        pool.start()
        pool.close()
    until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)))


def test_jobs_that_are_not_like_the_others_start_cold(pool: Pool, tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "own", ["import os; assert os.environ['MINE'] == '1'", GOOD], env={"MINE": "1"})
    *_, last = asyncio.run(_run(KernelLauncher(pool), spec))
    assert isinstance(last, Finished)
    assert pool.pid is None


OWNER = """
import asyncio, sys
from pathlib import Path
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.pool import Pool
from trex_nb.testing.launchers import SLOW, GOOD, notebook_job, until_started

async def main(folder):
    pool = Pool(folder / "pool.log", sys.argv[2], sys.argv[3:])
    job = await KernelLauncher(pool).submit(notebook_job(folder / "job", [GOOD, SLOW]))
    started = await until_started(job)
    print(pool.pid, started.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(Path(sys.argv[1])))
"""


def owned(folder: Path, *prepare: str) -> tuple[subprocess.Popen[str], int, int]:
    """A process with a pool and a job; the ids of the pool's server and of the job's kernel."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), *prepare], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert owner.stdout is not None
    server, kernel = map(int, owner.stdout.readline().split())
    return owner, server, kernel


def test_the_server_dies_with_its_owner_and_the_job_lives_on(tmp_path: Path) -> None:
    owner, server, kernel = owned(tmp_path, f"{HERE}:nothing")
    with owner:
        owner.kill()
    until(lambda: not psutil.pid_exists(server))
    assert psutil.pid_exists(kernel)

    async def end() -> None:
        job = await KernelLauncher().attach(JobFolder(tmp_path / "job").read_spec().job)
        assert job is not None
        await job.cancel()
        await everything(job)

    asyncio.run(end())


def test_what_each_kernel_does_for_itself_is_done_before_its_job_comes(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    owner, server, kernel = owned(tmp_path, f"{HERE}:each", str(ready))
    with owner:
        until(lambda: len(list(ready.iterdir())) == 2)  # the job's, and the next one's
        assert (ready / str(kernel)).exists()
        spare = next(int(p.name) for p in ready.iterdir() if p.name != str(kernel))
        owner.kill()
    until(lambda: not psutil.pid_exists(spare) and not psutil.pid_exists(server))
    os.kill(JobFolder(tmp_path / "job").read_runner()["pid"], signal.SIGTERM)
    until(lambda: not JobFolder(tmp_path / "job").alive())


def test_getting_ready_waits_for_nobody(tmp_path: Path, make_spec: MakeSpec) -> None:
    """A job waits for a server that takes its time; a study's loop that wants one must not."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    pool = Pool(tmp_path / "pool.log", f"{HERE}:waiting", (str(gate),))
    launcher = KernelLauncher(pool)

    async def scenario() -> None:
        submitted = asyncio.create_task(launcher.submit(make_spec([GOOD])))
        await asyncio.to_thread(until, lambda: pool.pid is not None)
        launcher.warm()  # would block for ever
        assert not submitted.done()
        gate.write_text("open")
        assert isinstance((await everything(await submitted))[-1], Finished)

    asyncio.run(scenario())
    pool.close()
