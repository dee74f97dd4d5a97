"""A bank of synthetic objectives over the package's own search space: mixed, conditional, noisy, with interactions.

Each is a random landscape drawn from a seed, of one of four families: `smooth` (every knob matters a little), `sparse`
(four knobs matter), `interactions` (pairs of knobs decide) and `rugged` (waves across all knobs). Shared by all,
because fine-tuning is like that: the learning rate matters most, its optimum moves with method, rank, batch and the
amount of data; too high a rate fails or spoils the run; full fine-tuning with large batches runs out of memory; more
data and more epochs help up to a point. A run on a share of the data is cheaper, scores lower and misleads a little.

Scores are accuracies on 400 items: binomial noise, and seed noise on top. The scale is set so that the median random
configuration has .35 and the best of some thousand about .85.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trex_nb.core.events import BaseFacts, DataFacts
from trex_nb.search.space import Field, Point, Space, space_for
from trex_nb.search.surrogate import Array

ITEMS = 400
SEED_NOISE = 0.02
FAMILIES = ("smooth", "sparse", "interactions", "rugged")
DATA = DataFacts(
    hash="d" * 16, train=4000, search=ITEMS, test=1000, slices=(("a", 1600), ("b", 1200), ("c", 800), ("d", 400)),
    closed_answers=True, longest_prompt=200, longest_answer=20, mean_chars=120,
)  # fmt: skip
BASE = BaseFacts(model="bank", hash="b" * 16, parameters=1_000_000_000)
SPACE = space_for(DATA, BASE)

_CALIBRATION = 3000
_MISLEADING = 3.0  # of the raw score: what a run on less data says that is not so


@dataclass(frozen=True, slots=True)
class Measured:
    """A noisy score with the standard error that an evaluator would report, None where the run failed; and what the
    run is truly worth, which no arm sees."""

    score: float | None
    stderr: float
    truth: float = 0.0


class Landscape:
    """One objective: `truth` is the expected score, `measure` one run."""

    def __init__(self, family: str, seed: int, space: Space = SPACE) -> None:
        self.family, self.seed, self.space = family, seed, space
        self.data, self.base = DATA, BASE
        rng = np.random.default_rng([FAMILIES.index(family), seed])
        fields = [f for f in space.fields if "learning_rate" not in f.name]
        strong = set(rng.choice(len(fields), 4, replace=False)) if family == "sparse" else set(range(len(fields)))
        self._weights = {
            f.name: float(rng.gamma(1.5, 1.0)) * (2.0 if family == "sparse" else 0.6) * (k in strong)
            for k, f in enumerate(fields)
        }
        self._optimum = {f.name: float(rng.uniform(0, 1)) for f in fields}
        self._choices = {f.name: rng.normal(0, 0.5, len(f.values or ())) for f in fields}
        self._rate_weight = float(rng.uniform(0.6, 2.0))
        self._rate_shift = {"lora": float(rng.normal(0, 0.5)), "full": float(rng.normal(0, 0.5))}
        self._rank_shift, self._batch_shift = float(rng.uniform(-0.15, 0.05)), float(rng.uniform(0, 0.2))
        self._data_shift = float(rng.uniform(0, 0.35))
        self._full_gain = float(rng.normal(0, 0.6))
        self._need = float(rng.uniform(0.6, 2.0))
        self._tired = float(rng.uniform(0.0, 0.25))
        self._pairs = self._drawn_pairs(rng, fields)
        self._waves = _drawn_waves(rng, len(space.fields))
        self._misleading = _drawn_waves(rng, len(space.fields))
        draw = random.Random(f"{family}-{seed}")
        raw = np.array([self._raw(space.draw(draw), 1.0) for _ in range(_CALIBRATION)])
        low, high = np.quantile(raw, [0.5, 0.9985])
        self._slope = (_logit(0.85) - _logit(0.35)) / (high - low)
        self._offset = _logit(0.35) - self._slope * low

    def _drawn_pairs(self, rng: np.random.Generator, fields: Sequence[Field]) -> list[tuple[str, str, float]]:
        count = {"interactions": 8, "smooth": 2, "sparse": 1, "rugged": 3}[self.family]
        drawn = [rng.choice(len(fields), 2, replace=False) for _ in range(count)]
        return [(fields[i].name, fields[j].name, float(rng.normal(0, 1.6))) for i, j in drawn]

    def _rate(self, point: Point, share: float) -> float:
        """Decades between the point's learning rate and the best one for its other settings."""
        name = "learning_rate" if point["method"] == "lora" else "full_learning_rate"
        centre = math.log10(float(self.space.field(name).default)) + self._rate_shift[str(point["method"])]
        rank = self._rank_shift * math.log2(float(point.get("r", 16)) / 16)
        batch = self._batch_shift * math.log2(float(point["per_device_train_batch_size"]) / 16)
        data = -self._data_shift * math.log10(share * float(point["num_train_epochs"]) / 2)
        return math.log10(float(point[name])) - (centre + rank + batch + data)

    def _raw(self, point: Point, fidelity: float) -> float:
        share = float(point["share"]) * fidelity
        off = self._rate(point, share)
        total = -self._rate_weight * min(off * off, 2.5) - (3.0 * (off - 0.7) if off > 0.7 else 0.0)
        seen = share * float(point["num_train_epochs"])
        total += 2.2 * (1 - math.exp(-seen / self._need)) - self._tired * max(0.0, float(point["num_train_epochs"]) - 2)
        total += self._full_gain * (point["method"] == "full")
        for f in self.space.active(point):
            if f.name in self._weights:
                total += self._weights[f.name] * self._effect(f, point)
        for a, b, weight in self._pairs:
            if a in point and b in point:
                total += weight * (self._centred(a, point) * self._centred(b, point))
        if self.family == "rugged":
            total += self._wave(self._waves, point)
        if fidelity < 1:
            total += _MISLEADING * self._wave(self._misleading, point)
        return total

    def _wave(self, waves: tuple[Array, Array], point: Point) -> float:
        at = np.array([f.unit(point[f.name]) if f.name in point else 0.5 for f in self.space.fields])
        return float(np.sum(np.cos(waves[0] @ at + waves[1]))) / math.sqrt(len(waves[1]))

    def _effect(self, f: Field, point: Point) -> float:
        if f.is_categorical:
            return float(self._choices[f.name][(f.values or ()).index(point[f.name])])
        return -((f.unit(point[f.name]) - self._optimum[f.name]) ** 2) * 1.5

    def _centred(self, name: str, point: Point) -> float:
        return 2 * self.space.field(name).unit(point[name]) - 1

    def fails(self, point: Point, fidelity: float) -> bool:
        """Whether the run diverges, or runs out of memory."""
        too_large = point["method"] == "full" and point["per_device_train_batch_size"] == 32
        return too_large or self._rate(point, float(point["share"]) * fidelity) > 1.15

    def truth(self, point: Point, fidelity: float = 1.0) -> float:
        """The expected score; 0 for a run that fails."""
        if self.fails(point, fidelity):
            return 0.0
        return 0.97 / (1 + math.exp(-(self._slope * self._raw(point, fidelity) + self._offset)))

    def measure(self, point: Point, fidelity: float, rng: random.Random) -> Measured:
        """One run: the truth with seed noise (more of it on less data), as a count of right answers."""
        if self.fails(point, fidelity):
            return Measured(None, 0.0)
        mean = self.truth(point, fidelity) + rng.gauss(0, SEED_NOISE * (1 + 0.5 * (fidelity < 1)))
        p = min(0.995, max(0.005, mean))
        score = sum(rng.random() < p for _ in range(ITEMS)) / ITEMS
        stderr = math.sqrt(max(score * (1 - score), 0.25 / ITEMS) / ITEMS)
        return Measured(score, stderr, self.truth(point, fidelity))


def _drawn_waves(rng: np.random.Generator, fields: int) -> tuple[Array, Array]:
    return rng.normal(0, 1.6, (12, fields)), rng.uniform(0, 2 * math.pi, 12)


def _logit(p: float) -> float:
    return math.log(p / (0.97 - p))


def bank(seeds: Sequence[int]) -> list[Landscape]:
    """One landscape per seed, the families in turn."""
    return [Landscape(FAMILIES[s % len(FAMILIES)], s) for s in seeds]
