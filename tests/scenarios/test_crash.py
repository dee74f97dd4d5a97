"""The notebook's process goes and comes back; jobs do not mind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.scenarios.house import NAME, House, statuses, until
from trex_nb.core.events import ProposalRequested
from trex_nb.core.ids import RunId, node_id
from trex_nb.core.node import Status
from trex_nb.search.tree import Tree
from trex_nb.testing import trees

Build = Callable[..., House]


def _work(house: House, close_after: int | None) -> list[str]:
    """One experiment from plan to score; the notebook is closed and opened again after so many job updates."""
    study = house.open()
    study.plan(1)
    study.approve("n1")
    study.run(jobs=1)
    until(study, lambda _: "n1.1" in house.launcher.jobs)
    if close_after is not None:
        house.launcher.release(RunId("n1.1"), close_after)
        study.close()
        study = house.open()
    house.launcher.release(RunId("n1.1"))
    study.wait(30)
    assert statuses(study.tree) == {"n0": "succeeded", "n1": "succeeded"}
    return house.told()


@pytest.mark.parametrize("updates", range(5))
def test_a_study_closed_in_the_middle_tells_the_same_story(build: Build, updates: int) -> None:
    """Wherever the cut is: the log is that of an uninterrupted study, and no job was started twice."""
    whole = _work(build(is_auto=False), None)
    cut = build(is_auto=False)
    assert sorted(_work(cut, updates)) == sorted(whole)
    assert len(cut.launcher.submitted) == 1


def test_a_job_that_ended_while_nobody_watched_is_not_run_again(build: Build) -> None:
    house = build(is_auto=False)
    study = house.open()
    study.plan(2)
    study.approve("n1", "n2")
    study.run(jobs=2)
    until(study, lambda _: len(house.launcher.jobs) == 2)
    study.close()
    house.launcher.release(RunId("n1.1"))
    house.launcher.lose(RunId("n2.1"))
    study = house.open()
    until(study, lambda _: len(house.launcher.submitted) == 3)
    house.launcher.release(RunId("n2.1"))
    study.wait(30)
    assert statuses(study.tree) == {"n0": "succeeded", "n1": "succeeded", "n2": "succeeded"}
    assert [s.run for s in house.launcher.submitted].count(RunId("n1.1")) == 1


def test_a_job_put_on_record_but_never_started_is_started_by_the_next(build: Build) -> None:
    """The process died between writing JobSubmitted and starting the job."""
    house = build()
    study = house.open()
    study.plan(1)
    study.close()
    house.store.append(
        NAME, [trees.approved(1), trees.submitted(1)], actor="executor", time=1.0, expected_seq=len(house.events())
    )  # fmt: skip
    study = house.open()
    study.wait(30)
    assert study.tree.nodes[node_id(1)].status is Status.SUCCEEDED
    assert [s.run for s in house.launcher.submitted] == ["n1.1"]


def test_an_open_request_is_answered_after_a_restart(build: Build) -> None:
    house = build()
    house.open().close()
    request = ProposalRequested(request=1, parent=node_id(0), n=2)
    house.store.append(NAME, [request], actor="human", time=1.0, expected_seq=len(house.events()))
    study = house.open()
    until(study, lambda t: len(t.nodes) == 3)
    assert not study.tree.requests


def test_what_was_written_replays_to_the_tree_that_wrote_it(build: Build) -> None:
    house = build()
    study = house.open()
    study.auto(rounds=4, jobs=2)
    study.wait(30)
    assert Tree.replay(house.store.read(NAME)) == study.tree
