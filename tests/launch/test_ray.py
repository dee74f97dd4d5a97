"""Jobs in a real Ray cluster of several nodes on this machine: what travels, how they end, who may die meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest

from tests.ray_cluster import RayCluster, start
from trex_nb.core.job import Failed, Finished, JobSpec, JobUpdate, Queued, Resources, Saved, Started
from trex_nb.core.result import Failure
from trex_nb.errors import LaunchError, MissingExtraError
from trex_nb.launch import ray as launch_ray
from trex_nb.launch.files import JobFolder
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.ray import Placed, RayLauncher
from trex_nb.launch.ray_link import link_to
from trex_nb.testing.launchers import GOOD, PATIENCE, SLOW, everything, notebook_job, until, until_started

TRAVELS = """\
import json, os
from pathlib import Path
from IPython.display import display
assert Path("../../data/train.jsonl").read_text() == "rows"
assert Path("../n0.1/checkpoint-7/weights").read_text() == "seven"
Path("../../data/made-here").write_text("x")
def weights(name):
    Path(name).mkdir()
    Path(name, "weights").write_text(json.dumps({"cwd": os.getcwd(), "slots": os.environ["TREX_SLOTS"]}))
    Path(name, "empty").touch()
    return {"kind": "adapter", "path": name}
saved = {"kind": "saved", "step": 3, "total": 9, "checkpoint": weights("checkpoint-3")}
display({"application/vnd.trex.saved+json": saved}, raw=True)
display({"application/vnd.trex.outcome+json": {"checkpoint": weights("adapter"), "cost": {}}}, raw=True)
"""
"""A cell that reads what lies beside its folder, saves its state, and ends well."""


def _study_job(study: Path, cells: list[str]) -> JobSpec:
    (study / "data").mkdir(parents=True)
    (study / "data" / "train.jsonl").write_text("rows")
    state = study / "runs" / "n0.1" / "checkpoint-7"
    state.mkdir(parents=True)
    (state / "weights").write_text("seven")
    spec = notebook_job(study / "runs" / "n1.1", cells)
    reads = (str(study / "data" / "train.jsonl"), str(state))
    return spec.model_copy(update={"reads": reads, "writes": (str(study / "data"),)})


async def _submitted(address: str, spec: JobSpec, storage: str | None = None) -> list[JobUpdate]:
    return await everything(await RayLauncher(address, storage).submit(spec))


def _failure(updates: list[JobUpdate]) -> Failure:
    last = updates[-1]
    assert isinstance(last, Failed), last
    return last.failure


async def _gone(process: psutil.Process) -> None:
    async with asyncio.timeout(PATIENCE):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("storage", ["a storage", None])
def test_what_a_job_reads_and_makes_travels(ray_cluster: RayCluster, tmp_path: Path, storage: str | None) -> None:
    url = f"file://{tmp_path}/storage" if storage else None
    spec = _study_job(tmp_path / "study", [TRAVELS])
    folder = Path(spec.folder)

    async def scenario() -> None:
        seen = []
        job = await RayLauncher(ray_cluster.address, url).submit(spec)
        async with asyncio.timeout(PATIENCE):
            async for update in job.updates():
                if isinstance(update, Saved | Finished):
                    seen.append(update.checkpoint.path)
                    weights = folder / str(update.checkpoint.path) / "weights"
                    there = json.loads(weights.read_text())
                    assert not Path(there["cwd"]).is_relative_to(tmp_path)
                    assert there["slots"] == "off"
                    assert weights.with_name("empty").read_bytes() == b""
        assert seen == ["checkpoint-3", "adapter"]

    asyncio.run(scenario())
    notebook = nbformat.read(folder / "experiment.ipynb", as_version=4)
    assert notebook.cells[0].execution_count == 1
    assert (folder / "runner.log").exists()
    assert not (tmp_path / "study" / "data" / "made-here").exists()
    assert [p for p in (tmp_path / "storage").rglob("*") if p.is_file()] == []


def test_a_job_whose_node_dies_is_lost_and_may_be_tried_again(ray_cluster: RayCluster, tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [SLOW])
    spec = spec.model_copy(update={"resources": Resources(memory_mb=3000)})  # more than the other nodes have

    async def scenario() -> list[JobUpdate]:
        job = await RayLauncher(ray_cluster.address).submit(spec)
        kernel = psutil.Process((await until_started(job)).pid)
        await asyncio.to_thread(ray_cluster.kill)
        updates = await everything(job)
        await _gone(kernel)
        return updates

    ray_cluster.add(spare=2)
    failure = _failure(asyncio.run(scenario()))
    assert (failure.stage, failure.kind, failure.retryable) == ("infra", "lost", True)


def test_a_job_whose_ray_worker_is_killed_is_lost_and_leaves_nothing(ray_cluster: RayCluster, tmp_path: Path) -> None:
    async def scenario() -> list[JobUpdate]:
        job = await RayLauncher(ray_cluster.address).submit(notebook_job(tmp_path / "job", [SLOW]))
        kernel = psutil.Process((await until_started(job)).pid)
        runner, worker, *_ = kernel.parents()
        work = Path(runner.cwd())
        worker.kill()
        updates = await everything(job)
        await _gone(kernel)
        await _gone(runner)
        assert not work.exists()
        return updates

    failure = _failure(asyncio.run(scenario()))
    assert (failure.stage, failure.kind, failure.retryable) == ("infra", "lost", True)


def test_cancelling_ends_the_kernel_on_the_node(ray_cluster: RayCluster, tmp_path: Path) -> None:
    async def scenario() -> list[JobUpdate]:
        job = await RayLauncher(ray_cluster.address).submit(notebook_job(tmp_path / "job", [SLOW]))
        kernel = psutil.Process((await until_started(job)).pid)
        await job.cancel()
        updates = await everything(job)
        await _gone(kernel)
        return updates

    assert _failure(asyncio.run(scenario())).kind == "stopped"


def test_a_job_without_room_says_so_and_can_be_cancelled(ray_cluster: RayCluster, tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [GOOD]).model_copy(update={"resources": Resources(gpus=0.5)})

    async def scenario() -> tuple[Queued, list[JobUpdate]]:
        job = await RayLauncher(ray_cluster.address).submit(spec)
        queued: Queued = await until(job, Queued)
        await job.cancel()
        return queued, await everything(job)

    queued, updates = asyncio.run(scenario())
    assert queued.why == "No node of the cluster has 0.5 GPU (none has any): the job waits for one that does."
    assert _failure(updates).kind == "stopped"


def test_a_job_outlives_its_submitter_and_is_found_by_name(ray_cluster: RayCluster, tmp_path: Path) -> None:
    go = tmp_path / "go"
    wait = f"import time\nfrom pathlib import Path\nwhile not Path({str(go)!r}).exists():\n    time.sleep(0.02)"
    spec = notebook_job(tmp_path / "job", [wait, GOOD])
    code = (
        "import asyncio, sys; from trex_nb.core.job import JobSpec; from trex_nb.launch.ray import RayLauncher\n"
        "asyncio.run(RayLauncher(sys.argv[1]).submit(JobSpec.model_validate_json(sys.argv[2])))\n"
        "print('submitted', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, ray_cluster.address, spec.model_dump_json()]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"submitted\n"
        starter.kill()

    async def scenario() -> list[JobUpdate]:
        job = await KernelLauncher().attach(spec.job)  # the folder knows where its job is
        assert job is not None
        await until_started(job)
        go.touch()
        return await everything(job)

    assert isinstance(asyncio.run(scenario())[-1], Finished)


def test_a_watcher_outlives_its_bridge(ray_cluster: RayCluster, tmp_path: Path) -> None:
    async def scenario() -> list[JobUpdate]:
        job = await RayLauncher(ray_cluster.address).submit(notebook_job(tmp_path / "job", [SLOW, GOOD]))
        await until_started(job)
        bridges = [p for p in psutil.Process().children() if "trex_nb.launch.ray_bridge" in p.cmdline()]
        for bridge in bridges:
            os.kill(bridge.pid, signal.SIGKILL)
        await job.cancel()
        return await everything(job)

    updates = asyncio.run(scenario())
    assert [update.line for update in updates] == list(range(1, len(updates) + 1))
    assert _failure(updates).kind == "stopped"


def test_a_finished_job_is_replayed_without_its_cluster(ray_cluster: RayCluster, tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [GOOD])
    updates = asyncio.run(_submitted(ray_cluster.address, spec))
    folder = JobFolder(tmp_path / "job")
    Placed("127.0.0.1:1", "gone").write(folder)

    async def scenario() -> list[JobUpdate]:
        job = await RayLauncher("127.0.0.1:1").attach(spec.job)
        assert job is not None
        return await everything(job)

    assert asyncio.run(scenario()) == updates


def test_a_keeper_ends_when_its_jobs_end_was_taken_over(ray_cluster: RayCluster, tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [GOOD])
    asyncio.run(_submitted(ray_cluster.address, spec))
    placed = Placed.read(JobFolder(tmp_path / "job"))
    assert placed is not None
    look = (
        "import sys, time, ray\n"
        "ray.init(sys.argv[1], namespace='trex_nb', log_to_driver=False, logging_level='ERROR')\n"
        "while sys.argv[2] in ray.util.list_named_actors(): time.sleep(0.1)"
    )
    subprocess.run([sys.executable, "-c", look, placed.address, placed.actor], check=True, timeout=PATIENCE)


def _abandoned(folder: Path, placed: Placed | None) -> JobSpec:
    """A job that began in a cluster that is not there any more."""
    spec = notebook_job(folder, [GOOD])
    JobFolder(folder).write_spec(spec)
    (folder / "events.jsonl").write_text(Started(line=1, pid=1).model_dump_json() + "\n{half a li")
    if placed is not None:
        placed.write(JobFolder(folder))
    return spec


def test_a_job_whose_cluster_is_gone_is_lost_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_ray, "PATIENCE", -1.0)
    monkeypatch.setattr(launch_ray, "AGAIN", 0.0)
    spec = _abandoned(tmp_path / "job", Placed("127.0.0.1:1", "gone"))

    async def scenario() -> list[JobUpdate]:
        job = await RayLauncher("127.0.0.1:1").attach(spec.job)
        assert job is not None
        updates = await everything(job)
        assert await everything(job) == updates
        return updates

    updates = asyncio.run(scenario())
    assert [u.line for u in updates] == [1, 2]
    assert (_failure(updates).kind, _failure(updates).retryable) == ("lost", True)


def test_a_job_whose_cluster_goes_down_is_lost_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_ray, "PATIENCE", 1.0)
    monkeypatch.setattr(launch_ray, "AGAIN", 0.5)
    (tmp_path / "ray").mkdir()
    cluster = start(tmp_path / "ray", cores=(1,))

    async def scenario() -> list[JobUpdate]:
        job = await RayLauncher(cluster.address).submit(notebook_job(tmp_path / "job", [SLOW]))
        kernel = psutil.Process((await until_started(job)).pid)
        await asyncio.to_thread(cluster.end)
        updates = await everything(job)
        await _gone(kernel)
        return updates

    try:
        failure = _failure(asyncio.run(scenario()))
    finally:
        cluster.end()
    assert (failure.stage, failure.kind, failure.retryable) == ("infra", "lost", True)


def test_a_job_that_was_never_handed_over_is_lost(ray_cluster: RayCluster, tmp_path: Path) -> None:
    spec = _abandoned(tmp_path / "job", None)

    async def scenario() -> list[JobUpdate]:
        job = await RayLauncher(ray_cluster.address).attach(spec.job)
        assert job is not None
        return await everything(job)

    assert _failure(asyncio.run(scenario())).kind == "lost"


def test_no_cluster_is_a_sentence_with_a_hint(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [GOOD])
    with pytest.raises(
        LaunchError, match=r"No Ray cluster can be reached at 127\.0\.0\.1:1: .*refused\nTry: ray start"
    ):
        asyncio.run(_submitted("127.0.0.1:1", spec))
    assert not JobFolder(tmp_path / "job").submitted()


@pytest.mark.parametrize(("storage", "what"), [("memory://x", "of one process alone"), ("nope://x", "cannot be used")])
def test_a_storage_that_cannot_be_is_refused(tmp_path: Path, storage: str, what: str) -> None:
    with pytest.raises(LaunchError, match=what):
        asyncio.run(_submitted("127.0.0.1:1", notebook_job(tmp_path / "job", [GOOD]), storage))


def test_a_machine_without_ray_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"trex-nb\[ray\]"):
        asyncio.run(_submitted("127.0.0.1:1", notebook_job(tmp_path / "job", [GOOD])))


def test_a_cluster_has_one_link_in_a_process() -> None:
    assert link_to("127.0.0.1:1", None) is link_to("127.0.0.1:1", None)
