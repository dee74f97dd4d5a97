"""What a job says about its rows."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import Dataset
from transformers import AutoTokenizer

from trex_nb.tiny import path as tiny
from trex_nb.train.rows import duplicates, row_report
from trex_nb.train.sft import conversations


def rows(*pairs: tuple[str, str]) -> Dataset:
    return Dataset.from_list([{"id": str(i), "prompt": p, "answer": a, "slice": ""} for i, (p, a) in enumerate(pairs)])


def tokens(made: Dataset, tokenizer: Any, *, max_length: int) -> Dataset:
    """As trl leaves them: cut to `max_length`."""
    said = [
        tokenizer.apply_chat_template(p + c, tokenize=False, enable_thinking=False)
        for p, c in zip(made["prompt"], made["completion"], strict=True)
    ]
    ids = tokenizer(said, add_special_tokens=False)["input_ids"]
    return Dataset.from_dict({"input_ids": [row[:max_length] for row in ids]})


@pytest.mark.parametrize("max_length", [8, 10_000])
def test_rows_longer_than_max_length_are_counted(max_length: int) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny())
    data = rows(("a", "b"), ("say this many words to me again and again", "yes"))
    made = conversations(data, tokenizer)
    whole = [len(ids) for ids in tokens(made, tokenizer, max_length=10_000)["input_ids"]]
    found = row_report(data, made, tokens(made, tokenizer, max_length=max_length), tokenizer, max_length)
    assert found.truncated == sum(length > max_length for length in whole)
    assert (found.rows, found.held_out, found.longest) == (2, 0, max(whole))


def test_a_row_without_room_for_an_answer_is_dropped_and_truncated() -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny())
    data = rows(("a", "b"), ("say this many words to me again and again", "yes"))
    made = conversations(data, tokenizer)
    found = row_report(data, made, tokens(made, tokenizer, max_length=12).select([0]), tokenizer, 12)
    assert (found.truncated, found.dropped) == (1, 1)


def test_rows_of_equal_text_are_duplicates_and_a_row_drawn_twice_is_none() -> None:
    data = rows(("Say  a", "b"), ("say a ", "B"), ("say a", "c"))
    assert duplicates(data) == 1
    assert duplicates(data.select([0, 0, 2])) == 0
