"""Near duplicates: MinHash signatures and locality-sensitive hashing by rensa (Rust), rows streaming through it.

rensa's index takes about a kilobyte for a row, so a first walk keeps eight bytes a band instead and finds the rows that
share a band of their signature with any other; only those can be near duplicates, and only those go through the index.
The answer is that of sending every row through it.
"""

from __future__ import annotations

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from rensa import RMinHash, RMinHashDeduplicator

from trex_nb.core.recipe import NearDedup
from trex_nb.train.operators.rows import Rows, walked
from trex_nb.train.operators.tokens import tokens

_HASHES = 128
_SEED = 42
_SURE = 0.9


def without_near_copies(op: NearDedup, data: Dataset, rows: Rows) -> Rows:
    """Rows without those that are nearly equal to one that is kept before them; copies go too."""
    distinct = np.unique(rows)
    bands = bands_for(op.threshold)
    suspects = suspected(data, distinct, bands)
    index = RMinHashDeduplicator(
        threshold=op.threshold, num_perm=_HASHES, use_lsh=True, num_bands=bands, seed=_SEED
    )  # fmt: skip
    dropped = [np.arange(0)]
    for numbers, (prompts, answers) in walked(data, suspects, ["prompt", "answer"]):
        entries = [(str(i), tokens(p, a)) for i, p, a in zip(numbers.tolist(), prompts, answers, strict=True)]
        dropped.append(numbers[~np.array(index.add_pairs(entries), dtype=bool)])
    return np.setdiff1d(distinct, np.concatenate(dropped), assume_unique=True)


def bands_for(threshold: float) -> int:
    """The fewest bands that bring at least nine in ten pairs of similarity `threshold` together: a pair meets in one of
    b bands of r hashes with probability 1 - (1 - s^r)^b (Leskovec, Rajaraman, Ullman, chapter 3)."""
    for bands in (4, 8, 16, 32):
        if 1 - (1 - threshold ** (_HASHES // bands)) ** bands >= _SURE:
            return bands
    return 64


def suspected(data: Dataset, distinct: Rows, bands: int) -> Rows:
    """The rows that share a band of their signature with another."""
    keys = np.empty((len(distinct), bands), dtype=np.uint64)
    done = 0
    for numbers, (prompts, answers) in walked(data, distinct, ["prompt", "answer"]):
        found = [tokens(p, a) for p, a in zip(prompts, answers, strict=True)]
        signatures = RMinHash.digest_matrix_from_token_sets(found, _HASHES, _SEED).to_rows()
        keys[done : done + len(numbers)] = _band_keys(np.array(signatures, dtype=np.uint64), bands)
        done += len(numbers)
    is_shared = np.zeros(len(distinct), dtype=bool)
    for band in range(bands):
        _, inverse, count = np.unique(keys[:, band], return_inverse=True, return_counts=True)
        is_shared |= count[inverse] > 1
    return distinct[is_shared]


def _band_keys(signatures: NDArray[np.uint64], bands: int) -> NDArray[np.uint64]:
    parts = signatures.reshape(len(signatures), bands, -1)
    mixed = np.zeros(parts.shape[:2], dtype=np.uint64)
    for place in range(parts.shape[2]):
        mixed = (mixed ^ parts[:, :, place]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed
