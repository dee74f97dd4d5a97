"""The rival of `jobs.py`: one fine-tuning job as a plain script, `python train.py`, with the same training and scoring.

Usage: python -m tests.benchmarks.plain_train <study folder> <config as JSON> <output folder>
"""

import json
import sys
from pathlib import Path

from trex_nb import tiny
from trex_nb.core.recipe import DataRecipe
from trex_nb.core.training import LoraTraining
from trex_nb.evaluate.wire import ScoreRequest
from trex_nb.evaluate.worker import Worker
from trex_nb.train import finish, fit, load_base, prepare


def main(study: Path, config: LoraTraining, out: Path) -> None:
    """Prepare, train, save, score; the training curve's lines go to stdout."""
    out.mkdir(parents=True, exist_ok=True)
    rows = prepare(DataRecipe(), study / "data" / "train.jsonl")
    fitted = fit(load_base(tiny.path()), rows, config)
    finish(fitted, str(out / "adapter"))
    request = ScoreRequest(
        id=1, base_model=str(tiny.path()), checkpoint_kind="adapter", checkpoint_path=str(out / "adapter"),
        references=str(study / "sealed" / "search.jsonl"), train=str(study / "data" / "train.jsonl"),
        metric="exact_match", split="search", max_new_tokens=None, closed_answers=None,
        predictions=str(out / "predictions.jsonl"),
    )  # fmt: skip
    reply = Worker().reply(request.model_dump_json())
    sys.stdout.write(f"score {reply.evaluation.score if reply.evaluation else reply.error}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), LoraTraining.model_validate(json.loads(sys.argv[2])), Path(sys.argv[3]))
