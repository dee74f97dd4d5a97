"""What a run will take, said before it is approved: minutes and memory, calibrated on the study's own runs.

Time is start-up plus arithmetic: 6 · parameters · tokens floating-point operations (Kaplan et al. 2020, section 2.1)
at a rate
that starts from one CPU core and is replaced by the median rate of the runs seen. Memory is the training stack plus
weights (with gradients and Adam moments where trained) plus activations, scaled by the median of measured over
estimated. Both are rough before the first run and within a small factor after it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from trex_nb.core.node import Run
from trex_nb.core.protocols import TreeView
from trex_nb.core.recipe import DataRecipe, Sample
from trex_nb.core.training import FullTraining, Trained, TrainingConfig, Untrained

_FLOPS = 3e10
_STARTUP_SECONDS = 9.0
_STACK_MB = 520.0
_CHARS_PER_TOKEN = 3.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """For one run: wall minutes, peak memory in MB, optimiser steps."""

    minutes: float
    memory_mb: float
    steps: int


def estimate(tree: TreeView, recipe: DataRecipe, config: TrainingConfig, fidelity: float) -> Estimate:
    """What one run of `config` on `recipe` should take."""
    seen = [r for n in tree.nodes.values() for r in n.runs if r.cost.steps and not isinstance(r.config, Untrained)]
    startup = median([r.cost.seconds - r.cost.train_seconds for r in seen]) if seen else _STARTUP_SECONDS
    if isinstance(config, Untrained):
        return Estimate(startup / 60, _STACK_MB, 0)
    steps = _steps(tree, recipe, config, fidelity)
    seconds = startup + _work(tree, config, steps) * _seconds_per_flop(tree, seen)
    memory = _memory(tree, config) * _memory_scale(tree, seen)
    return Estimate(seconds / 60, memory, steps)


def _steps(tree: TreeView, recipe: DataRecipe, config: Trained, fidelity: float) -> int:
    sampled = [op.n for op in recipe.ops if isinstance(op, Sample)]
    rows = min([tree.data.train, tree.budget.samples, *sampled]) * fidelity
    batch = config.per_device_train_batch_size * config.gradient_accumulation_steps
    return max(1, round(rows / batch * config.num_train_epochs))


def _work(tree: TreeView, config: Trained, steps: int) -> float:
    batch = config.per_device_train_batch_size * config.gradient_accumulation_steps
    tokens = steps * batch * min(config.max_length, tree.data.mean_chars / _CHARS_PER_TOKEN + 4)
    return 6 * tree.base.parameters * tokens


def _seconds_per_flop(tree: TreeView, seen: Sequence[Run]) -> float:
    rates = [
        r.cost.train_seconds / _work(tree, r.config, r.cost.steps) for r in seen if not isinstance(r.config, Untrained)
    ]
    return median(rates) if rates else 1 / _FLOPS


def _memory(tree: TreeView, config: Trained) -> float:
    copies = 4.0 if isinstance(config, FullTraining) else 1.2
    weights = tree.base.parameters * 4 * copies
    tokens = config.per_device_train_batch_size * min(config.max_length, tree.data.mean_chars / _CHARS_PER_TOKEN + 4)
    activations = tokens * math.sqrt(tree.base.parameters) * 200
    return _STACK_MB + (weights + activations) / 1e6


def _memory_scale(tree: TreeView, seen: Sequence[Run]) -> float:
    ratios = [
        r.cost.peak_memory_mb / _memory(tree, r.config)
        for r in seen
        if r.cost.peak_memory_mb and not isinstance(r.config, Untrained)
    ]
    return median(ratios) if ratios else 1.0
