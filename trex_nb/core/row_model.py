"""The seam of data recipes to a model that writes, scores or embeds rows.

A recipe says what is asked (`core.recipe.Generate`, `Judge`, `Select`); who answers is handed to `train.prepare`. The
contract test is `trex_nb.testing.row_models.RowModelContract`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trex_nb.core.task import Example


class Embedder(Protocol):
    """Turns texts into vectors."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A vector for each text, of shape (texts, any): near ones for texts that mean the same."""
        ...


class RowModel(Embedder, Protocol):
    """Answers a batch at a time, one answer for each row, in order. A row that is shown again is written after anew.
    Equal batches may get unequal answers, except from a record of earlier ones (`train.recorded_rows`)."""

    def write(self, instruction: str, rows: Sequence[Example]) -> Sequence[Example | None]:
        """A new row after each of `rows`, or None where nothing usable came; ids are ignored."""
        ...

    def score(self, question: str, rows: Sequence[Example]) -> Sequence[float]:
        """From 0 (no) to 1 (yes) for each of `rows`."""
        ...
