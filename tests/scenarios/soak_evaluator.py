"""An evaluator's worker that needs no model: it reads the answer a soaked job has left in its adapter's folder."""

from __future__ import annotations

import sys
from pathlib import Path

from trex_nb.core.result import Evaluation, Score
from trex_nb.evaluate.wire import Reply, ScoreRequest, request_adapter


def _value(request: ScoreRequest) -> float:
    return float((Path(request.checkpoint_path) / "answer").read_text()) if request.checkpoint_path else 0.1


def main() -> None:
    """Answer line by line until there are no more."""
    for line in sys.stdin:
        request = request_adapter.validate_json(line)
        evaluation = None
        if isinstance(request, ScoreRequest):
            score = Score(metric=request.metric, split=request.split, value=_value(request), n=100, stderr=0.02)
            evaluation = Evaluation(score=score, evaluator="soak", seconds=0.01)
        sys.stdout.write(Reply(id=request.id, ok=True, evaluation=evaluation).model_dump_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
