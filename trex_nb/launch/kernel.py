"""KernelLauncher: every job gets a detached runner process that owns one background Jupyter kernel (see `runner`).

The runner lives in its own session with none of the starter's pipes and none of its Jupyter variables, so it outlives
an interrupt, a restart and the sudden death of the notebook kernel that started it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from trex_nb.core.job import JobId, JobSpec
from trex_nb.errors import LaunchError
from trex_nb.launch.environment import clean
from trex_nb.launch.files import JobFolder
from trex_nb.launch.job import FolderJob, attach, claim


class KernelLauncher:
    """Starts jobs on this machine, at once; how many run side by side is the caller's business
    (`core.protocols.Launcher`)."""

    async def submit(self, spec: JobSpec) -> FolderJob:
        """Start the job unless it was started before, by whomever.

        Raises `LaunchError` when the folder holds no notebook or no process can be started.
        """
        folder = JobFolder(Path(spec.folder))
        lock = claim(spec)
        if lock is not None:
            try:
                start_runner(folder, lock)
            except OSError as error:
                folder.withdraw_spec()
                raise LaunchError(f"No process can be started: {error}.", "end some, then run again") from error
            finally:
                os.close(lock)
        return FolderJob(folder)

    async def attach(self, job: JobId) -> FolderJob | None:
        """The handle of a job started earlier, by whomever; None if it never was."""
        return attach(job)


def start_runner(folder: JobFolder, lock: int) -> None:
    """Start a detached runner that inherits `lock`. Raises OSError when the system refuses."""
    command = [sys.executable, "-P", "-m", "trex_nb.launch.runner", str(folder.path), str(lock)]
    with folder.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  our own module
            command, cwd=folder.path, env=runner_environment(), pass_fds=(lock,), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    threading.Thread(target=process.wait, name=f"reap {process.pid}", daemon=True).start()


def runner_environment() -> dict[str, str]:
    """A clean environment in which `trex_nb` is found even where it runs from a checkout."""
    environment = clean(os.environ)
    home = Path(__file__).parents[2]
    if home.name not in {"site-packages", "dist-packages"}:
        known = environment.get("PYTHONPATH", "").split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(home), *filter(None, known)]))
    return environment
