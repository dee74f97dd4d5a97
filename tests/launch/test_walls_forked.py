"""A kernel that was forked stands behind the same walls as one that was started, and holds nothing of its parents'."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from trex_nb.core.job import Finished, JobSpec
from trex_nb.core.limits import Limits
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.mark import can_mark
from trex_nb.launch.pool import Pool
from trex_nb.testing.launchers import everything

from .test_walls import done, job, landlocked

pytestmark = [pytest.mark.skipif(not can_mark(), reason="this system has no warm pool"), landlocked]


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    pool = Pool(tmp_path / "pool.log", "tests.launch.prepared:seeded")
    yield pool
    pool.close()


def said_by(pool: Pool, spec: JobSpec) -> dict[str, str]:
    async def scenario() -> dict[str, str]:
        *_, last = await everything(await KernelLauncher(pool).submit(spec))
        assert isinstance(last, Finished), last
        found: dict[str, str] = json.loads((Path(spec.folder) / "said.json").read_text())
        return found

    said = asyncio.run(scenario())
    assert pool.pid is not None  # it did not start cold
    return said


def test_the_walls_are_those_of_a_kernel_that_was_started(pool: Pool, tmp_path: Path) -> None:
    pool.start()
    sealed, agent = tmp_path / "sealed" / "test.jsonl", tmp_path / "agent"
    sealed.parent.mkdir()
    sealed.write_text("secret")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(agent))
        listening.listen()
        processes = {"runner": "os.getppid()", "server": str(pool.pid)}
        deeds = {
            "environ": "open(f'/proc/{PID}/environ').read()",
            "memory": "open(f'/proc/{PID}/mem', 'rb')",
            "a file": "os.readlink(f'/proc/{PID}/fd/1')",
            "kill": "os.kill(PID, signal.SIGTERM)",
            "ask": "os.kill(PID, 0)",
            "trace": "call(101, 16, PID, 0, 0)",
            "handle": "call(438, os.pidfd_open(PID), 0, 0)",
        }
        said = said_by(
            pool,
            job(
                tmp_path / "job",
                *(f"{w} {n}: {d.replace('PID', pid)}" for w, pid in processes.items() for n, d in deeds.items()),
                f"sealed: open({str(sealed)!r}).read()",
                f"by a child: subprocess.run(['cat', {str(sealed)!r}], check=True, capture_output=True)",
                f"over: open({str(sealed)!r}, 'w')",
                f"new: open({str(tmp_path / 'new')!r}, 'w')",
                "pool's log: os.open(os.path.join('..', 'pool.log'), os.O_RDONLY)",
                "symlink: os.symlink('/etc/passwd', 'link')",
                "symlink from its private folder: [os.symlink('/', os.environ['TMPDIR'] + '/l'),"
                " os.rename(os.environ['TMPDIR'] + '/l', 'runner.log')]",
                "tcp: socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
                "udp: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
                f"agent: socket.socket(socket.AF_UNIX).connect({str(agent)!r})",
                "huge: open('huge', 'wb').write(bytes(3_000_000))",
                "own: open('own', 'w').write('x')",
                "temporary: __import__('tempfile').mkstemp()",
                "powers: pathlib.Path('/proc/self/status').read_text().split('CapEff:')[1].split()[0]",
                limits=Limits(file_mb=1),
            ),
        )
    assert set(done(said)) == {"own", "temporary", "powers"}, done(said)
    assert int(said["powers"].split("'")[1], 16) < 32


def test_a_forked_kernel_holds_no_lock_and_draws_its_own_random_numbers(pool: Pool, tmp_path: Path) -> None:
    attempts = (
        "files: [f for f in map(os.path.realpath, pathlib.Path('/proc/self/fd').iterdir()) if f.endswith('.lock')]",
        "numpy: __import__('numpy').random.rand()",
        "random: __import__('random').random()",
        "name: next(__import__('tempfile')._get_candidate_names())",
    )
    first, second = (said_by(pool, job(tmp_path / name, *attempts)) for name in ("one", "two"))
    assert first["files"] == second["files"] == "done: []"
    assert all(first[name] != second[name] for name in ("numpy", "random", "name")), (first, second)
