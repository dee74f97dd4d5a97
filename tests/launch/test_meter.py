"""What processes and folders take, counted."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trex_nb.core.limits import NO_LIMITS
from trex_nb.launch.files import JobFolder
from trex_nb.launch.meter import Meter, disk_of, memory_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere resident memory is all there is")

FORKS = """\
import os, sys
hog = bytearray(100_000_000)
pids = [os.getpid()]
for _ in range(3):
    pid = os.fork()
    if not pid:
        sys.stdin.read()
        os._exit(0)
    pids.append(pid)
print(*pids, flush=True)
sys.stdin.read()
"""
HIDES = """\
import os, sys
handle = os.memfd_create("hidden")
os.write(handle, bytes(100_000_000))
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def processes(request: pytest.FixtureRequest) -> Iterator[list[int]]:
    with subprocess.Popen(
        [sys.executable, "-c", request.param], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        yield [int(pid) for pid in started.stdout.readline().split()]
        started.communicate()


@linux
@pytest.mark.parametrize("processes", [FORKS], indirect=True)
def test_memory_that_processes_share_counts_once_where_it_matters(processes: list[int]) -> None:
    assert memory_of(processes, limit=1e6) > 400
    assert 100 < memory_of(processes, limit=150) < 150


@linux
@pytest.mark.parametrize("processes", [HIDES], indirect=True)
def test_memory_that_is_in_no_map_counts(processes: list[int]) -> None:
    assert memory_of(processes, limit=1e6) > 100
    assert memory_of(processes, limit=50) > 100


def test_processes_that_are_gone_take_nothing() -> None:
    assert memory_of([2**22 + 1], limit=0.5) == 0


def test_a_folder_takes_what_lies_in_it_and_links_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_bytes(os.urandom(3_000_000))
    (tmp_path / "away").symlink_to("/")
    assert 3 <= disk_of(tmp_path) < 4
    assert disk_of(tmp_path / "gone") == 0


def test_a_job_without_limits_exceeds_none(tmp_path: Path) -> None:
    meter = Meter(JobFolder(tmp_path), NO_LIMITS, [tmp_path])
    assert asyncio.run(meter.exceeded()) is None
