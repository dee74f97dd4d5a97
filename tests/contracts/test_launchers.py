"""Every launcher keeps the same promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from tests.ray_cluster import RayCluster
from trex_nb.core.ids import RunId
from trex_nb.core.job import Failed, Finished, JobSpec, JobUpdate, Progressed, Started
from trex_nb.core.result import Checkpoint, Cost, Failure
from trex_nb.launch.inline import InlineLauncher
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.mark import can_mark
from trex_nb.launch.pool import Pool
from trex_nb.launch.ray import RayLauncher
from trex_nb.testing.launchers import (
    BAD,
    DEAF,
    GOOD,
    SLOW,
    TRAINS,
    FakeJob,
    FakeLauncher,
    LauncherContract,
    MakeSpec,
    notebook_job,
)

SCRIPTS: dict[str, Sequence[JobUpdate]] = {
    SLOW: [Started(pid=1)],
    DEAF: [Started(pid=1), Progressed(step=1, total=2, loss=1.0)],
    TRAINS: [
        Started(pid=1),
        Progressed(step=2, total=1200, loss=1.0),
        Finished(checkpoint=Checkpoint(kind="adapter", path="adapter"), cost=Cost(steps=2)),
    ],
    BAD: [
        Started(pid=1),
        Failed(failure=Failure(stage="train", kind="error", message="ValueError: the data smell")),
    ],
    GOOD: [
        Started(pid=1),
        Progressed(step=4, total=4, loss=0.25),
        Finished(checkpoint=Checkpoint(kind="adapter", path="adapter"), cost=Cost(steps=4)),
    ],
}


@pytest.fixture
def make_spec(tmp_path: Path) -> MakeSpec:
    numbers = count(1)
    return lambda cells: notebook_job(tmp_path / f"job{next(numbers)}", cells)


class TestKernelLauncher(LauncherContract):
    @pytest.fixture
    def launcher(self) -> KernelLauncher:
        return KernelLauncher()


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    pool = Pool(tmp_path_factory.mktemp("pool") / "pool.log", "tests.launch.prepared:nothing")
    yield pool
    pool.close()


@pytest.mark.skipif(not can_mark(), reason="this system has no warm pool")
class TestWarmKernelLauncher(LauncherContract):
    @pytest.fixture
    def launcher(self, pool: Pool) -> KernelLauncher:
        return KernelLauncher(pool)


class TestInlineLauncher(LauncherContract):
    @pytest.fixture
    def launcher(self) -> InlineLauncher:
        return InlineLauncher()


class TestRayLauncher(LauncherContract):
    """In a cluster of several nodes; files go through the job's keeper."""

    @pytest.fixture
    def launcher(self, ray_cluster: RayCluster) -> RayLauncher:
        return RayLauncher(ray_cluster.address)


class Holding(FakeLauncher):
    """Plays at once; but a job that heeds wishes trains until it was asked to save."""

    async def submit(self, spec: JobSpec) -> FakeJob:
        is_new = spec.job not in self._by_id
        job = await super().submit(spec)
        if is_new:
            job.on_saved = job.play
            job.play(2 if spec.env["first cell"] == TRAINS else None)
        return job


class TestFakeLauncher(LauncherContract):
    """The fake plays the script that belongs to a job's first cell."""

    @pytest.fixture
    def launcher(self) -> FakeLauncher:
        return Holding(lambda spec: SCRIPTS[spec.env["first cell"]])

    @pytest.fixture
    def make_spec(self) -> MakeSpec:
        numbers = count(1)

        def make(cells: Sequence[str]) -> JobSpec:
            env = {"first cell": cells[0]}
            return JobSpec(run=RunId("n1.1"), folder=f"/job{next(numbers)}", timeout=120, env=env)

        return make
