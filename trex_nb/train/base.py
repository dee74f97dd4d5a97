"""The base model: loading it, and having it loaded before anybody asks.

A kernel that waits for a job calls `warm(name)`; the `load_base(name)` of the job's notebook then answers at once.
Weights are float32 on a CPU, where half precision is slower, and bfloat16 on a GPU that has it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from trex_nb.train.failure import stating_failures


@dataclass(slots=True)
class Base:
    """A base model with its tokenizer. `name` is what `from_pretrained` understands: a folder or a hub id."""

    name: str
    tokenizer: Any
    _model: Any = field(repr=False)

    def take(self) -> Any:
        """The model, for one fine-tuning that may change it; loaded again from `name` when it was taken before."""
        model, self._model = self._model or _load_model(self.name), None
        return model


_WARM: dict[str, Base] = {}


@stating_failures("train")
def load_base(name: str | Path) -> Base:
    """The base model `name` (a folder or a hub id) with its tokenizer.

    Raises what transformers raises when there is no such model (`OSError`).
    """
    return _WARM.pop(str(name), None) or _load(str(name))


def warm(name: str | Path | None = None) -> None:
    """Import what a job imports and, given a name, load that base model, so that a job starts without waiting."""
    from trex_nb.train import cache, outcome, sft  # noqa: F401, PLC0415  (imported for their weight)

    if name is not None:
        _WARM[str(name)] = _load(str(name))


def uses_cuda() -> bool:
    """Whether training happens on an NVIDIA GPU."""
    return bool(torch.cuda.is_available())


def half_precision() -> bool:
    """Whether the GPU computes in bfloat16."""
    return uses_cuda() and bool(torch.cuda.is_bf16_supported())


def _load(name: str) -> Base:
    return Base(name, AutoTokenizer.from_pretrained(name), _load_model(name))


def _load_model(name: str) -> Any:
    logging.disable_progress_bar()
    renew_threads()
    return AutoModelForCausalLM.from_pretrained(name, dtype=torch.bfloat16 if half_precision() else torch.float32)


def renew_threads() -> None:
    """To be called before weights are loaded. A forked process makes torch's thread pool anew at its first use, and
    when that is by several threads at once, as transformers loads weights, one finds none and torch gives up."""
    torch.set_num_threads(torch.get_num_threads())
