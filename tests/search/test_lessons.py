from __future__ import annotations

import math
import random
from collections.abc import Callable

from tests.search.test_contrasts import NOISE, SPACE, trial
from trex_nb.core.ids import node_id
from trex_nb.core.result import Condition
from trex_nb.search.contrasts import gather
from trex_nb.search.lessons import again, believed, claim_of
from trex_nb.search.space import Point
from trex_nb.search.trials import Trial

RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.2e-2, 1.6e-2)


def walk(seed: int, runs: int, height: Callable[[Point], float]) -> list[Trial]:
    """A study that edits its last plans at random; scores are `height` plus noise."""
    rng = random.Random(seed)
    points = [SPACE.default()]
    while len(points) < runs:
        points.append(SPACE.edit(rng.choice(points[-6:]), rng))
    return [
        Trial(str(k), repr(sorted(p.items())), node_id(k + 1), p, "", 1.0, height(p) + rng.gauss(0, NOISE), NOISE**2)
        for k, p in enumerate(points)
    ]  # fmt: skip


def crossed() -> list[Trial]:
    """A rank of 16 beats 4 at low learning rates and loses at high ones."""
    found = []
    for k, rate in enumerate(RATES):
        gain = 0.1 if rate < 6e-3 else -0.2
        found += [
            trial(2 * k + 1, 0.5, r=4, learning_rate=rate),
            trial(2 * k + 2, 0.5 + gain, r=16, learning_rate=rate),
        ]
    return found


def test_two_pairs_that_agree_make_a_claim() -> None:
    trials = [
        t for k, d in enumerate((0.0, 0.1)) for t in (
            trial(2 * k + 1, 0.4, r=4, weight_decay=d), trial(2 * k + 2, 0.55, r=16, weight_decay=d)
        )
    ]  # fmt: skip
    (found,) = believed(gather(trials, SPACE))
    claim = claim_of(found, "accuracy")
    assert (claim.field, claim.better.low, claim.worse.high, claim.contrasts) == ("r", 16, 4, 2)
    assert math.isclose(claim.effect, 0.15, abs_tol=0.02)


def test_one_weak_pair_makes_none() -> None:
    assert believed(gather([trial(1, 0.4, r=4), trial(2, 0.5, r=16)], SPACE)) == ()


def test_one_pair_far_apart_makes_one() -> None:
    (found,) = believed(gather([trial(1, 0.3, r=4), trial(2, 0.7, r=16)], SPACE))
    assert found.contrasts == 1


def test_an_effect_that_turns_round_is_told_with_its_condition() -> None:
    ranks = [a for a in believed(gather(crossed(), SPACE)) if a.question.field == "r"]
    by_side = {a.effect > 0: a.question.where for a in ranks}
    assert by_side == {
        True: Condition(field="learning_rate", high=6e-3), False: Condition(field="learning_rate", low=6e-3)
    }  # fmt: skip


def test_a_claim_is_found_again_in_the_evidence_it_came_from() -> None:
    evidence = gather(crossed(), SPACE)
    for answer in believed(evidence):
        claim = claim_of(answer, "accuracy")
        now = again(evidence, claim)
        assert now is not None
        assert math.isclose(now.effect, claim.effect, abs_tol=1e-9)
        assert now.nodes == answer.nodes


def test_studies_in_which_nothing_matters_hardly_ever_state_a_lesson() -> None:
    """Looked at after 8, 16 and 24 runs, fewer than one study in ten ever states any."""
    studies = 24
    stated = 0
    for seed in range(studies):
        trials = walk(seed, 24, lambda _: 0.5)
        stated += any(believed(gather(trials[:k], SPACE)) for k in (8, 16, 24))
    assert stated < studies / 10


def test_what_matters_much_is_found_and_named() -> None:
    """A method that is worth .2 is found in most studies of 24 runs, as the right way round."""

    def height(point: Point) -> float:
        return 0.6 if point["method"] == "lora" else 0.4

    found = [a for seed in range(8) for a in believed(gather(walk(seed, 24, height), SPACE))]
    right = [a for a in found if a.question.field == "method" and (a.effect > 0) == (a.question.upper == "lora")]
    assert len(right) >= 5
    assert len(found) - len(right) <= 2
