"""Synthetic runs: a linear truth, and noise."""

from __future__ import annotations

import random

import pytest

from trex_nb.agents.timing import Timed, Work, fit_rates, time_of

STEP, FLOP, START, SCORE = 0.03, 1 / 2e10, 20.0, 3.0


def job(rng: random.Random, number: int, noise: float, slow: float = 1.0, crowd: float = 1.0) -> Timed:
    steps, batch = rng.choice((20, 80, 300)), rng.choice((8, 16, 32))
    work = Work(steps, 1.5e8 * steps * batch, rng.choice(("lora", "full")))

    def off() -> float:
        return slow * rng.lognormvariate(0, noise)

    training = (STEP * work.steps + FLOP * work.flops) * (1.2 if work.method == "lora" else 1.0) * off()
    return Timed(work, START * off(), training, SCORE * off(), number, number + 0.5, crowd)


def took(job: Timed) -> float:
    return sum(p for p in (job.startup, job.training, job.evaluation) if p)


def share_right(seed: int, noise: float, drift: float = 1.0) -> float:
    """Share of jobs within a factor of 1.5 once three are known; the machine gets slower by `drift` with each."""
    rng = random.Random(seed)
    jobs = [job(rng, k, noise, slow=drift**k) for k in range(20)]
    ratios = [took(jobs[k]) / time_of(jobs[k].work, jobs[:k]).seconds for k in range(3, 20)]
    return sum(1 / 1.5 <= r <= 1.5 for r in ratios) / len(ratios)


@pytest.mark.parametrize("drift", [1.0, 1.03])
def test_nine_of_ten_jobs_are_within_a_factor_of_one_and_a_half(drift: float) -> None:
    shares = [share_right(seed, 0.2, drift) for seed in range(20)]
    assert sum(shares) / len(shares) >= 0.9


def test_without_noise_the_truth_is_found() -> None:
    rng = random.Random(1)
    jobs = [job(rng, k, 0.0) for k in range(40)]
    for one in jobs[20:]:
        assert time_of(one.work, jobs).seconds == pytest.approx(took(one), rel=0.1)


def test_four_of_five_jobs_lie_in_the_interval() -> None:
    inside = []
    for seed in range(20):
        rng = random.Random(seed)
        jobs = [job(rng, k, 0.2) for k in range(20)]
        said = [(took(jobs[k]), time_of(jobs[k].work, jobs[:k])) for k in range(6, 20)]
        inside += [t.low <= seconds <= t.high for seconds, t in said]
    assert 0.7 <= sum(inside) / len(inside) <= 0.97


def test_the_order_in_which_jobs_are_told_does_not_matter() -> None:
    rng = random.Random(3)
    jobs = [job(rng, k, 0.3) for k in range(9)]
    work = Work(100, 1e11, "lora")
    assert time_of(work, jobs) == time_of(work, rng.sample(jobs, 9))


def test_a_job_that_was_cut_short_counts_with_the_steps_it_did() -> None:
    rng = random.Random(4)
    whole = [job(rng, k, 0.0) for k in range(2)]
    slow = Timed(Work(50, 0.0, "lora"), None, 500.0, None, 3, 4, 1.0)
    work = Work(100, 1e10, "lora")
    assert time_of(work, [*whole, slow]).seconds > 1.5 * time_of(work, whole).seconds


def test_more_jobs_at_a_time_take_longer_each() -> None:
    rng = random.Random(5)
    jobs = [job(rng, k, 0.0) for k in range(4)]
    assert time_of(jobs[0].work, jobs, crowd=4).seconds > time_of(jobs[0].work, jobs, crowd=1).seconds


def test_rates_are_never_negative() -> None:
    jobs = [Timed(Work(s, 1e12, "lora"), 1.0, 10.0 / s, 1.0, k, k + 1, 1.0) for k, s in enumerate((1, 10, 100))]
    rates = fit_rates(jobs, [1.0] * 3)
    assert rates.step > 0
    assert rates.flop > 0
