"""10,000 queued no-op jobs through the scheduler: does a job cost more time or memory the more there were before it?

    python -m tests.benchmarks.queue ledger [jobs]    real tickets: four workers, two studies, two cores
    python -m tests.benchmarks.queue study [jobs]     a tree of approved nodes of one run each

Prints jobs per second and resident memory for each tenth. The study's jobs are scripted (`FakeLauncher`) and its log is
in memory, so that what is measured is the scheduler; the fakes remember every job, and so does an event log: the
memory of the second is expected to grow by what is on record.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tests.scenarios.house import NAME, House
from trex_nb.core.events import JobsAllowed, NodeApproved, NodeProposed
from trex_nb.core.ids import ROOT, RunId, node_id
from trex_nb.core.job import Finished, JobSpec, JobUpdate, Started
from trex_nb.core.protocols import Assignment
from trex_nb.core.result import Checkpoint, Cost
from trex_nb.core.task import Budget
from trex_nb.core.training import TrainingConfig
from trex_nb.launch.fair import Machine
from trex_nb.launch.slots import Ledger, LedgerBusyError
from trex_nb.testing.executors import NotebookExecutor
from trex_nb.testing.trees import lora_plan

TWO = Machine(cores=2, memory_mb=8000)


class Tenths:
    """Tells of each tenth of the jobs when it is done."""

    def __init__(self, jobs: int) -> None:
        self._each = max(1, jobs // 10)
        self._next = self._each
        self._began = time.perf_counter()

    def done(self, count: int) -> None:
        """So many jobs are done."""
        while count >= self._next:
            now, memory = time.perf_counter(), psutil.Process().memory_info().rss / 1e6
            print(
                f"{self._next:>7,} jobs  {self._each / (now - self._began):8.0f} jobs/s  {memory:7.1f} MB", flush=True
            )
            self._next, self._began = self._next + self._each, now


def ledger(jobs: int) -> None:
    """Workers take and give back places until all jobs are through; says how long an uncontended place takes too."""
    with tempfile.TemporaryDirectory() as folder:
        book = Ledger(Path(folder) / "slots")
        alone = [_through(book, "alone", i) for i in range(200)]
        print(f"an uncontended place: {1000 * sorted(alone)[100]:.2f} ms (median of 200)")
        tenths, lock, done = Tenths(jobs), threading.Lock(), [0]

        def work(study: str) -> None:
            while done[0] < jobs:
                _through(book, study, done[0])
                with lock:
                    done[0] += 1
                    tenths.done(done[0])

        workers = [threading.Thread(target=work, args=("ab"[i % 2],)) for i in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        left = list((Path(folder) / "slots").iterdir())
        print(f"left in the ledger: {', '.join(p.name for p in left)}")


def _through(book: Ledger, study: str, number: int) -> float:
    """One job: a ticket, a place, nothing done, the place given back. Seconds until it had the place."""
    began, place = time.perf_counter(), None
    spec = JobSpec(run=RunId(f"n{number}.1"), folder="/nowhere", timeout=1, study=study)
    while place is None or not place.is_held:
        try:
            place = place or book.enter(spec)
            if place.is_news():
                place.look(TWO)
        except LedgerBusyError:
            pass
        if place is None or not place.is_held:
            time.sleep(0.0005)
    took = time.perf_counter() - began
    place.release()
    return took


def study(jobs: int) -> None:
    """A study that has `jobs` approved nodes of one run each, run two at a time."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), script=_at_once, budget=Budget(rounds=100_000, minutes=1e6))
        house.executor = _Quick()
        opened = house.open()
        plans = [lora_plan(f"Job {i}").model_copy(update={"configs": _config(i)}) for i in range(1, jobs + 1)]
        events = [
            e
            for i, plan in enumerate(plans, 1)
            for e in (
                NodeProposed(node=node_id(i), parent=ROOT, plan=plan, request=0), NodeApproved(node=node_id(i)),
            )
        ]  # fmt: skip
        house.store.append(
            NAME, [*events, JobsAllowed(jobs=2)], actor="human", time=time.time(), expected_seq=opened.tree.seq
        )
        tenths, seen = Tenths(jobs), 0
        while seen < jobs:
            time.sleep(0.05)
            seen = len(house.launcher.submitted)
            tenths.done(seen)
        opened.wait()
        print(f"{sum(n.score is not None for n in opened.tree.nodes.values()) - 1:,} nodes have a score")
        house.close()


class _Quick(NotebookExecutor):
    """Writes nothing: the scheduler is what is measured."""

    async def prepare(self, assignment: Assignment) -> JobSpec:
        """The job of a run."""
        return JobSpec(run=assignment.run, folder=str(assignment.folder), timeout=assignment.timeout)


def _config(number: int) -> tuple[TrainingConfig, ...]:
    config = lora_plan("x").configs[0]
    return (config.model_copy(update={"seed": number}),)


def _at_once(_: JobSpec) -> list[JobUpdate]:
    ended = Finished(checkpoint=Checkpoint(kind="adapter", path="adapter"), cost=Cost(seconds=1, steps=1))
    return [Started(pid=1), ended]


if __name__ == "__main__":
    {"ledger": ledger, "study": study}[sys.argv[1]](int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
