from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trex_nb.search.ideas import Idea, children, crossing, incumbent, rate, wide_edit
from trex_nb.search.space import Point, space_for
from trex_nb.search.surrogate import Observation, Prediction, Surrogate, chance_above, expected_improvement, fit
from trex_nb.testing.trees import BASE, FACTS

SPACE = space_for(FACTS, BASE)
SEEDS = st.integers(0, 10**6)


def height(point: Point) -> float:
    return 0.3 + 0.4 * SPACE.field("share").unit(point["share"]) + 0.2 * (point["method"] == "lora")


def fitted(probes: int = 0, full: int = 12, *, agree: bool = True) -> Surrogate:
    """A process that saw random points; a probe says the same as a full run, or nothing."""
    rng = random.Random(4)
    seen = []
    for number in range(probes + full):
        point = SPACE.draw(rng)
        share = 0.25 if number < probes else 1.0
        told = height(point) if share == 1 or agree else rng.random()
        seen.append(Observation(point, told, 0.02, share))
        if share < 1:  # its full twin
            seen.append(Observation(point, height(point), 0.02, 1.0))
    return fit(SPACE, seen)


@given(SEEDS)
def test_children_are_points_of_the_space(seed: int) -> None:
    rng = random.Random(seed)
    known = [SPACE.draw(rng) for _ in range(3)]
    for start in (None, known[0]):
        points = list(children(SPACE, start, known, rng))
        assert all(set(p) == {f.name for f in SPACE.active(p)} for p in points)


@given(SEEDS)
def test_a_crossing_has_nothing_of_its_own(seed: int) -> None:
    rng = random.Random(seed)
    a, b = SPACE.draw(rng), SPACE.draw(rng)
    made = crossing(SPACE, a, b, rng)
    assert all(v in (a.get(n), b.get(n), SPACE.field(n).default) for n, v in made.items())


@given(SEEDS)
def test_a_wide_edit_leaves_frozen_fields_alone(seed: int) -> None:
    frozen = frozenset({"learning_rate", "method", "share"})
    after = wide_edit(SPACE, SPACE.default(), random.Random(seed), frozen)
    assert all(after[n] == SPACE.default()[n] for n in frozen)


def test_what_is_expected_to_be_better_is_worth_more() -> None:
    surrogate = fitted()
    good, bad = ({**SPACE.default(), "share": s} for s in (1.0, 0.25))
    best, *_ = rate(surrogate, [Idea(bad), Idea(good)], 0.5)
    assert best.idea.point == good


def test_a_head_start_counts() -> None:
    surrogate = fitted()
    first, second = rate(surrogate, [Idea(SPACE.default()), Idea(SPACE.default(), head_start=3)], 0.9)
    assert first.idea.head_start == 3
    assert first.prediction == second.prediction


def test_probes_are_worth_more_while_they_agree_with_full_runs() -> None:
    """Where a probe tells nothing, paying for it is not worth while; where it tells all, it is."""
    rng = random.Random(9)
    points = [SPACE.draw(rng) for _ in range(30)]

    def favour(surrogate: Surrogate) -> float:
        best = incumbent(surrogate)
        probes = rate(surrogate, [Idea(p, 0.25) for p in points], best)
        full = rate(surrogate, [Idea(p) for p in points], best)
        return sum(r.worth for r in probes) / sum(r.worth for r in full)

    trusted, doubted = fitted(probes=10, full=4), fitted(probes=10, full=4, agree=False)
    assert trusted.agreement > doubted.agreement
    assert favour(trusted) > favour(doubted)


def test_a_full_run_moves_what_is_expected_by_more_than_a_probe_does() -> None:
    surrogate = fitted(probes=6, full=6)
    rng = random.Random(1)
    points = [SPACE.draw(rng) for _ in range(20)]
    pairs = zip(surrogate.moves(points, 1.0), surrogate.moves(points, 0.25), strict=True)
    assert all(full > probe > 0 for full, probe in pairs)


def test_the_incumbent_is_the_best_full_run_even_where_a_probe_scored_higher() -> None:
    full = Observation(SPACE.default(), 0.5, 0.01)
    probe = Observation({**SPACE.default(), "r": 64}, 0.9, 0.01, 0.25)
    surrogate = fit(SPACE, [full, probe])
    assert incumbent(surrogate) == surrogate.predict([full.point])[0].mean


def test_what_is_believed_is_no_longer_worth_as_much() -> None:
    surrogate = fitted()
    idea = Idea({**SPACE.default(), "share": 1.0, "r": 64})
    before = rate(surrogate, [idea], 0.6)[0]
    after = rate(surrogate.believing([idea.point], [1.0]), [idea], 0.6)[0]
    assert after.worth < before.worth
    assert after.prediction.mean == pytest.approx(before.prediction.mean, abs=0.02)


@given(st.floats(-1, 1), st.floats(0.001, 1), st.floats(-1, 1))
def test_improvement_and_chance_grow_with_the_mean(mean: float, stderr: float, best: float) -> None:
    low, high = Prediction(mean, stderr), Prediction(mean + 0.1, stderr)
    assert expected_improvement(high, best) >= expected_improvement(low, best) - 1e-12
    assert expected_improvement(low, best) >= 0
    assert 0 <= chance_above(low, best) <= chance_above(high, best) <= 1
