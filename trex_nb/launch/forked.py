"""A kernel's process that is forked before it is known what for, and a jupyter_client provisioner that puts it to use.

The child waits for its orders on a socket; without any (its parent died, or let go of it) it ends. What it must do
before it runs a line of a notebook it does after them: environment, folder, log, mark. It is forked while its parent
has one thread, so it inherits every import and no lock that somebody holds.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from jupyter_client.provisioning import LocalProvisioner

from trex_nb.core.job import JOB_VARIABLE
from trex_nb.launch.mark import mark

KERNEL_MAIN = "trex_nb.launch.kernel_main"
"""The module that makes a kernel of a process; what follows it in a command are its arguments."""

_SEEDS = (("numpy.random", "seed"), ("torch", "seed"))
"""What draws a new seed by itself in libraries that do not after a fork, as Python does: else unseeded random numbers
would be the same in all jobs of one parent."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a forked child becomes: the arguments of the kernel, its whole environment, its folder and its log."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    log: str


class ForkedKernel:
    """The parent's side of a child that waits for orders; what `LocalProvisioner` asks of a `Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, warm: Callable[[], None], become: Callable[[list[str]], None]) -> None:
        """Fork. The child calls `warm`, waits, follows its orders and ends with `become(arguments)`."""
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _live(theirs, warm, become)
        theirs.close()
        self._socket = ours
        self.returncode: int | None = None

    def order(self, orders: Orders) -> None:
        """Have the child become a kernel. Raises `OSError` when it is gone."""
        with self._socket:
            self._socket.sendall(json.dumps(asdict(orders)).encode())

    def poll(self) -> int | None:
        """The exit code (negative: a signal), None while the child lives."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int | None:
        """The exit code, when there is one."""
        return self._reap(0)

    def _reap(self, how: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal the child, if it lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End the child now."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the child to end."""
        self.send_signal(signal.SIGTERM)


class ForkedProvisioner(LocalProvisioner):  # type: ignore[misc]  # jupyter_client's types do not pass strict checks
    """Starts a kernel by giving orders to a child that is there already."""

    child: ForkedKernel

    async def launch_kernel(self, cmd: list[str], **how: Any) -> Any:
        """Give the orders; the kernel ends when this process does."""
        arguments = (*cmd[cmd.index(KERNEL_MAIN) + 1 :], f"--IPKernelApp.parent_handle={os.getpid()}")
        self.child.order(Orders(arguments, how["env"], str(how["cwd"]), str(how["stdout"].name)))
        self.process, self.pid, self.pgid = self.child, self.child.pid, self.child.pid
        return self.connection_info


def forked_provisioner(manager: Any, child: ForkedKernel) -> ForkedProvisioner:
    """What has `manager`, a jupyter_client one, make its kernel of `child`."""
    provisioner = ForkedProvisioner(kernel_id="", kernel_spec=manager.kernel_spec)
    provisioner.parent, provisioner.child = manager, child
    return provisioner


def _live(orders_from: socket.socket, warm: Callable[[], None], become: Callable[[list[str]], None]) -> NoReturn:
    """The child's whole life."""
    try:
        os.setsid()
        warm()
        orders = _received(orders_from)
        if orders is not None:
            _follow(orders)
            become(list(orders.arguments))
    except BaseException:  # noqa: BLE001  nothing of the parent's stack may run in the child
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _received(orders_from: socket.socket) -> Orders | None:
    with orders_from:
        data = b"".join(iter(lambda: orders_from.recv(65536), b""))
    if not data:
        return None
    said = json.loads(data)
    return Orders(tuple(said["arguments"]), said["environment"], said["folder"], said["log"])


def _follow(orders: Orders) -> None:
    os.environ.clear()
    os.environ.update(orders.environment)
    mark(orders.environment[JOB_VARIABLE])
    os.chdir(orders.folder)
    redirect(orders.log)
    tempfile.tempdir = None  # the parent's was another one
    for module, name in _SEEDS:
        if module in sys.modules:
            getattr(sys.modules[module], name)()


def redirect(log: str) -> None:
    """From now on this process reads nothing and prints into `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    nothing = os.open(os.devnull, os.O_RDONLY)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor, place in ((nothing, 0), (file, 1), (file, 2)):
        os.dup2(descriptor, place)
    os.close(nothing)
    os.close(file)
