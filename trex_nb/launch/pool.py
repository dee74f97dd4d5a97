"""The warm pool: a fork server of one study's own, so that a job starts without importing anything.

A cold job spends seconds on imports and on loading the base model; a forked one shares all that with its siblings, in
memory too. The server (`zygote`) is started before it is needed and dies with the process that started it, however
that dies; the jobs it forked go on. Where forking is no option (no /proc, a system whose libraries do not survive it)
and for jobs that are not like the others, there is no warm start, and the launcher starts them cold.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from trex_nb.core.job import JobSpec
from trex_nb.launch.environment import kernel_environment, with_package
from trex_nb.launch.mark import ROOM, can_mark

_LOG = logging.getLogger("trex_nb")

READY, TAKEN = b"ready", b"taken"
LONGEST = 65536
"""What a server says when it is, and a runner when it has its job; bytes of a request and of an answer, at most."""
TO_PREPARE, TO_TAKE = 300.0, 20.0
"""Seconds a server has to get ready (all may have to be read over a slow network), and to hand over a job."""

_EXTRA = {
    "HF_HUB_OFFLINE": "1",  # its jobs have no network
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # ipykernel loads a debugger, which complains of frozen modules
}


class Pool:
    """Forks runners for jobs. `prepare` ("module:function") and its arguments are for `zygote`, which complains in the
    file `log`. Thread-safe."""

    def __init__(self, log: Path, prepare: str, arguments: Sequence[str] = ()) -> None:
        self._log = log
        self._command = [prepare, *arguments]
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._is_ready = False
        self._is_broken = not can_mark()

    @property
    def pid(self) -> int | None:
        """The server's process id, None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server, unless it is there; it is ready some seconds later. Returns at once."""
        if self._turn.acquire(blocking=False):  # who has the turn has a server, or is about to
            try:
                self._see_to_a_server()
            finally:
                self._turn.release()

    def run(self, spec: JobSpec, lock: int) -> bool:
        """Whether a runner was forked for the job, which then holds the lock; waits until the server is ready."""
        if spec.env or spec.limits.network or spec.resources.cores != 1:  # libraries ask for these when imported
            return False
        with self._turn:
            self._see_to_a_server()
            return self._socket is not None and self._is_taken(self._socket, spec.folder, lock)

    def close(self) -> None:
        """End the server, for good; who waits for it is told that there is none."""
        self._is_broken = True
        process = self._process
        if process is not None:
            process.kill()
        with self._turn:
            self._drop()

    def _see_to_a_server(self) -> None:
        if self._socket is not None or self._is_broken:
            return
        try:
            self._start()
        except OSError as error:
            self._is_broken = True
            _LOG.warning("There is no warm pool; jobs start cold: %s", error)

    def _is_taken(self, server: socket.socket, folder: str, lock: int) -> bool:
        """Whether somebody has the job. The runner says so itself: the server may die when it has passed the job on,
        and before; when it did before, nobody holds the other end any more."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._send(server, folder, [lock, theirs.fileno()])
            ours.settimeout(TO_TAKE)
            try:
                is_taken = bool(ours.recv(len(TAKEN)))
            except TimeoutError:  # a server that is suspended, say
                self._drop()
                is_taken = _is_taken_after_all(ours)
        if not is_taken:
            self._is_broken = self._is_broken or not self._is_ready  # it would not come up the next time, either
            self._drop()
        return is_taken

    def _send(self, server: socket.socket, folder: str, descriptors: list[int]) -> None:
        try:
            server.settimeout(TO_PREPARE)
            self._is_ready = self._is_ready or server.recv(LONGEST) == READY
            if self._is_ready:
                server.settimeout(TO_TAKE)
                socket.send_fds(server, [folder.encode()], descriptors)
        except OSError as error:
            _LOG.info("The warm pool is gone: %s", error)

    def _start(self) -> None:
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        environment = kernel_environment(with_package(os.environ), _EXTRA, 1, ROOM)
        command = [sys.executable, "-P", "-m", "trex_nb.launch.zygote", str(theirs.fileno()), *self._command]
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own module
                command, cwd="/", env=environment, pass_fds=(theirs.fileno(),), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._socket, self._is_ready = ours, False
        threading.Thread(target=self._process.wait, name=f"reap {self._process.pid}", daemon=True).start()

    def _drop(self) -> None:
        if self._process is not None:
            self._process.kill()  # it may be suspended, or importing; its spares end when it does
        if self._socket is not None:
            self._socket.close()
        self._socket = self._process = None


def _is_taken_after_all(answers: socket.socket) -> bool:
    """Whether somebody has the job of a server that was killed; one who says nothing is a runner that is suspended."""
    try:
        return bool(answers.recv(len(TAKEN)))
    except TimeoutError:
        return True
