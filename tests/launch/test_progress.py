"""A thinned curve has about two points a second and always its last one."""

from __future__ import annotations

from trex_nb.core.job import Progressed
from trex_nb.launch.progress import Thinner


def _point(step: int, eval_loss: float | None = None) -> Progressed:
    return Progressed(step=step, total=100, loss=1.0, eval_loss=eval_loss)


def test_the_first_point_passes_at_once() -> None:
    thinner = Thinner()
    thinner.add([_point(1)])
    assert thinner.due(now=0.0) == [_point(1)]


def test_a_fast_curve_is_thinned_to_its_newest_points() -> None:
    thinner = Thinner(every=0.5)
    passed = []
    for step in range(100):
        thinner.add([_point(step)])
        passed += thinner.due(now=step * 0.01)
    assert [point.step for point in passed] == [0, 50]
    assert thinner.rest(now=1.0) == [_point(99)]


def test_a_whole_curve_seen_again_brings_only_its_new_end() -> None:
    thinner = Thinner()
    thinner.add([_point(1), _point(2)])
    assert thinner.rest(now=0.0) == [_point(2)]
    thinner.add([_point(1), _point(2)])
    assert thinner.rest(now=1.0) == []
    thinner.add([_point(1), _point(2), _point(3)])
    assert thinner.rest(now=2.0) == [_point(3)]


def test_an_evaluation_is_not_thinned_away_by_later_points() -> None:
    thinner = Thinner()
    thinner.add([_point(1), _point(2, eval_loss=0.5), _point(3), _point(4)])
    assert [point.step for point in thinner.due(now=0.0)] == [2, 4]


def test_no_evaluation_is_thinned_away_by_a_later_one() -> None:
    thinner = Thinner()
    thinner.add([_point(1, eval_loss=0.5), _point(2, eval_loss=0.4), _point(3)])
    assert [point.step for point in thinner.due(now=0.0)] == [1, 2, 3]


def test_a_waiting_point_passes_when_its_time_has_come() -> None:
    thinner = Thinner(every=0.5)
    thinner.add([_point(1)])
    thinner.due(now=0.0)
    thinner.add([_point(2)])
    assert thinner.due(now=0.4) == []
    assert thinner.due(now=0.5) == [_point(2)]
