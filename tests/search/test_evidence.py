"""Comparisons by hand, against simulation, and their laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trex_nb.core.items import pack, unpack
from trex_nb.core.result import Score
from trex_nb.search.evidence import (
    Comparison,
    Evidence,
    Floats,
    SeedNoise,
    compare,
    luck,
    mcnemar,
    normal_quantile,
    paired_stderr,
    pooled_sd,
    sign_flip,
    student_p,
    student_quantile,
)

BITS = st.lists(st.booleans(), min_size=2, max_size=60)
PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60)
SHARES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40)
LAW = settings(max_examples=60)


def evidence(name: str, items: Floats, seeds: int = 1) -> Evidence:
    value, n = float(items.mean()), len(items)
    stderr = max(math.sqrt(value * (1 - value) / n) if 0 <= value <= 1 else 0.0, 1e-3)
    return Evidence(name, Score(metric="accuracy", split="search", value=value, n=n, stderr=stderr), items, seeds)


def compared(pairs: list[tuple[float, float]], noise: SeedNoise | None = None) -> Comparison:
    one, two = np.array(pairs, dtype=float).T
    return compare(evidence("n1", one), evidence("n2", two), noise)


def test_mcnemar_by_hand() -> None:
    """8 against 2: (1 + 10 + 45) / 1024, twice."""
    assert mcnemar(8, 2) == pytest.approx(2 * 56 / 1024)
    assert mcnemar(2, 8) == mcnemar(8, 2)
    assert mcnemar(5, 5) == mcnemar(0, 0) == 1.0
    assert mcnemar(3000, 2000) < 1e-40


def test_sign_flips_by_hand() -> None:
    """Of the 8 patterns of .1, .2, .4 only the two one-sided ones reach .7; the order does not matter."""
    assert sign_flip(np.array([0.1, 0.2, 0.4])) == pytest.approx(2 / 8)
    assert sign_flip(np.array([-0.4, 0.0, -0.1, -0.2])) == pytest.approx(2 / 8)


def test_students_t_by_the_tables() -> None:
    assert student_quantile(4.0) == pytest.approx(2.776, abs=1e-3)
    assert student_quantile(1.0) == pytest.approx(12.706, abs=1e-2)
    assert student_p(2.228, 10) == pytest.approx(0.05, abs=1e-3)
    assert student_quantile(math.inf) == pytest.approx(1.96, abs=1e-3)


def test_the_luck_of_the_best_by_the_tables() -> None:
    """Expected maxima of normals: 0.5642 of 2, 1.1630 of 5, 1.7034 of 14 (Harter 1961)."""
    for k, known in ((2, 0.5642), (5, 1.1630), (14, 1.7034)):
        assert luck(0.01, k) == pytest.approx(0.01 * known, rel=0.05)
    assert luck(0.01, 1) == 0.0
    assert normal_quantile(0.975) == pytest.approx(1.96, abs=1e-3)


def test_a_clear_gain_is_said_with_its_size_and_p() -> None:
    found = compared([(0.0, 1.0)] * 20 + [(1.0, 1.0)] * 70 + [(1.0, 0.0)] * 4 + [(0.0, 0.0)] * 6)
    assert found.outcome == "better"
    assert found.sentence.startswith("n2 is better than n1: +0.160 [")
    assert found.sentence.endswith("p = 0.002 (100 items, paired).")


def test_what_cannot_be_told_says_how_many_items_would() -> None:
    """10 against 6 of 100: d .04, variance .162 an item (half an item added either side): 7.85 * .162 / .0016 = 795."""
    found = compared([(0.0, 1.0)] * 10 + [(1.0, 1.0)] * 70 + [(1.0, 0.0)] * 6 + [(0.0, 0.0)] * 14)
    assert found.outcome == "cannot tell"
    assert found.needed == pytest.approx(795, rel=0.01)
    assert "A difference of this size needs about" in found.sentence


def test_without_item_scores_the_errors_are_independent() -> None:
    one, two = evidence("n1", np.array([1.0] * 80 + [0.0] * 20)), evidence("n2", np.array([1.0] * 95 + [0.0] * 5))
    bare = Evidence("n1", one.score, np.zeros(0))
    found = compare(bare, two)
    assert not found.is_paired
    assert found.stderr == pytest.approx(math.hypot(one.score.stderr, two.score.stderr))
    assert "errors taken as independent" in found.sentence


def test_the_noise_of_training_is_part_of_the_error_once_it_is_known() -> None:
    """.16 on these items is beyond doubt, but not when another seed moves a score by .1."""
    pairs = [(0.0, 1.0)] * 20 + [(1.0, 1.0)] * 70 + [(1.0, 0.0)] * 4 + [(0.0, 0.0)] * 6
    assert compared(pairs).outcome == "better"
    found = compared(pairs, SeedNoise(0.1, 4))
    assert found.outcome == "cannot tell"
    assert found.stderr == pytest.approx(math.hypot(compared(pairs).stderr, 0.1 * math.sqrt(2)))
    assert "More seeds would tell sooner" in found.sentence


def test_seeds_are_pooled_within_groups() -> None:
    noise = pooled_sd([[0.8, 0.9], [0.5], [0.1, 0.2, 0.3]])
    assert noise is not None
    assert noise.df == 3
    assert noise.sd == pytest.approx(math.sqrt((0.005 + 0.02) / 3))
    assert pooled_sd([[0.5], []]) is None


@LAW
@given(SHARES)
def test_swapping_sides_flips_the_sign_and_nothing_else(pairs: list[tuple[float, float]]) -> None:
    there, back = compared(pairs), compared([(b, a) for a, b in pairs])
    assert there.value == pytest.approx(-back.value)
    assert (there.p, there.stderr) == pytest.approx((back.p, back.stderr))
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@LAW
@given(BITS)
def test_equal_items_cannot_be_told_apart(items: list[bool]) -> None:
    found = compared([(float(i), float(i)) for i in items])
    assert (found.outcome, found.p) == ("cannot tell", 1.0)
    assert "come out alike" in found.sentence


@LAW
@given(PAIRS)
def test_more_items_of_the_same_kind_make_a_smaller_interval(pairs: list[tuple[bool, bool]]) -> None:
    few = [(float(a), float(b)) for a, b in pairs]
    one, many = compared(few), compared(few * 4)
    if any(a != b for a, b in pairs):
        assert many.high - many.low < one.high - one.low
        assert many.p <= one.p + 1e-12


@LAW
@given(st.lists(st.floats(-5, 5, width=32), max_size=50) | BITS)
def test_items_come_back_as_they_were_packed(items: list[float]) -> None:
    assert unpack(pack(items)).tolist() == pytest.approx([float(i) for i in items])


def test_many_items_are_thinned_alike_and_nonsense_is_refused() -> None:
    long = [float(i % 2) for i in range(12_000)]
    assert len(unpack(pack(long))) == 5_000
    assert unpack("").tolist() == []
    for text in ("x3:AAAA", "f2:AAAA", "b9:!", "nonsense"):
        with pytest.raises(ValueError, match="not item scores"):
            unpack(text)


def _rate(draw: str, effect: float, trials: int = 200, n: int = 150) -> float:
    """How often a difference is claimed, over simulated pairs of models that share the items' difficulty."""
    rng = np.random.default_rng(7)
    claimed = 0
    for _ in range(trials):
        easy = rng.beta(2, 1, n)
        if draw == "right or wrong":
            one, two = ((rng.random(n) < p).astype(float) for p in (easy, np.clip(easy + effect, 0, 1)))
        else:
            one, two = (np.clip(rng.normal(easy + e, 0.2), 0, 1) for e in (0.0, effect))
        claimed += compare(evidence("a", one), evidence("b", two)).outcome != "cannot tell"
    return claimed / trials


@pytest.mark.parametrize("draw", ["right or wrong", "shares"])
def test_noise_is_called_a_difference_in_one_case_of_twenty_and_a_real_one_is_found(draw: str) -> None:
    assert _rate(draw, 0.0) <= 0.08
    assert _rate(draw, 0.2) > 0.8


def test_agresti_and_mins_error_by_hand() -> None:
    """3 up, 1 down of 10: 3.5 and 1.5 of 12."""
    deltas = np.array([1.0] * 3 + [-1.0] + [0.0] * 6)
    assert paired_stderr(deltas) == pytest.approx(math.sqrt(5 - 4 / 12) / 12)
