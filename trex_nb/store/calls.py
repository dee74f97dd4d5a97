"""Calls of language models on disk, whole: `calls.jsonl` beside the event log, which has their accounting alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from trex_nb.core.chat import CallRecord
from trex_nb.store.lines import Lines

ID_WITHIN = 200  # bytes from a line's start in which its id is: it is the first field


class CallLog:
    """An append-only file of calls."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = Lines(path, CallRecord)

    def append(self, record: CallRecord) -> None:
        """One more call, on disk when this returns. Raises `StoreError`."""
        self._lines.append(record)

    def read(self, calls: Collection[str] | None = None) -> Iterator[CallRecord]:
        """All calls, oldest first, or those with the ids `calls`. Raises `StoreError`."""
        if calls is None:
            return self._lines.read()
        wanted = [f'"id":"{call}"'.encode() for call in calls]
        return self._lines.read(lambda line: any(w in line[:ID_WITHIN] for w in wanted))
