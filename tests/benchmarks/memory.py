"""The memory of many jobs at once: `python -m tests.benchmarks.memory [--jobs 8]`.

Forked jobs (runner and kernel) while all of them train, against as many fresh processes that train the same
(`plain_train`), one after the other on one machine. Private is what a process has to itself (USS); shared pages are
divided among those who share them in PSS, so its sum, with the fork server's, is what the machine really gives.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import psutil

import trex_nb
from tests.benchmarks.plain_train import config
from tests.benchmarks.warmed import LONGEST, PYTHON_ENV, parent_of, script, until
from trex_nb import tiny
from trex_nb.core.job import JobSpec, Progressed, Started
from trex_nb.core.training import LoraTraining
from trex_nb.launch.files import JobFolder
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.pool import Pool
from trex_nb.settings import Settings
from trex_nb.study.study import Study
from trex_nb.testing.launchers import notebook_job

_AT_STEP = 20
"""Every one has gone this far when memory is read: optimiser and gradients are there."""

_CELL = """\
from pathlib import Path
from trex_nb.core.training import LoraTraining
from tests.benchmarks.plain_train import train
train(Path({study!r}), LoraTraining.model_validate_json({config!r}), Path({out!r}))
"""


def main() -> None:
    """Measure both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=8)
    count = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as folder:
        study = trex_nb.start("tiny-intent", settings=Settings(root=Path(folder) / "studies", jobs=1))
        with study:  # for its data; nothing runs in it
            plans = [config(6000 + i, epochs=100) for i in range(count)]
            forked, server = asyncio.run(forked_jobs(study, plans, Path(folder) / "jobs"))
            fresh = fresh_processes(study, plans, Path(folder) / "scripts")
    print(f"{count} forked jobs (runner and kernel): {forked}; fork server: {server}")
    print(f"{count} fresh processes: {fresh}")
    print(f"-> private memory: {fresh.private / forked.private:.1f} times less", end="; ")
    print(f"all memory, with the fork server: {fresh.all / (forked.all + server.all):.1f} times less")


class Memory:
    """Megabytes of some processes: private to them, and in all (a shared page counts once among its users)."""

    def __init__(self, pids: Iterable[int]) -> None:
        found = [psutil.Process(pid).memory_full_info() for pid in pids]
        self.private = sum(f.uss for f in found) / 1e6
        self.all = sum(f.pss for f in found) / 1e6

    def __str__(self) -> str:
        return f"{self.private:.0f} MB private, {self.all:.0f} MB in all"


async def forked_jobs(study: Study, plans: list[LoraTraining], folder: Path) -> tuple[Memory, Memory]:
    """What forked jobs take while they train, and what their server takes."""
    folder.mkdir()
    pool = Pool(folder / "pool.log", "trex_nb.train.ready:prepare", (str(tiny.path()), str(tiny.path())))
    launcher = KernelLauncher(pool)
    jobs = [await launcher.submit(_job(study, plan, folder / str(plan.seed))) for plan in plans]
    try:
        pids = [pid for job in jobs for pid in await asyncio.to_thread(until, partial(_training, job.folder))]
        assert pool.pid is not None
        assert all(parent_of(job.folder) == pool.pid for job in jobs), "not all jobs were forked"
        return Memory(pids), Memory([pool.pid])
    finally:
        for job in jobs:
            await job.cancel()
            _ = [update async for update in job.updates()]
        pool.close()


def _job(study: Study, plan: LoraTraining, folder: Path) -> JobSpec:
    cell = _CELL.format(study=str(study.folder.path), config=plan.model_dump_json(), out=str(folder / "out"))
    return notebook_job(folder, [cell], timeout=LONGEST)


def _training(folder: JobFolder) -> tuple[int, int] | None:
    """Runner and kernel of a job that has trained for a while."""
    updates, _ = folder.read_updates()
    kernel = next((u.pid for u in updates if isinstance(u, Started)), None)
    if kernel is None or not any(isinstance(u, Progressed) and u.step >= _AT_STEP for u in updates):
        return None
    return folder.read_runner()["pid"], kernel


def fresh_processes(study: Study, plans: list[LoraTraining], folder: Path) -> Memory:
    """What plain scripts take while they train."""
    folder.mkdir()
    logs = [folder / f"{plan.seed}.log" for plan in plans]
    processes = []
    for plan, log in zip(plans, logs, strict=True):
        with log.open("wb") as file:
            command = script(study, plan, folder / str(plan.seed))
            processes.append(subprocess.Popen(command, env=PYTHON_ENV, stdout=file))
    try:
        for log in logs:
            until(partial(_has_trained, log))
        return Memory(process.pid for process in processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _has_trained(log: Path) -> bool | None:
    steps = re.findall(r"^step (\d+)/", log.read_text(), re.MULTILINE)
    return bool(steps and int(steps[-1]) >= _AT_STEP) or None


if __name__ == "__main__":
    main()
