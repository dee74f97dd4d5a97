"""The ledger: real locks, real processes, and every way in which its folder can go wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trex_nb.core.ids import RunId
from trex_nb.core.job import JobSpec, Resources
from trex_nb.launch.fair import Machine
from trex_nb.launch.slots import Ledger, LedgerBusyError, LedgerError, Place, ledger_folder
from trex_nb.testing.launchers import PATIENCE

TWO = Machine(cores=2, memory_mb=8000)
Queue = Callable[..., Place]


def spec(run: str = "n1.1", *, priority: int = 0, cores: int = 1) -> JobSpec:
    return JobSpec(
        run=RunId(run), folder="/nowhere", timeout=1, study="qa", priority=priority, resources=Resources(cores=cores)
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "slots")


@pytest.fixture
def queue(ledger: Ledger) -> Iterator[Queue]:
    """Enters jobs, and releases them at the end."""
    places: list[Place] = []

    def enter(run: str = "n1.1", **options: int) -> Place:
        places.append(ledger.enter(spec(run, **options)))
        return places[-1]

    yield enter
    for place in places:
        place.release()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


HOLD = """\
import sys, time
from pathlib import Path
from trex_nb.core.job import JobSpec
from trex_nb.launch.fair import Machine
from trex_nb.launch.slots import Ledger
place = Ledger(Path(sys.argv[1])).enter(JobSpec.model_validate_json(sys.argv[2]))
while not place.is_held:
    place.look(Machine(cores=2, memory_mb=8000))
    time.sleep(0.01)
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder(ledger: Ledger) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts processes that hold a place."""
    started: list[subprocess.Popen[bytes]] = []

    def start(run: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HOLD, str(ledger.folder), spec(run).model_dump_json()]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ))
        assert started[-1].stdout is not None
        assert started[-1].stdout.readline() == b"held\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_place_that_is_free_is_had_at_the_first_look(queue: Queue) -> None:
    place = queue()
    place.look(TWO)
    assert place.is_held


def test_two_of_three_hold_and_the_third_follows_when_one_gives_back(queue: Queue) -> None:
    places = [queue(f"n{n}.1") for n in (1, 2, 3)]
    for place in reversed(places):
        place.look(TWO)
    places[2].look(TWO)
    assert [p.is_held for p in places] == [True, True, False]
    assert not places[2].is_news()
    places[0].release()
    assert places[2].is_news()
    standing = places[2].look(TWO)
    assert places[2].is_held
    assert [t.run for t in standing.holding] == ["n2.1"]


def test_priority_is_kept_over_processes(queue: Queue) -> None:
    first, low, high = queue("n1.1", cores=2), queue("n2.1", cores=2), queue("n3.1", cores=2, priority=1)
    for place in (high, low, first):
        place.look(TWO)
    assert high.is_held  # nobody held anything when it looked
    high.release()
    low.look(TWO)
    assert not low.is_held
    first.look(TWO)
    assert first.is_held


def test_a_killed_holder_frees_its_place(queue: Queue, holder: Callable[[str], subprocess.Popen[bytes]]) -> None:
    killed, _ = holder("n1.1"), holder("n2.1")
    place = queue("n3.1")
    assert [t.run for t in place.look(TWO).holding] == ["n1.1", "n2.1"]
    assert not place.is_held
    assert not place.is_news()
    killed.send_signal(signal.SIGKILL)
    until(place.is_news)
    place.look(TWO)
    assert place.is_held


def test_a_killed_waiter_is_swept_away(
    ledger: Ledger, queue: Queue, holder: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    dead = holder("n9.1")
    dead.kill()
    dead.communicate()
    queue("n1.1").look(TWO)
    assert [t.run for t in ledger.standing().holding] == ["n1.1"]
    assert len(list(ledger.folder.glob("*.holds"))) == 1


def test_a_fork_does_not_keep_the_place_of_its_parent(ledger: Ledger, queue: Queue) -> None:
    place = queue()
    place.look(TWO)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"x")
        signal.pause()
    try:
        os.read(reading, 1)  # what is closed after a fork is closed by now
        os.close(place.descriptor)  # as the death of this process would
        place.descriptor = os.open(os.devnull, os.O_RDONLY)
        assert ledger.standing().holding == ()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


def test_a_folder_that_is_removed_in_use_is_made_again(ledger: Ledger, queue: Queue) -> None:
    one, two, third = (queue(f"n{n}.1") for n in (1, 2, 3))
    for place in (one, two, third):
        place.look(TWO)
    shutil.rmtree(ledger.folder)
    one.keep()
    two.keep()
    assert third.is_news()
    standing = third.look(TWO)
    assert not third.is_held
    assert sorted(t.run for t in standing.holding) == ["n1.1", "n2.1"]
    one.release()
    third.look(TWO)
    assert third.is_held


def test_a_spoiled_book_and_strange_files_do_no_harm(ledger: Ledger, queue: Queue) -> None:
    held = [queue(f"n{n}.1") for n in (1, 2)]
    for place in held:
        place.look(TWO)
    (ledger.folder / "book").write_text("full disk")
    (ledger.folder / "notes.holds.txt").write_text("hello")
    late = queue("n3.1")
    late.look(TWO)
    assert not late.is_held
    assert [t.number for t in ledger.standing().holding] == [1, 2]


def test_numbers_are_not_given_twice_after_the_book_was_lost(ledger: Ledger, queue: Queue) -> None:
    queue("n1.1").look(TWO)
    (ledger.folder / "book").unlink()
    again = queue("n2.1")
    assert [t.number for t in ledger.standing().waiting] == [again.ticket.number]
    assert again.ticket.number > 1


def test_somebody_who_decides_is_not_disturbed(ledger: Ledger) -> None:
    with ledger.open(), pytest.raises(LedgerBusyError):
        ledger.enter(spec())


def test_a_folder_that_is_not_ours_alone_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").write_text("")
    for name in ("open", "link"):
        with pytest.raises(LedgerError, match="only you can write"):
            Ledger(tmp_path / name).enter(spec())
    with pytest.raises(LedgerError, match="cannot be made"):
        Ledger(tmp_path / "file").enter(spec())


def test_where_the_ledger_is(tmp_path: Path) -> None:
    assert ledger_folder({"TREX_SLOTS": "off"}) is None
    assert ledger_folder({"TREX_SLOTS": str(tmp_path)}) == tmp_path
    usual = ledger_folder({})
    assert usual is not None
    assert str(os.getuid()) in usual.name


def test_looking_at_a_ledger_that_is_not_there_makes_none(ledger: Ledger) -> None:
    assert ledger.standing().holding == ()
    assert not ledger.folder.exists()
