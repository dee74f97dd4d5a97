"""Hopeless runs: never on noise, never the last one, whatever the order of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trex_nb.core.ids import RunId, run_id
from trex_nb.core.node import CurvePoint, Node, Run, Status
from trex_nb.core.result import Cost, Failure
from trex_nb.core.training import LoraTraining
from trex_nb.search.halving import FLIPS, RULE, hopeless, p_worse, saved
from trex_nb.testing.trees import lora_plan, node, tree_of

ITEMS = 40
Losses = Sequence[float]


def run(index: int, rungs: Sequence[Losses], **changes: object) -> Run:
    """A run that trains, 100 steps long, with these item losses at its first rungs; each has a rank of its own."""
    config = LoraTraining(learning_rate=1e-3, r=2**index, warmup_steps=0.05)
    curve = tuple(CurvePoint(20 * k, 100, 1.0, sum(v) / len(v), tuple(v)) for k, v in enumerate(rungs, 1))
    begun = Run(node_run(index), config, attempt=1, key=str(index), folder=f"runs/{index}", curve=curve)
    return replace(begun, **changes)  # type: ignore[arg-type]


def node_run(index: int) -> RunId:
    return run_id(node(1), index)


def round_of(*runs: Run) -> Node:
    return Node(node(1), node(0), 1, lora_plan(), Status.RUNNING, runs)


def stopped(*runs: Run) -> set[str]:
    return {h.run for h in hopeless(round_of(*runs))}


def items(mean: float, seed: int = 0, spread: float = 0.2) -> Losses:
    drawn = np.random.default_rng(seed).normal(1.0, spread, ITEMS).clip(0.1)
    return tuple(float(v) for v in mean * drawn)


GOOD, BAD = items(1.0), items(2.0)


def test_a_clearly_worse_run_is_hopeless_and_the_evidence_is_said() -> None:
    (found,) = hopeless(round_of(run(1, [GOOD, GOOD]), run(2, [BAD, BAD])))
    assert found.run == "n1.2"
    assert found.why == f"held-out loss 1.98 against 0.988 of n1.1 (p={1 / (FLIPS + 1):.1g})"
    assert found.steps_saved == 60


def test_nothing_is_hopeless_before_the_first_rung_counts() -> None:
    for reached in range(RULE.first_rung):
        assert stopped(run(1, [GOOD] * reached), run(2, [BAD] * reached)) == set()


def test_a_run_is_held_against_a_finished_sibling_at_the_same_rung() -> None:
    """What came of the sibling later does not count: at the end both would be as good."""
    done = run(1, [BAD, BAD, BAD, BAD, GOOD], evaluation=None)
    assert stopped(done, run(2, [GOOD, GOOD])) == {"n1.1"}
    assert stopped(run(1, [GOOD] * 5), run(2, [BAD, BAD])) == {"n1.2"}


def test_a_run_ahead_waits_for_its_siblings() -> None:
    assert stopped(run(1, [BAD] * 4), run(2, [])) == set()
    assert stopped(run(1, [BAD] * 4), run(2, [GOOD])) == {"n1.1"}


def test_a_small_difference_is_never_hopeless_however_sure() -> None:
    nearly = tuple(v * (RULE.margin - 0.01) for v in GOOD)
    assert p_worse(nearly, GOOD) == 1 / (FLIPS + 1)
    assert stopped(run(1, [GOOD, GOOD]), run(2, [nearly, nearly])) == set()


def test_among_losses_near_nothing_a_factor_is_not_enough() -> None:
    low, higher = (tuple(v * scale for v in GOOD) for scale in (0.01, 0.025))
    assert stopped(run(1, [low, low]), run(2, [higher, higher])) == set()


def test_a_large_difference_of_few_rows_is_noise() -> None:
    one_bad_row = (*GOOD[:-1], 100.0)
    assert stopped(run(1, [GOOD, GOOD]), run(2, [one_bad_row, one_bad_row])) == set()


def test_the_better_half_stays_however_far_behind_the_best() -> None:
    best, second, third, last = (run(i, [items(float(i))] * 2) for i in (1, 2, 3, 4))
    assert stopped(best, second, third, last) == {"n1.3", "n1.4"}


def test_repeats_of_one_config_are_never_stopped() -> None:
    seeds = [run(i, [losses] * 2) for i, losses in ((1, GOOD), (2, BAD))]
    again = replace(seeds[1], config=seeds[0].config.model_copy(update={"seed": 7}))
    assert stopped(seeds[0], again) == set()


@pytest.mark.parametrize("warmup", [0.5, 45.0])
def test_a_run_that_still_warms_up_is_not_judged(warmup: float) -> None:
    slow = run(2, [BAD, BAD])
    slow = replace(slow, config=slow.config.model_copy(update={"warmup_steps": warmup}))
    assert stopped(run(1, [GOOD, GOOD]), slow) == set()


def test_runs_that_watch_other_rows_are_not_compared() -> None:
    assert stopped(run(1, [GOOD[:-1]] * 2), run(2, [BAD] * 2)) == set()


@pytest.mark.parametrize(
    "ended",
    [{"failure": Failure(stage="train", kind="diverged", message="x")}, {"stop_requested": True}, {"called_off": "x"}],
)
def test_a_sibling_that_is_out_is_no_yardstick(ended: dict[str, object]) -> None:
    """Else the last run alive might be stopped."""
    assert stopped(run(1, [GOOD, GOOD], **ended), run(2, [BAD, BAD])) == set()


means = st.lists(st.floats(0.05, 20), min_size=2, max_size=5)
reached = st.lists(st.integers(0, 4), min_size=5, max_size=5)


def drawn(levels: Sequence[float], rungs: Sequence[int]) -> list[Run]:
    return [
        run(i, [items(level * 0.9**k, i) for k in range(n)])
        for i, (level, n) in enumerate(zip(levels, rungs, strict=False), 1)
    ]


@given(levels=means, rungs=reached)
def test_somebody_is_always_left(levels: Sequence[float], rungs: Sequence[int]) -> None:
    runs = drawn(levels, rungs)
    while out := stopped(*runs):
        runs = [replace(r, called_off="x") if r.id in out else r for r in runs]
    assert any(not r.called_off for r in runs)


@given(levels=means, rungs=reached, order=st.randoms())
def test_the_order_of_runs_does_not_matter(levels: Sequence[float], rungs: Sequence[int], order: object) -> None:
    runs = drawn(levels, rungs)
    shuffled = list(runs)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert stopped(*runs) == stopped(*shuffled)


@given(level=st.floats(0.01, 20), count=st.integers(2, 5), rungs=st.integers(0, 5))
def test_equal_runs_are_never_stopped(level: float, count: int, rungs: int) -> None:
    assert stopped(*(run(i, [items(level)] * rungs) for i in range(1, count + 1))) == set()


@given(factor=st.floats(2, 50), count=st.integers(2, 5), seed=st.integers(0, 99))
def test_a_run_many_times_worse_than_all_others_is_stopped(factor: float, count: int, seed: int) -> None:
    good = [run(i, [items(1.0, seed + i)] * RULE.first_rung) for i in range(1, count)]
    bad = run(count, [items(factor, seed)] * RULE.first_rung)
    assert stopped(*good, bad) == {bad.id}


def test_without_a_difference_a_round_loses_a_run_in_at_most_one_of_twenty() -> None:
    """Five equally good runs whose rows differ by heavy-tailed noise of their own at every rung, so that the margin
    is crossed by chance all the time: the test alone must hold."""
    rng = np.random.default_rng(1)
    rounds = 300
    lost = 0
    for _ in range(rounds):
        noise = rng.lognormal(0.0, 2.0, (5, 4, ITEMS))
        lost += any(
            stopped(*(run(i, noise[i - 1, :k].tolist()) for i in range(1, 6))) for k in range(RULE.first_rung, 5)
        )
    assert lost / rounds <= RULE.alpha


def test_a_p_value_is_uniform_or_larger_where_nothing_differs() -> None:
    rng = np.random.default_rng(2)
    found = [p_worse(*rng.exponential(1.0, (2, ITEMS))) for _ in range(400)]
    for level in (0.01, 0.05, 0.2):
        assert np.mean([p <= level for p in found]) <= level + 3 * (level * (1 - level) / 400) ** 0.5


def test_what_was_saved_is_counted_from_what_the_jobs_said() -> None:
    failure = Failure(stage="train", kind="hopeless", message="x")
    cost = Cost(seconds=20, train_seconds=9, steps=45)
    early = run(1, [BAD, BAD], failure=failure, cost=cost)
    kept, other = run(2, [GOOD] * 5), run(3, [BAD], failure=failure.model_copy(update={"kind": "diverged"}))
    found = saved([round_of(early, kept, other)])
    assert (found.runs, found.steps, found.planned) == (1, 55, 300)
    assert found.seconds == pytest.approx(55 * 9 / 45)
    assert saved(tree_of().nodes.values()).steps == 0
