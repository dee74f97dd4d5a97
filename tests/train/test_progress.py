"""The live curve: one display, few updates, words for every picture, and a watch over the loss."""

from __future__ import annotations

import base64
import math
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from trex_nb.core.job import METRICS_MIME
from trex_nb.train.progress import Curve, DivergenceWatch, Point, picture, thin


class Clock:
    """Time that moves when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_curve_is_one_display_updated_in_place(shown: list[dict[str, Any]]) -> None:
    clock = Clock()
    curve = Curve(clock)
    for step in range(1, 4):
        curve.add(Point(step, 3, loss=1 / step))
        clock.now += 1
    assert [output["update"] for output in shown] == [False, True, True]
    assert len({output["transient"]["display_id"] for output in shown}) == 1


def test_curve_is_shown_at_most_four_times_a_second(shown: list[dict[str, Any]]) -> None:
    clock = Clock()
    curve = Curve(clock)
    for step in range(1, 101):
        curve.add(Point(step, 100, loss=1.0))
        clock.now += 0.01
    assert len(shown) == 4


def test_published_points_are_what_the_runner_reads(shown: list[dict[str, Any]]) -> None:
    curve = Curve()
    curve.add(Point(1, 2, loss=2.0))
    curve.add(Point(2, 2, loss=math.nan))
    curve.publish()
    assert shown[-1]["data"][METRICS_MIME] == {
        "points": [
            {"step": 1, "total": 2, "loss": 2.0, "eval_loss": None},
            {"step": 2, "total": 2, "loss": None, "eval_loss": None},
        ]
    }


def test_a_step_whose_held_out_loss_is_still_to_come_is_not_shown_without_it(shown: list[dict[str, Any]]) -> None:
    """Whoever watches takes up a step once."""
    curve = Curve(Clock())
    curve.add(Point(1, 2, loss=2.0), more_to_come=True)
    assert shown == []
    curve.add(Point(1, 2, eval_loss=3.0, eval_losses=(2.0, 4.00004)))
    (point,) = shown[-1]["data"][METRICS_MIME]["points"]
    assert (point["loss"], point["eval_loss"], point["eval_losses"]) == (2.0, 3.0, [2.0, 4.0])


def test_every_held_out_loss_is_shown_at_once(shown: list[dict[str, Any]]) -> None:
    curve = Curve(Clock())
    for step in (1, 2, 3):
        curve.add(Point(step, 3, eval_loss=1.0))
    assert len(shown) == 3


def test_held_out_losses_that_are_not_numbers_are_left_out() -> None:
    assert "eval_losses" not in Point(1, 2, eval_loss=math.nan, eval_losses=(1.0, math.nan)).as_json()


def test_held_out_loss_joins_the_point_of_its_step() -> None:
    curve = Curve()
    curve.add(Point(5, 9, loss=2.0))
    curve.add(Point(5, 9, eval_loss=3.0))
    assert curve.points == [Point(5, 9, loss=2.0, eval_loss=3.0)]


@pytest.mark.parametrize("count", [1, 150, 151, 500, 12_345])
def test_thinned_curve_keeps_its_ends_and_every_held_out_loss(count: int) -> None:
    points = [Point(i, count, loss=1.0, eval_loss=2.0 if i % (count // 5 + 1) == 0 else None) for i in range(count)]
    thinned = thin(points)
    assert len(thinned) <= 200
    assert (thinned[0], thinned[-1]) == (points[0], points[-1])
    assert [p for p in points if p.eval_loss] == [p for p in thinned if p.eval_loss]


def test_picture_is_an_image_that_says_what_it_shows() -> None:
    html = picture([Point(1, 10, loss=3.0), Point(10, 10, loss=1.0, eval_loss=1.5)])
    found = re.fullmatch(r'<img src="data:image/svg\+xml;base64,(\S+)" alt="([^"]+)" width="\d+" height="\d+">', html)
    assert found is not None
    assert found[2] == "Training loss from 3.000 to step 10/10  loss 1.0000  held-out 1.5000"
    assert ET.fromstring(base64.b64decode(found[1])).tag.endswith("svg")


def test_loss_that_is_not_a_number_is_trouble() -> None:
    assert DivergenceWatch(vocabulary=100).see(math.inf) is not None


def test_loss_far_above_its_start_for_ten_points_is_trouble() -> None:
    watch = DivergenceWatch(vocabulary=100)
    seen = [watch.see(loss) for loss in [2.0, *[9.0] * 10]]
    assert [bool(trouble) for trouble in seen] == [False] * 10 + [True]


def test_spike_that_falls_back_is_no_trouble() -> None:
    watch = DivergenceWatch(vocabulary=100)
    assert not any(watch.see(loss) for loss in [2.0, *[9.0] * 9, 2.0, *[9.0] * 9])


def test_loss_below_blind_guessing_is_no_trouble_however_low_it_began() -> None:
    watch = DivergenceWatch(vocabulary=100)
    assert not any(watch.see(loss) for loss in [0.01, *[6.0] * 50])
