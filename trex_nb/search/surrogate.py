"""A Gaussian process over all finished runs of the tree: what score to expect from a point that was not tried yet.

Kernel: Matérn 5/2 over a weighted sum of per-field distances; numbers by their place in the range, categories by
equality, a field that only one side has counts as a fixed small distance. Hyper-parameters are not optimised but
averaged: a fixed set of draws is weighted by marginal likelihood, so the answer is deterministic and cannot collapse
on few points. O(draws · n³) for n observations; made for hundreds of runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trex_nb.search.space import Point, Space

Array = NDArray[np.float64]

_ONE_SIDED = 0.15
_DRAWS = 64


@dataclass(frozen=True, slots=True)
class Observation:
    """A finished run: its point, its search score (the study's worst for a failure) and the score's standard error."""

    point: Point
    score: float
    stderr: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What to expect of one point: mean and standard deviation of its score."""

    mean: float
    stderr: float


def distances(space: Space, a: Sequence[Point], b: Sequence[Point]) -> Array:
    """Squared distance per field, shape (fields, len(a), len(b)), each in [0, 1]."""
    found = np.zeros((len(space.fields), len(a), len(b)))
    for k, field in enumerate(space.fields):
        has_a = np.array([field.name in p for p in a], dtype=bool)
        has_b = np.array([field.name in p for p in b], dtype=bool)
        left = np.array([field.unit(p[field.name]) if field.name in p else 0.0 for p in a])
        right = np.array([field.unit(p[field.name]) if field.name in p else 0.0 for p in b])
        gap = np.abs(left[:, None] - right[None, :])
        if field.is_categorical:
            gap = (gap > 0).astype(float)
        both = has_a[:, None] & has_b[None, :]
        one = has_a[:, None] ^ has_b[None, :]
        found[k] = np.where(both, gap**2, np.where(one, _ONE_SIDED, 0.0))
    return found


def matern(squared: Array) -> Array:
    """Matérn 5/2 correlation of a squared scaled distance (Rasmussen and Williams, eq. 4.17)."""
    root = np.sqrt(5 * squared)
    return np.asarray((1 + root + 5 * squared / 3) * np.exp(-root))


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A fitted process. Make it with `fit`."""

    space: Space
    seen: tuple[Observation, ...]
    centre: float
    scale: float
    weights: Array  # (draws,) posterior weights, sum 1
    inverse_lengths: Array  # (draws, fields)
    factors: Array  # (draws, n, n) lower Cholesky factors
    solved: Array  # (draws, n) K^-1 y

    def predict(self, points: Sequence[Point]) -> list[Prediction]:
        """Mean and standard deviation for each point, the draws' mixture."""
        squared = distances(self.space, points, [o.point for o in self.seen])
        means, variances = [], []
        for d in range(len(self.weights)):
            cross = matern(np.tensordot(self.inverse_lengths[d], squared, axes=1))
            means.append(cross @ self.solved[d])
            half = np.linalg.solve(self.factors[d], cross.T)
            variances.append(np.clip(1 - np.sum(half**2, axis=0), 1e-6, None))
        mean = np.tensordot(self.weights, np.array(means), axes=1)
        second = np.tensordot(self.weights, np.array(variances) + np.array(means) ** 2, axes=1)
        deviation = np.sqrt(np.clip(second - mean**2, 1e-6, None))
        return [
            Prediction(self.centre + self.scale * float(m), self.scale * float(s))
            for m, s in zip(mean, deviation, strict=True)
        ]

    def nearest(self, point: Point) -> int:
        """Index of the observation closest to `point` under the fitted lengths."""
        squared = distances(self.space, [point], [o.point for o in self.seen])
        lengths = self.weights @ self.inverse_lengths
        return int(np.argmin(np.tensordot(lengths, squared, axes=1)[0]))


def fit(space: Space, seen: Sequence[Observation]) -> Surrogate:
    """Fit to at least one observation."""
    y = np.array([o.score for o in seen])
    centre, scale = float(y.mean()), max(float(y.std()), 0.05)
    noise = np.array([(o.stderr / scale) ** 2 for o in seen]) + 1e-3
    target = (y - centre) / scale
    squared = distances(space, [o.point for o in seen], [o.point for o in seen])
    rng = np.random.default_rng(0)
    inverse = np.exp(rng.normal(0.5, 1.2, size=(_DRAWS, len(space.fields))))  # 1 / squared length
    factors, solved, evidence = [], [], []
    for lengths in inverse:
        kernel = matern(np.tensordot(lengths, squared, axes=1)) + np.diag(noise)
        factor = np.linalg.cholesky(kernel)
        alpha = np.linalg.solve(factor.T, np.linalg.solve(factor, target))
        factors.append(factor)
        solved.append(alpha)
        evidence.append(-0.5 * float(target @ alpha) - float(np.sum(np.log(np.diag(factor)))))
    weights = np.exp(np.array(evidence) - max(evidence))
    return Surrogate(
        space, tuple(seen), centre, scale, weights / weights.sum(), inverse, np.array(factors), np.array(solved)
    )


def expected_improvement(prediction: Prediction, best: float) -> float:
    """Expected gain over `best` of one draw from the prediction (Jones, Schonlau and Welch 1998, eq. 15)."""
    if prediction.stderr <= 0:
        return max(0.0, prediction.mean - best)
    z = (prediction.mean - best) / prediction.stderr
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    below = 0.5 * (1 + math.erf(z / math.sqrt(2)))
    return (prediction.mean - best) * below + prediction.stderr * density
