"""The RowModel that a job is given. It has neither a key nor the network: what a language model wrote and scored comes
from the study's record, and embeddings come from the base model (`trex_nb.train.local_rows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trex_nb.core.base import content_hash
from trex_nb.core.task import Example
from trex_nb.train.answers import PROMPTS, Answer, Answers, Kind, Questions
from trex_nb.train.failure import bad_data
from trex_nb.train.local_rows import LocalRows

_OPERATORS = {"write": "generate", "score": "judge"}


class RecordedRows:
    """A RowModel that answers what `model` (a name) was asked from the record in the file `path`, and embeds with the
    base model `base`, as far as these are given. One object serves one walk through a recipe."""

    def __init__(self, *, path: str | Path | None = None, model: str = "", base: str | Path | None = None) -> None:
        self._path = path
        self._base = base
        self._answers = Answers(Path(path) if path is not None else None)
        self._questions = Questions(model)
        self._local = LocalRows(base) if base is not None else None

    @property
    def identity(self) -> str:
        """What its answers follow from, beside the record that never changes them: equal identities, equal answers."""
        local = self._local.identity if self._local else None
        return content_hash(self._questions.model, [p.tag for p in PROMPTS.values()], local)

    def anew(self) -> RecordedRows:
        """The same, for another walk."""
        return RecordedRows(path=self._path, model=self._questions.model, base=self._base)

    def write(self, instruction: str, rows: Sequence[Example]) -> Sequence[Example | None]:
        """See `core.row_model.RowModel.write`. Raises `TrainingFailed` where an answer is not on record."""
        found = self._found("write", instruction, rows)
        return [answer.row(row) for answer, row in zip(found, rows, strict=True)]

    def score(self, question: str, rows: Sequence[Example]) -> Sequence[float]:
        """See `core.row_model.RowModel.score`. Raises `TrainingFailed` where an answer is not on record."""
        return [answer.score or 0.0 for answer in self._found("score", question, rows)]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `core.row_model.RowModel.embed`."""
        if self._local is None:
            raise bad_data("The recipe compares rows by a model, and none was given.", "RecordedRows(…, base=…).")
        return self._local.embed(texts)

    def _found(self, kind: Kind, asked: str, rows: Sequence[Example]) -> list[Answer]:
        found = [self._answers.get(key) for key, _ in self._questions.keys(kind, asked, rows)]
        known = [answer for answer in found if answer is not None]
        if len(known) < len(rows):
            what = (
                f"The recipe's {_OPERATORS[kind]} operator needs {len(rows)} answers of {self._questions.model}, and "
                f"{len(rows) - len(known)} of them are not on record."
            )
            raise bad_data(what, "run the experiment again from the study, which asks for them first.")
        return known
