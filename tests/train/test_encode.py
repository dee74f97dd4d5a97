"""Our tokens are trl's tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from trex_nb.tiny import path as tiny
from trex_nb.train.encode import encode

PAIRS = [(f"what is {i} and {i * 7}?" + " please" * (i % 9), f"answer {i}" * (1 + i % 4)) for i in range(40)]
ROWS = Dataset.from_dict({"prompt": [p for p, _ in PAIRS], "answer": [a for _, a in PAIRS]})
MERGING = (
    "{% for m in messages %}{{ m.role }} {{ m.content }}{% endfor %}{% if add_generation_prompt %}assis{% endif %}"
)


def of_trl(tokenizer: Any, max_length: int, folder: Path) -> Any:
    """What SFTTrainer makes of the same rows as prompt-completion data."""
    if tokenizer.chat_template is None:
        data = Dataset.from_dict({"prompt": [f"{p}\n" for p, _ in PAIRS], "completion": [a for _, a in PAIRS]})
    else:
        asked = [[{"role": "user", "content": p}] for p, _ in PAIRS]
        told = [[{"role": "assistant", "content": a}] for _, a in PAIRS]
        kwargs = [{"enable_thinking": False}] * len(PAIRS)
        data = Dataset.from_dict({"prompt": asked, "completion": told, "chat_template_kwargs": kwargs})
    config = SFTConfig(
        str(folder), max_length=max_length, report_to=[], use_cpu=True, bf16=False, gradient_checkpointing=False
    )
    model = AutoModelForCausalLM.from_pretrained(tiny())
    return SFTTrainer(model, config, train_dataset=data, processing_class=tokenizer).train_dataset


@pytest.mark.parametrize("template", ["its own", None, MERGING])
@pytest.mark.parametrize("max_length", [12, 500])
def test_the_tokens_are_those_of_trl(template: str | None, max_length: int, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny())
    if template != "its own":
        tokenizer.chat_template = template
    ours, theirs = encode(ROWS, tokenizer, max_length), of_trl(tokenizer, max_length, tmp_path)
    assert ours.data["input_ids"][:] == theirs["input_ids"][:]
    assert ours.data["labels"][:] == theirs["labels"][:]
    assert ours.dropped == len(ROWS) - len(theirs)
    assert (ours.dropped > 0) == (max_length == 12)


def test_more_rows_than_are_encoded_at_once_keep_their_order() -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny())
    numbers = [str(i) for i in range(2500)]
    rows = Dataset.from_dict({"prompt": numbers, "answer": numbers})
    one_by_one = [encode(rows.select([i]), tokenizer, 64).data[0] for i in (0, 999, 1000, 2499)]
    assert [encode(rows, tokenizer, 64).data[i] for i in (0, 999, 1000, 2499)] == one_by_one


def test_no_rows_are_no_tokens() -> None:
    assert len(encode(ROWS.select([]), AutoTokenizer.from_pretrained(tiny()), 64).data) == 0
