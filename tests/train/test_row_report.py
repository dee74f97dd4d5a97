"""What a job says about its rows."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import Dataset
from transformers import AutoTokenizer

from trex_nb.tiny import path as tiny
from trex_nb.train.encode import encode
from trex_nb.train.rows import duplicates, row_report


def rows(*pairs: tuple[str, str]) -> Dataset:
    return Dataset.from_list([{"id": str(i), "prompt": p, "answer": a, "slice": ""} for i, (p, a) in enumerate(pairs)])


def whole(prompt: str, answer: str, tokenizer: Any) -> int:
    said = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return len(tokenizer.apply_chat_template(said, enable_thinking=False)["input_ids"])


LONG = ("say this many words to me again and again", "yes")


@pytest.mark.parametrize("max_length", [12, 10_000])
def test_rows_longer_than_max_length_are_counted(max_length: int) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny())
    data = rows(("a", "b"), LONG)
    lengths = [whole(*pair, tokenizer) for pair in (("a", "b"), LONG)]
    found = row_report(data, encode(data, tokenizer, max_length), max_length)
    assert found.truncated == sum(length > max_length for length in lengths)
    assert (found.rows, found.held_out, found.longest) == (2, 0, max(lengths))


def test_a_row_without_room_for_an_answer_is_dropped_and_truncated() -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny())
    data = rows(("a", "b"), LONG)
    found = row_report(data, encode(data, tokenizer, 12), 12)
    assert (found.truncated, found.dropped) == (1, 1)


def test_rows_of_equal_text_are_duplicates_and_a_row_drawn_twice_is_none() -> None:
    data = rows(("Say  a", "b"), ("say a ", "B"), ("say a", "c"))
    assert duplicates(data) == 1
    assert duplicates(data.select([0, 0, 2])) == 0


def test_rows_that_a_language_model_wrote_are_counted_once() -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny())
    ids = ["generated-4", "generated-4", "generated-5", "4"]
    data = Dataset.from_list([{"id": i, "prompt": f"say {i}", "answer": "b", "slice": ""} for i in ids])
    assert row_report(data, encode(data, tokenizer, 64), 64).written == 2
