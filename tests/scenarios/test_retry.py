"""Runs that fail and are tried again, scoring that fails and is asked for again, as a person sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.scenarios.house import House, ends_well, statuses, until
from trex_nb.core import events as ev
from trex_nb.core.ids import RunId, node_id
from trex_nb.core.job import Failed, JobSpec, JobUpdate, Progressed, Started
from trex_nb.core.result import Checkpoint, Cost, Failure
from trex_nb.core.task import Split, Task
from trex_nb.core.training import LoraTraining
from trex_nb.errors import EvaluationError
from trex_nb.search.tree import Tree
from trex_nb.study.study import Study
from trex_nb.testing.evaluators import FakeEvaluator
from trex_nb.testing.executors import NO_MEMORY
from trex_nb.testing.launchers import LOST

Build = Callable[..., House]
N1 = RunId("n1.1")


def attempt(spec: JobSpec) -> int:
    return int(spec.folder.split("attempt")[1]) if "attempt" in spec.folder else 1


def failing_until(good: int, failure: Failure = LOST) -> Callable[[JobSpec], Sequence[JobUpdate]]:
    """Jobs that fail after a second, but for those of a late enough attempt."""

    def script(spec: JobSpec) -> Sequence[JobUpdate]:
        return (
            ends_well(spec)
            if attempt(spec) >= good
            else [Started(pid=1), Progressed(step=2, total=10, loss=1.0), Failed(failure=failure, cost=Cost(seconds=1))]
        )

    return script


def let_run(house: House) -> Study:
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run(jobs=1)
    return study


def test_a_lost_job_is_tried_again_and_every_attempt_counts(build: Build) -> None:
    house = build(script=failing_until(3))
    study = let_run(house).wait(30)
    run = study.tree.run(N1)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert [(a.number, a.failure, a.seconds, a.step) for a in run.attempts] == [(1, LOST, 1.0, 2), (2, LOST, 1.0, 2)]
    assert run.seconds == 32
    assert run.why == "retry 2 of 3 after lost"
    shown = str(study.show("n1"))
    assert "Attempts" in shown
    assert "retry 1 of 3 after lost" in shown
    assert Tree.replay(house.store.read(study.name)) == study.tree


def test_a_job_that_is_lost_again_and_again_has_failed(build: Build) -> None:
    house = build(script=failing_until(9))
    study = let_run(house).wait(30)
    failure = study.tree.nodes[node_id(1)].failure
    assert failure is not None
    assert (failure.kind, failure.message) == (
        "lost", f"{LOST.message} Given up after 4 attempts in a row that got no further."
    )  # fmt: skip
    assert len(house.launcher.submitted) == 4
    assert study.resume("n1").text == "Resuming n1.1 from its beginning."
    until(study, lambda _: len(house.launcher.submitted) == 8)


def test_a_run_that_lacks_memory_is_done_in_smaller_pieces(build: Build) -> None:
    house = build(script=failing_until(3, NO_MEMORY))
    study = let_run(house).wait(30)
    run = study.tree.run(N1)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert isinstance(run.trains_with, LoraTraining)
    assert (run.trains_with.per_device_train_batch_size, run.trains_with.gradient_accumulation_steps) == (4, 4)
    assert run.config == study.tree.nodes[node_id(1)].plan.configs[0]
    assert [a.config.per_device_train_batch_size for a, _ in house.executor.repaired] == [8, 4]  # type: ignore[union-attr]
    assert "per_device_train_batch_size 16 → 8" in str(study.show("n1"))


def test_a_pruned_run_is_not_tried_again(build: Build) -> None:
    house = build(is_auto=False)
    study = let_run(house)
    until(study, lambda _: N1 in house.launcher.jobs)
    study.prune("n1")
    house.launcher.lose(N1)
    study.wait(30)
    assert study.tree.run(N1).attempt == 1
    assert len(house.launcher.submitted) == 1


def slow(house: House) -> House:
    """Retries that wait for longer than any test."""
    house.settings = replace(house.settings, retry_waits=(3600.0,))
    return house


@pytest.mark.parametrize("end", [lambda s: s.stop("n1"), lambda s: s.prune("n1")], ids=["stop", "prune"])
def test_a_run_that_waits_to_be_tried_again_can_be_ended(build: Build, end: Callable[[Study], object]) -> None:
    house = slow(build(script=failing_until(9)))
    study = let_run(house)
    until(study, lambda t: t.run(N1).attempt == 2)
    assert "waits 1 h 00 min before attempt 2, retry 1 of 1 after lost" in str(study.status())
    end(study)
    study.wait(30)
    assert len(house.launcher.submitted) == 1
    failure = study.tree.run(N1).failure
    assert failure is not None
    assert failure.kind == "stopped"


def test_the_wait_survives_a_restart_and_ends(build: Build) -> None:
    house = slow(build(script=failing_until(2)))
    study = let_run(house)
    until(study, lambda t: t.run(N1).attempt == 2)
    study.close()
    (log,) = [e for e in house.events("job_submitted") if isinstance(e, ev.JobSubmitted) and e.attempt == 2]
    assert (log.after, log.wait, log.why) == (LOST, 3600.0, "retry 1 of 1 after lost")
    study = house.open()
    assert study.tree.run(N1).not_before > study.tree.time + 3000
    study._effects._clock = lambda: study.tree.run(N1).not_before  # an hour later
    study.wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert len(house.executor.repaired) == 1


def dying(times: int) -> Callable[[Task, Checkpoint, Split], float]:
    """An evaluator that dies so often over trained weights."""
    left = [times]

    def score(_task: Task, checkpoint: Checkpoint, _split: Split) -> float:
        if checkpoint.path and left[0]:
            left[0] -= 1
            raise EvaluationError("The evaluator died twice over one request.", "see its log", is_retryable=True)
        return 0.3

    return score


def test_an_evaluator_that_dies_is_asked_again(build: Build) -> None:
    house = build()
    house.evaluator = FakeEvaluator(dying(3))
    study = let_run(house).wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"


def test_a_trained_run_that_could_not_be_scored_is_scored_when_the_person_says_so(build: Build) -> None:
    house = build()
    house.evaluator = FakeEvaluator(dying(4))
    study = let_run(house).wait(30)
    assert statuses(study.tree)["n1"] == "failed"
    assert "%trex resume n1.1 scores it again" in str(study.show("n1"))
    assert study.resume("n1").text == "Resuming n1.1 to be scored again."
    study.wait(30)
    assert statuses(study.tree)["n1"] == "succeeded"
    assert len(house.launcher.submitted) == 1
    assert study.tree.run(N1).seconds == 30
    assert Tree.replay(house.store.read(study.name)) == study.tree


def test_a_state_nobody_asked_for_is_gone_on_from_but_no_child_starts_from_it(build: Build) -> None:
    house = build(is_auto=False)
    study = let_run(house)
    until(study, lambda _: N1 in house.launcher.jobs)
    job = house.launcher.jobs[N1]
    job.is_asked = False
    house.launcher.release(N1, 2)
    asyncio.run(job.save())
    until(study, lambda t: t.run(N1).saved is not None)
    (saved,) = house.events("checkpoint_saved")
    assert isinstance(saved, ev.CheckpointSaved)
    assert not saved.is_asked
    house.launcher.lose(N1)
    until(study, lambda _: len(house.launcher.submitted) == 2)
    assert house.executor.repaired[-1][0].resume == house.folder.run(N1, 1) / "checkpoint-5"
