"""The background Jupyter kernel of one job: started clean, behind walls, reachable over unix sockets of its user only,
ended surely.

No installed kernel spec is needed: the kernel is this very Python with ipykernel. It has no history, no startup files
and no configuration of the person's IPython. Its parent poller (ipykernel's default) ends it when the runner dies.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from typing import Any

import jupyter_client
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

from trex_nb.core.job import JobSpec
from trex_nb.launch.environment import kernel_environment
from trex_nb.launch.files import JobFolder
from trex_nb.launch.forked import KERNEL_MAIN, ForkedKernel, forked_provisioner
from trex_nb.launch.private import private_environment, private_folder, show_models
from trex_nb.launch.walls import software, walls_of

SHUTDOWN_GRACE = 3.0
"""Seconds a kernel that ran all its cells has to leave by itself (files flushed, exit handlers run)."""


class _ThisPython(KernelSpecManager):  # type: ignore[misc]  # jupyter_client's types do not pass strict checks
    """Knows one kernel: the running interpreter, behind walls."""

    walls: str

    def get_kernel_spec(self, kernel_name: str) -> Any:
        """The spec, whatever the name."""
        argv = [
            sys.executable, "-P", "-m", KERNEL_MAIN, self.walls, "-f", "{connection_file}",
            "--HistoryManager.enabled=False",
        ]  # fmt: skip
        return KernelSpec(argv=argv, display_name=kernel_name, language="python")


class KernelProcess:
    """A job's kernel and its private folder. With a `child` that was forked for it, that becomes the kernel."""

    def __init__(self, folder: JobFolder, spec: JobSpec, child: ForkedKernel | None = None) -> None:
        self._folder = folder
        self._spec = spec
        self.private = private_folder(folder.path)
        self._python = _ThisPython()
        self.manager = jupyter_client.AsyncKernelManager(
            kernel_spec_manager=self._python, transport="ipc", ip=str(self.private / "k"),
            connection_file=str(folder.connection),
        )  # fmt: skip
        self._child = child

    @property
    def pid(self) -> int:
        """The kernel's process id; also that of its process group."""
        return int(self.manager.provisioner.pid)

    async def start(self, place: Mapping[str, str] | None = None) -> None:
        """Start the process, or give the child its orders, with the variables of its place on the machine; it is ready
        a good half second later, the child in less than a fifth."""
        show_models(self.private, self._spec.reads)
        (self._folder.path / self._spec.confined_to).mkdir(exist_ok=True)
        home = private_environment(self.private, network=self._spec.limits.network)
        extra = {**home, **(place or {}), **self._spec.env}
        environment = kernel_environment(os.environ, extra, self._spec.resources.cores, self._spec.folder)
        walls = walls_of(self._spec, str(self.private), software(self._spec.folder))
        self._python.walls = walls.to_json()
        if self._child is not None:
            self.manager.provisioner = forked_provisioner(self.manager, self._child)
        with self._folder.log.open("ab") as log:
            await self.manager.start_kernel(env=environment, cwd=self._spec.folder, stdout=log, stderr=log)

    def interrupt(self) -> None:
        """Ctrl-C for the running cell."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End the kernel's process group now."""
        self._signal(signal.SIGKILL)

    async def exit_code(self) -> int | None:
        """The code the kernel ended with (negative: a signal), None while it lives."""
        provisioner = self.manager.provisioner
        return None if provisioner is None else await provisioner.poll()

    async def shut_down(self, *, at_once: bool) -> None:
        """End the kernel, gently unless `at_once`, and remove its private folder."""
        self.manager.shutdown_wait_time = SHUTDOWN_GRACE
        if self.manager.has_kernel:
            await self.manager.shutdown_kernel(now=at_once)
        await self.manager.cleanup_resources()
        shutil.rmtree(self.private, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self.manager.has_kernel:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
