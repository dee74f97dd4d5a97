"""Of the states a run saves only those stay on disk that something still needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from trex_nb.core import events as ev
from trex_nb.core.ids import RunId
from trex_nb.core.result import Checkpoint, Failure, FailureKind
from trex_nb.search.tree import Tree
from trex_nb.store.artifacts import StudyFolder
from trex_nb.study.checkpoints import tidy
from trex_nb.testing import trees

N1 = RunId("n1.1")
LOST = Failure(stage="infra", kind="lost", message="Gone.", retryable=True)


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path)


def states(folder: StudyFolder, attempt: int, *names: str) -> None:
    for name in names:
        (folder.run(N1, attempt) / name).mkdir(parents=True)


def left(folder: StudyFolder) -> list[str]:
    runs = folder.path / "runs"
    return sorted(p.relative_to(runs).as_posix() for p in [*runs.glob("*/checkpoint-*"), *runs.glob("*/.saving-*")])


def saved(step: int, attempt: int = 1) -> ev.CheckpointSaved:
    where = "runs/n1.1" if attempt == 1 else f"runs/n1.1-attempt{attempt}"
    checkpoint = Checkpoint(kind="adapter", path=f"{where}/checkpoint-{step}")
    return ev.CheckpointSaved(run=N1, step=step, checkpoint=checkpoint, line=step, is_asked=False)


def tree_of(*events: ev.Event) -> Tree:
    return trees.tree_of(trees.proposed(1), trees.approved(1), trees.submitted(1), *events)


def again(tree: Tree) -> ev.JobSubmitted:
    run = tree.run(N1)
    return ev.JobSubmitted(
        run=N1, attempt=run.attempt + 1, key="k", folder=f"runs/n1.1-attempt{run.attempt + 1}", resumes=run.saved,
        after=LOST,
    )  # fmt: skip


def test_the_newest_of_a_live_run_stays_and_what_its_job_is_still_to_tell_of(folder: StudyFolder) -> None:
    states(folder, 1, "checkpoint-3", "checkpoint-9", "checkpoint-12", ".saving-7")
    tidy(tree_of(saved(3), saved(9)), folder, N1)
    assert left(folder) == ["n1.1/.saving-7", "n1.1/checkpoint-12", "n1.1/checkpoint-9"]


def test_an_attempt_that_is_over_leaves_what_the_next_goes_on_from(folder: StudyFolder) -> None:
    states(folder, 1, "checkpoint-3", "checkpoint-9", ".saving-7")
    before = tree_of(saved(9))
    states(folder, 2, "checkpoint-10")
    tree = tree_of(saved(9), again(before))
    tidy(tree, folder, N1)
    assert left(folder) == ["n1.1-attempt2/checkpoint-10", "n1.1/checkpoint-9"]
    tidy(tree_of(saved(9), again(before), saved(10, 2)), folder, N1)
    assert left(folder) == ["n1.1-attempt2/checkpoint-10", "n1.1/checkpoint-9"]


@pytest.mark.parametrize(
    ("kind", "stay"), [("lost", True), ("timeout", True), ("diverged", False), ("hopeless", False)]
)
def test_a_run_that_failed_keeps_its_state_only_where_it_can_go_on(
    folder: StudyFolder, kind: FailureKind, *, stay: bool
) -> None:
    states(folder, 1, "checkpoint-3", "checkpoint-9", ".saving-7")
    failure = Failure(stage="train", kind=kind, message="x")
    tree = tree_of(saved(9), ev.RunFailed(run=N1, failure=failure))
    tidy(tree, folder, N1)
    assert left(folder) == (["n1.1/checkpoint-9"] if stay else [])
    assert tree.run(N1).is_resumable == stay
