from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from trex_nb.core.events import BudgetChanged, JobProgressed, NodeNoted
from trex_nb.core.ids import ROOT, RunId, StudyId
from trex_nb.core.task import Budget
from trex_nb.errors import StaleError, StoreError
from trex_nb.store.migrations import STEPS, migrate
from trex_nb.store.sqlite import SqliteStore

STUDY = StudyId("s")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "deep" / "study.db")
    yield store
    store.close()


def _note(text: str = "x") -> NodeNoted:
    return NodeNoted(node=ROOT, text=text)


def test_what_was_written_is_there_after_a_restart(store: SqliteStore) -> None:
    written = store.append(STUDY, [_note("a"), _note("b")], actor="human", time=1.5, expected_seq=0)
    again = SqliteStore(store.path)
    assert tuple(again.read(STUDY)) == written
    again.close()


def test_the_past_cannot_be_changed(store: SqliteStore) -> None:
    store.append(STUDY, [_note()], actor="human", time=0, expected_seq=0)
    for statement in ("UPDATE events SET actor = 'system'", "DELETE FROM events"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store._db.execute(statement)


def test_what_json_cannot_say_is_the_same_now_as_after_a_replay(store: SqliteStore) -> None:
    event = JobProgressed(run=RunId("n1.1"), step=1, total=2, loss=math.nan, line=1)
    written = store.append(STUDY, [event], actor="executor", time=0, expected_seq=0)
    assert tuple(store.read(STUDY)) == written


def test_an_event_that_no_replay_could_read_is_refused(store: SqliteStore) -> None:
    """JSON has no infinity: stored as null it would lock the person out of the study."""
    event = BudgetChanged(budget=Budget(minutes=math.inf))
    with pytest.raises(StoreError, match=r"budget\.minutes"):
        store.append(STUDY, [event], actor="human", time=0, expected_seq=0)
    assert list(store.read(STUDY)) == []


def test_two_writers_never_write_the_same_number(store: SqliteStore) -> None:
    """Each writer tries until its ten notes are in; the numbers have no gap and nothing is lost."""
    other = SqliteStore(store.path)

    def write(to: SqliteStore) -> None:
        for _ in range(10):
            while True:
                seen = max((s.seq for s in to.read(STUDY)), default=0)
                try:
                    to.append(STUDY, [_note()], actor="human", time=0, expected_seq=seen)
                    break
                except StaleError:
                    continue

    threads = [threading.Thread(target=write, args=(s,)) for s in (store, other)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    other.close()
    assert [s.seq for s in store.read(STUDY)] == list(range(1, 21))


def test_a_file_that_is_no_database_is_an_error_of_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_text("not a database, but long enough to look like one" * 50)
    with pytest.raises(StoreError) as error:
        SqliteStore(path)
    assert len(str(error.value).splitlines()) == 2


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    SqliteStore(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    db.close()
    with pytest.raises(StoreError, match="newer"):
        SqliteStore(path)


def test_migrating_twice_changes_nothing() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    assert [migrate(db), migrate(db)] == [0, len(STEPS)]
    db.close()


def test_an_event_of_a_newer_version_is_an_error_in_two_lines(store: SqliteStore) -> None:
    store.append(STUDY, [_note()], actor="human", time=0, expected_seq=0)
    other = sqlite3.connect(store.path)
    other.execute("""INSERT INTO events VALUES ('s', 2, 0, 'human', '{"kind": "not_yet_invented"}')""")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="does not know"):
        list(store.read(STUDY))
