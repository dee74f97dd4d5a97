"""What was heard of a job that runs elsewhere, kept in its folder on this machine: the same `events.jsonl` that a
runner here would write, so that a job reads alike wherever it ran, and can still be read when its cluster is gone.
"""

from __future__ import annotations

import os

from trex_nb.core.job import JobUpdate
from trex_nb.launch.files import JobFolder, is_last


class Mirror:
    """The one writer of a folder's events; whoever makes it holds the folder's lock. `line` is the last that is there,
    `ended` whether it is an ending. A torn last line is removed."""

    def __init__(self, folder: JobFolder) -> None:
        updates, whole = folder.read_updates()
        self.line = updates[-1].line if updates else 0
        self.ended = bool(updates) and is_last(updates[-1])
        self._file = os.open(folder.events, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        os.ftruncate(self._file, whole)

    def write(self, update: JobUpdate) -> None:
        """Append `update`, which has its number, durably unless it is one of many. Raises OSError, and then the line is
        not there."""
        size = os.fstat(self._file).st_size
        data = (update.model_dump_json() + "\n").encode()
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:
            os.ftruncate(self._file, size)
            raise
        if update.kind != "progressed":
            os.fsync(self._file)
        self.line = update.line
        self.ended = is_last(update)

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)
