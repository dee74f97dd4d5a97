"""The base model that ships with trex_nb: a Qwen3-shaped causal language model of about a million parameters.

It is small enough to fine-tune on one CPU core in seconds and knows a little about a lot of short text, so that the
whole research loop runs for real with no network. It is a model for demonstrations, tests and rehearsals: it cannot
hold a conversation. `path()` is the folder to pass to `from_pretrained`; `python -m trex_nb.tiny build` makes it again
from its seed. Importing this package does not import torch.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["path"]


def path() -> Path:
    """The folder of the shipped model: weights (bfloat16), tokenizer with chat template, configs, provenance."""
    return Path(__file__).parent / "model"
