"""When a training saves its state unasked: often enough that little is lost with it, seldom enough to cost little.

Pure but for the clock it is given.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping

from trex_nb.core.job import JOB_VARIABLE

VARIABLE = "TREX_SAVE_SECONDS"
"""In a job's environment: how many seconds lie between two saves at least; `inf` saves only when asked."""

SHORTEST, LONGEST = 30.0, 600.0
"""Seconds between two saves: the shortest unless the environment says otherwise, and the longest unless saving itself
takes so long."""

MOST_LOST, MOST_SPENT = 0.05, 0.02
"""The shares of the time trained so far that may be lost, and of all time that may be spent on saving."""


class Pace:
    """Paces one training, from when this is made."""

    def __init__(self, shortest: float = SHORTEST, clock: Callable[[], float] = time.monotonic) -> None:
        self._shortest = shortest
        self._clock = clock
        self._begun = self._saved_at = clock()
        self._took = 0.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Pace:
        """As `VARIABLE` says; what is no number is as if it were not there. A training that is no job's, whose states
        nobody would clear away, saves none unasked."""
        try:
            return cls(float(environ[VARIABLE]))
        except (KeyError, ValueError):
            return cls(SHORTEST if JOB_VARIABLE in environ else math.inf)

    @property
    def is_due(self) -> bool:
        """Whether the state should be saved now."""
        now = self._clock()
        apart = min(LONGEST, MOST_LOST * (now - self._begun))
        return now - self._saved_at >= max(self._shortest, apart, self._took / MOST_SPENT)

    def saved(self, seconds: float) -> None:
        """The state was saved just now (or could not be), which took so many `seconds`."""
        self._saved_at = self._clock()
        self._took = seconds
