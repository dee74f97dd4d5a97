"""Looking into a real training of the tiny model from its study and from another process, and ending it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from tests.scenarios.test_real_control import N1, begun, until
from tests.scenarios.verbs import modules, with_verbs
from trex_nb.errors import CommandError
from trex_nb.launch.files import JobFolder
from trex_nb.launch.processes import processes_of
from trex_nb.study.study import Study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """A study whose n1.1 has begun to train."""
    home = with_verbs(tmp_path_factory.mktemp("home"), modules(10))
    with begun(home, "live", epochs=40.0) as opened:
        until(opened, lambda t: bool(t.run(N1).curve))
        yield opened


def value(study: Study, expression: str) -> str:
    heading, line = study.peek("n1.1", expression).text.splitlines()
    assert heading == "n1.1, live"
    name, _, text = line.partition(" = ")
    assert name == expression
    return text


def test_the_loss_is_that_of_the_curve(study: Study) -> None:
    looks: dict[int, float] = {}
    while len(looks) < 3:
        last = "(lambda logs: (logs['step'], logs['loss']))([l for l in trainer.state.log_history if 'loss' in l][-1])"
        step, loss = value(study, last).strip("()").split(", ")
        looks[int(step)] = float(loss)
    assert float(value(study, "loss")) > 0
    until(study, lambda t: t.run(N1).curve[-1].step > max(looks))
    curve = {p.step: p.loss for p in study.tree.run(N1).curve}
    shared = looks.keys() & curve.keys()
    assert all(curve[s] == pytest.approx(looks[s], abs=1e-4) for s in shared)
    assert looks == dict(sorted(looks.items()))


def test_the_table_says_where_it_stands_and_what_the_notebook_knows(study: Study) -> None:
    text = study.peek("n1").text
    for words in (
        "step",
        "loss",
        "learning rate",
        "gradient norm",
        "a step takes",
        "rows a second",
        "time left",
        "memory",
    ):
        assert words in text
    for name in ("recipe", "config", "rows", "base"):
        assert f"\n  {name} " in text


def test_a_fresh_process_sees_the_same_job(study: Study) -> None:
    look = "import asyncio, sys; from trex_nb.launch.job import attach\n"
    look += "print(asyncio.run(attach(sys.argv[1]).peek(['step'])).training.total)"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    folder = str(study.folder.path / study.tree.run(N1).folder)
    done = subprocess.run([sys.executable, "-c", look, folder], env=environ, capture_output=True, check=True)
    assert done.stdout.decode().strip() == value(study, "total")


def test_the_console_s_connection_file_is_there(study: Study) -> None:
    assert f"--existing {study.folder.path / study.tree.run(N1).folder / 'kernel.json'}" in study.attach("n1")


def test_a_training_whose_runner_hangs_is_told_and_ended_at_once(study: Study) -> None:
    """The last test here: it ends the job. A heartbeat that is as old is put in the place of waiting for one."""
    job = JobFolder(study.folder.path / study.tree.run(N1).folder)
    runner = psutil.Process(job.read_runner()["pid"])
    os.kill(runner.pid, signal.SIGSTOP)
    os.utime(job.heartbeat, (1.0, 1.0))
    assert "n1.1: no sign of life for" in study.status().text
    assert "no sign of life" in study.show("n1").html
    assert int(value(study, "step")) > 0
    study.stop("n1.1")
    study.stop("n1.1", now=True)
    until(study, lambda t: t.run(N1).is_finished)
    failure = study.tree.run(N1).failure
    assert failure is not None
    assert failure.kind == "stopped"
    assert processes_of(job) == []
    assert not runner.is_running()
    with pytest.raises(CommandError, match="n1 is not running: it ended"):
        study.peek("n1")
