"""A RowModel for tests, and the contract of the seam. Subclass the contract with a `model` fixture,
that of an Embedder alone with an `embedder`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from trex_nb.core.row_model import Embedder, RowModel
from trex_nb.core.task import Example

ROWS = [Example(id=str(i), prompt=f"Say {'äß語🙂'[i]} {i}", answer="yes", slice="ab"[i % 2]) for i in range(4)]


class FakeRowModel:
    """Writes a row anew from back to front (none after an empty prompt), scores by the share of letters in the prompt,
    embeds by length. `asked` are the instructions and questions it was given."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def write(self, instruction: str, rows: Sequence[Example]) -> Sequence[Example | None]:
        self.asked.append(instruction)
        return [r.model_copy(update={"prompt": r.prompt[::-1]}) if r.prompt.strip() else None for r in rows]

    def score(self, question: str, rows: Sequence[Example]) -> Sequence[float]:
        self.asked.append(question)
        return [sum(c.isalpha() for c in r.prompt) / max(1, len(r.prompt)) for r in rows]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32).reshape(-1, 2)


class EmbedderContract:
    """What every Embedder promises."""

    def test_embeddings_are_finite_vectors_of_one_length(self, embedder: Embedder) -> None:
        vectors = np.asarray(embedder.embed([r.prompt for r in ROWS]))
        assert vectors.ndim == 2
        assert len(vectors) == len(ROWS)
        assert np.isfinite(vectors).all()

    def test_no_texts_have_no_vectors(self, embedder: Embedder) -> None:
        assert len(embedder.embed([])) == 0


class RowModelContract(EmbedderContract):
    """What every RowModel promises."""

    @pytest.fixture
    def embedder(self, model: RowModel) -> Embedder:
        return model

    def test_one_answer_for_each_row(self, model: RowModel) -> None:
        assert len(model.write("Say it in other words.", ROWS)) == len(ROWS)
        assert len(model.score("Is it clear?", ROWS)) == len(ROWS)

    def test_no_rows_are_no_answers(self, model: RowModel) -> None:
        assert len(model.write("Again.", [])) == len(model.score("Good?", [])) == 0

    def test_written_rows_have_a_prompt_and_an_answer(self, model: RowModel) -> None:
        assert all(e is None or (e.prompt.strip() and e.answer.strip()) for e in model.write("Again.", ROWS))

    def test_scores_lie_between_no_and_yes(self, model: RowModel) -> None:
        assert all(0 <= score <= 1 for score in model.score("Is it clear?", ROWS))
