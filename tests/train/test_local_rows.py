"""Embeddings by the base model: the same in any batch, near for texts that are alike."""

from __future__ import annotations

import numpy as np
import pytest

from trex_nb import tiny
from trex_nb.train.local_rows import LocalRows

TEXTS = ["the red house", "the red houses", "", "a " * 900, "東京都は日本の首都である", "x", "Ein 🙂", "sort a list"]


@pytest.fixture(scope="module")
def model() -> LocalRows:
    return LocalRows(tiny.path())


@pytest.mark.parametrize("at_once", [1, 40, 700])
def test_a_text_has_the_same_vector_in_any_batch(model: LocalRows, at_once: int) -> None:
    whole = model.embed(TEXTS)
    assert np.abs(model.embed(TEXTS, at_once=at_once) - whole).max() < 1e-5
    assert np.abs(model.embed(TEXTS[::-1])[::-1] - whole).max() < 1e-5


def test_vectors_are_of_unit_length_and_zero_for_no_text(model: LocalRows) -> None:
    lengths = np.linalg.norm(model.embed(TEXTS), axis=1)
    assert lengths == pytest.approx([1 if text else 0 for text in TEXTS], abs=1e-5)


def test_texts_that_are_alike_are_near(model: LocalRows) -> None:
    house, houses, *_, other = model.embed(TEXTS)
    assert house @ houses > house @ other


def test_equal_models_are_known_as_equal(model: LocalRows) -> None:
    assert model.identity == LocalRows(str(tiny.path())).identity != LocalRows("other").identity
