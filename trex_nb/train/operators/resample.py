"""Operators that draw rows anew, their number staying as it is: balance and mix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from datasets import Dataset

from trex_nb.core.recipe import Balance, Mix
from trex_nb.train.failure import bad_data
from trex_nb.train.operators.rows import Rows, grouped, labels


def balanced(op: Balance, data: Dataset, rows: Rows, rng: np.random.Generator) -> Rows:
    """Classes drawn by size to the power of 1 - strength."""
    classes = _places(data, rows, op.by)
    weights = {name: len(at) ** (1 - op.strength) for name, at in classes.items()}
    return rows[_resampled(classes, weights, rng)]


def mixed(op: Mix, data: Dataset, rows: Rows, rng: np.random.Generator) -> Rows:
    """Slices drawn by size times weight."""
    slices = _places(data, rows, "slice")
    weights = {name: float(len(at)) for name, at in slices.items()}
    for wish in op.weights:
        if wish.slice not in slices:
            known = ", ".join(sorted(slices)[:10])
            raise bad_data(f"The mix names the slice {wish.slice!r}, which has no rows.", f"one of: {known}.")
        weights[wish.slice] *= wish.weight
    return rows[_resampled(slices, weights, rng)]


def _places(data: Dataset, rows: Rows, column: str) -> dict[str, Rows]:
    """Places within `rows` by what stands in `column`, in the order of first appearance."""
    numbers, names = labels(data, column)
    coded = numbers[rows]
    return {names[int(coded[at[0]])]: at for at in grouped(coded)}


def _resampled(groups: Mapping[str, Rows], weights: Mapping[str, float], rng: np.random.Generator) -> Rows:
    """As many places as before, shared out over the groups in proportion to `weights`.

    A group that is to give more rows than it has gives each of them equally often, but for a random remainder: less
    noise than drawing with replacement.
    """
    total = sum(len(at) for at in groups.values())
    drawn = []
    for (_, at), count in zip(groups.items(), _shares(list(weights.values()), total), strict=True):
        whole, rest = divmod(count, len(at))
        drawn += [np.repeat(at, whole), rng.permutation(at)[:rest]]
    return np.sort(np.concatenate(drawn)) if drawn else np.arange(0)


def _shares(weights: Sequence[float], total: int) -> list[int]:
    """Whole numbers in proportion to `weights` that add up to `total` (largest remainders get the odd ones)."""
    exact = np.array(weights) / max(sum(weights), 1e-300) * total
    counts = np.floor(exact + 1e-9).astype(np.int64)
    by_remainder = np.argsort(-(exact - counts), kind="stable")
    counts[by_remainder[: total - int(counts.sum())]] += 1
    return [int(count) for count in counts]
