"""Recognising rows of the search and test splits in a file or an answer, by the hashed words that a study keeps of them
(`core.ngrams`): eight words in a row of a prompt, or a whole prompt that the task's template makes of a row.

Limits: a short prompt in the middle of a text goes unseen, and a text that quotes what all prompts begin with is taken
for one of them. It errs towards silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trex_nb.core.ngrams import Hashes, ngrams, places, whole
from trex_nb.core.templates import ParsedTemplate, parse_template


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is known of the evaluation prompts; without any, nothing is recognised."""

    hashes: Hashes
    prompt: ParsedTemplate

    @classmethod
    def of(cls, ngrams_file: Path, prompt: str) -> Sealed:
        """Of a study: its file of hashes, and its task's template. No file, no hashes."""
        there = np.load(ngrams_file, allow_pickle=False) if ngrams_file.exists() else np.zeros(0, dtype=np.uint64)
        return cls(there, parse_template(prompt, "prompt"))

    def has(self, text: str, rows: Sequence[Mapping[str, str]] = ()) -> bool:
        """Whether the text, or one of the rows it shows, is from a prompt of an evaluation split."""
        asked = [self.prompt.filled(r) for r in rows if all(f in r for f in self.prompt.fields)]
        passages = [text, *(v for r in rows for v in r.values()), *asked]
        hashes = np.concatenate([ngrams(passages)[0], whole([*passages, *text.splitlines()])])
        return bool((places(hashes, self.hashes) >= 0).any())
