"""The background Jupyter kernel of one job: started clean, reachable over unix sockets of its user only, ended surely.

No installed kernel spec is needed: the kernel is this very Python with ipykernel. It has no history, no startup files
and no configuration of the person's IPython. Its parent poller (ipykernel's default) ends it when the runner dies.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupyter_client
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

from trex_nb.core.job import JobSpec
from trex_nb.launch.environment import kernel_environment
from trex_nb.launch.files import JobFolder
from trex_nb.launch.processes import SOCKETS

SHUTDOWN_GRACE = 3.0
"""Seconds a kernel that ran all its cells has to leave by itself (files flushed, exit handlers run)."""
_MOST_PATH = 80


class _ThisPython(KernelSpecManager):  # type: ignore[misc]  # jupyter_client's types do not pass strict checks
    """Knows one kernel: the running interpreter."""

    def get_kernel_spec(self, kernel_name: str) -> Any:
        """The spec, whatever the name."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]
        return KernelSpec(argv=argv, display_name=kernel_name, language="python")


class KernelProcess:
    """A job's kernel and the folder of its sockets."""

    def __init__(self, folder: JobFolder, spec: JobSpec) -> None:
        self._folder = folder
        self._spec = spec
        self._sockets = _socket_folder()
        self.manager = jupyter_client.AsyncKernelManager(
            kernel_spec_manager=_ThisPython(), transport="ipc", ip=str(self._sockets / "k"),
            connection_file=str(folder.connection),
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """The kernel's process id; also that of its process group."""
        return int(self.manager.provisioner.pid)

    async def start(self, place: Mapping[str, str] | None = None) -> None:
        """Start the process, with the variables of its place on the machine; it is ready a good half second later."""
        extra = {**(place or {}), **self._spec.env}
        environment = kernel_environment(os.environ, extra, self._spec.resources.cores, self._spec.folder)
        environment["IPYTHONDIR"] = str(self._sockets / "ipython")
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
        """End the kernel, gently unless `at_once`, and remove its sockets."""
        self.manager.shutdown_wait_time = SHUTDOWN_GRACE
        if self.manager.has_kernel:
            await self.manager.shutdown_kernel(now=at_once)
        await self.manager.cleanup_resources()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self.manager.has_kernel:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


def _socket_folder() -> Path:
    """A new private folder on the local disk, with a path short enough for unix sockets (about 100 characters)."""
    folder = Path(tempfile.mkdtemp(prefix=SOCKETS))
    if len(str(folder)) <= _MOST_PATH:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix=SOCKETS, dir="/tmp"))
