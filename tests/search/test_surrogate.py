from __future__ import annotations

import random

import numpy as np
import pytest

from trex_nb.search.space import space_for
from trex_nb.search.surrogate import Observation, Prediction, distances, encode, expected_improvement, fit, matern
from trex_nb.testing.trees import BASE, FACTS

SPACE = space_for(FACTS, BASE)
RNG = random.Random(0)
POINTS = [SPACE.draw(RNG) for _ in range(30)]


def _score(point: object) -> float:
    return 0.5 + 0.4 * SPACE.field("share").unit(point["share"])  # type: ignore[index]


def test_distances_are_symmetric_and_zero_to_oneself() -> None:
    encoded = encode(SPACE, POINTS, [1.0] * len(POINTS))
    found = distances(SPACE, encoded, encoded)
    assert np.allclose(found, found.transpose(0, 2, 1))
    assert np.allclose(np.diagonal(found, axis1=1, axis2=2), 0)
    assert found.min() >= 0
    assert found.max() <= 1


def test_correlation_falls_with_distance() -> None:
    found = matern(np.array([0.0, 0.1, 1.0, 10.0]))
    assert found[0] == 1
    assert list(found) == sorted(found, reverse=True)


def test_what_was_measured_well_is_predicted() -> None:
    seen = [Observation(p, _score(p), 0.001) for p in POINTS]
    surrogate = fit(SPACE, seen)
    for found, o in zip(surrogate.predict(POINTS), seen, strict=True):
        assert found.mean == pytest.approx(o.score, abs=0.03)


def test_the_field_that_matters_is_found() -> None:
    surrogate = fit(SPACE, [Observation(p, _score(p), 0.01) for p in POINTS])
    better, worse = ({**SPACE.default(), "share": s} for s in (1.0, 0.25))
    high, low = surrogate.predict([better, worse])
    assert high.mean > low.mean + 0.1


def test_the_unknown_is_less_certain_than_the_known() -> None:
    surrogate = fit(SPACE, [Observation(POINTS[0], 0.5, 0.01), Observation(POINTS[1], 0.6, 0.01)])
    known, unknown = surrogate.predict([POINTS[0], POINTS[9]])
    assert unknown.stderr > known.stderr


def test_nearest_is_the_point_itself_when_it_was_seen() -> None:
    surrogate = fit(SPACE, [Observation(p, _score(p), 0.01) for p in POINTS])
    assert surrogate.nearest(POINTS[7]) == 7


def test_one_observation_is_enough_and_equal_scores_are_no_trouble() -> None:
    assert fit(SPACE, [Observation(POINTS[0], 0.5, 0.0)]).predict(POINTS[:2])
    assert fit(SPACE, [Observation(POINTS[0], 0.5, 0.0)] * 4).predict(POINTS[:2])


def test_expected_improvement_of_a_certain_and_of_a_fair_prediction() -> None:
    """With mean at the best and deviation s it is s / sqrt(2 pi) = 0.3989 s."""
    assert expected_improvement(Prediction(0.7, 0.0), 0.5) == pytest.approx(0.2)
    assert expected_improvement(Prediction(0.3, 0.0), 0.5) == 0
    assert expected_improvement(Prediction(0.5, 0.1), 0.5) == pytest.approx(0.03989, abs=1e-5)
