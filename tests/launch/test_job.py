"""A job is followed by its folder, whoever runs it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trex_nb.core.job import JOB_VARIABLE, Failed, JobSpec, Started
from trex_nb.errors import LaunchError
from trex_nb.launch.files import JobFolder, Journal
from trex_nb.launch.job import FolderJob, claim
from trex_nb.testing.launchers import GOOD, everything, notebook_job


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    return notebook_job(tmp_path / "job", [GOOD])


def _abandoned(spec: JobSpec) -> JobFolder:
    """The folder of a job whose runner died after it had started the kernel."""
    folder = JobFolder(Path(spec.folder))
    folder.write_spec(spec)
    journal = Journal(folder)
    journal.write(Started(pid=1))
    journal.close()
    return folder


def test_a_job_whose_runner_is_gone_is_lost_and_may_be_tried_again(spec: JobSpec) -> None:
    *_, last = asyncio.run(everything(FolderJob(_abandoned(spec))))
    assert isinstance(last, Failed)
    assert (last.line, last.failure.kind, last.failure.stage, last.failure.retryable) == (2, "lost", "infra", True)


def test_a_job_whose_runner_died_while_it_was_cancelled_is_stopped(spec: JobSpec) -> None:
    folder = _abandoned(spec)
    folder.ask_to_cancel()
    *_, last = asyncio.run(everything(FolderJob(folder)))
    assert isinstance(last, Failed)
    assert last.failure.kind == "stopped"


def test_a_job_whose_runner_was_killed_after_a_sigterm_is_lost_and_may_be_tried_again(spec: JobSpec) -> None:
    folder = _abandoned(spec)
    folder.ask_to_stop(for_system=True)
    *_, last = asyncio.run(everything(FolderJob(folder)))
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.retryable) == ("lost", True)


def test_a_job_whose_runner_was_killed_after_a_person_stopped_it_is_stopped(spec: JobSpec) -> None:
    folder = _abandoned(spec)
    folder.ask_to_stop()
    *_, last = asyncio.run(everything(FolderJob(folder)))
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.retryable) == ("stopped", False)


def test_who_has_seen_the_end_of_a_lost_job_sees_nothing_more(spec: JobSpec) -> None:
    assert asyncio.run(everything(FolderJob(_abandoned(spec)), after=2)) == []


def test_processes_that_outlived_a_lost_job_are_ended(spec: JobSpec) -> None:
    folder = _abandoned(spec)
    command = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]
    environ = {**os.environ, JOB_VARIABLE: spec.folder}
    with subprocess.Popen(
        command, env=environ, start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as orphan:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        asyncio.run(everything(FolderJob(folder)))
        assert orphan.wait(timeout=60) < 0


def test_a_folder_without_a_notebook_cannot_be_run(tmp_path: Path, spec: JobSpec) -> None:
    with pytest.raises(LaunchError, match=r"no experiment\.ipynb"):
        claim(spec.model_copy(update={"folder": str(tmp_path)}))


def test_a_relative_folder_cannot_be_run(spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(spec.folder).parent)
    with pytest.raises(LaunchError):
        claim(spec.model_copy(update={"folder": "job"}))


def test_a_job_can_be_claimed_once(spec: JobSpec) -> None:
    lock = claim(spec)
    assert lock is not None
    assert claim(spec) is None
    os.close(lock)
    assert claim(spec) is None
