"""What is done about findings: always within the space, always a change."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trex_nb.agents.moves import moves, repairs, suggestion
from trex_nb.core.result import Finding, FindingKind
from trex_nb.core.training import LoraTraining, Untrained
from trex_nb.search.space import Space, space_for
from trex_nb.testing.trees import BASE, FACTS

SPACE = space_for(FACTS, BASE)
OPEN = space_for(FACTS.model_copy(update={"closed_answers": False, "slices": (("all", 100),)}), BASE)
OUTSIDE: tuple[FindingKind, ...] = ("truncated_rows", "contamination")
KINDS: tuple[FindingKind, ...] = get_args(FindingKind)


def finding(kind: FindingKind) -> Finding:
    return Finding(kind=kind, message="It is so.", slices=("red", "nowhere"), evidence=(("longest", 40.0),))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", [SPACE, OPEN])
@given(st.randoms())
def test_all_moves_change_something_and_stay_in_the_space(kind: FindingKind, space: Space, rng: object) -> None:
    import random

    assert isinstance(rng, random.Random)
    point = space.draw(rng)
    for edit in moves(finding(kind), space, point):
        after = space.completed({**point, **edit})
        assert after != point
        for name, value in edit.items():
            field = space.field(name)
            is_switched = not field.is_searched and isinstance(value, bool)  # what a person turns, a finding may too
            assert is_switched or (value in field.values if field.values else field.low <= float(value) <= field.high)


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("kind", [k for k in KINDS if k not in OUTSIDE])
def test_every_finding_that_a_knob_answers_has_moves(kind: FindingKind, method: str) -> None:
    assert moves(finding(kind), SPACE, SPACE.completed({"method": method}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_note_calls_for_nothing(kind: FindingKind) -> None:
    note = finding(kind).model_copy(update={"is_note": True})
    assert moves(note, SPACE, SPACE.default()) == []


def first(kind: FindingKind, **at: object) -> dict[str, object]:
    point = SPACE.completed({**SPACE.default(), **at})  # type: ignore[dict-item]
    return dict(moves(finding(kind), SPACE, point)[0])


def test_the_first_move_is_the_plainest_answer() -> None:
    rate = float(SPACE.field("learning_rate").default)
    assert float(str(first("diverged")["learning_rate"])) < rate
    assert first("underfitting") == {"num_train_epochs": 3.0}
    assert first("overfitting") == {"num_train_epochs": 1.0}
    assert first("forgetting", method="full") == {"method": "lora"}
    assert float(str(first("forgetting")["learning_rate"])) < rate
    assert first("weak_slice") == {"weight[red]": 2.0}
    assert first("imbalance") == {"balance": 0.5}
    assert first("duplicates") == {"dedup": True}


def test_a_plateau_is_left_upwards_at_a_low_rate_and_downwards_at_a_high_one() -> None:
    field = SPACE.field("learning_rate")
    low, high = field.low * 2, field.high / 2
    assert float(str(first("plateau", learning_rate=low)["learning_rate"])) > low
    assert float(str(first("plateau", learning_rate=high)["learning_rate"])) < high


def test_rows_that_were_cut_call_for_a_longer_max_length() -> None:
    config = LoraTraining(learning_rate=1e-3, max_length=16)
    assert repairs(finding("truncated_rows"), config) == {"max_length": 64}
    assert repairs(finding("truncated_rows"), config.model_copy(update={"max_length": 64})) == {}
    assert repairs(finding("truncated_rows"), Untrained()) == {}
    assert repairs(finding("overfitting"), config) == {}
    assert suggestion(finding("truncated_rows"), SPACE, SPACE.default(), config) == "max_length: 16 → 64"


def test_a_suggestion_says_what_the_moves_do() -> None:
    config = LoraTraining(learning_rate=1e-3)
    assert suggestion(finding("duplicates"), SPACE, SPACE.default(), config) == "dedup: False → True"
    assert "decontaminate" in suggestion(finding("contamination"), SPACE, SPACE.default(), config)
