"""What code in a job cannot do, tried by real jobs behind real walls; and that what it needs works."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from trex_nb.core.job import Failed, Finished, JobSpec, JobUpdate
from trex_nb.core.limits import Limits
from trex_nb.core.result import Failure
from trex_nb.launch import landlock
from trex_nb.launch.kernel import KernelLauncher
from trex_nb.launch.walls import Software, Walls, software, walls_of
from trex_nb.testing.launchers import PATIENCE, everything, notebook_job

OUTCOME = """\
from IPython.display import display
outcome = {"checkpoint": {"kind": "base"}, "cost": {}}
display({"application/vnd.trex.outcome+json": outcome, "text/plain": "done"}, raw=True)
"""
TRY = """\
import ctypes, json, os, pathlib, resource, signal, socket, subprocess, sys, threading, urllib.request
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(*arguments):
    result = libc.syscall(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
said = {}
def attempt(name, deed):
    try:
        said[name] = "done: " + repr(deed())[:100]
    except BaseException as error:
        said[name] = f"{type(error).__name__}: {error}"
    pathlib.Path("said.part").write_text(json.dumps(said))
    os.rename("said.part", "said.json")
"""

landlocked = pytest.mark.skipif(landlock.version() < 6, reason="this kernel's Landlock does not do all of it")


def run(spec: JobSpec) -> list[JobUpdate]:
    async def scenario() -> list[JobUpdate]:
        return await everything(await KernelLauncher().submit(spec))

    return asyncio.run(scenario())


def said_by(spec: JobSpec) -> dict[str, str]:
    """What came of each attempt of a job that went well."""
    last = run(spec)[-1]
    assert isinstance(last, Finished), last
    found: dict[str, str] = json.loads((Path(spec.folder) / "said.json").read_text())
    return found


def failure_of(spec: JobSpec) -> Failure:
    last = run(spec)[-1]
    assert isinstance(last, Failed), last
    return last.failure


def job(folder: Path, *attempts: str, **more: Any) -> JobSpec:
    """A job that makes `attempts`: each a name, a colon, and an expression."""
    lines = [line.split(":", 1) for line in attempts]
    cell = "\n".join(f"attempt({name.strip()!r}, lambda: {deed.strip()})" for name, deed in lines)
    return notebook_job(folder, [TRY, cell, OUTCOME]).model_copy(update=more)


def done(said: dict[str, str]) -> dict[str, str]:
    return {name: answer for name, answer in said.items() if answer.startswith("done")}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study's folder with a sealed file, another run, and a person's key beside it."""
    for name in ("sealed/test.jsonl", "runs/n2.1/kernel.json", "home/.ssh/id_ed25519", "data/train.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret")
    return tmp_path


@landlocked
def test_a_job_reads_what_it_was_given_and_nothing_else(study: Path) -> None:
    sealed, key = study / "sealed" / "test.jsonl", study / "home" / ".ssh" / "id_ed25519"
    said = said_by(
        job(
            study / "runs" / "n1.1",
            f"sealed: open({str(sealed)!r}).read()",
            f"key: open({str(key)!r}).read()",
            f"other run: open({str(study / 'runs/n2.1/kernel.json')!r}).read()",
            f"listing: os.listdir({str(study)!r})",
            f"through proc: open('/proc/self/root' + {str(sealed)!r}).read()",
            f"by a child: subprocess.run(['cat', {str(sealed)!r}], check=True, capture_output=True)",
            f"by a shell: subprocess.run('cat < ' + {str(sealed)!r}, shell=True, check=True, capture_output=True)",
            "root's home: os.listdir(os.path.expanduser('~root'))",
            "tmp: os.listdir('/tmp')",
            f"path handle: os.read(os.open({str(sealed)!r}, os.O_PATH), 9)",
            f"reopened: open(f'/proc/self/fd/' + str(os.open({str(sealed)!r}, os.O_PATH))).read()",
            f"openat2: call(437, -100, {str(sealed)!r}.encode(), (ctypes.c_uint64 * 3)(0, 0, 0), 24)",
            f"by another thread: [t := threading.Thread(target=attempt, args=('thread', lambda:"
            f" open({str(sealed)!r}).read())), t.start(), t.join(), 1/0]",
            f"given: open({str(study / 'data/train.jsonl')!r}).read()",
            "own: open('experiment.ipynb').read(3)",
            "os: os.stat('/etc/localtime')",
            reads=(str(study / "data" / "train.jsonl"),),
        )
    )
    assert set(done(said)) == {"given", "own", "os"}, done(said)


@landlocked
def test_a_job_writes_in_its_own_folder_and_nowhere_else(study: Path) -> None:
    sealed, key = str(study / "sealed" / "test.jsonl"), str(study / "home" / ".ssh" / "id_ed25519")
    before = Path(key).stat().st_mode
    (study / "runs" / "shared").touch()
    said = said_by(
        job(
            study / "runs" / "n1.1",
            f"new: open({str(study / 'new')!r}, 'w')",
            f"over: open({key!r}, 'w')",
            f"truncate: os.truncate({key!r}, 0)",
            f"unlink: os.unlink({key!r})",
            f"rename: os.rename({key!r}, 'mine')",
            f"away: os.rename('said.json', {str(study / 'new')!r})",
            f"symlink: os.symlink({sealed!r}, 'link')",
            f"hard link: os.link({sealed!r}, 'hard')",
            f"hard link of it: os.link('experiment.ipynb', {str(study / 'new')!r})",
            "pipe: os.mkfifo('.experiment.ipynb.1')",
            "device: os.mknod('disk', 0o60600, os.makedev(254, 0))",
            f"access list: os.setxattr({key!r}, 'user.x', b'1')",
            "whole copy: __import__('shutil').copy2('experiment.ipynb', 'whole')",
            f"owner: os.chown({key!r}, 12345, 12345)",
            f"read-only data: open({str(study / 'data' / 'train.jsonl')!r}, 'a')",
            "software: open(os.__file__, 'a')",
            "escape by a namespace: os.waitstatus_to_exitcode(os.waitpid(os.fork() or os._exit("
            "libc.unshare(0x10020000) or libc.mount(b'/', b'/tmp', b'none', 4096, 0) and 1), 0)[1]) and 1/0",
            "terminal: open('/dev/ptmx', 'r+b')",
            "mount: call(165, b'none', b'/proc', b'tmpfs', 0, 0)",
            "own: open('own', 'w').write('x')",
            "temporary: __import__('tempfile').mkstemp()",
            "null: open('/dev/null', 'w').write('x')",
            "folders: [os.makedirs('a/b'), os.makedirs('c'), os.rename('a/b', 'c/d')]",
            "copy: __import__('shutil').copy('own', 'copy')",
            "home: pathlib.Path.home().joinpath('.cache/x').mkdir(parents=True)",
            f"granted: open({str(study / 'runs' / 'shared')!r}, 'w').write('x')",
            f"mode: os.chmod({key!r}, 0o777)",
            reads=(str(study / "data"),),
            writes=(str(study / "runs" / "shared"),),
        )
    )
    allowed = {"own", "temporary", "null", "folders", "copy", "home", "granted", "whole copy"}
    assert set(done(said)) == {*allowed, "mode"}, done(said)
    assert Path(key).stat().st_mode == before
    assert Path(key).read_text() == "secret"


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a web server on this machine."""

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hello) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening.server_address[1]
        listening.shutdown()


def _get(port: int) -> str:
    return f"urllib.request.urlopen('http://127.0.0.1:{port}', timeout=20).read()"


def test_a_job_reaches_no_network(tmp_path: Path, server: int) -> None:
    place = str(tmp_path / "agent")
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(place)
        agent.listen()
        said = said_by(
            job(
                tmp_path / "job",
                f"web: {_get(server)}",
                "tcp: socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
                "udp: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
                "tcp6: socket.socket(socket.AF_INET6, socket.SOCK_STREAM)",
                "raw: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
                "packet: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
                "netlink: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
                "vsock: socket.socket(40, socket.SOCK_STREAM)",
                "kernel crypto: socket.socket(38, socket.SOCK_SEQPACKET)",
                "name: socket.getaddrinfo('example.org', 80)",
                f"child: subprocess.run([sys.executable, '-c', {_as_child(server)!r}], check=True, stderr=-3)",
                "high bits: call(41, 0x100000002, 1, 0)",
                "many: call(53, 2, 1, 0, 0)",
                "32 bit: call(0x40000000 + 41, 2, 1, 0)",
                "io_uring: call(425, 8, bytes(120))",
                f"agent: socket.socket(socket.AF_UNIX).connect({place!r})",
                f"agent by letter: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', {place!r})",
                f"agent by raw: socket.socket(socket.AF_UNIX, socket.SOCK_RAW).sendto(b'x', {place!r})",
                f"agent by pair: socket.socketpair(type=socket.SOCK_DGRAM)[0].sendto(b'x', {place!r})",
                "pair: [a.send(b'x') for a in socket.socketpair()]",
                "pool: __import__('multiprocessing').Pool(1).map(len, [[1]])",
            )
        )
    assert set(done(said)) == {"pair", "pool"}, done(said)


def _as_child(port: int) -> str:
    return f"import urllib.request; {_get(port)}"


def test_a_job_that_may_reaches_the_network(tmp_path: Path, server: int) -> None:
    limits = Limits(network=True)
    said = said_by(job(tmp_path / "job", f"web: {_get(server)}", "raw: socket.socket(17, 3)", limits=limits))
    assert set(done(said)) == {"web"}, said
    assert "hello" in said["web"]


@landlocked
def test_a_job_cannot_touch_the_processes_outside(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        pids = {"runner": "os.getppid()", "bystander": str(bystander.pid), "test": str(os.getpid())}
        attempts = [
            f"{who} {what}: {deed.replace('PID', pid)}"
            for who, pid in pids.items()
            for what, deed in {
                "environ": "open(f'/proc/{PID}/environ').read()",
                "memory": "open(f'/proc/{PID}/mem', 'rb')",
                "maps": "open(f'/proc/{PID}/maps').read()",
                "files": "os.readlink(f'/proc/{PID}/fd/0')",
                "a file": "open(f'/proc/{PID}/fd/1', 'a')",
                "root": "os.listdir(f'/proc/{PID}/root')",
                "cwd": "os.listdir(f'/proc/{PID}/cwd')",
                "kill": "os.kill(PID, signal.SIGKILL)",
                "ask": "os.kill(PID, 0)",
                "trace": "call(101, 16, PID, 0, 0)",
                "read": "call(310, PID, bytes(16), 1, bytes(16), 1, 0)",
                "handle": "call(438, os.pidfd_open(PID), 0, 0)",
                "by handle": "signal.pidfd_send_signal(os.pidfd_open(PID), signal.SIGTERM)",
                "limit": "resource.prlimit(PID, resource.RLIMIT_NOFILE, (0, 0))",
            }.items()
        ]
        own = (
            "child: subprocess.Popen(['sleep', '60']).terminate()",
            "self: open('/proc/self/environ').read(3)",
            "lower: resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500))",
            "powers: pathlib.Path('/proc/self/status').read_text().split('CapEff:')[1].split()[0]",
        )
        group = ("group: os.killpg(os.getpgid(os.getppid()), signal.SIGKILL)", "all: os.kill(-1, 0) or 1/0")
        said = said_by(job(tmp_path / "job", *attempts, *group, *own))
        assert bystander.poll() is None
        bystander.communicate(b"\n")
    assert set(done(said)) == {"child", "self", "lower", "powers"}, done(said)
    assert int(said["powers"].split("'")[1], 16) < 32


def test_a_job_cannot_raise_its_walls_again_or_take_its_limits_off(tmp_path: Path) -> None:
    limits = Limits(file_mb=1)
    spec = job(
        tmp_path / "job",
        "huge: open('huge', 'wb').write(bytes(3_000_000))",
        "at once: open('huge', 'wb').truncate(3_000_000)",
        "sparse: os.pwrite(os.open('huge', os.O_RDWR), b'x', 3_000_000)",
        "in memory: os.ftruncate(os.memfd_create('x'), 3_000_000)",
        "more: resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))",
        "seccomp off: 1/0 if libc.prctl(22, 0, 0, 0, 0) else 0",
        "privileges: 1/0 if libc.prctl(39, 0, 0, 0, 0) == 1 else 0",
        "small: open('small', 'wb').write(bytes(900_000))",
        limits=limits,
    )
    said = said_by(spec)
    assert set(done(said)) == {"small"}, done(said)
    assert "File too large" in said["huge"]


HOG = """\
import pathlib, subprocess, sys, time
code = "import sys, time; hog = bytearray(60_000_000); print('up', flush=True); time.sleep(120)"
children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(5)]
print([child.stdout.readline() for child in children])
time.sleep(120)
"""


def test_a_job_that_takes_too_much_memory_is_ended_with_figures(tmp_path: Path) -> None:
    spec = notebook_job(tmp_path / "job", [HOG]).model_copy(update={"limits": Limits(memory_mb=300)})
    failure = failure_of(spec)
    assert (failure.stage, failure.kind) == ("train", "out_of_memory")
    assert "its limit is 300 MB" in failure.message


def test_a_daemon_without_the_mark_is_the_jobs_still(tmp_path: Path) -> None:
    """It left the process group, its parent and its environment, and takes the memory."""
    daemon = (
        "import os, subprocess, sys, time\n"
        'code = \'import os, time; os.fork() and os._exit(0); open("daemon", "w").write(str(os.getpid()));\''
        " 'hog = bytearray(300_000_000); time.sleep(120)'\n"
        "subprocess.run([sys.executable, '-c', code], env={}, start_new_session=True)\n"
        "time.sleep(120)"
    )
    spec = notebook_job(tmp_path / "job", [daemon]).model_copy(update={"limits": Limits(memory_mb=300)})
    assert failure_of(spec).kind == "out_of_memory"
    daemon_process = int((tmp_path / "job" / "daemon").read_text())
    assert not psutil.pid_exists(daemon_process) or psutil.Process(daemon_process).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("is_hidden", [False, True])
def test_a_job_that_fills_the_disk_is_ended_with_figures(tmp_path: Path, is_hidden: bool) -> None:
    fill = (
        "import os, time\nfiles = [open(f'{n}', 'wb') for n in range(5)]\nfor file in files:\n"
        f"    file.write(bytes(5_000_000)); file.flush(); {'os.unlink(file.name)' if is_hidden else 'pass'}\n"
        "time.sleep(120)"
    )
    spec = notebook_job(tmp_path / "job", [fill]).model_copy(update={"limits": Limits(disk_mb=20)})
    failure = failure_of(spec)
    assert failure.kind == "disk"
    assert "its limit is 20 MB" in failure.message


def test_the_walls_of_a_job_are_what_its_spec_says() -> None:
    spec = JobSpec(
        run="n1.1", folder="/study/runs/n1.1", timeout=9, reads=("/models/m",), writes=("/study/data",),
        limits=Limits(file_mb=7),
    )  # fmt: skip
    walls = walls_of(spec, "/tmp/trex-x", Software(("/venv",), ("/checkout",)))
    assert {"/usr", "/venv", "/models/m"} <= set(walls.reads)
    assert (walls.writes, walls.lists) == (("/study/runs/n1.1", "/study/data"), ("/checkout",))
    assert (walls.file_mb, walls.network, walls.gpu) == (7, False, False)
    assert Walls.from_json(walls.to_json()) == walls
    assert replace(walls, network=True) != walls


def test_a_checkout_on_the_path_opens_its_packages_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("package/code.py", ".env", "notes.txt", "module.py", "studies/one/runs/n1.1/spec.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    found = software(str(tmp_path / "studies" / "one" / "runs" / "n1.1"))
    inside = {Path(p).name for p in found.reads if Path(p).is_relative_to(tmp_path)}
    assert inside == {"package", "module.py"}
    assert str(tmp_path) in found.lists


def test_nothing_is_raised_once_a_second_thread_runs() -> None:
    code = (
        "import sys, threading; from trex_nb.launch.walls import Walls, raise_walls\n"
        "threading.Thread(target=sys.stdin.read, daemon=True).start(); raise_walls(Walls('/tmp'))"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as it:
        assert it.stderr is not None
        said = it.stderr.read()
        assert it.wait(PATIENCE) != 0
    assert b"before a second thread" in said
