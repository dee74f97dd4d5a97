"""Calls of language models on disk, whole: `calls.jsonl` beside the event log, which has their accounting alone."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

from pydantic import ValidationError

from trex_nb.core.chat import CallRecord
from trex_nb.errors import StoreError

ID_WITHIN = 200  # bytes from a line's start in which its id is: it is the first field


class CallLog:
    """An append-only file of calls. One process at a time writes, from any of its threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def append(self, record: CallRecord) -> None:
        """One more line, on disk when this returns. Raises `StoreError`."""
        # Half a surrogate pair, which a model may say and a file of rows may hold, becomes a question mark.
        said = json.dumps(record.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
        line = said.encode("utf-8", "replace") + b"\n"
        try:
            with self._lock:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("ab") as file:
                    file.write(b"\n" * self._is_torn() + line)
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error}.", "free disk space, then repeat") from error

    def read(self, calls: Collection[str] | None = None) -> Iterator[CallRecord]:
        """All calls, oldest first, or those with the ids `calls`, one line in memory at a time; a line that a crash cut
        short is passed over. Raises `StoreError`."""
        wanted = None if calls is None else {f'"id":"{call}"'.encode() for call in calls}
        try:
            if not self.path.exists():
                return
            with self.path.open("rb") as file:
                for line in file:
                    if (wanted is None or any(w in line[:ID_WITHIN] for w in wanted)) and (record := _read(line)):
                        yield record
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error}.", "check the disk, or restore a copy") from error

    def _is_torn(self) -> bool:
        """Whether the last line has no end."""
        if not self.path.exists() or not self.path.stat().st_size:
            return False
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


def _read(line: bytes) -> CallRecord | None:
    try:
        return CallRecord.model_validate_json(line)
    except ValidationError:
        return None
