"""A person who wants to know what a job does right now, when the launcher can tell, cannot, or not in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.scenarios.house import House, until
from tests.scenarios.test_control import training
from trex_nb.core.events import StopRequested
from trex_nb.core.ids import RunId
from trex_nb.core.job import JobId, JobSpec
from trex_nb.core.peek import Peek, PeekedTraining, PeekedValue
from trex_nb.core.protocols import Job
from trex_nb.errors import CommandError
from trex_nb.study.study import Study
from trex_nb.testing.launchers import FakeJob, FakeLauncher

Build = Callable[..., House]
N1 = RunId("n1.1")


class OpenJob(FakeJob):
    """A job that can be looked into; one whose run is n1.2 does not answer."""

    async def peek(self, expressions: Sequence[str] = ()) -> Peek:
        if self.spec.run == "n1.2":
            raise CommandError("n1.2 does not answer.", "again")
        values = tuple(PeekedValue(name=e, type="str", text=f"{self.spec.run}: {e}") for e in expressions)
        return Peek(pid=1, training=PeekedTraining(step=5, total=10), values=values)


class OpenLauncher(FakeLauncher):
    """Starts such jobs."""

    async def submit(self, spec: JobSpec) -> FakeJob:
        if spec.job not in self._by_id:
            job = self._by_id[spec.job] = self.jobs[spec.run] = OpenJob(spec, self._script(spec))
            self.submitted.append(spec)
            return job
        return self._by_id[spec.job]

    async def attach(self, job: JobId) -> FakeJob | None:
        return self._by_id.get(job)


def opened(build: Build, runs: int) -> Study:
    house = build(is_auto=False)
    house.launcher = OpenLauncher(house.launcher._script)
    return training(house, runs=runs)


def test_each_live_run_of_a_node_is_shown_also_beside_one_that_does_not_answer(build: Build) -> None:
    page = opened(build, 2).peek("n1", "loss", "step")
    assert "loss = n1.1: loss" in page.text
    assert "n1.2 does not answer." in page.text
    assert "Try: again" in page.text
    assert page.html.count("<h4>") == 2


def test_without_expressions_there_is_a_table(build: Build) -> None:
    assert "5 of 10" in opened(build, 1).peek("n1.1").text


def test_where_no_run_can_be_asked_the_two_lines_are_raised(build: Build) -> None:
    study = opened(build, 2)
    with pytest.raises(CommandError, match=r"n1\.2 does not answer"):
        study.peek("n1.2", "loss")
    with pytest.raises(CommandError, match="There is no node n9"):
        study.peek("n9")


def test_a_launcher_whose_jobs_cannot_be_looked_into_says_so(build: Build) -> None:
    study = training(build(is_auto=False))
    with pytest.raises(CommandError, match="its launcher cannot do that"):
        study.peek("n1")


def test_a_job_that_is_not_submitted_yet_says_so(build: Build) -> None:
    house = build(is_auto=False)
    study = opened(build, 1)
    assert study.tree.run(N1).folder

    async def nobody(_: str) -> Job | None:
        return None

    study._effects.job = nobody  # type: ignore[assignment,method-assign]
    with pytest.raises(CommandError, match="was not started yet"):
        study.peek("n1")
    assert house.launcher.jobs == {}


def test_a_stop_now_kills_and_what_was_killed_goes_on(build: Build) -> None:
    house = build(is_auto=False)
    study = training(house)
    assert "nothing more is saved" in study.stop("n1.1", now=True).text
    until(study, lambda t: t.run(N1).failure is not None)
    assert study.tree.run(N1).saved is None
    assert house.events("stop_requested") == [StopRequested(node=study.known("n1"), run=N1, now=True)]
    study.resume("n1")
    until(study, lambda t: t.run(N1).attempt == 2)
    assert replace(study.tree.run(N1)).stop_now is False
