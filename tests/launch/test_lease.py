"""Jobs in real background kernels that share one machine of two cores."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trex_nb.core.ids import RunId
from trex_nb.core.job import Failed, Finished, JobSpec, JobUpdate, Queued, Resources, Started
from trex_nb.launch.job import FolderJob
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.slots import Ledger
from trex_nb.testing.launchers import GOOD, PATIENCE, everything, notebook_job, until

Make = Callable[..., JobSpec]

WAIT = "import time\nfrom pathlib import Path\nwhile not Path('go').exists():\n    time.sleep(0.02)"


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("TREX_SLOTS", str(tmp_path / "slots"))
    monkeypatch.setenv("TREX_CORES", "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    return Ledger(tmp_path / "slots")


@pytest.fixture
def make(tmp_path: Path, ledger: Ledger) -> Iterator[Make]:
    """Specs of jobs that wait for a file `go` in their folder; those that still run are killed at the end."""
    made: list[JobSpec] = []

    def spec(run: str, study: str = "qa", cells: tuple[str, ...] = (WAIT, GOOD), **options: object) -> JobSpec:
        job = notebook_job(tmp_path / f"{study}-{run}", cells)
        made.append(job.model_copy(update={"run": RunId(run), "study": f"/studies/{study}", **options}))
        return made[-1]

    yield spec
    for job in made:
        (Path(job.folder) / "cancel").touch()
    asyncio.run(_ended(made))


async def _ended(specs: list[JobSpec]) -> None:
    for spec in specs:
        job = await KernelLauncher().attach(spec.job)
        if job is not None:
            await everything(job)


async def submit(spec: JobSpec) -> FolderJob:
    return await KernelLauncher().submit(spec)


def go(spec: JobSpec) -> None:
    (Path(spec.folder) / "go").touch()


def test_a_job_that_finds_no_place_says_why_and_starts_when_there_is_one(make: Make, ledger: Ledger) -> None:
    async def scenario() -> list[JobUpdate]:
        specs = [make("n1.1"), make("n2.1", "sums"), make("n3.1")]
        one, two = await submit(specs[0]), await submit(specs[1])
        await asyncio.gather(until(one, Started), until(two, Started))
        third = await submit(specs[2])
        waits = await until(third, Queued)
        assert isinstance(waits, Queued)
        assert waits.why in (
            "a free core: n1.1 of qa and n2.1 of sums hold all 2",
            "a free core: n2.1 of sums and n1.1 of qa hold all 2",
        )
        go(specs[2])
        go(specs[0])
        return await everything(third)

    updates = asyncio.run(scenario())
    assert [u.kind for u in updates][:2] == ["queued", "started"]
    assert isinstance(updates[-1], Finished)
    assert [t.run for t in ledger.standing().holding] == ["n2.1"]


def test_a_killed_runner_frees_its_place(make: Make) -> None:
    async def scenario() -> None:
        jobs = [await submit(make(f"n{n}.1", resources=Resources(cores=2))) for n in (1, 2)]
        await asyncio.wait({asyncio.ensure_future(until(j, Started)) for j in jobs}, return_when="FIRST_COMPLETED")
        running, waiting = sorted(jobs, key=lambda j: not any(isinstance(u, Started) for u in _so_far(j)))
        await until(waiting, Queued)
        os.kill(running.folder.read_runner()["pid"], signal.SIGKILL)
        await until(waiting, Started)

    asyncio.run(scenario())


def _so_far(job: FolderJob) -> list[JobUpdate]:
    return job.folder.read_updates()[0]


@pytest.mark.parametrize("how", ["stop", "cancel", "terminate"])
def test_a_job_that_waits_can_be_ended_and_has_cost_nothing(make: Make, ledger: Ledger, how: str) -> None:
    async def scenario() -> list[JobUpdate]:
        holder = await submit(make("n1.1", resources=Resources(cores=2)))
        await until(holder, Started)
        job = await submit(make("n2.1", timeout=0.2))
        await until(job, Queued)
        if how == "terminate":
            os.kill(job.folder.read_runner()["pid"], signal.SIGTERM)
        else:
            await getattr(job, how)()
        return await everything(job)

    *_, last = asyncio.run(scenario())
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.cost.seconds) == ("stopped", 0)
    assert [t.run for t in ledger.standing().waiting] == []


def test_what_a_job_waited_does_not_count_towards_its_timeout(make: Make) -> None:
    async def scenario() -> list[JobUpdate]:
        specs = [make("n1.1", resources=Resources(cores=2)), make("n2.1", cells=(GOOD,), timeout=30)]
        holder = await submit(specs[0])
        await until(holder, Started)
        job = await submit(specs[1].model_copy(update={"timeout": 20.0}))
        await until(job, Queued)
        go(specs[0])
        return await everything(job)

    assert isinstance(asyncio.run(scenario())[-1], Finished)


def test_two_studies_take_turns_and_two_jobs_run_at_a_time(make: Make, tmp_path: Path) -> None:
    """Four jobs of one study were there first; those of the other do not wait for all of them."""
    (tmp_path / "shared").mkdir()
    mark = "open(r'{0}', 'a').write('+{1} ')\nimport time; time.sleep(0.3)\nopen(r'{0}', 'a').write('-{1} ')"

    async def scenario() -> None:
        holder = make("n9.1", "c", resources=Resources(cores=2))
        await until(await submit(holder), Started)
        for number, study in enumerate("aaaabb", 1):
            cell = mark.format(tmp_path / "shared" / "said", study)
            spec = make(f"n{number}.1", study, (cell, GOOD), writes=(str(tmp_path / "shared"),))
            await until(await submit(spec), Queued)
        go(holder)
        await _all_done()

    async def _all_done() -> None:
        async with asyncio.timeout(PATIENCE):
            while not said.exists() or said.read_text().count("-") < 6:
                await asyncio.sleep(0.05)

    said = tmp_path / "shared" / "said"
    asyncio.run(scenario())
    words = said.read_text().split()
    running = [sum({"+": 1, "-": -1}[w[0]] for w in words[:n]) for n in range(1, 13)]
    assert max(running) <= 2
    assert [w[1] for w in words if w[0] == "+"][-1] == "a"


def test_a_job_sees_the_gpu_it_was_granted_and_no_other(make: Make) -> None:
    look = "import os; open('seen', 'w').write(os.environ['CUDA_VISIBLE_DEVICES'])"
    with_gpu, without = (
        make("n1.1", "qa", (look, GOOD), resources=Resources(gpus=0.5)),
        make("n2.1", "qa", (look, GOOD)),
    )

    async def scenario() -> None:
        for spec in (with_gpu, without):
            await everything(await submit(spec))

    asyncio.run(scenario())
    assert [(Path(s.folder) / "seen").read_text() for s in (with_gpu, without)] == ["7", ""]


def test_a_job_that_can_never_run_here_fails_with_the_reason(make: Make) -> None:
    async def scenario() -> JobUpdate:
        return (await everything(await submit(make("n1.1", resources=Resources(gpus=2)))))[-1]

    last = asyncio.run(scenario())
    assert isinstance(last, Failed)
    assert last.failure.message == "It asks for 2 GPUs, and this machine has 1. Try: %trex run --gpus 0."


@pytest.mark.parametrize("where", ["off", "/dev/null/slots"])
def test_jobs_run_where_there_can_be_no_ledger(make: Make, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREX_SLOTS", where)
    spec = make("n1.1", "qa", (GOOD,), resources=Resources(cores=2))

    async def scenario() -> JobUpdate:
        return (await everything(await submit(spec)))[-1]

    assert isinstance(asyncio.run(scenario()), Finished)
    log = (Path(spec.folder) / "runner.log").read_text()
    assert ("without a place of its own" in log) == (where != "off")
