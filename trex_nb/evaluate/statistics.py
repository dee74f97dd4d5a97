"""Standard errors: how far a value on so many items may be from the value on all items there could be.

Pure. The errors say nothing of the noise of training; finalists are repeated over seeds for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mean_stderr(scores: Floats) -> float:
    """Standard error of the mean of item scores in [0, 1]; for right and wrong it is sqrt(p(1-p)/n).

    Never below `least_stderr`: nothing wrong among n items is no proof of perfection.
    """
    return max(float(np.std(scores)) / math.sqrt(len(scores)), least_stderr(len(scores)))


def least_stderr(n: int) -> float:
    """The standard error that Agresti and Coull (1998) give to 0 or n right of n: of p = 2/(n+4) on n+4 items, two
    right and two wrong ones having been added."""
    p = 2 / (n + 4)
    return math.sqrt(p * (1 - p) / (n + 4))


def bootstrap_stderr(statistic: Callable[[Floats], Floats], n: int, *, resamples: int = 400, seed: int = 0) -> float:
    """Standard deviation of `statistic` over resamples of n items (Efron 1979); never below `least_stderr`.

    `statistic` takes weights (resamples, n), how often each item was drawn, and gives a value for each row.
    """
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    return max(float(np.std(statistic(weights))), least_stderr(n))
