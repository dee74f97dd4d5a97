"""The contract of the `Store` seam. Subclass it with a `store` fixture; `MemoryStore` is the shipped fake."""

from __future__ import annotations

import pytest

from trex_nb.core.events import NodeNoted
from trex_nb.core.ids import ROOT, StudyId
from trex_nb.core.protocols import Store
from trex_nb.errors import StaleError
from trex_nb.store.memory import MemoryStore

__all__ = ["MemoryStore", "StoreContract"]

STUDY = StudyId("contract")


def _note(text: str) -> NodeNoted:
    return NodeNoted(node=ROOT, text=text)


class StoreContract:
    """What every `Store` must keep."""

    def test_an_unknown_study_is_empty(self, store: Store) -> None:
        assert list(store.read(STUDY)) == []

    def test_events_come_back_as_they_went_in(self, store: Store) -> None:
        written = store.append(STUDY, [_note("a"), _note("ü\u202e😀")], actor="human", time=1.5, expected_seq=0)
        assert tuple(store.read(STUDY)) == written
        assert [s.seq for s in written] == [1, 2]

    def test_reading_after_a_number_skips_what_was_seen(self, store: Store) -> None:
        store.append(STUDY, [_note("a"), _note("b"), _note("c")], actor="system", time=0, expected_seq=0)
        assert [s.seq for s in store.read(STUDY, after=2)] == [3]

    def test_a_stale_writer_changes_nothing(self, store: Store) -> None:
        store.append(STUDY, [_note("first")], actor="human", time=0, expected_seq=0)
        with pytest.raises(StaleError):
            store.append(STUDY, [_note("second")], actor="human", time=0, expected_seq=0)
        assert len(list(store.read(STUDY))) == 1

    def test_studies_do_not_mix(self, store: Store) -> None:
        store.append(STUDY, [_note("mine")], actor="human", time=0, expected_seq=0)
        assert list(store.read(StudyId("other"))) == []

    def test_nothing_to_append_is_no_error(self, store: Store) -> None:
        assert store.append(STUDY, [], actor="system", time=0, expected_seq=0) == ()
