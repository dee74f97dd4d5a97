"""Operators that ask a model (generate, judge), and select, which needs one only for learnt embeddings."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from trex_nb.core.recipe import Generate, Judge, Select
from trex_nb.core.row_model import RowModel
from trex_nb.core.task import Example
from trex_nb.train.failure import bad_data
from trex_nb.train.operators.rows import BATCH, WRITTEN, Rows, as_batch, examples_of, in_memory, member, walked
from trex_nb.train.operators.tokens import tokens

_PLACES = 256
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Generated:
    """Rows that a model wrote after those `shown`; it was asked for `asked` of them."""

    data: Dataset
    shown: Rows
    asked: int


def generated(op: Generate, data: Dataset, rows: Rows, model: RowModel | None, rng: np.random.Generator) -> Generated:
    """What the model writes after `n` of the rows, each of them shown as often as the others, give or take one."""
    asked = _given(model, op.op)
    shown = np.resize(rng.permutation(rows), op.n if len(rows) else 0)

    def written() -> Iterator[Example]:
        for start in range(0, len(shown), BATCH):
            yield from (e for e in asked.write(op.instruction, examples_of(data, shown[start : start + BATCH])) if e)

    named = [e.model_copy(update={"id": f"{WRITTEN}{len(data) + i}"}) for i, e in enumerate(written())]
    return Generated(in_memory([as_batch(named)]), np.unique(shown), len(shown))


def judged(op: Judge, data: Dataset, rows: Rows, model: RowModel | None) -> Rows:
    """Rows with a score of at least `least`."""
    asked = _given(model, op.op)
    distinct = np.unique(rows)
    kept = [np.arange(0)]
    for start in range(0, len(distinct), BATCH):
        part = distinct[start : start + BATCH]
        kept.append(part[np.asarray(asked.score(op.question, examples_of(data, part)), dtype=float) >= op.least])
    return member(rows, np.concatenate(kept))


def selected(op: Select, data: Dataset, rows: Rows, model: RowModel | None, rng: np.random.Generator) -> Rows:
    """`n` of the distinct rows, far from each other. Rows are gone through in random blocks, each giving its part, so
    that time grows with rows and not with their square, and one block of vectors is held at a time."""
    embed = hashed if op.embedding == "hashed" else _given(model, op.op).embed
    distinct = rng.permutation(np.unique(rows))
    if op.n >= len(distinct):
        return np.unique(rows)
    chosen = []
    for start in range(0, len(distinct), _BLOCK):
        block = np.sort(distinct[start : start + _BLOCK])
        quota = op.n * (start + len(block)) // len(distinct) - op.n * start // len(distinct)
        texts = [
            f"{prompt}\n{answer}"
            for _, columns in walked(data, block, ["prompt", "answer"])
            for prompt, answer in zip(*columns, strict=True)
        ]
        chosen.append(block[_spread(np.asarray(embed(texts), dtype=np.float32), quota)])
    return np.sort(np.concatenate(chosen))


def hashed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Counts of words and word pairs in 256 hashed places with hashed signs, at unit length."""
    vectors = np.zeros((len(texts), _PLACES), dtype=np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        for token in tokens(text, ""):
            at = zlib.crc32(token.encode())
            vector[at % _PLACES] += 1 if at & 0x80000000 else -1
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return vectors


def _spread(vectors: NDArray[np.float32], n: int) -> list[int]:
    """Places of `n` vectors, each the farthest from those before it; the first is the one nearest to the mean."""
    if n < 1:
        return []
    chosen = [int(np.argmin(np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)))]
    nearest = np.full(len(vectors), np.inf)
    while len(chosen) < n:
        nearest = np.minimum(nearest, np.linalg.norm(vectors - vectors[chosen[-1]], axis=1))
        nearest[chosen[-1]] = -1.0  # never again, even where all that is left are copies
        chosen.append(int(np.argmax(nearest)))
    return chosen


def _given(model: RowModel | None, op: str) -> RowModel:
    if model is None:
        what = f"The recipe's {op} operator asks a model, and none was given."
        raise bad_data(what, "prepare(…, model=…) with a RowModel, or a recipe without the operator.")
    return model
