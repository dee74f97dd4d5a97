"""Jobs in this very process: the same files, and the process is left as it was found."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import nbformat
from IPython.core.interactiveshell import InteractiveShell

from trex_nb.core.job import METRICS_MIME, Failed, JobSpec, JobUpdate
from trex_nb.launch.inline import InlineLauncher
from trex_nb.testing.launchers import GOOD, SLOW, everything, notebook_job


def _run(spec: JobSpec) -> list[JobUpdate]:
    async def scenario() -> list[JobUpdate]:
        return await everything(await InlineLauncher().submit(spec))

    return asyncio.run(scenario())


def test_the_notebook_holds_the_whole_curve(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [GOOD])
    _run(spec)
    curve, outcome = nbformat.read(tmp_path / "job" / "experiment.ipynb", as_version=4).cells[0].outputs
    assert len(curve.data[METRICS_MIME]["points"]) == 4
    assert outcome.data["text/plain"] == "done"


def test_cells_run_in_the_jobs_folder_and_leave_the_process_as_it_was(tmp_path: Path) -> None:
    here, environ = Path.cwd(), dict(os.environ)
    look = "import os, pathlib\npathlib.Path('seen').write_text(os.getcwd() + os.environ['ASKED_FOR'])"
    _run(notebook_job(tmp_path / "job", [look, GOOD], env={"ASKED_FOR": "1"}))
    assert (tmp_path / "job" / "seen").read_text() == f"{tmp_path / 'job'}1"
    assert Path.cwd() == here
    assert dict(os.environ) == environ
    assert not InteractiveShell.initialized()


def test_a_job_beyond_its_time_is_interrupted(tmp_path: Path) -> None:
    *_, last = _run(notebook_job(tmp_path / "job", [SLOW, GOOD], timeout=0.3))
    assert isinstance(last, Failed)
    assert last.failure.kind == "timeout"


def test_a_failing_cell_leaves_its_own_lines_in_the_log(tmp_path: Path) -> None:
    *_, last = _run(notebook_job(tmp_path / "job", ["def f():\n    return 1 / 0\nf()"]))
    assert isinstance(last, Failed)
    assert last.failure.message == "ZeroDivisionError: division by zero"
    assert "return 1 / 0" in last.failure.log
    assert "inline.py" not in last.failure.log


def test_a_broken_notebook_fails_its_job(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [GOOD])
    (tmp_path / "job" / "experiment.ipynb").write_text("{")
    *_, last = _run(spec)
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.stage) == ("error", "infra")


def test_a_cell_that_swallows_interrupts_is_interrupted_again(tmp_path: Path) -> None:
    deaf = "import time\ntry:\n    while True: time.sleep(0.01)\nexcept KeyboardInterrupt:\n    pass\n"
    *_, last = _run(notebook_job(tmp_path / "job", [deaf, SLOW], timeout=0.2))
    assert isinstance(last, Failed)
    assert last.failure.kind == "timeout"


def test_jobs_take_turns(tmp_path: Path) -> None:
    meet = "import trex_meeting as m\nm.inside += 1; m.most = max(m.most, m.inside); m.pause(); m.inside -= 1"
    module = tmp_path / "trex_meeting.py"
    module.write_text("import threading\ninside = most = 0\npause = lambda: threading.Event().wait(0.05)\n")
    path = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
    specs = [notebook_job(tmp_path / f"job{n}", [path + meet, "sys.path.pop(0)", GOOD]) for n in range(3)]

    async def scenario() -> None:
        jobs = [await InlineLauncher().submit(spec) for spec in specs]
        ends = await asyncio.gather(*(everything(job) for job in jobs))
        assert [updates[-1].kind for updates in ends] == ["finished"] * 3

    asyncio.run(scenario())
