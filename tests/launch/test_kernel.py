"""Jobs in real background kernels: what they see, how they end, and that they outlive everybody but themselves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from jupyter_client import BlockingKernelClient

from trex_nb.core.job import METRICS_MIME, Failed, Finished, JobSpec, JobUpdate, Progressed, Saved, Started
from trex_nb.core.result import Failure
from trex_nb.launch.files import JobFolder
from trex_nb.launch.job import FolderJob
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.processes import processes_of
from trex_nb.testing.launchers import (
    DEAF,
    GOOD,
    PATIENCE,
    SLOW,
    TRAINS,
    everything,
    notebook_job,
    until,
    until_started,
)

OUTCOME = """\
from IPython.display import display
outcome = {"checkpoint": {"kind": "base"}, "cost": {}}
display({"application/vnd.trex.outcome+json": outcome, "text/plain": "done"}, raw=True)
"""


def _run(spec: JobSpec) -> list[JobUpdate]:
    async def scenario() -> list[JobUpdate]:
        return await everything(await KernelLauncher().submit(spec))

    return asyncio.run(scenario())


def _failure(updates: list[JobUpdate]) -> Failure:
    last = updates[-1]
    assert isinstance(last, Failed), last
    return last.failure


def _outputs(spec: JobSpec, cell: int) -> list[Any]:
    notebook = nbformat.read(Path(spec.folder) / "experiment.ipynb", as_version=4)
    nbformat.validate(notebook)
    return list(notebook.cells[cell].outputs)


async def _gone(process: psutil.Process) -> None:
    async with asyncio.timeout(PATIENCE):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.05)


def test_the_executed_notebook_holds_the_whole_curve_once(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [GOOD])
    _run(spec)
    curve, outcome = _outputs(spec, 0)
    assert [point["step"] for point in curve.data[METRICS_MIME]["points"]] == [1, 2, 3, 4]
    assert curve.data["text/plain"] == "step 4 of 4"
    assert outcome.data["text/plain"] == "done"
    assert "widgets" not in nbformat.read(Path(spec.folder) / "experiment.ipynb", as_version=4).metadata


def test_a_job_sees_its_own_world_and_none_of_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "planted-secret")
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    look = """\
import json, os, pathlib, sys
seen = {"env": dict(os.environ), "cwd": os.getcwd(), "python": sys.executable,
        "history": get_ipython().history_manager.enabled}
pathlib.Path("seen.json").write_text(json.dumps(seen))
"""
    spec = notebook_job(tmp_path / "job", [look, OUTCOME], env={"ASKED_FOR": "1"})
    assert isinstance(_run(spec)[-1], Finished)
    text = (Path(spec.folder) / "seen.json").read_text()
    seen = json.loads(text)
    assert "planted-secret" not in text
    assert seen["env"]["ASKED_FOR"] == seen["env"]["OMP_NUM_THREADS"] == "1"
    assert seen["cwd"] == spec.folder
    assert seen["python"] == sys.executable
    assert seen["history"] is False


def test_a_job_outlives_its_starter_and_is_found_again(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", ["from pathlib import Path\nimport time", _wait_for("go"), GOOD])
    start = (
        "import asyncio, sys; from trex_nb.core.job import JobSpec; from trex_nb.launch.kernel import KernelLauncher\n"
        "asyncio.run(KernelLauncher().submit(JobSpec.model_validate_json(sys.argv[1])))\n"
        "print('submitted', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", start, spec.model_dump_json()]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"submitted\n"
        starter.kill()

    async def scenario() -> list[JobUpdate]:
        job = await KernelLauncher().attach(spec.job)
        assert job is not None
        await until_started(job)
        (tmp_path / "job" / "go").touch()
        return await everything(job)

    assert isinstance(asyncio.run(scenario())[-1], Finished)


def test_a_job_whose_runner_is_killed_is_lost_and_leaves_no_process(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [_SPAWN, SLOW])

    async def scenario() -> list[JobUpdate]:
        job = await KernelLauncher().submit(spec)
        child = await _started_child(job)
        os.kill(job.folder.read_runner()["pid"], signal.SIGKILL)
        updates = await everything(job)
        await _gone(child)
        return updates

    failure = _failure(asyncio.run(scenario()))
    assert (failure.kind, failure.stage, failure.retryable) == ("lost", "infra", True)
    assert processes_of(JobFolder(Path(spec.folder))) == []


def test_a_kernel_dies_with_its_runner_even_if_nobody_watches(tmp_path: Path) -> None:
    async def scenario() -> None:
        job = await KernelLauncher().submit(notebook_job(tmp_path / "job", [SLOW]))
        kernel = psutil.Process((await until_started(job)).pid)
        os.kill(job.folder.read_runner()["pid"], signal.SIGKILL)
        await _gone(kernel)

    asyncio.run(scenario())


def test_cancelling_ends_processes_that_left_the_group(tmp_path: Path) -> None:
    async def scenario() -> list[JobUpdate]:
        job = await KernelLauncher().submit(notebook_job(tmp_path / "job", [_SPAWN, SLOW]))
        child = await _started_child(job)
        await job.cancel()
        updates = await everything(job)
        await _gone(child)
        return updates

    assert _failure(asyncio.run(scenario())).kind == "stopped"


def test_a_runner_told_to_end_by_the_system_stops_its_job_and_may_be_tried_again(tmp_path: Path) -> None:
    async def scenario() -> list[JobUpdate]:
        job = await KernelLauncher().submit(notebook_job(tmp_path / "job", [SLOW]))
        await until_started(job)
        os.kill(job.folder.read_runner()["pid"], signal.SIGTERM)
        return await everything(job)

    failure = _failure(asyncio.run(scenario()))
    assert (failure.kind, failure.retryable) == ("stopped", True)


def _told_to_end(spec: JobSpec, times: int) -> list[JobUpdate]:
    """A job whose runner gets a SIGTERM once it trains, and another when the first was heard."""

    async def scenario() -> list[JobUpdate]:
        job = await KernelLauncher().submit(spec)
        await until(job, Progressed)
        runner = job.folder.read_runner()["pid"]
        os.kill(runner, signal.SIGTERM)
        while times > 1 and not job.folder.wants_to_go_on():
            await asyncio.sleep(0.01)
        if times > 1:
            os.kill(runner, signal.SIGTERM)
        return await everything(job)

    return asyncio.run(scenario())


def test_a_training_told_to_end_by_the_system_is_saved_first(tmp_path: Path) -> None:
    *_, saved, last = _told_to_end(notebook_job(tmp_path / "job", [TRAINS]), 1)
    assert isinstance(saved, Saved)
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.retryable) == ("stopped", True)
    assert "SIGTERM" in last.failure.message


def test_a_second_word_of_the_system_is_the_last(tmp_path: Path) -> None:
    """A job that heeds nothing, and has two minutes to heed it, ends at once."""
    last = _told_to_end(notebook_job(tmp_path / "job", [DEAF]), 2)[-1]
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.retryable) == ("stopped", True)


def test_a_job_that_ignores_interrupts_is_killed_at_its_deadline(tmp_path: Path) -> None:
    stubborn = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(120)"
    updates = _run(notebook_job(tmp_path / "job", ["print('so far')", stubborn], timeout=6))
    assert isinstance(updates[0], Started)
    failure = _failure(updates)
    assert (failure.kind, failure.stage, failure.retryable) == ("timeout", "train", False)
    assert failure.log == "so far"


def test_a_killed_kernel_is_lost_and_may_be_tried_again(tmp_path: Path) -> None:
    suicide = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    failure = _failure(_run(notebook_job(tmp_path / "job", [suicide, OUTCOME])))
    assert (failure.kind, failure.stage, failure.retryable) == ("lost", "infra", True)
    assert "out of memory, perhaps" in failure.message


def test_a_kernel_that_cannot_start_fails_the_job_with_the_reason(tmp_path: Path) -> None:
    failure = _failure(_run(notebook_job(tmp_path / "job", [OUTCOME], env={"PYTHONHOME": "/nowhere"})))
    assert (failure.kind, failure.stage) == ("error", "infra")
    assert "encodings" in failure.log


def test_a_broken_notebook_fails_its_job(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [OUTCOME])
    (tmp_path / "job" / "experiment.ipynb").write_text("{")
    failure = _failure(_run(spec))
    assert (failure.kind, failure.stage) == ("error", "infra")


def test_a_failed_cell_is_saved_and_its_traceback_is_the_log(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", ["print('before')", "def f():\n    raise KeyError('x')\nf()", OUTCOME])
    failure = _failure(_run(spec))
    assert failure.message == "KeyError: 'x'"
    assert failure.log.startswith("before")
    assert failure.log.endswith("KeyError: 'x'")
    assert "\x1b" not in failure.log
    assert _outputs(spec, 1)[0].ename == "KeyError"
    assert _outputs(spec, 2) == []


def test_a_failure_the_training_code_states_is_taken_over(tmp_path: Path) -> None:
    stated = Failure(stage="train", kind="diverged", message="The loss is not a number at step 3.")
    state = (
        "from IPython.display import display\nfailure = " + repr(stated.model_dump(mode="json")) + "\n"
        "display({'application/vnd.trex.failure+json': failure}, raw=True)\nraise SystemExit(1)"
    )
    failure = _failure(_run(notebook_job(tmp_path / "job", [state, OUTCOME])))
    assert failure.model_copy(update={"log": ""}) == stated


def test_a_flood_of_output_stays_small_in_the_notebook(tmp_path: Path) -> None:
    flood = "for number in range(100_000):\n    print(f'{number:099}')"
    spec = notebook_job(tmp_path / "job", [flood, OUTCOME])
    assert isinstance(_run(spec)[-1], Finished)
    (printed,) = _outputs(spec, 0)
    assert len(printed.text) < 210_000
    assert "9800000 characters left out" in printed.text
    assert printed.text.endswith(f"{99_999:099}\n")


def test_a_progress_bar_leaves_its_last_state(tmp_path: Path) -> None:
    bar = "import sys\nfor number in range(5):\n    print(f'\\r{number} of 4', end='', flush=True)\nprint()"
    spec = notebook_job(tmp_path / "job", [bar, OUTCOME])
    _run(spec)
    (printed,) = _outputs(spec, 0)
    assert printed.text.strip() == "4 of 4"


def test_many_processes_submit_and_one_starts(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", ["open('starts', 'a').write('x')", OUTCOME])
    submit = (
        "import asyncio, sys; from trex_nb.core.job import JobSpec; from trex_nb.launch.kernel import KernelLauncher\n"
        "spec = JobSpec.model_validate_json(sys.argv[1]); print('ready', flush=True); sys.stdin.readline()\n"
        "asyncio.run(KernelLauncher().submit(spec))"
    )
    command = [sys.executable, "-c", submit, spec.model_dump_json()]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    starters = [subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
    for starter in starters:
        assert starter.stdout is not None
        starter.stdout.readline()
    for starter in starters:
        starter.communicate(b"go\n", timeout=PATIENCE)
        assert starter.returncode == 0
    updates = asyncio.run(everything(FolderJob(JobFolder(Path(spec.folder)))))
    assert [update.kind for update in updates] == ["started", "finished"]
    assert (Path(spec.folder) / "starts").read_text() == "x"


def test_a_console_can_be_opened_on_the_live_kernel(tmp_path: Path) -> None:
    deep = tmp_path / ("a-rather-long-name" * 6) / "job"  # too long for a unix socket
    spec = notebook_job(deep, ["x = 42", SLOW])

    async def scenario() -> None:
        job = await KernelLauncher().submit(spec)
        await until_started(job)
        client = BlockingKernelClient(connection_file=str(job.folder.connection))
        client.load_connection_file()
        client.start_channels()
        client.control_channel.send(client.session.msg("kernel_info_request", {}))
        reply = client.get_control_msg(timeout=PATIENCE)
        assert reply["content"]["status"] == "ok"
        client.stop_channels()
        await job.cancel()
        await everything(job)

    asyncio.run(scenario())


_SPAWN = """\
import pathlib, subprocess, sys
code = "import sys, time; print('up', flush=True); time.sleep(120)"
child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
temporary = pathlib.Path("child.part")
temporary.write_text(str(child.pid))
temporary.rename("child")
"""


def _wait_for(name: str) -> str:
    return f"while not Path({name!r}).exists():\n    time.sleep(0.02)"


async def _started_child(job: FolderJob) -> psutil.Process:
    """The process in a session of its own that the cell _SPAWN starts."""
    async with asyncio.timeout(PATIENCE):
        while not (job.folder.path / "child").exists():
            await asyncio.sleep(0.05)
    return psutil.Process(int((job.folder.path / "child").read_text()))
