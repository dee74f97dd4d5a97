"""The metrics a Task can name: a scorer of one answer, and what a split's answers add up to.

Pure: text in, numbers out. Every scorer takes (expected, got) and gives a number in [0, 1].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trex_nb.core.task import MetricName

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metric:
    """`item` scores one answer; an item below `right_from` is a bad case. The split's value is the mean of its
    items, or macro-F1 where `by_class`."""

    item: Callable[[str, str], float]
    right_from: float = 1.0
    by_class: bool = False


def normalised(text: str) -> str:
    """`text` without outer spaces and case, inner spaces collapsed."""
    return " ".join(text.casefold().split())


def same(expected: str, got: str) -> float:
    """1 if equal once normalised."""
    return float(normalised(expected) == normalised(got))


def identical(expected: str, got: str) -> float:
    """1 if equal but for outer spaces."""
    return float(expected.strip() == got.strip())


def rouge_1(expected: str, got: str) -> float:
    """ROUGE-1 F-measure: overlap of words, counted (Lin 2004)."""
    left, right = words(expected), words(got)
    return f_measure((Counter(left) & Counter(right)).total(), len(left), len(right))


def rouge_l(expected: str, got: str) -> float:
    """ROUGE-L F-measure: longest common subsequence of words (Lin 2004)."""
    left, right = words(expected), words(got)
    return f_measure(longest_common_subsequence(left, right), len(left), len(right))


def words(text: str) -> list[str]:
    """Lower-cased runs of letters and digits of any script."""
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()


def f_measure(common: int, expected: int, got: int) -> float:
    """2PR/(P+R) of precision common/got and recall common/expected; two empty texts agree."""
    return 2 * common / (expected + got) if expected + got else 1.0


def longest_common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Its length, by rows of the usual table."""
    row = [0] * (len(right) + 1)
    for word in left:
        above = row
        row = [0]
        for other, (diagonal, up) in zip(right, pairwise(above), strict=True):
            row.append(diagonal + 1 if word == other else max(up, row[-1]))
    return row[-1]


def macro_f1(expected: Sequence[str], got: Sequence[str], weights: Floats | None = None) -> Floats:
    """Mean F1 over the classes present in `expected`, once for each row of `weights` (rows, items), which says how
    often each item counts; a single row of ones by default.

    An answer that is none of the classes is a miss of the right class and a false alarm of none.
    """
    classes = {name: k for k, name in enumerate(dict.fromkeys(map(normalised, expected)))}
    truth = np.array([classes[normalised(text)] for text in expected])
    guess = np.array([classes.get(normalised(text), -1) for text in got])
    weights = np.ones((1, len(truth))) if weights is None else weights
    total = np.zeros(len(weights))
    present = np.zeros(len(weights))
    for k in range(len(classes)):
        true, guessed = truth == k, guess == k
        hits = weights @ (true & guessed)
        there = weights @ true
        f1 = 2 * hits / np.maximum(there + weights @ guessed, 1e-12)
        total += np.where(there > 0, f1, 0.0)
        present += there > 0
    return np.asarray(total / np.maximum(present, 1.0))


def macro_f1_items(expected: Sequence[str], got: Sequence[str]) -> Floats:
    """What each item adds to macro-F1, as pseudo-values whose mean is macro-F1 itself.

    Pseudo-values let a statistic that is no mean be tested as one (Tukey 1958, Miller 1974). These are the
    infinitesimal jackknife's (Jaeckel 1972; Efron 1982, chapter 6): the value plus n times its slope in the item's
    weight. Leaving whole items out instead would make the only item of a class worth hundreds. They may lie outside
    [0, 1].
    """
    classes = {name: k for k, name in enumerate(dict.fromkeys(map(normalised, expected)))}
    truth = np.array([classes[normalised(text)] for text in expected])
    guess = np.array([classes.get(normalised(text), -1) for text in got])
    slopes = np.zeros(len(truth))
    value = 0.0
    for k in range(len(classes)):
        true, guessed = truth == k, guess == k
        hits, size = float((true & guessed).sum()), float(true.sum() + guessed.sum())
        f1 = 2 * hits / size
        value += f1 / len(classes)
        slopes += (2.0 * (true & guessed) - f1 * (true.astype(float) + guessed)) / size / len(classes)
    return np.asarray(value + len(truth) * slopes)


METRICS: dict[MetricName, Metric] = {
    "accuracy": Metric(same),
    "exact_match": Metric(identical),
    "macro_f1": Metric(same, by_class=True),
    "rouge1": Metric(rouge_1, right_from=0.5),
    "rougeL": Metric(rouge_l, right_from=0.5),
}
