"""How long a job that was asked to stop may take: not at all before it trains, then its spec's `grace`."""

from __future__ import annotations

import time

from trex_nb.core.result import Failure
from trex_nb.launch import failures
from trex_nb.launch.account import Account
from trex_nb.launch.files import JobFolder


class Patience:
    """Looks after one job; whoever runs the job asks it now and then."""

    def __init__(self, folder: JobFolder, account: Account, grace: float) -> None:
        self._folder = folder
        self._account = account
        self._grace = grace
        self._asked_at: float | None = None

    def lost(self) -> Failure | None:
        """Why the job must be ended now, if it must; None while nobody asked it to stop or it may still do so."""
        if not self._folder.asked_to_stop():
            return None
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            if not self._account.has_trained:
                return failures.STOPPED_EARLY
        return failures.UNHEEDED if time.monotonic() - self._asked_at > self._grace else None
