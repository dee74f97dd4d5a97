from __future__ import annotations

import math

import pytest

from trex_nb.core.job import Progressed


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_not_known(value: float) -> None:
    point = Progressed(step=1, total=2, loss=value, eval_loss=value, eval_losses=(1.0, value))
    assert (point.loss, point.eval_loss, point.eval_losses) == (None, None, ())
    assert Progressed.model_validate_json(point.model_dump_json()) == point


def test_a_loss_is_told_as_it_is() -> None:
    point = Progressed(step=1, total=2, loss=0.5, eval_loss=1.5, eval_losses=(1.0, 2.0))
    assert (point.loss, point.eval_loss, point.eval_losses) == (0.5, 1.5, (1.0, 2.0))
