"""Carrying out a DataRecipe: which rows of the train file a run trains on.

The rows come in a seeded random order, so the first share of them is an unbiased sample and a probe at lower fidelity
trains on a subset of what the full run trains on. Only those that are trained on are ever in memory at once, and never
as Python objects.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from datasets import Dataset

from trex_nb.core.recipe import DataRecipe
from trex_nb.core.row_model import RowModel
from trex_nb.train.failure import bad_data, stating_failures
from trex_nb.train.operators.carry import Carrier, Pool
from trex_nb.train.operators.rows import Rows, as_keys, grouped, key, opened, taken
from trex_nb.train.operators.summary import summary
from trex_nb.train.show import show

LARGEST_SEED = 2**32


@stating_failures("data")
def prepare(
    recipe: DataRecipe,
    train_file: str | Path,
    *,
    fidelity: float = 1.0,
    limit: int | None = None,
    model: RowModel | None = None,
) -> Dataset:
    """The rows that `recipe` makes of `train_file` (JSON lines of `Example`), as a 🤗 Dataset.

    `limit` caps the number of rows; `fidelity` in (0, 1] keeps that share of what is left, always a prefix of the full
    run's rows. `model` answers the operators that ask one. Displays what each operator did. Raises `TrainingFailed`
    (data/bad_data) when there are no rows to train on.
    """
    data = opened(Path(train_file))
    pool, steps = Carrier(Path(train_file), model).walk(recipe, Pool(data, np.arange(len(data))))
    shuffled = np.random.default_rng([recipe.seed, LARGEST_SEED]).permutation(pool.rows)
    full = len(shuffled) if limit is None else min(limit, len(shuffled))
    chosen = shuffled[: math.ceil(fidelity * full)]
    if not len(chosen):
        raise bad_data("The recipe leaves no rows to train on.", "wider filter bounds, or fewer operators.")
    rows = taken(pool.data, chosen)
    html, text = summary(rows, len(data), steps)
    show({"text/html": html}, text)
    return rows


def export(rows: Dataset, path: str | Path) -> Path:
    """Write rows to a .jsonl, .csv or .parquet file, a batch at a time; returns its path. Raises `TrainingFailed` for
    another ending."""
    path = Path(path)
    writers = {
        ".jsonl": lambda: rows.to_json(path, lines=True, force_ascii=False),
        ".csv": lambda: rows.to_csv(path),
        ".parquet": lambda: rows.to_parquet(path),
    }
    if path.suffix not in writers:
        raise bad_data(f"Rows cannot be written as {path.name}.", "a name that ends in .jsonl, .csv or .parquet.")
    writers[path.suffix]()
    return path


def hold_out(rows: Dataset, seed: int, *, share: float = 0.05, most: int = 64, least: int = 100) -> tuple[Rows, Rows]:
    """Row numbers to train on, and a few to watch: `share` of the rows, `most` at most, none below `least` rows.

    All copies of a watched row are watched, so a resampled row cannot be on both sides.
    """
    everything = np.arange(len(rows))
    groups = grouped(as_keys(key(p, a) for p, a in zip(rows["prompt"][:], rows["answer"][:], strict=True)))
    if len(rows) < least or len(groups) < 2:
        return everything, everything[:0]
    wanted = min(most, int(share * len(rows)))
    watched: list[int] = []
    for at in np.random.default_rng([seed, len(rows)]).permutation(len(groups)):
        if len(watched) + len(groups[at]) <= wanted:
            watched += groups[at].tolist()
        if len(watched) == wanted:
            break
    return np.setdiff1d(everything, watched), np.array(sorted(watched), dtype=np.int64)
