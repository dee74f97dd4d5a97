"""The event log in SQLite: append-only, WAL, one short transaction per append, safe between processes.

`BEGIN IMMEDIATE` takes the write lock before reading the last sequence number; a deferred transaction would fail at
once with "database is locked" when two writers meet. On file systems without shared memory (network drives) WAL is
refused by SQLite itself and the rollback journal stays; correctness is the same, writers are slower.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from trex_nb.core.events import Actor, Event, Stamped, event_adapter
from trex_nb.core.ids import StudyId
from trex_nb.errors import StaleError, StoreError
from trex_nb.store.migrations import STEPS, migrate

_WAIT_SECONDS = 30.0


class SqliteStore:
    """A `Store` over one database file, made when it is missing. Usable from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_WAIT_SECONDS, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            had = migrate(self._db)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"{path} cannot be opened: {error}.", "check the path and free space, or move the folder"
            ) from error
        if had > len(STEPS):
            raise StoreError(f"{path} was written by a newer trex_nb.", "pip install -U trex-nb")

    def append(
        self, study: StudyId, events: Sequence[Event], *, actor: Actor, time: float, expected_seq: int
    ) -> tuple[Stamped, ...]:
        """See `core.protocols.Store.append`."""
        bodies = [event_adapter.dump_json(e).decode() for e in events]
        stamped = tuple(
            Stamped(seq=expected_seq + i, time=time, actor=actor, event=_read_back(b)) for i, b in enumerate(bodies, 1)
        )
        rows = [(study, s.seq, s.time, s.actor, b) for s, b in zip(stamped, bodies, strict=True)]
        with self._lock:
            try:
                self._insert(study, rows, expected_seq)
            except sqlite3.Error as error:
                raise StoreError(f"{self.path} cannot be written: {error}.", "free disk space, then repeat") from error
        return stamped

    def _insert(self, study: StudyId, rows: Sequence[tuple[str, int, float, str, str]], expected_seq: int) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            (last,) = self._db.execute("SELECT coalesce(max(seq), 0) FROM events WHERE study = ?", (study,)).fetchone()
            if last != expected_seq:
                raise StaleError(  # noqa: TRY301 (the rollback below is for it too)
                    f"{study} has moved on to event {last}.", "read the new events and decide again"
                )
            self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def read(self, study: StudyId, *, after: int = 0) -> Iterator[Stamped]:
        """See `core.protocols.Store.read`."""
        query = "SELECT seq, time, actor, body FROM events WHERE study = ? AND seq > ? ORDER BY seq"
        try:
            with self._lock:
                rows = self._db.execute(query, (study, after)).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be read: {error}.", "check the disk, or restore a copy") from error
        for seq, time, actor, body in rows:
            try:
                event = event_adapter.validate_json(body)
            except ValidationError as error:
                raise StoreError(
                    f"{self.path}: event {seq} of {study} is of a kind this trex_nb does not know.",
                    "pip install -U trex-nb",
                ) from error
            yield Stamped(seq=seq, time=time, actor=actor, event=event)

    def close(self) -> None:
        """Close the file; the store cannot be used after it."""
        with self._lock:
            self._db.close()


def _read_back(body: str) -> Event:
    """The event as every later replay will read it (JSON has no NaN); refused here if no replay could."""
    try:
        return event_adapter.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise StoreError(
            f"An event cannot be stored: {'.'.join(map(str, first['loc']))}: {first['msg']}.", "finite numbers and text"
        ) from error
