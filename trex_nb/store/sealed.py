"""Test scores on disk: `sealed/finals.jsonl`, beside the references, away from the event log.

Agents, policies, prompts and jobs see the event log or what is folded from it; nothing of this file is ever in it.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from trex_nb.core.sealed import SealedScore
from trex_nb.errors import StoreError


class SealedLog:
    """An append-only file of test scores. One process at a time writes: the one that leads the study."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, score: SealedScore) -> None:
        """One more line, on disk when this returns. Raises `StoreError`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(b"\n" * self._is_torn() + score.model_dump_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error}.", "free disk space, then repeat") from error

    def read(self) -> tuple[SealedScore, ...]:
        """All scores, oldest first; a line that a crash cut short is passed over. Raises `StoreError`."""
        try:
            lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error}.", "check the disk, or restore a copy") from error
        return tuple(score for line in lines if (score := _read(line)))

    def _is_torn(self) -> bool:
        """Whether the last line has no end."""
        if not self.path.exists() or not self.path.stat().st_size:
            return False
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


def _read(line: bytes) -> SealedScore | None:
    try:
        return SealedScore.model_validate_json(line)
    except ValidationError:
        return None
