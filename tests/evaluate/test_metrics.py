"""Scorers against examples worked by hand."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trex_nb.core.task import MetricName
from trex_nb.evaluate.metrics import METRICS, longest_common_subsequence, macro_f1, words


@pytest.mark.parametrize(
    ("metric", "expected", "got", "score"),
    [
        ("accuracy", "Positive", "  positive ", 1.0),
        ("accuracy", "very  good", "very good", 1.0),
        ("accuracy", "positive", "positive.", 0.0),
        ("exact_match", "Positive", " Positive\n", 1.0),
        ("exact_match", "Positive", "positive", 0.0),
        ("rouge1", "the cat sat", "the cat", 0.8),
        ("rouge1", "a a b", "a b b", 2 / 3),
        ("rougeL", "the cat sat on the mat", "the mat sat", 4 / 9),
        ("rougeL", "Straße, 5!", "straße 5", 1.0),
        ("rouge1", "", "", 1.0),
        ("rouge1", "word", "", 0.0),
    ],
)
def test_item_scores(metric: MetricName, expected: str, got: str, score: float) -> None:
    assert METRICS[metric].item(expected, got) == pytest.approx(score)


def test_macro_f1_is_the_mean_over_classes() -> None:
    """a: 2 of 3 found, one false alarm: P 2/3, R 2/3, F1 2/3. b: found 1 of 2, one false alarm: F1 1/2. Mean 7/12."""
    expected, got = ["a", "a", "a", "b", "b"], ["a", "a", "b", "b", "a"]
    assert macro_f1(expected, got)[0] == pytest.approx(7 / 12)


def test_answer_outside_the_classes_is_a_miss_and_no_false_alarm() -> None:
    """a: R 1/2, P 1, F1 2/3; b: F1 1. Mean 5/6."""
    assert macro_f1(["a", "a", "b"], ["a", "dunno", "B "])[0] == pytest.approx(5 / 6)


def test_macro_f1_counts_an_item_as_often_as_its_weight() -> None:
    """Twice a→a and b→a: F1 of a 4/5, of b 0. Then b→a and b→b: of b 2/3, a is absent."""
    weights = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    assert macro_f1(["a", "b", "b"], ["a", "a", "b"], weights) == pytest.approx([0.4, 2 / 3])


def test_every_metric_name_has_a_scorer() -> None:
    assert set(METRICS) == set(get_args(MetricName))


def test_words_of_any_script_count() -> None:
    assert words("Über-Größe: 東京 42") == ["über", "größe", "東京", "42"]


@given(st.text("abc ", max_size=12), st.text("abc ", max_size=12), st.sampled_from(sorted(METRICS)))
def test_scores_are_shares_equal_texts_score_one_and_order_does_not_matter(
    left: str, right: str, metric: MetricName
) -> None:
    item = METRICS[metric].item
    assert item(left, left) == 1.0
    assert 0.0 <= item(left, right) == item(right, left) <= 1.0


@given(st.text("ab", max_size=8), st.text("ab", max_size=8), st.text("ab", max_size=8))
def test_common_subsequence_grows_with_a_shared_end(left: str, right: str, end: str) -> None:
    assert longest_common_subsequence(left + end, right + end) == longest_common_subsequence(left, right) + len(end)
