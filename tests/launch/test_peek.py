"""Looking into live jobs in real kernels: what is seen while a cell is busy, and what a job cannot do to who looks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from trex_nb.core.job import Queued, Started
from trex_nb.core.peek import Peek
from trex_nb.core.protocols import Peekable
from trex_nb.errors import CommandError
from trex_nb.launch import peek as peeking
from trex_nb.launch.files import JobFolder, Journal
from trex_nb.launch.inline import InlineLauncher
from trex_nb.launch.job import FolderJob
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.processes import processes_of
from trex_nb.testing.launchers import PATIENCE, everything, notebook_job, until_started

DEFINES = """\
import time, types
from pathlib import Path
rows = [{"prompt": "p", "answer": "a"}]
text = "<script>alert(1)</script>"
class Raises:
    def __repr__(self): raise ValueError("no text for you")
class Huge:
    def __repr__(self): return "x" * 5_000_000
class Slow:
    def __repr__(self):
        while True: pass
class Untellable(Exception):
    def __str__(self): raise RuntimeError
class Worst:
    def __repr__(self): raise Untellable
raises, huge, slow, worst = Raises(), Huge(), Slow(), Worst()
def function(): pass
"""
BUSY = """\
count = 0
Path("busy").touch()
while not Path("go").exists():
    count += 1
    time.sleep(0.001)
"""
ALL = "import os\nfrom pathlib import Path\nPath('busy').touch()\nsum(range(10 ** 12))"


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FolderJob]:
    """A job whose second cell is at work for as long as the tests of this module look into it."""
    with at_work(tmp_path_factory.mktemp("jobs") / "job", [DEFINES, BUSY]) as job:
        yield job


@contextmanager
def at_work(folder: Path, cells: list[str]) -> Iterator[FolderJob]:
    async def begin() -> FolderJob:
        job = await KernelLauncher().submit(notebook_job(folder, cells))
        async with asyncio.timeout(PATIENCE):
            while not (folder / "busy").exists():
                await asyncio.sleep(0.02)
        return job

    async def end(job: FolderJob) -> None:
        await job.cancel()
        await everything(job)

    job = asyncio.run(begin())
    yield job
    asyncio.run(end(job))


def seen(job: FolderJob, *expressions: str) -> Peek:
    return asyncio.run(job.peek(expressions))


def refusal(job: FolderJob, *expressions: str) -> str:
    with pytest.raises(CommandError) as error:
        seen(job, *expressions)
    said = str(error.value)
    assert len(said.splitlines()) == 2
    return said


def test_the_handle_of_a_job_can_be_looked_into(job: FolderJob) -> None:
    assert isinstance(job, Peekable)


def test_variables_of_the_running_cell_are_seen_as_they_change(job: FolderJob) -> None:
    def count() -> int:
        (value,) = seen(job, "count").values
        assert value.type == "int"
        return int(value.text)

    first = count()
    while count() <= first:
        pass


def test_without_names_the_notebooks_variables_are_listed_and_nothing_else(job: FolderJob) -> None:
    look = seen(job)
    names = [v.name for v in look.values]
    assert names == ["rows", "text", "raises", "huge", "slow", "worst", "count"]
    assert look.training is None
    assert look.pid == next(u.pid for u in job.folder.read_updates()[0] if isinstance(u, Started))
    assert look.memory_mb is not None
    assert look.memory_mb > 10


def test_each_expression_is_answered_for_itself(job: FolderJob) -> None:
    values = {v.name: v for v in seen(job, "rows[0]['answer']", "nope", "1 / 0", "def", " len(rows) ").values}
    assert values["rows[0]['answer']"].text == "'a'"
    assert values["nope"].error == "NameError: name 'nope' is not defined"
    assert values["1 / 0"].error == "ZeroDivisionError: division by zero"
    assert values["def"].error.startswith("SyntaxError")
    assert values[" len(rows) "].text == "1"


def test_a_hostile_text_is_an_error_of_its_own(job: FolderJob) -> None:
    values = {v.name: v for v in seen(job, "raises", "huge", "slow", "worst", "exit()", "rows").values}
    assert values["raises"].error == "ValueError: no text for you"
    assert len(values["huge"].text) <= 2000
    assert values["slow"].error == "given up: it takes too long"
    assert values["worst"].error == "Untellable"
    assert values["exit()"].error
    assert values["rows"].text == "[{'answer': 'a', 'prompt': 'p'}]"


def test_what_takes_too_long_is_really_given_up(job: FolderJob) -> None:
    """Its thread ends, so that it takes no time from the training."""
    seen(job, "slow")
    alive = "sum('run' in t.name for t in __import__('threading').enumerate())"
    while seen(job, alive).values[0].text != "1":  # the one that counts
        pass


def test_an_expression_leaves_no_name_behind(job: FolderJob) -> None:
    assert seen(job, "(planted := 5)").values[0].text == "5"
    assert seen(job, "planted").values[0].error.startswith("NameError")


def test_nothing_of_a_look_is_left_in_the_kernel(job: FolderJob) -> None:
    for _ in range(3):
        seen(job, "count")

    async def subshells() -> Any:
        client = peeking._client(job.folder.connection)
        request = client.session.msg("list_subshell_request", {})
        client.control_channel.send(request)
        try:
            return (await peeking._reply(client.get_control_msg, request, PATIENCE))["subshell_id"]
        finally:
            client.stop_channels()

    assert asyncio.run(subshells()) == []


def test_many_look_at_once(job: FolderJob) -> None:
    async def scenario() -> list[Peek]:
        return await asyncio.gather(*(job.peek(["count"]) for _ in range(8)))

    assert all(p.values[0].type == "int" for p in asyncio.run(scenario()))


def test_any_fresh_process_can_look(job: FolderJob) -> None:
    look = (
        "import asyncio, sys; from trex_nb.launch.job import attach\n"
        "print(asyncio.run(attach(sys.argv[1]).peek(['rows[0]'])).model_dump_json())"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", look, job.id], env=environ, capture_output=True, check=True)
    assert json.loads(done.stdout)["values"][0]["text"] == "{'answer': 'a', 'prompt': 'p'}"


def test_a_connection_file_that_leads_elsewhere_is_told(job: FolderJob, tmp_path: Path) -> None:
    """As when the job's code has put another's in its place."""
    with at_work(tmp_path / "other", [DEFINES, BUSY]) as other:
        own = other.folder.connection.read_text()
        other.folder.connection.write_text(job.folder.connection.read_text())
        assert "leads to process" in refusal(other, "count")
        other.folder.connection.write_text("not json")
        assert "cannot be asked" in refusal(other)
        other.folder.connection.write_text(json.dumps({**json.loads(own), "key": "0" * 64}))
        assert refusal(other)
        other.folder.connection.write_text(json.dumps({**json.loads(own), "ip": str(tmp_path / "nowhere")}))
        assert "socket is gone" in refusal(other)
        other.folder.connection.unlink()
        assert "cannot be asked" in refusal(other)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_connection_file_of_another_user_is_not_followed(job: FolderJob) -> None:
    os.chown(job.folder.connection, 12345, -1)
    try:
        assert "belongs to another user" in refusal(job)
    finally:
        os.chown(job.folder.connection, os.getuid(), -1)


def test_a_job_that_is_suspended_or_in_one_long_call_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peeking, "TO_BEGIN", 0.5)
    with at_work(tmp_path / "job", [ALL]) as job:
        assert "is in one long call" in refusal(job)
        kernel = next(u.pid for u in job.folder.read_updates()[0] if isinstance(u, Started))
        os.kill(kernel, signal.SIGSTOP)
        assert f"kill -CONT {kernel}" in refusal(job)


def test_a_job_that_died_meanwhile_says_so(tmp_path: Path) -> None:
    with at_work(tmp_path / "job", [DEFINES, BUSY]) as job:
        kernel = psutil.Process(next(u.pid for u in job.folder.read_updates()[0] if isinstance(u, Started)))
        os.kill(job.folder.read_runner()["pid"], signal.SIGSTOP)  # so that nobody writes the job's end
        os.kill(kernel.pid, signal.SIGKILL)
        while kernel.status() != psutil.STATUS_ZOMBIE:
            pass
        assert "n1.1" in refusal(job)
        os.kill(job.folder.read_runner()["pid"], signal.SIGCONT)
        asyncio.run(everything(job))
        assert "not running any more" in refusal(job)
    assert processes_of(job.folder) == []


def test_a_job_that_waits_or_starts_says_so(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "job")
    folder.write_spec(notebook_job(folder.path, [BUSY]))
    lock = folder.lock()
    assert lock is not None
    assert "is starting" in refusal(FolderJob(folder))
    Journal(folder).write(Queued(why="n2.1 has it"))
    assert "waits for a place on the machine: n2.1 has it" in refusal(FolderJob(folder))
    elsewhere = {"host": f"not-{socket.gethostname()}", "pid": 1, "create_time": 1.0, "started": 1.0}
    (folder.path / "runner.json").write_text(json.dumps(elsewhere))
    assert f"runs on not-{socket.gethostname()}" in refusal(FolderJob(folder))
    os.close(lock)
    assert "not running any more" in refusal(FolderJob(folder))


def test_a_job_inside_a_notebooks_process_has_no_kernel_to_ask(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [DEFINES, BUSY])

    async def scenario(look: Callable[[FolderJob], Coroutine[Any, Any, Peek]]) -> None:
        job = await InlineLauncher().submit(spec)
        await until_started(job)
        try:
            await look(job)
        finally:
            (tmp_path / "job" / "go").touch()
            await everything(job)

    with pytest.raises(CommandError, match="has no kernel to ask"):
        asyncio.run(scenario(lambda job: job.peek()))
