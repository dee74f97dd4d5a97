"""What lies between a submitter and a node: depots, the mirror, and what a keeper says of a full cluster. No cluster is
needed for these."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trex_nb.core.ids import RunId
from trex_nb.core.job import JOB_VARIABLE, Failed, Finished, JobSpec, Progressed, Resources, Started
from trex_nb.core.result import Checkpoint, Cost
from trex_nb.errors import LaunchError
from trex_nb.launch import failures
from trex_nb.launch.files import JobFolder
from trex_nb.launch.ray_depot import (
    CHUNK,
    Depot,
    KeeperDepot,
    StorageDepot,
    fetch,
    fetch_folder,
    here,
    inputs_of,
    inside,
    send,
)
from trex_nb.launch.ray_keeper import Keeper, why_it_waits
from trex_nb.launch.ray_mirror import Mirror
from trex_nb.launch.ray_node import working_folder

NODES = [{"CPU": 4.0, "memory": 8 * 2.0**30}, {"CPU": 2.0, "GPU": 1.0, "memory": 4 * 2.0**30}]


@pytest.fixture(autouse=True)
def spools_go_with_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spools").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spools"))


def _keeper_depot(folder: Path) -> Depot:
    async def called(method: str, *arguments: Any) -> Any:
        return await getattr(keeper, method)(*arguments)

    keeper = Keeper(JobSpec(run=RunId("n1.1"), folder="/job", timeout=1).model_dump_json(), None, "job")
    return KeeperDepot(lambda method, *arguments: asyncio.run(called(method, *arguments)))


def _storage_depot(folder: Path) -> Depot:
    return StorageDepot(f"file://{folder}/storage", "job")


@pytest.fixture(params=[_storage_depot, _keeper_depot])
def depot(request: pytest.FixtureRequest, tmp_path: Path) -> Depot:
    make: Callable[[Path], Depot] = request.param
    return make(tmp_path)


def test_files_come_back_as_they_were(depot: Depot, tmp_path: Path) -> None:
    large = bytes(range(256)) * (CHUNK // 256) + b"rest"
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "large").write_bytes(large)
    (tmp_path / "a" / "empty").touch()
    (tmp_path / "one").write_text("1")
    send(depot, "in", tmp_path, [tmp_path / "a", tmp_path / "one", tmp_path / "not there"])
    fetch(depot, "in", tmp_path / "back")
    assert (tmp_path / "back" / "a" / "b" / "large").read_bytes() == large
    assert (tmp_path / "back" / "a" / "empty").read_bytes() == b""
    assert depot.names("in/one") == ["in/one"]
    assert depot.names("out") == []


def test_a_folder_is_fetched_once_and_whole(depot: Depot, tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "weights").write_text("new")
    send(depot, "out", tmp_path, [tmp_path / "adapter"])
    (tmp_path / "here" / ".adapter.part").mkdir(parents=True)
    (tmp_path / "here" / ".adapter.part" / "half").touch()
    fetch_folder(depot, "out/adapter", tmp_path / "here" / "adapter")
    assert [p.name for p in (tmp_path / "here" / "adapter").iterdir()] == ["weights"]
    (tmp_path / "here" / "adapter" / "weights").write_text("kept")
    fetch_folder(depot, "out/adapter", tmp_path / "here" / "adapter")
    assert (tmp_path / "here" / "adapter" / "weights").read_text() == "kept"


def test_a_storage_is_left_empty(tmp_path: Path) -> None:
    depot = _storage_depot(tmp_path)
    depot.clear()
    (tmp_path / "file").touch()
    send(depot, "in", tmp_path, [tmp_path / "file"])
    depot.clear()
    assert list((tmp_path / "storage" / "trex_nb").iterdir()) == []


def test_too_much_for_the_head_node_is_a_sentence_with_a_hint(depot: Depot, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("large")
    with pytest.raises(LaunchError, match=r"too much.*\nTry: set TREX_STORAGE"):
        send(depot, "in", tmp_path, [tmp_path / "file"], most=4)


def test_what_lies_in_the_study_travels_and_the_rest_is_where_it_is() -> None:
    spec = JobSpec(
        run=RunId("n1.1"), folder="/s/tiny/runs/n1.1", timeout=1, reads=("/s/tiny/data/train.jsonl", "/models/base"),
        writes=("/s/tiny/data",),
    )  # fmt: skip
    assert inputs_of(spec) == [Path("/s/tiny/runs/n1.1/experiment.ipynb"), Path("/s/tiny/data/train.jsonl")]
    there = here(spec, Path("/tmp/work"))
    assert there.folder == "/tmp/work/runs/n1.1"
    assert there.reads == ("/tmp/work/data/train.jsonl", "/models/base")
    assert there.writes == ("/tmp/work/data",)


def test_a_node_tidies_up_what_lost_jobs_left_and_leaves_running_ones_alone() -> None:
    work, lock = working_folder()
    lost, freed = working_folder()
    os.close(freed)
    folder = JobFolder(lost / "runs" / "n1.1")
    folder.path.mkdir(parents=True)
    folder.write_spec(JobSpec(run=RunId("n1.1"), folder=str(folder.path), timeout=1))
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    environ = {**os.environ, JOB_VARIABLE: str(folder.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as orphan:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        new, again = working_folder()
        assert orphan.wait(timeout=60) < 0
    assert (work.exists(), lost.exists(), new.exists()) == (True, False, True)
    os.close(lock)
    os.close(again)


@pytest.mark.parametrize("name", ["../n2.1/adapter", "/etc", "."])
def test_a_checkpoint_outside_the_jobs_folder_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not in the job's folder"):
        inside(tmp_path, name)


def test_a_mirror_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    folder.events.write_text(Started(line=1, pid=1).model_dump_json() + '\n{"kind":"prog')
    mirror = Mirror(folder)
    assert (mirror.line, mirror.ended) == (1, False)
    mirror.write(Progressed(line=2, step=1, total=2))
    mirror.write(Finished(line=3, checkpoint=Checkpoint(kind="base"), cost=Cost()))
    mirror.close()
    assert [u.line for u in folder.read_updates()[0]] == [1, 2, 3]
    again = Mirror(folder)
    assert (again.line, again.ended) == (3, True)
    again.close()


@pytest.mark.parametrize(
    ("asked", "free", "why"),
    [
        (Resources(gpus=2), {}, "No node of the cluster has 2 GPU (the largest has 1 GPU): the job waits for one"),
        (Resources(cores=6), {}, "No node of the cluster has 6 CPU (the largest has 4 CPU)"),
        (Resources(memory_mb=9000), {}, "No node of the cluster has 9000 MB of memory"),
        (Resources(gpus=0.5), {"CPU": 6.0}, "The cluster has no room yet: the job waits for 0.5 GPU, 1 CPU."),
        (Resources(), {"CPU": 1.0}, ""),
    ],
)
def test_a_waiting_job_says_for_what(asked: Resources, free: dict[str, float], why: str) -> None:
    assert why_it_waits(asked, NODES, free).startswith(why)
    assert bool(why) == bool(why_it_waits(asked, NODES, free))


def test_a_keeper_numbers_what_it_hears_and_hears_nothing_after_the_end() -> None:
    async def scenario() -> list[str]:
        keeper = Keeper(JobSpec(run=RunId("n1.1"), folder="/job", timeout=1).model_dump_json(), None, "job")
        assert await keeper.updates(0, 0.0) == []
        waiting = asyncio.create_task(keeper.updates(0, 60.0))
        await asyncio.sleep(0)
        await keeper.tell([Started(pid=1).model_dump_json()])
        assert len(await waiting) == 1
        await keeper.wish("save", "1")
        assert await keeper.wishes() == {"save": "1"}
        await keeper.tell([Failed(failure=failures.CANCELLED).model_dump_json(), Started(pid=2).model_dump_json()])
        assert await keeper.wishes() == {"save": "1", "cancel": ""}
        return await keeper.updates(1, 60.0)

    (last,) = asyncio.run(scenario())
    assert '"line":2' in last
