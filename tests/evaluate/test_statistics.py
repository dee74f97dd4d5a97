"""Standard errors against the textbook and against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from trex_nb.core.items import unpack
from trex_nb.core.task import Example, MetricName
from trex_nb.evaluate.judge import answered, judge
from trex_nb.evaluate.metrics import macro_f1, macro_f1_items
from trex_nb.evaluate.statistics import Floats, bootstrap_stderr, least_stderr, mean_stderr


def test_share_has_the_binomial_error() -> None:
    assert mean_stderr(np.array([1.0] * 80 + [0.0] * 20)) == pytest.approx((0.8 * 0.2 / 100) ** 0.5)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_all_alike_claims_no_certainty(score: float) -> None:
    """2 of 104: sqrt(0.01923 * 0.98077 / 104) = 0.01347."""
    assert mean_stderr(np.full(100, score)) == pytest.approx(0.01347, abs=1e-5)


def test_least_error_shrinks_with_more_items() -> None:
    assert least_stderr(10) > least_stderr(100) > least_stderr(10_000) > 0


def test_bootstrap_of_a_mean_is_its_binomial_error() -> None:
    scores = np.array([1.0] * 80 + [0.0] * 20)

    def mean(weights: Floats) -> Floats:
        return np.asarray(weights @ scores / 100)

    assert bootstrap_stderr(mean, 100, resamples=4000) == pytest.approx(0.04, rel=0.05)


def test_bootstrap_of_macro_f1_is_seeded() -> None:
    expected, got = ["a", "b"] * 50, ["a", "b", "b", "a", "a", "b", "a", "b", "a", "b"] * 10
    first, again = (bootstrap_stderr(lambda w: macro_f1(expected, got, w), 100) for _ in range(2))
    assert first == again
    assert 0.02 < first < 0.08


def test_pseudo_values_of_macro_f1_have_its_mean_and_its_bootstrap_error() -> None:
    """The mean also with a class of a single item (no linear error can speak for that one)."""
    rng = np.random.default_rng(1)
    expected = [str(c) for c in rng.choice(["a", "b"], 400, p=[0.8, 0.2])]
    kept, odd = rng.random((2, 400)) < 0.7
    got = [e if k else "nonsense" if o else "a" for e, k, o in zip(expected, kept, odd, strict=True)]
    items = macro_f1_items(expected, got)
    assert items.mean() == pytest.approx(float(macro_f1(expected, got)[0]))
    error = bootstrap_stderr(lambda w: macro_f1(expected, got, w), 400, resamples=3000)
    assert items.std() / 20 == pytest.approx(error, rel=0.05)
    rare = macro_f1_items([*expected, "rare"], [*got, "a"])
    assert rare.mean() == pytest.approx(float(macro_f1([*expected, "rare"], [*got, "a"])[0]))


def test_an_evaluation_keeps_the_items_its_score_is_the_mean_of(examples: list[Example]) -> None:
    metrics: tuple[MetricName, ...] = ("accuracy", "macro_f1", "rouge1")
    for metric in metrics:
        got = [e.answer if i % 3 else "hm" for i, e in enumerate(examples)]
        found = judge(answered(examples, got, metric), metric, "search", None, 1.0)
        assert unpack(found.items).mean() == pytest.approx(found.score.value, abs=1e-6)
