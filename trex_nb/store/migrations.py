"""The database schema, as numbered steps: `PRAGMA user_version` says how many a file has had.

Step n brings a file from version n to n + 1. Steps are never edited once released, only added.
"""

from __future__ import annotations

import sqlite3

_FIRST = """
CREATE TABLE events (
  study TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq > 0),
  time REAL NOT NULL,
  actor TEXT NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  PRIMARY KEY (study, seq)
) WITHOUT ROWID;
CREATE TRIGGER events_are_facts_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_are_facts_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
"""

STEPS: tuple[str, ...] = (_FIRST,)


def migrate(connection: sqlite3.Connection) -> int:
    """Bring a database to the newest version; returns the version it had. Safe to call from several processes."""
    (had,) = connection.execute("PRAGMA user_version").fetchone()
    if had >= len(STEPS):
        return int(had)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        (had,) = connection.execute("PRAGMA user_version").fetchone()
        for step in STEPS[had:]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")
    return int(had)


def _statements(script: str) -> list[str]:
    """Single statements of a script (`executescript` would commit the transaction we are in)."""
    found, current = [], ""
    for line in script.strip().splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found
