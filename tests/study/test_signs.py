from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from trex_nb.core.node import Node
from trex_nb.launch.files import JobFolder
from trex_nb.study.signs import silent_words
from trex_nb.testing import trees


@pytest.fixture
def job(tmp_path: Path) -> Iterator[JobFolder]:
    """A live job's folder: its lock is held."""
    folder = JobFolder(tmp_path / node().runs[0].folder)
    folder.path.mkdir(parents=True)
    lock = folder.lock()
    assert lock is not None
    yield folder
    os.close(lock)


def node() -> Node:
    return trees.tree_of(trees.proposed(1), trees.approved(1), trees.submitted(1)).nodes[trees.node(1)]


def beat(job: JobFolder, at: float) -> None:
    job.heartbeat.touch()
    os.utime(job.heartbeat, (at, at))


def said(folder: Path, now: float, *, meanwhile: float | None = None, job: JobFolder | None = None) -> str:
    def wait(_: float) -> None:
        if job is not None and meanwhile is not None:
            beat(job, meanwhile)

    return silent_words([node()], folder, wait=wait, clock=lambda: now)


def test_a_job_that_is_silent_while_it_lives_is_told(job: JobFolder, tmp_path: Path) -> None:
    beat(job, 1000.0)
    assert said(tmp_path, 1040.0).startswith("n1.1: no sign of life for 40 s (stopped, or a stalled disk).")
    assert said(tmp_path, 1010.0) == ""


def test_a_clock_that_was_stepped_makes_nobody_silent(job: JobFolder, tmp_path: Path) -> None:
    """Forward: the next heartbeat, within a second, has the new time. Back: the heartbeat is in the future."""
    beat(job, 1000.0)
    assert said(tmp_path, 4600.0, meanwhile=4600.5, job=job) == ""
    assert said(tmp_path, 4600.0) == ""
    assert said(tmp_path, 10.0) == ""


def test_a_job_without_a_heartbeat_here_is_not_judged(job: JobFolder, tmp_path: Path) -> None:
    assert said(tmp_path, 4600.0) == ""


def test_a_job_whose_runner_is_gone_is_not_called_silent(tmp_path: Path) -> None:
    """It is lost, which its watcher tells."""
    job = JobFolder(tmp_path / node().runs[0].folder)
    job.path.mkdir(parents=True)
    beat(job, 1000.0)
    assert said(tmp_path, 1040.0) == ""
