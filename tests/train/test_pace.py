"""When a state is saved unasked, by a clock that the test moves."""

from __future__ import annotations

import itertools

import pytest

from trex_nb.train.pace import LONGEST, MOST_SPENT, SHORTEST, VARIABLE, Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def saves(clock: Clock, pace: Pace, until: float, takes: float = 0.1) -> list[float]:
    """When a training of steps of a second saves."""
    times = []
    while clock.now < until:
        clock.now += 1.0
        if pace.is_due:
            times.append(clock.now)
            clock.now += takes
            pace.saved(takes)
    return times


def test_the_first_save_is_after_half_a_minute_and_then_one_each() -> None:
    clock = Clock()
    times = saves(clock, Pace(clock=clock), 300)
    assert times[0] == SHORTEST
    assert all(SHORTEST <= later - sooner <= SHORTEST + 2 for sooner, later in itertools.pairwise(times))


def test_a_long_run_saves_ever_more_seldom_but_every_ten_minutes() -> None:
    clock = Clock()
    times = saves(clock, Pace(clock=clock), 12 * 3600)
    apart = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert max(apart) <= LONGEST + 2
    assert apart[-1] >= LONGEST
    assert len(times) < 150


@pytest.mark.parametrize("takes", [0.01, 2.0, 120.0])
def test_saving_takes_a_fiftieth_of_the_time_at_most(takes: float) -> None:
    clock = Clock()
    times = saves(clock, Pace(clock=clock), 24 * 3600, takes)
    assert (len(times) - 1) * takes <= MOST_SPENT * clock.now


def test_the_environment_sets_the_shortest_time_and_can_end_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Pace.from_environment({VARIABLE: "0"}).is_due
    assert not Pace.from_environment({VARIABLE: "inf"}).is_due
    assert not Pace.from_environment({VARIABLE: "often"}).is_due
    monkeypatch.setenv(VARIABLE, "0")
    assert Pace.from_environment().is_due


def test_a_training_that_is_no_job_s_saves_nothing_unasked() -> None:
    clock = Clock()
    assert Pace.from_environment({"TREX_JOB": "/runs/n1.1"})._shortest == SHORTEST
    by_hand = Pace.from_environment({})
    by_hand._clock = clock
    assert saves(clock, by_hand, 10_000) == []
