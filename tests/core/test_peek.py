from __future__ import annotations

import pytest
from pydantic import ValidationError

from trex_nb.core.peek import MOST_CHARS, MOST_VALUES, Peek, PeekedTraining, PeekedValue


def test_texts_are_cut_to_length() -> None:
    value = PeekedValue(name="x", text="y" * 10_000)
    assert len(value.text) == MOST_CHARS
    assert value.text.endswith("…")


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert PeekedValue(name="\ud83d").name == "?"


def test_more_values_than_anybody_asked_for_are_refused() -> None:
    with pytest.raises(ValidationError):
        Peek(pid=1, values=(PeekedValue(name="x"),) * (MOST_VALUES + 1))


def test_what_is_left_is_reckoned_from_the_speed() -> None:
    assert PeekedTraining(step=3, total=10, seconds_per_step=2.0).seconds_left == 14
    assert PeekedTraining(step=3, total=10).seconds_left is None


def test_it_is_the_same_after_a_journey() -> None:
    peek = Peek(pid=1, training=PeekedTraining(step=1, total=2), values=(PeekedValue(name="x", error="e"),))
    assert Peek.model_validate_json(peek.model_dump_json()) == peek
