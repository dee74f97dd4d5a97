"""The fork server: `python -m trex_nb.launch.zygote SOCKET PREPARE [ARGUMENT …]`, one process that has imported all a
job imports, and forks a runner with its kernel for each job it is sent.

PREPARE names a function ("module:name") that is called with the ARGUMENTs; it imports and loads, starts no thread and
leaves the GPU alone, for neither survives a fork. It returns what is left to do in each kernel's own process, or None;
with something left, one pair of runner and kernel that have done it is kept ready.

A request is a job's folder with two descriptors: its lock, and where the runner says that it has the job. Runners are
in sessions of their own and outlive this process, which ends when the other end of SOCKET closes, and its spares too.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from trex_nb.launch import kernel_main
from trex_nb.launch.files import JobFolder
from trex_nb.launch.forked import ForkedKernel, redirect
from trex_nb.launch.pool import LONGEST, READY, TAKEN
from trex_nb.launch.runner import preload, run_to_its_end

Prepare = Callable[..., Callable[[], None] | None]


def main(arguments: list[str]) -> int:
    """Prepare, say so, and serve until the socket closes."""
    control = socket.socket(fileno=int(arguments[0]))
    module, _, name = arguments[1].partition(":")
    prepare: Prepare = getattr(import_module(module), name)
    left = prepare(*arguments[2:])
    _import_kernel()
    gc.collect()
    gc.freeze()  # or the first collection in each child would copy every page that holds an object
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system is to take note of runners that have ended
    control.sendall(READY)
    _serve(control, left, spares=0 if left is None else 1)
    return 0


def _import_kernel() -> None:
    preload()
    for module in ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger"):
        import_module(module)
    import nbformat  # noqa: PLC0415

    nbformat.validate(nbformat.v4.new_notebook())  # compiles the schema


def _serve(control: socket.socket, left: Callable[[], None] | None, spares: int) -> None:
    ready = [_forked(control, left) for _ in range(spares)]
    while True:
        said, descriptors, _, _ = socket.recv_fds(control, LONGEST, 2)
        if not said:
            return
        with ready.pop() if ready else _forked(control, left, descriptors) as waiting:
            socket.send_fds(waiting, [said], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        ready += [_forked(control, left) for _ in range(spares - len(ready))]


def _forked(control: socket.socket, left: Callable[[], None] | None, others: Sequence[int] = ()) -> socket.socket:
    """Where to send a job to a runner that waits for one. `others` are descriptors that it must not inherit: else its
    kernel would, too, and hold its own job's lock."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        control.close()
        ours.close()
        for descriptor in others:
            os.close(descriptor)
        _run(theirs, left)
    theirs.close()
    return ours


def _run(jobs: socket.socket, left: Callable[[], None] | None) -> NoReturn:
    """A runner's whole life."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        child = ForkedKernel(left or _nothing, partial(kernel_main.main, is_warm=left is not None))
        with jobs:
            said, descriptors, _, _ = socket.recv_fds(jobs, LONGEST, 2)
        if said:
            lock, answer = descriptors
            os.set_inheritable(lock, False)
            with contextlib.suppress(BrokenPipeError), socket.socket(fileno=answer) as taken:  # nobody may be waiting
                taken.sendall(TAKEN)
            folder = JobFolder(Path(said.decode()))
            os.chdir(folder.path)
            redirect(str(folder.log))
            run_to_its_end(folder, child)
    except BaseException:  # noqa: BLE001  nothing of the server's stack may run in the child
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _nothing() -> None:
    """There is nothing left to do."""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
