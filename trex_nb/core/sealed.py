"""What the test split said: kept behind the wall, in no event and in no tree."""

from __future__ import annotations

from trex_nb.core.base import Frozen
from trex_nb.core.ids import RunId
from trex_nb.core.result import Evaluation


class SealedScore(Frozen):
    """A run's score on the test split, by the number of the finalization that asked; `time` is epoch seconds."""

    number: int
    run: RunId
    evaluation: Evaluation
    time: float
