from __future__ import annotations

import pytest

from trex_nb.agents.estimate import estimate
from trex_nb.core.recipe import DataRecipe, Sample
from trex_nb.core.training import FullTraining, LoraTraining, Untrained
from trex_nb.testing.trees import approved, lora_plan, proposed, succeeded, tree_of

LORA = LoraTraining(learning_rate=1e-3)
PLAIN = DataRecipe()
FRESH = tree_of()


def test_steps_are_rows_times_epochs_over_the_batch() -> None:
    """100 rows, 2 epochs, batches of 16: 12.5, rounded to 12."""
    assert estimate(FRESH, PLAIN, LORA, 1.0).steps == 12
    assert estimate(FRESH, DataRecipe(ops=(Sample(n=50),)), LORA, 1.0).steps == 6
    assert estimate(FRESH, PLAIN, LORA, 0.5).steps == 6


def test_evaluating_the_baseline_takes_no_steps() -> None:
    assert estimate(FRESH, PLAIN, Untrained(), 1.0).steps == 0


def test_longer_training_takes_longer_and_all_weights_take_more_memory() -> None:
    longer = LORA.model_copy(update={"num_train_epochs": 50.0})
    assert estimate(FRESH, PLAIN, longer, 1.0).minutes > estimate(FRESH, PLAIN, LORA, 1.0).minutes
    full = FullTraining(learning_rate=1e-3)
    assert estimate(FRESH, PLAIN, full, 1.0).memory_mb > estimate(FRESH, PLAIN, LORA, 1.0).memory_mb


def test_after_a_run_the_same_run_is_estimated_as_it_was() -> None:
    """The fake run took 12 s, 7 of them for 100 steps, and 500 MB; its evaluation took 1 s."""
    config = LORA.model_copy(update={"num_train_epochs": 16.0})
    plan = lora_plan().model_copy(update={"configs": (config,)})
    tree = tree_of(proposed(1, plan=plan), approved(1), succeeded(1, 0.5))
    found = estimate(tree, plan.recipe, config, 1.0)
    assert found.steps == 100
    assert found.minutes == pytest.approx(13 / 60, rel=1e-3)
    assert found.low < found.minutes < found.high
    assert found.memory_mb == pytest.approx(500)
