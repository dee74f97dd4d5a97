"""Test scores on disk: `sealed/finals.jsonl`, beside the references, away from the event log.

Agents, policies, prompts and jobs see the event log or what is folded from it; nothing of this file is ever in it.
"""

from __future__ import annotations

from pathlib import Path

from trex_nb.core.sealed import SealedScore
from trex_nb.store.lines import Lines


class SealedLog:
    """An append-only file of test scores."""

    def __init__(self, path: Path) -> None:
        self._lines = Lines(path, SealedScore)

    def append(self, score: SealedScore) -> None:
        """One more score, on disk when this returns. Raises `StoreError`."""
        self._lines.append(score)

    def read(self) -> tuple[SealedScore, ...]:
        """All scores, oldest first. Raises `StoreError`."""
        return tuple(self._lines.read())
