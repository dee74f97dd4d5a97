"""Thinning a training curve to what is worth an event: about two points a second, and always the last one.

Pure: the caller brings the time. The whole curve stays in the notebook; these are the points a watcher sees live.
"""

from __future__ import annotations

from collections.abc import Iterable

from trex_nb.core.job import Progressed


class Thinner:
    """Keeps the newest point (and the newest with an `eval_loss`) of every `every` seconds."""

    def __init__(self, every: float = 0.5) -> None:
        self._every = every
        self._last_time = float("-inf")
        self._seen = -1
        self._waiting: dict[bool, Progressed] = {}

    def add(self, points: Iterable[Progressed]) -> None:
        """Take notice of a curve, or of its new end: points of steps seen before are ignored."""
        for point in points:
            if point.step > self._seen:
                self._seen = point.step
                self._waiting[point.eval_loss is not None] = point

    def due(self, now: float) -> list[Progressed]:
        """The points to pass on at time `now` (seconds on any steady clock), in order of step."""
        return self.rest(now) if self._waiting and now - self._last_time >= self._every else []

    def rest(self, now: float) -> list[Progressed]:
        """All points that still wait, in order of step."""
        points = sorted(self._waiting.values(), key=lambda p: p.step)
        self._waiting.clear()
        self._last_time = now
        return points
