"""Embeddings of texts by a model on this machine: the mean of its last hidden states, at unit length.

In float32 whatever the model is trained in, and with padding masked, so that a text's vector is the same in any batch
(to about 1e-6). That of causal models is a plain baseline for what texts are about; a model made for embeddings would
tell more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trex_nb.core.base import content_hash

_MOST_TOKENS = 512  # of a text; the rest of a longer one is not looked at
_AT_ONCE = 16_384  # tokens of a batch, padding included


class LocalRows:
    """An Embedder with the model `base` (a folder or a hub id), which is loaded when it is first needed."""

    def __init__(self, base: str | Path) -> None:
        self._base = str(base)
        self._loaded: tuple[Any, Any] | None = None

    @property
    def identity(self) -> str:
        """What its vectors follow from: equal identities, equal vectors of equal texts."""
        return content_hash("mean", _MOST_TOKENS, self._base)

    def embed(self, texts: Sequence[str], *, at_once: int = _AT_ONCE) -> NDArray[np.float32]:
        """A unit vector for each text, of the model's hidden size; batches hold about `at_once` tokens."""
        tokenizer, model = self._model()
        found = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
        ids = tokenizer(list(texts), truncation=True, max_length=_MOST_TOKENS)["input_ids"] if texts else []
        for places in _batches([len(i) for i in ids], at_once):
            found[places] = _means(model, [ids[i] for i in places])
        return found

    def _model(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import torch  # noqa: PLC0415  (a recipe that embeds nothing does not wait for it)
            from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = AutoModel.from_pretrained(self._base, dtype=torch.float32).to(device).eval()
            self._loaded = AutoTokenizer.from_pretrained(self._base), model
        return self._loaded


def _batches(lengths: Sequence[int], at_once: int) -> list[list[int]]:
    """Places of texts of about one length, none of them empty, by length."""
    batches: list[list[int]] = []
    for place in sorted((i for i, n in enumerate(lengths) if n), key=lambda i: lengths[i]):
        if batches and (len(batches[-1]) + 1) * lengths[place] <= at_once:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches


def _means(model: Any, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    import torch  # noqa: PLC0415

    longest = max(map(len, ids))
    padded = torch.tensor([[*i, *[0] * (longest - len(i))] for i in ids], device=model.device)
    mask = torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i in ids], device=model.device)
    with torch.inference_mode():
        states = model(input_ids=padded, attention_mask=mask).last_hidden_state
        mean = (states * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        unit = torch.nn.functional.normalize(mean, dim=1)
    return np.asarray(unit.cpu().numpy(), dtype=np.float32)
