"""The rival of a job: one fine-tuning as a plain script, `python train.py`, with the very functions that a job calls.

Usage: python -u -m tests.benchmarks.plain_train STUDY_FOLDER CONFIG_AS_JSON OUTPUT_FOLDER [unscored]

It prints the training curve, `trained SECONDS` when the weights are on disk, and `score S`. What only scoring needs is
not imported before. The rivals that stay in one process for many trainings (`rival_optuna`, `rival_ray`) call `trial`,
and so pay for imports and for the scorer's base model once.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

from trex_nb import tiny
from trex_nb.core.recipe import DataRecipe
from trex_nb.core.training import LoraTraining
from trex_nb.train import finish, fit, load_base, prepare_once


class Trial(NamedTuple):
    """A run that was scored; `began` and `ended` are seconds since the epoch."""

    score: float
    began: float
    ended: float


def config(seed: int, epochs: float = 2.0) -> LoraTraining:
    """One run; runs that differ by seed are not served from history."""
    return LoraTraining(learning_rate=3e-3, r=16, lora_alpha=32, num_train_epochs=epochs, max_length=128, seed=seed)


def trial(study: Path, wanted: LoraTraining, out: Path) -> Trial:
    """One run in this process."""
    began = time.time()
    train(study, wanted, out)
    score = scorer(study).score(out)
    return Trial(score, began, time.time())


def train(study: Path, wanted: LoraTraining, out: Path) -> float:
    """Prepare the rows, or read back what an earlier call prepared; train; save. Seconds of training proper."""
    out.mkdir(parents=True, exist_ok=True)
    rows = prepare_once(DataRecipe(), study / "data" / "train.jsonl", folder=out.parent / "rows")
    fitted = fit(load_base(tiny.path()), rows, wanted)
    with contextlib.chdir(out):
        finish(fitted, "adapter")
    return fitted.seconds


@cache
def scorer(study: Path) -> Scorer:
    """The one scorer of this process."""
    return Scorer(study)


class Scorer:
    """Scores what `train` left in its folder, as the study's evaluator does; the base model stays loaded."""

    def __init__(self, study: Path) -> None:
        from trex_nb.evaluate.worker import Worker

        self._study = study
        self._worker = Worker()

    def score(self, out: Path) -> float:
        """The score on the search split. Raises `RuntimeError` with what the evaluator says."""
        from trex_nb.evaluate.wire import ScoreRequest
        from trex_nb.tiny.general import world_text

        request = ScoreRequest(
            id=1, base_model=str(tiny.path()), checkpoint_kind="adapter", checkpoint_path=str(out / "adapter"),
            references=str(self._study / "sealed" / "search.jsonl"), train=str(self._study / "data" / "train.jsonl"),
            metric="exact_match", split="search", max_new_tokens=None, closed_answers=None,
            predictions=str(out / "predictions.jsonl"), general=world_text(),
        )  # fmt: skip
        reply = self._worker.reply(request.model_dump_json())
        if reply.evaluation is None:
            raise RuntimeError(reply.error)
        return reply.evaluation.score.value


def main(study: Path, wanted: LoraTraining, out: Path, *, is_scored: bool) -> None:
    """One run, told on stdout."""
    sys.stdout.write(f"trained {train(study, wanted, out)}\n")
    if is_scored:
        sys.stdout.write(f"score {scorer(study).score(out)}\n")


if __name__ == "__main__":
    told = LoraTraining.model_validate(json.loads(sys.argv[2]))
    main(Path(sys.argv[1]), told, Path(sys.argv[3]), is_scored="unscored" not in sys.argv[4:])
