"""Which rows that a language model wrote are fit to train on: no copies, nothing of the evaluation splits.

A model that has read the world may know a benchmark by heart, and one that is shown a row likes to say it again. So
this is part of writing rows, whatever operators a recipe has beside.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from datasets import Dataset

from trex_nb.core.ngrams import NGRAMS_FILE
from trex_nb.core.recipe import Decontaminate, NearDedup
from trex_nb.train.operators.ask import Generated
from trex_nb.train.operators.near import without_near_copies
from trex_nb.train.operators.overlap import decontaminated
from trex_nb.train.operators.rows import Rows


def fresh(data: Dataset, rows: Rows, new: Generated, train_file: Path) -> tuple[Rows, str]:
    """Of `rows` of `data`, the last of which are `new`: those without new ones that nearly say what a row shown or an
    earlier new one says, or that share a passage with an evaluation prompt; and how many were left out, in words.

    Passages that many of all rows have are boilerplate, as for `Decontaminate`. Where the train file has no hashed
    passages beside it (rows of no study), there is nothing to compare with, and that is said.
    """
    written = np.arange(len(data) - len(new.data), len(data))
    alike = without_near_copies(NearDedup(), data, np.concatenate([new.shown, written]))
    copies = np.setdiff1d(written, alike)
    rows = rows[~np.isin(rows, copies)]
    has_sealed = train_file.with_name(NGRAMS_FILE).exists()
    clean = decontaminated(Decontaminate(), data, rows, train_file) if has_sealed and len(written) else rows
    leaks = np.setdiff1d(np.intersect1d(rows, written), clean)
    rows = rows[~np.isin(rows, leaks)]
    return rows, _said(new, len(copies), len(leaks) if has_sealed else None)


def _said(new: Generated, copies: int, leaks: int | None) -> str:
    kept = len(new.data) - copies - (leaks or 0)
    rest = {
        "without a usable answer": new.asked - len(new.data),
        "near copies": copies,
        "with a passage of an evaluation prompt": leaks or 0,
    }
    left_out = ", ".join(f"{count} {why}" for why, count in rest.items() if count)
    said = f"a language model wrote {kept} rows after {len(new.shown)}"
    said += f"; left out: {left_out}" if left_out else ""
    return said if leaks is not None else f"{said}; not compared with any evaluation prompts (there are none here)"
