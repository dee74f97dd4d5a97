"""Telling evidence from noise: the few statistics that the findings rest on. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

STRICT = 2.0
"""Standard errors that a single comparison has to lie apart."""
_TAIL = 1 - NormalDist().cdf(STRICT)


def apart(looks: int) -> float:
    """Standard errors that the most telling of `looks` comparisons has to lie apart, so that all of them together err
    as seldom as one comparison at two (Bonferroni)."""
    return NormalDist().inv_cdf(1 - _TAIL / max(1, looks))


def lowest_share(count: float, n: int, z: float = STRICT) -> float:
    """The lower end of Wilson's interval for a share of `count` in `n` (Wilson 1927): what it is at least."""
    if n <= 0:
        return 0.0
    p = count / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n)


def share_error(p: float, n: int) -> float:
    """The standard error of a share that is `p`, in `n` items; the share counts as no nearer to 0 or 1 than one half
    item in `n`, where the formula would be zero. Also a bound for the mean of any scores between 0 and 1."""
    edge = min(0.5, 0.5 / n)
    p = min(1 - edge, max(edge, p))
    return math.sqrt(p * (1 - p) / n)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error; the error of fewer than two values is infinite."""
    if len(values) < 2:
        return fmean(values), math.inf
    return fmean(values), stdev(values) / math.sqrt(len(values))


def trend(values: Sequence[float]) -> tuple[float, float]:
    """By how much the straight line through `values` (least squares, evenly spaced) changes from its first to its last
    point, and the standard error of that; infinite for fewer than four values."""
    n = len(values)
    if n < 4:
        return 0.0, math.inf
    xs = [i / (n - 1) for i in range(n)]
    middle, level = fmean(xs), fmean(values)
    spread = sum((x - middle) ** 2 for x in xs)
    slope = sum((x - middle) * (y - level) for x, y in zip(xs, values, strict=True)) / spread
    rest = sum((y - level - slope * (x - middle)) ** 2 for x, y in zip(xs, values, strict=True))
    return slope, math.sqrt(rest / (n - 2) / spread)
