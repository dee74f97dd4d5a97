"""How long a job that was asked to stop may take: not at all before it trains, then its spec's `grace`; and less where
the system wants its place back (SIGTERM), for a SIGKILL mostly follows."""

from __future__ import annotations

import time

from trex_nb.core.result import Failure
from trex_nb.launch import failures
from trex_nb.launch.account import Account
from trex_nb.launch.files import JobFolder

TERMINATION_GRACE = 20.0
"""Seconds to save in after a SIGTERM: Slurm leaves 30 until the SIGKILL, Kubernetes too."""


class Patience:
    """Looks after one job; whoever runs the job asks it now and then."""

    def __init__(self, folder: JobFolder, account: Account, grace: float) -> None:
        self._folder = folder
        self._account = account
        self._grace = grace
        self._asked_at: float | None = None
        self._terminated_at: float | None = None

    def terminate(self) -> Failure | None:
        """The system wants the job to end: its training is asked to save. Why it must be ended at once, if it must: it
        does not train yet, cannot be asked, or it is the second time."""
        if self._terminated_at is not None or not self._account.has_trained:
            return failures.TERMINATED
        self._terminated_at = time.monotonic()
        try:
            if not self._folder.asked_to_stop():
                self._folder.ask_to_stop(for_system=True)
        except OSError:
            return failures.TERMINATED
        return None

    def lost(self) -> Failure | None:
        """Why the job must be ended now, if it must; None while nobody asked it to stop or it may still do so."""
        now = time.monotonic()
        if self._terminated_at is not None and now - self._terminated_at > min(self._grace, TERMINATION_GRACE):
            return failures.TERMINATED
        if not self._folder.asked_to_stop():
            return None
        if self._asked_at is None:
            self._asked_at = now
            if not self._account.has_trained:
                return failures.STOPPED_EARLY
        return failures.UNHEEDED if now - self._asked_at > self._grace else None

    def verdict(self, failure: Failure | None) -> Failure | None:
        """`failure` as it is to be told: what stopped for the system's sake alone may be tried again."""
        if failure is not None and failure.kind == "stopped" and self._goes_on():
            return failures.TERMINATED
        return failure

    def _goes_on(self) -> bool:
        return self._folder.wants_to_go_on() and not self._folder.cancelled()
