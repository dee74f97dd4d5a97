"""The general text of the tiny base."""

from __future__ import annotations

from trex_nb.tiny.corpus import documents
from trex_nb.tiny.general import world_text


def test_it_is_the_same_text_every_time_and_another_one_for_another_seed() -> None:
    assert world_text() == world_text() != world_text("else")
    assert len(set(world_text())) == 40


def test_none_of_it_stands_in_the_corpus() -> None:
    """In its beginning, here, to save time; in all of it when this was written."""
    assert not set(world_text()) & set(documents(20_000))
