"""What a change of one field does to the score, estimated from all matched pairs of trials in a tree.

A pair is matched when both trials are equal in everything but one to three fields, at equal fidelity. It answers a
question about one of these fields: which side of a cut is better (numbers), or which of two values (categories). All
pairs that answer a question are weighed together by generalised least squares. Their covariance has four parts: the
noise of each trial (pairs that share one are correlated, so all pairs among four trials are no more evidence than the
trials are); how much the effect itself varies from place to place (DerSimonian and Laird 1986, shrunk to a small spread
while there are few pairs); the unknown effect of another field that changed too, the same for all pairs in which that
field moved the same way.

p-values are two-sided Student's t; which answers are believed is for `trex_nb.search.lessons`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from trex_nb.core.ids import NodeId, node_number
from trex_nb.core.result import Condition, Value
from trex_nb.search.space import Field, Space
from trex_nb.search.trials import Trial

Array = NDArray[np.float64]

_MOST_CHANGES = 3
_MOST_PAIRS = 200
_PLACE_ERROR = 0.02  # spread of an effect from place to place before it was seen
_PLACE_WEIGHT = 3.0
_FREEDOM = 12.0  # degrees of freedom that the variances known beforehand stand for
_BINS = 6
_FARTHEST = 0.5  # of a real field's range: the two ends of a wide range are not a contrast of neighbours


@dataclass(frozen=True, slots=True)
class Question:
    """Does the upper side of `field` score higher than the lower? Numbers are cut at `cut`; of a category the values
    are `lower` and `upper`. `where` narrows it to pairs whose other field lies in a range."""

    field: str
    fidelity: float
    cut: float | None = None
    lower: Value = False
    upper: Value = False
    where: Condition | None = None

    def side(self, value: Value) -> int:
        """-1 on the lower side, 1 on the upper, 0 on neither."""
        if self.cut is not None:
            return 1 if float(value) >= self.cut else -1
        return (value == self.upper) - (value == self.lower)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two matched trials: `lower` and `upper` by the question; `others` are the fields that changed too, each with
    whether it rose (1) or fell (-1) with the first."""

    lower: Trial
    upper: Trial
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The upper side's score minus the lower's, with its standard error; `contrasts` counts pairs without a trial in
    common (at most), `p` is two-sided. `lows` and `highs` are the values seen."""

    question: Question
    effect: float
    stderr: float
    contrasts: int
    p: float
    pairs: tuple[Pair, ...] = field(repr=False)

    @property
    def t(self) -> float:
        """Effect in standard errors."""
        return self.effect / self.stderr

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """The nodes that were compared."""
        return tuple(sorted({t.node for p in self.pairs for t in (p.lower, p.upper)}, key=node_number))

    def values(self, *, upper: bool) -> tuple[Value, ...]:
        """The field's values on one side, in order."""
        found = {(p.upper if upper else p.lower).point[self.question.field] for p in self.pairs}
        return tuple(sorted(found, key=lambda v: (str(type(v)), v) if isinstance(v, str) else ("", v)))


@dataclass(frozen=True, slots=True)
class Evidence:
    """The matched pairs of a tree by the field they are about; answers questions. `spread` is how large the effect of
    each field typically is: what is assumed of it where it changed with another."""

    space: Space
    pairs: Mapping[str, tuple[Pair, ...]]
    spread: Mapping[str, float]

    def answer(self, question: Question) -> Answer | None:
        """The answer of all pairs that have one; None without any."""
        return weigh(question, [p for p in self._turned(question) if _is_within(p, question.where)], self.spread)

    def narrowed(self, answer: Answer, where: Condition) -> Answer | None:
        """The answer of those of its pairs that lie within a condition."""
        pairs = [p for p in answer.pairs if _is_within(p, where)]
        return weigh(replace(answer.question, where=where), pairs, self.spread)

    def _turned(self, question: Question) -> Iterator[Pair]:
        """Pairs that lie on both sides of the question, its lower side first."""
        for p in self.pairs.get(question.field, ()):
            sides = [question.side(t.point[question.field]) for t in (p.lower, p.upper)]
            if p.lower.fidelity != question.fidelity or 0 in sides or sides[0] == sides[1]:
                continue
            yield p if sides[0] < 0 else Pair(p.upper, p.lower, p.others)

    def questions(self) -> tuple[Question, ...]:
        """Every question that some pair answers."""
        asked: dict[Question, None] = {}
        for name, pairs in self.pairs.items():
            knob = self.space.field(name)
            ends = {(p.lower.point[name], p.upper.point[name], p.lower.fidelity) for p in pairs}
            for low, high, fidelity in ends:
                asked |= dict.fromkeys(_questions(knob, (low, high), fidelity))
        return tuple(sorted(asked, key=repr))


def gather(trials: Sequence[Trial], space: Space) -> Evidence:
    """All matched pairs among `trials`, whatever order they come in."""
    pairs = list(_pairs(sorted(trials, key=lambda t: t.key), space))
    about: dict[str, list[Pair]] = {}
    for one, two, changed in pairs:
        for name in changed:
            if _is_near(one, two, space.field(name)):
                about.setdefault(name, []).append(_about(one, two, name, changed))
    return Evidence(space, {n: tuple(p) for n, p in about.items()}, _spreads(pairs, space))


_Match = tuple[Trial, Trial, tuple[str, ...]]
"""Two trials and the fields in which they differ."""


def _pairs(trials: Sequence[Trial], space: Space) -> Iterator[_Match]:
    if not trials:
        return
    codes = np.stack([_codes([t.point.get(n) for t in trials]) for n in space.names], axis=1)
    group = _codes([(t.rest, t.fidelity) for t in trials])
    differing = np.zeros((len(trials), len(trials)), dtype=np.int64)
    for column in codes.T:
        both = (column[:, None] >= 0) & (column[None, :] >= 0)
        differing += (column[:, None] != column[None, :]) & both
    matched = (differing >= 1) & (differing <= _MOST_CHANGES) & (group[:, None] == group[None, :])
    for i, j in np.argwhere(np.triu(matched, 1)):
        yield trials[i], trials[j], _changed(trials[i], trials[j])


def _codes(values: Sequence[object]) -> NDArray[np.int64]:
    """Values as numbers, equal where they are equal; -1 for None."""
    numbers: dict[object, int] = {}
    return np.array([-1 if v is None else numbers.setdefault(v, len(numbers)) for v in values])


def _changed(one: Trial, two: Trial) -> tuple[str, ...]:
    """Fields that both have and that differ. What a method brings or takes along is not a change of its own."""
    return tuple(n for n, v in one.point.items() if n in two.point and two.point[n] != v)


def _about(one: Trial, two: Trial, name: str, changed: Sequence[str]) -> Pair:
    """The two as evidence on `name`."""
    rise = _rise(one, two, name)
    return Pair(one, two, tuple((n, rise * _rise(one, two, n)) for n in changed if n != name))


def _rise(one: Trial, two: Trial, name: str) -> int:
    before, after = one.point[name], two.point[name]
    if isinstance(before, str) or isinstance(after, str):
        return 1 if str(after) > str(before) else -1
    return 1 if after > before else -1


def _is_near(one: Trial, two: Trial, knob: Field) -> bool:
    if knob.values is not None:
        return True
    return abs(knob.unit(one.point[knob.name]) - knob.unit(two.point[knob.name])) <= _FARTHEST


def _is_within(pair: Pair, where: Condition | None) -> bool:
    if where is None:
        return True
    ends = [t.point.get(where.field) for t in (pair.lower, pair.upper)]
    return all(
        e is not None and (where.low is None or float(e) >= where.low) and (where.high is None or float(e) < where.high)
        for e in ends
    )


def _questions(knob: Field, ends: Sequence[Value], fidelity: float) -> Iterator[Question]:
    if knob.is_categorical:
        lower, upper = sorted(ends, key=str)
        yield Question(knob.name, fidelity, lower=lower, upper=upper)
        return
    low, high = sorted(float(e) for e in ends)
    for cut in cuts(knob):
        if low < cut <= high:
            yield Question(knob.name, fidelity, cut=cut)


def cuts(knob: Field) -> tuple[float, ...]:
    """Where a number's range is cut, the cut belonging to the upper side: at its choices, or at even places of a log
    range."""
    if knob.values is None:
        ratio = knob.high / knob.low
        return tuple(float(f"{knob.low * ratio ** (k / _BINS):.1e}") for k in range(1, _BINS))
    return tuple(sorted(float(v) for v in knob.values))[1:]


def _spreads(pairs: Sequence[_Match], space: Space) -> dict[str, float]:
    """Per field, the root mean square of the differences in which it alone changed, less noise, drawn towards that of
    all fields together (of all pairs, while few have but one change)."""
    single = [p for p in pairs if len(p[2]) == 1]
    usual = max(_mean_square(single if len(single) >= 4 else pairs), (2 * _PLACE_ERROR) ** 2)
    found = {}
    for name in space.names:
        own = [p for p in single if p[2] == (name,)]
        square = (_PLACE_WEIGHT * usual + len(own) * _mean_square(own)) / (_PLACE_WEIGHT + len(own))
        found[name] = math.sqrt(max(square, _PLACE_ERROR**2))
    return found


def _mean_square(pairs: Sequence[_Match]) -> float:
    squares = [(two.value - one.value) ** 2 - two.variance - one.variance for one, two, _ in pairs]
    return float(np.mean(squares)) if squares else 0.0


def weigh(question: Question, pairs: Sequence[Pair], spread: Mapping[str, float]) -> Answer | None:
    """The answer of `pairs` (each its lower side first); None for none. Equal pairs count once."""
    pairs = _distinct(pairs)
    if not pairs:
        return None
    differences = np.array([p.upper.value - p.lower.value for p in pairs])
    noise = _noise(pairs, spread)
    covariance = noise + _place_variance(differences, noise) * np.eye(len(pairs))
    solved = np.linalg.solve(covariance, np.stack([np.ones(len(pairs)), differences], axis=1))
    information = float(solved[:, 0].sum())
    effect, stderr = float(solved[:, 1].sum()) / information, information**-0.5
    contrasts = min(len({p.lower.setting for p in pairs}), len({p.upper.setting for p in pairs}))
    p_value = two_sided(effect / stderr, _FREEDOM + contrasts - 1)
    return Answer(question, effect, stderr, contrasts, p_value, tuple(pairs))


def _distinct(pairs: Sequence[Pair]) -> list[Pair]:
    """Each pair once, those that changed least first, at most `_MOST_PAIRS`."""
    once = {(len(p.others), p.lower.key, p.upper.key): p for p in pairs}
    return [once[key] for key in sorted(once)[:_MOST_PAIRS]]


def _noise(pairs: Sequence[Pair], spread: Mapping[str, float]) -> Array:
    """Covariance of the pairs' differences: shared trials, and other fields that moved too."""
    variances = {t.key: t.variance for p in pairs for t in (p.lower, p.upper)}
    place = {key: k for k, key in enumerate(variances)}
    signs = np.zeros((len(pairs), len(place)))
    for k, p in enumerate(pairs):
        signs[k, place[p.lower.key]] -= 1
        signs[k, place[p.upper.key]] += 1
    covariance = (signs * np.array(list(variances.values()))) @ signs.T
    for name in {n for p in pairs for n, _ in p.others}:
        ways = spread[name] * np.array([dict(p.others).get(name, 0) for p in pairs])
        covariance += np.outer(ways, ways)
    return np.asarray(covariance, dtype=np.float64)


def _place_variance(differences: Array, noise: Array) -> float:
    """How much the effect varies from pair to pair beyond noise (DerSimonian and Laird's moment), shrunk to a prior."""
    prior, freedom = _PLACE_ERROR**2, len(differences) - 1
    if freedom < 1:
        return prior
    weights = 1 / np.diag(noise)
    centre = float(weights @ differences / weights.sum())
    excess = float(weights @ (differences - centre) ** 2) - freedom
    seen = max(0.0, excess / float(weights.sum() - (weights**2).sum() / weights.sum()))
    return (_PLACE_WEIGHT * prior + freedom * seen) / (_PLACE_WEIGHT + freedom)


def two_sided(t: float, freedom: float) -> float:
    """Two-sided p-value of Student's t, by the normal approximation of Wallace (1959)."""
    z = math.sqrt(freedom * math.log1p(t * t / freedom)) * (8 * freedom + 1) / (8 * freedom + 3)
    return math.erfc(z / math.sqrt(2))
