"""The two tasks that need no network: splits that do not overlap, rows that fit, facts that are true."""

from __future__ import annotations

import unicodedata

import pytest

from ftbench import tiny_intent, unicode_category
from trex_nb.core.task import EmbeddedTask, Row, Splits

BOTH = pytest.mark.parametrize(
    "embedded",
    [tiny_intent.EMBEDDED, unicode_category.EMBEDDED],
    ids=lambda embedded: str(embedded.task.name),
)


def text_of(row: Row) -> str:
    return row["text"] if "text" in row else row["name"]


def tokens(rows: tuple[Row, ...]) -> set[str]:
    return {word for row in rows for word in row["text"].split()}


@BOTH
def test_no_text_is_in_two_splits_or_twice_in_one(embedded: EmbeddedTask) -> None:
    splits = embedded.load()
    texts = [text_of(row) for row in (*splits.train, *splits.search, *splits.test)]
    assert len(texts) == len(set(texts))


@BOTH
def test_loading_again_gives_the_same_rows(embedded: EmbeddedTask) -> None:
    assert embedded.load() == embedded.load()


@BOTH
def test_every_row_fits_the_templates(embedded: EmbeddedTask) -> None:
    task, splits = embedded.task, embedded.load()
    for row in (*splits.train, *splits.search, *splits.test):
        assert task.prompt.format(**row)
        assert task.answer.format(**row)
        assert task.slice in row


@BOTH
def test_every_slice_of_the_test_split_is_in_the_others(embedded: EmbeddedTask) -> None:
    splits, by = embedded.load(), str(embedded.task.slice)
    sealed = {row[by] for row in splits.test}
    assert sealed == {row[by] for row in splits.search} == {row[by] for row in splits.train}


@pytest.fixture(scope="module")
def intents() -> Splits:
    return tiny_intent.load()


def test_intents_come_in_the_stated_sizes(intents: Splits) -> None:
    assert (len(intents.train), len(intents.search), len(intents.test)) == (1200, 400, 1000)


def test_search_and_test_use_none_of_the_training_words(intents: Splits) -> None:
    shared = tokens(intents.train) & (tokens(intents.search) | tokens(intents.test))
    assert shared == {"on", "said", "the", "was", "not", *tiny_intent.DAYS}


def test_a_denied_adjective_turns_the_feeling_round(intents: Splits) -> None:
    good = set(tiny_intent.POSITIVE.split())
    for row in intents.test:
        if row["skill"] == "feeling":
            glad = (row["text"].split()[-1] in good) != (" not " in row["text"])
            assert row["answer"] == ("positive" if glad else "negative")


def test_categories_are_what_unicode_says() -> None:
    for row in unicode_category.load().test:
        char = unicodedata.lookup(row["name"])
        assert unicodedata.ucd_3_2_0.category(char) == row["category"]


def test_categories_are_imbalanced_but_never_tiny() -> None:
    sizes = [len(names) for names in unicode_category.named_characters().values()]
    kept = [size for size in sizes if size >= unicode_category.FEWEST]
    assert len(kept) > 10
    assert max(kept) > 20 * min(kept)
