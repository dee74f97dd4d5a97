"""A whole study without kernels or models: every seam is one of the shipped fakes, the rest is the real thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import time as now

from trex_nb.agents.executor_llm import LLMExecutor
from trex_nb.core.chat import Chat
from trex_nb.core.events import Event
from trex_nb.core.ids import RunId, StudyId, node_of
from trex_nb.core.job import Failed, Finished, JobSpec, JobUpdate, Progressed, Started
from trex_nb.core.protocols import Researcher, SearchPolicy, Store
from trex_nb.core.result import Checkpoint, Cost, Failure
from trex_nb.core.task import Budget, Split, Task
from trex_nb.search.policies import AsChosen
from trex_nb.search.tree import Tree
from trex_nb.settings import Settings
from trex_nb.store.artifacts import StudyFolder
from trex_nb.store.memory import MemoryStore
from trex_nb.study.asking import Asking
from trex_nb.study.parts import Parts
from trex_nb.study.study import Study
from trex_nb.study.writer import Lead, SoleLead
from trex_nb.testing import trees
from trex_nb.testing.evaluators import FakeEvaluator
from trex_nb.testing.executors import NotebookExecutor
from trex_nb.testing.launchers import FakeLauncher
from trex_nb.testing.researchers import ScriptedResearcher
from trex_nb.testing.trees import lora_plan

NAME = StudyId("colours")
BASELINE = 0.1
DIVERGED = Failure(stage="train", kind="diverged", message="The loss is not a number.")
Script = Callable[[JobSpec], Sequence[JobUpdate]]


def ends_well(_: JobSpec) -> Sequence[JobUpdate]:
    """A job of 30 seconds."""
    checkpoint = Checkpoint(kind="adapter", path="adapter")
    cost = Cost(seconds=30, train_seconds=20, steps=10, peak_memory_mb=100)
    points = [Progressed(step=s, total=10, loss=1 / s) for s in (5, 10)]
    return [Started(pid=1), *points, Finished(checkpoint=checkpoint, cost=cost)]


def diverges(_: JobSpec) -> Sequence[JobUpdate]:
    """A job that fails for good."""
    return [Started(pid=1), Failed(failure=DIVERGED, cost=Cost(seconds=5))]


class House:
    """What outlives a study: its store, its folder, its jobs. `open` is a notebook that comes, `close` one that
    goes."""

    def __init__(
        self, root: Path, *, script: Script = ends_well, is_auto: bool = True, budget: Budget | None = None,
        scores: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        self.folder = StudyFolder(root / NAME)
        self.settings = Settings(root=root, jobs=2, patience=20, retry_waits=(0.0, 0.0, 0.0))
        self.scores = dict(scores or {})
        self.launcher = FakeLauncher(script, auto=is_auto)
        self.evaluator = FakeEvaluator(self._score)
        self.executor = NotebookExecutor()
        self.mender: Chat | None = None
        self.researcher: Researcher = ScriptedResearcher(*(lora_plan(f"Rank {r}", r=r) for r in (2, 4, 8, 16, 32, 64)))
        self.policy: SearchPolicy = AsChosen()
        self.store: Store = MemoryStore()
        self.asking: Asking | None = None
        self._created = trees.created()
        if budget is not None:
            task = self._created.task.model_copy(update={"budget": budget})
            self._created = self._created.model_copy(update={"task": task})
        self._open: list[Study] = []

    def open(self, *, store: Store | None = None, lead: Lead | None = None) -> Study:
        """A study on what is there."""
        store = store or self.store
        if not list(store.read(NAME)):
            store.append(NAME, [self._created], actor="human", time=now(), expected_seq=0)
        executor = LLMExecutor(self.executor, lambda: self.mender)
        parts = Parts(
            store, self.researcher, executor, self.launcher, self.evaluator, self.policy, self.settings, self.asking,
        )  # fmt: skip
        self._open.append(Study(NAME, self.folder, parts, lead or SoleLead()))
        return self._open[-1]

    def close(self) -> None:
        """Close what is still open."""
        for study in self._open:
            study.close()

    def events(self, *kinds: str) -> list[Event]:
        """What is on record, of these kinds (of all when none is named)."""
        return [s.event for s in self.store.read(NAME) if not kinds or s.event.kind in kinds]

    def told(self) -> list[str]:
        """The kinds of all events on record, in order."""
        return [e.kind for e in self.events()]

    def _score(self, _task: Task, checkpoint: Checkpoint, _split: Split) -> float:
        if checkpoint.path is None:
            return BASELINE
        return self.scores.get(node_of(_run_in(checkpoint.path)), 0.3)


def _run_in(path: str) -> RunId:
    return RunId(path.split("/")[1].split("-", maxsplit=1)[0])


def statuses(tree: Tree) -> dict[str, str]:
    """Where every node stands."""
    return {n.id: n.status.value for n in tree.nodes.values()}


def until(study: Study, is_so: Callable[[Tree], bool]) -> None:
    """Wait for something to become so."""
    assert study._wait_until(lambda: is_so(study.tree), 30), statuses(study.tree)
