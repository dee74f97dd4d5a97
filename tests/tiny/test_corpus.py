"""The corpus is the same text everywhere, broad enough, and free of what the embedded tasks keep back."""

from __future__ import annotations

import json
import string
from collections import Counter

import pytest

from ftbench import tiny_intent, unicode_category
from trex_nb.tiny import chat, corpus, path, world


@pytest.fixture(scope="module")
def texts() -> tuple[str, ...]:
    return corpus.documents(20_000, seed=0)


def test_the_same_seed_gives_the_same_corpus() -> None:
    assert corpus.documents(300, seed=7) == corpus.documents(300, seed=7)


def test_another_seed_gives_another_corpus() -> None:
    assert corpus.documents(300, seed=7) != corpus.documents(300, seed=8)


def test_the_primer_comes_first_and_is_only_opinions_and_copying(texts: tuple[str, ...]) -> None:
    primer = texts[: int(len(texts) * corpus.PRIMER_SHARE)]
    assert all(" was " in text or chat.USER in text or text.count(text.split(". ")[0]) > 2 for text in primer)


def test_the_shipped_model_was_made_from_todays_corpus() -> None:
    told = json.loads((path() / "provenance.json").read_text())
    assert corpus.digest(corpus.documents(told["documents"], told["seed"])) == told["corpus_sha256"]


def test_every_printable_character_occurs_again_and_again(texts: tuple[str, ...]) -> None:
    seen = Counter("".join(texts))
    assert min(seen[char] for char in string.ascii_letters + string.digits + string.punctuation + " \n") > 15


def test_every_chat_document_has_one_request_and_one_answer(texts: tuple[str, ...]) -> None:
    for text in texts:
        if chat.USER in text:
            assert text.startswith(chat.USER)
            assert text.count(chat.ASSISTANT) == 1
            assert text.split(chat.ASSISTANT)[1]


def test_no_request_is_worded_like_the_embedded_tasks(texts: tuple[str, ...]) -> None:
    asked = [ask for ask, _ in tiny_intent.SKILLS.values()] + ["Character: "]
    assert not [text for text in texts if any(ask in text for ask in asked)]


def test_names_kept_for_the_unicode_task_never_appear(texts: tuple[str, ...]) -> None:
    splits = unicode_category.load()
    kept = {row["name"] for row in (*splits.train, *splits.search, *splits.test)}
    said = {text.split(": ")[0] for text in texts} | {text.rsplit(", ", 1)[-1] for text in texts}
    assert not kept & (said | {text.split(" is ")[0] for text in texts})


def test_a_denied_good_thing_is_no_joy() -> None:
    said = world.Remark("Anna", "soup", "food", "good", True, None)
    assert said.text == "Anna said the soup was not good"
    assert not said.glad
