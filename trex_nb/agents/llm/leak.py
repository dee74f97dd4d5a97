"""No advice on single evaluation items: a model that has seen bad cases may say what kind of item goes wrong, never
which one. (FT-Dojo's rule, arXiv 2603.01712: insight about gaps, no item-level fixes.)

A text gives an item away when it holds five words in a row of it that are no wording common to the items, or the whole
prompt where that is shorter, or eight words in a row of any evaluation prompt at all; the last is seen from the study's
hashed n-grams (`core.ngrams`), without reading the prompts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trex_nb.core.ngrams import Hashes, ngrams, places, words
from trex_nb.core.protocols import TreeView
from trex_nb.core.result import BadCase

_RUN = 5
_FEWEST = 2
_COMMON = 0.2

Gram = tuple[str, ...]


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


def guard_of(tree: TreeView, sealed: Hashes | None = None) -> Guard:
    """The guard of a study: of every bad case that stands in its tree, and of the `sealed` n-grams of all items."""
    cases = {c.prompt: c for n in tree.nodes.values() for r in n.runs if r.evaluation for c in r.evaluation.bad_cases}
    return Guard(_of_cases(list(cases.values())), sealed)


def _of_cases(cases: Sequence[BadCase]) -> frozenset[Gram]:
    prompts = [tuple(words(c.prompt)) for c in cases]
    texts = [*prompts, *(words(c.expected) for c in cases), *(words(c.got) for c in cases)]
    count = Counter(run for text in texts for run in set(_runs(text, _RUN)))
    most = max(1, _COMMON * len(cases))  # what more of them share is how the task is worded
    short = {p for p in prompts if _FEWEST <= len(p) < _RUN}
    return frozenset(short | {run for run, n in count.items() if n <= most})


def _runs(text: Sequence[str], size: int) -> Iterable[Gram]:
    return (tuple(text[i : i + size]) for i in range(len(text) - size + 1))
