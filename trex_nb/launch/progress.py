"""Thinning a training curve to what is worth an event: about two points a second, every held-out loss, and always the
last point.

Pure: the caller brings the time. The whole curve stays in the notebook; these are the points a watcher sees live.
"""

from __future__ import annotations

from collections.abc import Iterable

from trex_nb.core.job import Progressed


class Thinner:
    """Keeps the newest point (and each with an `eval_loss`) of every `every` seconds."""

    def __init__(self, every: float = 0.5) -> None:
        self._every = every
        self._last_time = float("-inf")
        self._seen = -1
        self._newest: Progressed | None = None
        self._measured: list[Progressed] = []

    def add(self, points: Iterable[Progressed]) -> None:
        """Take notice of a curve, or of its new end: points of steps seen before are ignored."""
        for point in points:
            if point.step > self._seen:
                self._seen = point.step
                if point.eval_loss is None:
                    self._newest = point
                else:
                    self._measured.append(point)

    def due(self, now: float) -> list[Progressed]:
        """The points to pass on at time `now` (seconds on any steady clock), in order of step."""
        has_news = bool(self._newest or self._measured)
        return self.rest(now) if has_news and now - self._last_time >= self._every else []

    def rest(self, now: float) -> list[Progressed]:
        """All points that still wait, in order of step."""
        newest = [self._newest] if self._newest else []
        points = sorted([*self._measured, *newest], key=lambda p: p.step)
        self._newest, self._measured = None, []
        self._last_time = now
        return points
