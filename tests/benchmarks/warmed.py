"""What the benchmarks of jobs share: a study that is warm, runs that differ by their seed alone, and the plain script.

Warm is a study whose evaluator has scored the baseline and whose pool has forked a job before: what a person has from
the second job on. How long the pool takes to get there is told apart, for it happens while the person reads proposals.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TypeVar

import psutil

import trex_nb
from tests.benchmarks.plain_train import config
from trex_nb.agents.offline import OfflineResearcher
from trex_nb.core.events import ProposalRequested, StudyCreated
from trex_nb.core.ids import NodeId, RunId
from trex_nb.core.node import Run
from trex_nb.core.plan import Expectation, Plan, Proposal
from trex_nb.core.protocols import TreeView
from trex_nb.core.recipe import DataRecipe
from trex_nb.core.training import LoraTraining
from trex_nb.launch.files import JobFolder
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.pool import Pool
from trex_nb.settings import Settings
from trex_nb.store.artifacts import StudyFolder
from trex_nb.study.parts import Parts, default_parts
from trex_nb.study.study import Study

V = TypeVar("V")

PYTHON_ENV = {
    **os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": str(Path(__file__).parents[2]),
}  # fmt: skip
"""The environment of rivals: the thread limits that jobs have, which are also best for them."""

LONGEST = 3600.0
"""Seconds after which a benchmark gives up waiting."""


class Told(OfflineResearcher):
    """Proposes exactly the runs in `wanted`; reflects on them as ever."""

    def __init__(self) -> None:
        super().__init__(0)
        self.wanted: list[LoraTraining] = []

    async def propose(self, tree: TreeView, request: ProposalRequested) -> Proposal:  # noqa: ARG002
        """See `core.protocols.Researcher.propose`."""
        now, self.wanted = self.wanted[: request.n], self.wanted[request.n :]
        plans = tuple(
            Plan(
                title=f"seed {wanted.seed}", hypothesis="It takes as long as the others.", recipe=DataRecipe(),
                configs=(wanted,), expected=Expectation(minutes=1, memory_mb=600),
            )
            for wanted in now
        )  # fmt: skip
        return Proposal(parent=request.parent, plans=plans, rationale="A benchmark.", context="A benchmark.")


@contextmanager
def warm_study(root: Path, jobs: int = 2) -> Iterator[Study]:
    """A study of `tiny-intent` that runs `jobs` at a time, warm."""
    settings = Settings(root=root, jobs=jobs, patience=LONGEST)
    study = trex_nb.start("tiny-intent", settings=settings, make_parts=_parts)
    with study:
        study.budget(rounds=10_000, minutes=60_000)
        began = time.perf_counter()
        study.run(jobs=jobs)
        study.wait(LONGEST)  # the baseline
        (node,) = planned(study, [config(0, epochs=0.25)])
        study.approve(node)
        run = until(lambda: begun(study, node))
        print(f"the study was warm after {time.perf_counter() - began:.1f} s; its first job was {started(study, run)}")
        study.wait(LONGEST)
        yield study


def _parts(folder: StudyFolder, created: StudyCreated, settings: Settings) -> Parts:
    return replace(default_parts(folder, created, settings), researcher=Told())


def planned(study: Study, configs: Sequence[LoraTraining]) -> tuple[NodeId, ...]:
    """Proposals of exactly these runs."""
    researcher = study.parts.researcher
    assert isinstance(researcher, Told)
    researcher.wanted.extend(configs)
    return study.plan(n=len(configs)).nodes


def run_of(study: Study, node: NodeId) -> Run:
    """The one run of a node."""
    return study.tree.run(RunId(f"{node}.1"))


def begun(study: Study, node: NodeId) -> Run | None:
    """The run of a node, once the tree shows a point of its curve. Raises `RuntimeError` when it failed."""
    run = run_of(study, node)
    if run.failure is not None:
        raise RuntimeError(f"{run.id}: {run.failure}")
    return run if run.curve else None


def pool_of(study: Study) -> Pool | None:
    """The pool of a study's launcher."""
    launcher = study.parts.launcher
    assert isinstance(launcher, KernelLauncher)
    return launcher.pool


def folder_of(study: Study, run: Run) -> JobFolder:
    """The folder of a run that was submitted."""
    return JobFolder(study.folder.path / run.folder)


def started(study: Study, run: Run) -> str:
    """How the run was started, as the system tells: a forked runner is a child of the pool's server. For a run that is
    under way."""
    pool = pool_of(study)
    return "forked" if pool is not None and parent_of(folder_of(study, run)) == pool.pid else "cold"


def parent_of(folder: JobFolder) -> int | None:
    """The parent of a job's runner, None when it is not up, or gone."""
    try:
        return psutil.Process(folder.read_runner()["pid"]).ppid()
    except (KeyError, psutil.NoSuchProcess):
        return None


def until(found: Callable[[], V | None], every: float = 0.02, longest: float = LONGEST) -> V:
    """What `found` gives, as soon as that is something. Raises `TimeoutError`."""
    deadline = time.monotonic() + longest
    while (value := found()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(every)
    return value


def script(study: Study, wanted: LoraTraining, out: Path, *how: str) -> list[str]:
    """The command that trains `wanted` as a plain script."""
    text = json.dumps(wanted.model_dump(mode="json"))
    return [sys.executable, "-u", "-m", "tests.benchmarks.plain_train", str(study.folder.path), text, str(out), *how]


def listed(values: Sequence[float], digits: int = 2) -> str:
    """The median, and all values in their order."""
    return f"median {median(values):.{digits}f} ({', '.join(f'{v:.{digits}f}' for v in values)})"
