"""What a run's rows turn out to be when they become tokens: too long for `max_length`, or there more than once."""

from __future__ import annotations

from typing import Any

from datasets import Dataset

from trex_nb.core.result import RowReport


def row_report(rows: Dataset, conversations: Dataset, prepared: Dataset, tokenizer: Any, max_length: int) -> RowReport:
    """Counts over all of `rows` (columns of `Example`), over `conversations`, which are those trained on, and over
    `prepared`, which is what trl made of these: tokens cut to `max_length`, rows without room for an answer gone."""
    lengths = [len(ids) for ids in prepared["input_ids"]]
    dropped = len(conversations) - len(lengths)
    if dropped or max(lengths, default=0) >= max_length:  # else trl's own tokens are the whole rows
        lengths = _lengths(conversations, tokenizer)
    return RowReport(
        rows=len(conversations),
        held_out=len(rows) - len(conversations),
        truncated=sum(length > max_length for length in lengths),
        dropped=dropped,
        duplicates=duplicates(rows),
        longest=max(lengths, default=0),
    )


def duplicates(rows: Dataset) -> int:
    """How many rows say what another one says, case and spacing aside. The same row drawn twice is no duplicate."""
    texts = {key: _plain(p, a) for key, p, a in zip(rows["id"], rows["prompt"], rows["answer"], strict=True)}
    return len(texts) - len(set(texts.values()))


def _plain(prompt: str, answer: str) -> tuple[str, str]:
    return " ".join(prompt.casefold().split()), " ".join(answer.casefold().split())


def _lengths(conversations: Dataset, tokenizer: Any) -> list[int]:
    """Tokens of whole rows, prompt and answer."""
    if tokenizer.chat_template is None:
        texts = [f"{p}{a}{tokenizer.eos_token}" for p, a in _pairs(conversations)]
        return [len(ids) for ids in tokenizer(texts)["input_ids"]]
    texts = [
        tokenizer.apply_chat_template(prompt + completion, tokenize=False, enable_thinking=False)
        for prompt, completion in _pairs(conversations)
    ]
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def _pairs(conversations: Dataset) -> zip[tuple[Any, Any]]:
    return zip(conversations["prompt"], conversations["completion"], strict=True)
