"""Data recipes: every operator, and the laws they keep together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.train.pools import rows_of
from trex_nb.core.job import FAILURE_MIME
from trex_nb.core.recipe import Balance, DataRecipe, Dedup, Filter, Mix, Op, Sample, SliceWeight
from trex_nb.core.task import Example
from trex_nb.train.data import hold_out, prepare
from trex_nb.train.failure import TrainingFailed

pytestmark = pytest.mark.usefixtures("shown")


def slices(examples: list[Example], *ops: Op, seed: int = 0) -> Counter[str]:
    return Counter(examples[i].slice for i in rows_of(DataRecipe(ops=ops, seed=seed), examples))


def test_empty_recipe_keeps_every_row(examples: list[Example]) -> None:
    assert rows_of(DataRecipe(), examples).tolist() == list(range(120))


def test_dedup_keeps_the_first_of_equal_rows(examples: list[Example]) -> None:
    twice = [*examples, *(e.model_copy(update={"id": f"again {e.id}"}) for e in examples)]
    assert rows_of(DataRecipe(ops=(Dedup(),)), twice).tolist() == list(range(120))


def test_dedup_undoes_resampling(examples: list[Example]) -> None:
    rows = rows_of(DataRecipe(ops=(Balance(strength=1), Dedup())), examples)
    assert len(rows) == len(set(rows.tolist()))


def test_filter_keeps_lengths_within_its_bounds(examples: list[Example]) -> None:
    assert slices(examples, Filter(field="answer", min_chars=4, max_chars=4)) == {"blue": 20}


def test_sample_draws_without_replacement_and_from_the_seed(examples: list[Example]) -> None:
    first, again, other = (rows_of(DataRecipe(ops=(Sample(n=50),), seed=s), examples).tolist() for s in (1, 1, 2))
    assert len(set(first)) == 50
    assert first == again != other


def test_sample_of_more_than_there_is_keeps_all(examples: list[Example]) -> None:
    assert len(rows_of(DataRecipe(ops=(Sample(n=1000),)), examples)) == 120


def test_balance_at_full_strength_makes_classes_equal(examples: list[Example]) -> None:
    assert slices(examples, Balance(strength=1)) == {"red": 40, "green": 40, "blue": 40}


def test_balance_at_no_strength_changes_nothing(examples: list[Example]) -> None:
    assert rows_of(DataRecipe(ops=(Balance(strength=0),)), examples).tolist() == list(range(120))


def test_balance_repeats_rows_of_a_small_class_equally_often(examples: list[Example]) -> None:
    rows = rows_of(DataRecipe(ops=(Balance(strength=1),)), examples)
    assert set(Counter(i for i in rows.tolist() if examples[i].slice == "blue").values()) == {2}


def test_mix_draws_slices_by_rows_times_weight(examples: list[Example]) -> None:
    weights = (SliceWeight(slice="blue", weight=3), SliceWeight(slice="red", weight=1 / 3))
    assert slices(examples, Mix(weights=weights)) == {"red": 20, "green": 40, "blue": 60}


def test_mix_of_an_unknown_slice_is_bad_data(examples: list[Example]) -> None:
    with pytest.raises(TrainingFailed, match="'purple'") as failed:
        slices(examples, Mix(weights=(SliceWeight(slice="purple", weight=2),)))
    assert (failed.value.failure.stage, failed.value.failure.kind) == ("data", "bad_data")


def test_another_operator_in_front_leaves_later_draws_alone(examples: list[Example]) -> None:
    """Each position has its own generator: a Dedup that removes nothing moves no other draw but by its position."""
    plain = rows_of(DataRecipe(ops=(Dedup(), Sample(n=30))), examples)
    other = rows_of(DataRecipe(ops=(Filter(field="answer"), Sample(n=30))), examples)
    assert plain.tolist() == other.tolist()


@settings(max_examples=50)
@given(strength=st.floats(0, 1), weight=st.floats(0.01, 20), seed=st.integers(0, 2**31))
def test_resampling_keeps_the_number_of_rows(strength: float, weight: float, seed: int) -> None:
    examples = [Example(id=str(i), prompt="p", answer=a, slice=a) for i, a in enumerate("aaaaaaabbbcd")]
    ops = (Balance(strength=strength), Mix(weights=(SliceWeight(slice="b", weight=weight),)))
    assert len(rows_of(DataRecipe(ops=ops[:1], seed=seed), examples)) == 12
    assert len(rows_of(DataRecipe(ops=ops[1:], seed=seed), examples)) == 12


def test_lower_fidelity_trains_on_a_prefix_of_the_full_run(train_file: Path) -> None:
    full = prepare(DataRecipe(), train_file)["id"]
    probe = prepare(DataRecipe(), train_file, fidelity=0.25)["id"]
    assert len(probe) == 30
    assert list(full)[:30] == list(probe)


def test_limit_caps_rows_before_fidelity_shares_them(train_file: Path) -> None:
    assert len(prepare(DataRecipe(), train_file, limit=50)) == 50
    assert len(prepare(DataRecipe(), train_file, limit=50, fidelity=0.5)) == 25


def test_nothing_left_is_bad_data_and_displayed(train_file: Path, shown: list[dict[str, Any]]) -> None:
    with pytest.raises(TrainingFailed):
        prepare(DataRecipe(ops=(Filter(field="prompt", min_chars=999),)), train_file)
    assert shown[-1]["data"][FAILURE_MIME]["kind"] == "bad_data"


@pytest.mark.parametrize("text", ['{"id": "1"}\n', "no json\n"])
def test_line_that_is_no_example_is_bad_data(tmp_path: Path, text: str) -> None:
    (tmp_path / "train.jsonl").write_text(text)
    with pytest.raises(TrainingFailed, match="Line 1"):
        prepare(DataRecipe(), tmp_path / "train.jsonl")


def test_missing_file_is_bad_data(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="cannot be read"):
        prepare(DataRecipe(), tmp_path / "none.jsonl")


def test_summary_escapes_what_the_data_says(tmp_path: Path, shown: list[dict[str, Any]]) -> None:
    row = Example(id="1", prompt="<script>alert(1)</script>", answer="a", slice="<b>")
    (tmp_path / "train.jsonl").write_text(row.model_dump_json() + "\n")
    prepare(DataRecipe(), tmp_path / "train.jsonl")
    assert "<script>" not in shown[-1]["data"]["text/html"]
    assert "1 rows of 1" in shown[-1]["data"]["text/plain"]


def test_no_copy_of_a_watched_row_is_trained_on(train_file: Path) -> None:
    rows = prepare(DataRecipe(ops=(Balance(strength=1),)), train_file)
    training, watched = hold_out(rows, seed=0)
    prompts = np.array(rows["prompt"])
    assert 0 < len(watched) <= 6
    assert not set(prompts[training]) & set(prompts[watched])


def test_few_rows_are_all_trained_on(train_file: Path) -> None:
    training, watched = hold_out(prepare(DataRecipe(), train_file, limit=99), seed=0)
    assert (len(training), len(watched)) == (99, 0)
