"""No advice on single evaluation items: a model that has seen bad cases may say what kind of item goes wrong, never
which one. (FT-Dojo's rule, arXiv 2603.01712: insight about gaps, no item-level fixes.)

A text gives an item away when it holds five words in a row of it that are no wording common to the items, or the whole
prompt where that is shorter, or eight words in a row of any evaluation prompt at all; the last is seen from the study's
hashed n-grams (`core.ngrams`), without reading the prompts. What several training rows say too (how the task words its
prompts, "turn on the light") gives nothing away: else a plan could not speak of its own task.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from trex_nb.core.ngrams import Hashes, ngrams, places, words
from trex_nb.core.protocols import TreeView
from trex_nb.core.result import BadCase

_RUN = 5
_FEWEST = 2
_COMMON = 0.2
_SEVERAL = 3  # training rows

Gram = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """Runs of words, and hashed n-grams, that several training rows have."""

    runs: frozenset[Gram] = frozenset()
    hashes: Hashes = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))


def wording(texts: Sequence[str]) -> Wording:
    """Of training rows, prompts and answers."""
    said = (words(text) for text in texts)
    each = (set(chain.from_iterable(_runs(s, n) for n in range(_FEWEST, _RUN + 1))) for s in said)
    runs = Counter(chain.from_iterable(each))
    hashes, owner = ngrams(texts)
    pairs = np.unique(np.stack([hashes, owner.astype(np.uint64)]), axis=1)
    found, count = np.unique(pairs[0], return_counts=True)
    return Wording(frozenset(r for r, n in runs.items() if n >= _SEVERAL), found[count >= _SEVERAL])


@dataclass(frozen=True, slots=True)
class Guard:
    """Knows the items that were shown, as runs of words that are theirs alone, and all items as hashes."""

    runs: frozenset[Gram] = frozenset()
    sealed: Hashes | None = None

    def leaks(self, texts: Iterable[str]) -> str:
        """The words that give an item away; empty where none do."""
        sizes = sorted({len(run) for run in self.runs})
        for text in texts:
            said = words(text)
            for run in (run for size in sizes for run in _runs(said, size)):
                if run in self.runs:
                    return f"“{' '.join(run)[:60]}”"
            if self.sealed is not None and (places(ngrams([text])[0], self.sealed) >= 0).any():
                return "eight words in a row of one"
        return ""


def guard_of(tree: TreeView, sealed: Hashes | None = None, common: Wording | None = None) -> Guard:
    """The guard of a study: of every bad case that stands in its tree, and of the `sealed` n-grams of all items, less
    what is `common`."""
    common = common or Wording()
    cases = {c.prompt: c for n in tree.nodes.values() for r in n.runs if r.evaluation for c in r.evaluation.bad_cases}
    hashes = None if sealed is None else np.setdiff1d(sealed, common.hashes)
    return Guard(_of_cases(list(cases.values())) - common.runs, hashes)


def _of_cases(cases: Sequence[BadCase]) -> frozenset[Gram]:
    prompts = [tuple(words(c.prompt)) for c in cases]
    texts = [*prompts, *(words(c.expected) for c in cases), *(words(c.got) for c in cases)]
    count = Counter(run for text in texts for run in set(_runs(text, _RUN)))
    most = max(1, _COMMON * len(cases))  # what more of them share is how the task is worded
    short = {p for p in prompts if _FEWEST <= len(p) < _RUN}
    return frozenset(short | {run for run, n in count.items() if n <= most})


def _runs(text: Sequence[str], size: int) -> Iterable[Gram]:
    return (tuple(text[i : i + size]) for i in range(len(text) - size + 1))
