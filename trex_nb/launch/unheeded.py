"""A cancel that nobody heeds: the runner is suspended, or stuck in the system. Then whoever follows the job ends it.

The runner is known by its process id together with when that process began, or by its command line, which names the
job's folder: an id that another process has by now is never killed. Limits: only on the runner's own machine, by its
own user; a process that waits for a dead disk dies when the disk answers.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil

from trex_nb.core.job import Started
from trex_nb.launch.files import JobFolder
from trex_nb.launch.processes import kill_all

HUNG_AFTER = 15.0
"""Seconds after which a runner that should end its job counts as hung: one that is well needs a few at most."""

CANCEL_SIGNAL = signal.SIGUSR1
"""What tells a runner to cancel its job."""

_SAME = 0.05
_RUNNERS = frozenset({"trex_nb.launch.runner", "trex_nb.launch.zygote"})


class Unheeded:
    """Looks after one job that was cancelled; whoever follows the job asks it now and then."""

    def __init__(self, folder: JobFolder, hung_after: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._hung_after = hung_after
        self._clock = clock
        self._cancelled_at: float | None = None

    def is_overdue(self) -> bool:
        """Whether the job should have ended by now. Counts from when this process first saw that it was cancelled, so
        that no stepped clock can make it early."""
        if not self._folder.cancelled():
            return False
        if self._cancelled_at is None:
            self._cancelled_at = self._clock()
        return self._clock() - self._cancelled_at > self._hung_after

    def end(self) -> None:
        """Kill the runner and all processes of the job. A job inside a notebook's own process is left to that."""
        facts = self._folder.read_runner()
        runner = recorded_runner(facts, str(self._folder.path))
        if runner is not None and not self._is_inline(facts["pid"]):
            with contextlib.suppress(psutil.Error):
                if self._folder.is_locked_by(runner):  # a job can write there the facts of any process
                    runner.kill()
        kill_all(self._folder)

    def _is_inline(self, runner: int) -> bool:
        return any(isinstance(u, Started) and u.pid == runner for u in self._folder.read_updates()[0])


def tell(folder: JobFolder) -> None:
    """Tell a job's runner itself that its job is cancelled, by signal: the job can remove the file that says so, and
    name another runner. Found by our command line and the open lock; a notebook's own process is none of these."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if not _RUNNERS.isdisjoint(process.cmdline()) and folder.is_locked_by(process):
                process.send_signal(CANCEL_SIGNAL)


def recorded_runner(facts: Mapping[str, Any], folder: str) -> psutil.Process | None:
    """The process that `runner.json` names, if it lives on this machine and is still that one.

    When a process began is reckoned from the system's clock and shifts when that is stepped; the command line of our
    own runners does not.
    """
    if facts.get("host") != socket.gethostname():
        return None
    with contextlib.suppress(psutil.Error, KeyError, TypeError, ValueError):
        process = psutil.Process(facts["pid"])
        began_then = abs(process.create_time() - facts["create_time"]) < _SAME
        line = process.cmdline()
        if began_then or ("trex_nb.launch.runner" in line and folder in line):
            return process
    return None
