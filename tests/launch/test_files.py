"""The files of a job: what is written is read back, torn writes are not seen, a lock tells who lives."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from trex_nb.core.ids import RunId
from trex_nb.core.job import JobSpec, Progressed, Resources, Started
from trex_nb.launch.files import JobFolder, Journal, write_atomically


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path)


def _journal(folder: JobFolder, *steps: int) -> None:
    journal = Journal(folder)
    journal.write(Started(pid=7))
    for step in steps:
        journal.write(Progressed(step=step, total=10, loss=0.5))
    journal.close()


def test_updates_come_back_numbered_by_line(folder: JobFolder) -> None:
    _journal(folder, 1, 2)
    updates, offset = folder.read_updates()
    assert updates == [
        Started(line=1, pid=7), Progressed(line=2, step=1, total=10, loss=0.5),
        Progressed(line=3, step=2, total=10, loss=0.5),
    ]  # fmt: skip
    assert offset == folder.events.stat().st_size


def test_reading_goes_on_where_it_stopped(folder: JobFolder) -> None:
    journal = Journal(folder)
    journal.write(Started(pid=7))
    _, offset = folder.read_updates()
    assert folder.read_updates(offset) == ([], offset)
    journal.write(Progressed(step=1, total=10))
    assert [update.line for update in folder.read_updates(offset)[0]] == [2]
    journal.close()


def test_a_torn_last_line_is_not_there_yet(folder: JobFolder) -> None:
    _journal(folder)
    whole = folder.events.read_bytes()
    torn = Progressed(line=2, step=1, total=10).model_dump_json().encode()
    for length in range(len(torn) + 1):
        folder.events.write_bytes(whole + torn[:length])
        assert folder.read_updates() == ([Started(line=1, pid=7)], len(whole))
    folder.events.write_bytes(whole + torn + b"\n")
    assert folder.read_updates(len(whole))[0] == [Progressed(line=2, step=1, total=10)]


def test_who_writes_on_after_a_torn_line_cuts_it_off_and_counts_on(folder: JobFolder) -> None:
    _journal(folder, 1)
    whole = folder.events.read_bytes()
    torn = Progressed(line=3, step=2, total=10).model_dump_json().encode()
    for length in range(len(torn) + 1):
        folder.events.write_bytes(whole + torn[:length])
        journal = Journal(folder)
        journal.write(Progressed(step=3, total=10))
        journal.close()
        assert [(u.kind, u.line) for u in folder.read_updates()[0]] == [
            ("started", 1), ("progressed", 2), ("progressed", 3)
        ]  # fmt: skip


def test_who_asked_a_job_to_stop_decides_whether_it_is_to_go_on(folder: JobFolder) -> None:
    assert not folder.asked_to_stop()
    folder.ask_to_stop(for_system=True)
    assert folder.asked_to_stop()
    assert folder.wants_to_go_on()
    folder.ask_to_stop()  # a person, who has the last word
    assert not folder.wants_to_go_on()


def test_how_long_a_runner_lived_is_known_by_its_heartbeat(folder: JobFolder) -> None:
    assert folder.seconds_alive() == 0.0
    folder.heartbeat.touch()
    assert folder.seconds_alive() == 0.0
    folder.write_runner()
    started = folder.read_runner()["started"]
    os.utime(folder.heartbeat, (started + 90, started + 90))
    assert round(folder.seconds_alive()) == 90


def test_a_folder_that_is_not_there_has_no_job(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "gone")
    assert folder.read_updates() == ([], 0)
    assert not folder.submitted()
    assert not folder.alive()
    assert folder.read_runner() == {}
    assert folder.read_log(10) == ""


def test_a_loss_that_is_not_a_number_is_written_as_none(folder: JobFolder) -> None:
    journal = Journal(folder)
    journal.write(Progressed(step=1, total=2, loss=float("nan")))
    journal.close()
    assert folder.read_updates()[0] == [Progressed(line=1, step=1, total=2, loss=None)]


def test_a_spec_comes_back(folder: JobFolder) -> None:
    spec = JobSpec(
        run=RunId("n1.2"), folder=str(folder.path), timeout=1.5, resources=Resources(cores=2), env={"A": "ü"}
    )
    folder.write_spec(spec)
    assert folder.submitted()
    assert folder.read_spec() == spec


def test_only_one_can_hold_the_lock_and_it_lives_as_long_as_any_copy(folder: JobFolder) -> None:
    lock = folder.lock()
    assert lock is not None
    copy = os.dup(lock)
    assert folder.lock() is None
    os.close(lock)
    assert folder.alive()
    os.close(copy)
    assert not folder.alive()


def test_a_lock_that_a_stranger_inherited_does_not_revive_a_dead_runner(folder: JobFolder) -> None:
    lock = folder.lock()
    assert lock is not None
    dead = {"pid": 2**22 + 1, "create_time": 0.0, "started": 0.0, "host": socket.gethostname()}
    write_atomically(folder.path / "runner.json", json.dumps(dead))
    assert not folder.alive()
    os.close(lock)


def test_removing_the_folder_cancels_the_job(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "job")
    folder.path.mkdir()
    assert not folder.cancelled()
    folder.path.rmdir()
    assert folder.cancelled()


def test_an_atomic_write_leaves_nothing_else_behind(tmp_path: Path) -> None:
    for text in ("one", "two"):
        write_atomically(tmp_path / "file", text)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "two"


def test_a_line_that_is_no_update_is_passed_over(folder: JobFolder) -> None:
    _journal(folder, 1)
    with folder.events.open("a") as file:
        file.write('{"kind":"garb\n')
    updates, _ = folder.read_updates()
    assert [u.kind for u in updates] == ["started", "progressed"]


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from trex_nb.core.job import Progressed
from trex_nb.launch.files import JobFolder, Journal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = JobFolder(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (333, resource.RLIM_INFINITY))
journal, failed = Journal(folder), 0
for step in range(9):
    try:
        journal.write(Progressed(step=step, total=10))
    except OSError:
        failed += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.write(Progressed(step=99, total=100))
print(failed, [u.step for u in folder.read_updates()[0]])
"""


def test_what_is_written_after_a_full_disk_has_room_again_is_read(folder: JobFolder) -> None:
    command = [sys.executable, "-c", _FULL_DISK, str(folder.path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(("5", "6", "7"))
    assert said.strip().endswith(", 99]")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        '{"pid": "1", "host": 2}',
        '{"pid": -1, "host": "x", "started": 1e999}',
    ],
)
def test_a_runner_of_which_a_job_wrote_nonsense_is_not_known(folder: JobFolder, said: str) -> None:
    (folder.path / "runner.json").write_text(said)
    assert folder.read_runner() == {}
    assert folder.seconds_alive() == 0.0
    descriptor = folder.lock()
    assert folder.alive()  # the lock says so
    assert descriptor is not None
    os.close(descriptor)


def test_only_the_end_of_a_log_is_read(folder: JobFolder) -> None:
    folder.log.write_text("é" * 1000 + "end")
    os.truncate(folder.log, 2003)
    with folder.log.open("r+b") as log:
        log.truncate(50_000_000_000)  # a file with a hole takes no room on the disk
        log.seek(0, os.SEEK_END)
        log.write("é: the end".encode())
    assert folder.read_log(10) == "é: the end"
