"""Whether one score is better than another, or whether nobody can tell. Pure and deterministic.

Scores of the same items are compared item by item: exactly where items are right or wrong (McNemar), by flipping
signs at random otherwise. Without item scores (logs of an older version) the errors are taken as independent, which is
on the safe side. Training again under another seed moves a score too, often by more than the choice of items does: as
soon as a study has repeats, their spread is part of every error; until then it is said that it is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trex_nb.core.items import unpack
from trex_nb.core.result import Score

Floats = NDArray[np.float64]
Outcome = Literal["better", "worse", "cannot tell"]

ALPHA = 0.05
_Z_ALPHA, _Z_POWER = 1.959964, 0.841621  # two-sided 5%, power 80%
_FLIPS = 2_000
_OUT_OF_SIGHT = 1_000_000


@dataclass(frozen=True, slots=True)
class SeedNoise:
    """Standard deviation of a score over training seeds, pooled over all repeated nodes, with its degrees of
    freedom."""

    sd: float
    df: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one experiment: its score (mean over `seeds` runs), items of those runs averaged (empty when
    unknown). Where nothing was trained `seeds` is infinite: another seed would change nothing."""

    name: str
    score: Score
    items: Floats
    seeds: float = 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """`two` minus `one`: the difference with its standard error, a 95% interval and the p of "no difference".

    `n` items were compared, `is_paired` one by one. `needed` is how many items in all would show a difference of this
    size in four cases of five (None when there is none to show, or more seeds are what it takes). `with_seeds` says
    that the noise of training is in the error.
    """

    one: str
    two: str
    value: float
    stderr: float
    low: float
    high: float
    p: float
    n: int
    needed: int | None
    is_paired: bool
    with_seeds: bool

    @property
    def outcome(self) -> Outcome:
        """What may be claimed of `two`."""
        if self.p >= ALPHA or not self.value:
            return "cannot tell"
        return "better" if self.value > 0 else "worse"

    @property
    def sentence(self) -> str:
        """The one wording of a comparison."""
        if self.is_paired and not self.stderr:
            return f"Cannot tell {self.two} from {self.one}: all {self.n:,} items come out alike."
        size = f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}], {p_words(self.p)}"
        basis = f"{self.n:,} items, {'paired' if self.is_paired else 'errors taken as independent'}"
        seeds = ", noise of training included" if self.with_seeds else ""
        said = f"{size} ({basis}{seeds})."
        if self.outcome != "cannot tell":
            return f"{self.two} is {self.outcome} than {self.one}: {said}"
        return f"Cannot tell {self.two} from {self.one}: {said}{self._more()}"

    def _more(self) -> str:
        if self.needed is None:
            return " More seeds would tell sooner than more items." if self.with_seeds and self.value else ""
        more = self.needed - self.n
        if more <= 0:
            return ""
        return f" A difference of this size needs about {_rounded(more):,} more items to show."


def p_words(p: float) -> str:
    """A p-value for a person: "p = 0.03", "p < 0.001"."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.01 else f"p = {p:.2f}"


def compare(one: Evidence, two: Evidence, noise: SeedNoise | None = None) -> Comparison:
    """`two` against `one`, both of the same split. Swapping them flips the sign and nothing else."""
    value = two.score.value - one.score.value
    is_paired = 0 < len(one.items) == len(two.items) and one.score.n == two.score.n
    if is_paired:
        deltas = two.items - one.items
        n, spread, p = len(deltas), paired_stderr(deltas), paired_p(deltas)
        value = float(deltas.mean()) if abs(float(deltas.mean()) - value) > 1 / n else value
    else:
        n, spread = min(one.score.n, two.score.n), math.hypot(one.score.stderr, two.score.stderr)
        p = normal_p(value / spread)
    items_only = spread
    df = math.inf
    if noise is not None:
        training = noise.sd**2 * (1 / one.seeds + 1 / two.seeds)
        spread = math.sqrt(items_only**2 + training)
        df = noise.df * (spread**2 / training) ** 2 if training else math.inf  # Welch and Satterthwaite
        p = max(p, student_p(value / spread, df)) if spread else 1.0
    half = student_quantile(df) * spread
    return Comparison(
        one.name, two.name, value, spread, max(-1.0, value - half), min(1.0, value + half), p, n,
        _needed(value, items_only, spread, n), is_paired, noise is not None,
    )  # fmt: skip


def _needed(value: float, items_only: float, spread: float, n: int) -> int | None:
    """Items for a power of 80% at 5%, two-sided, if the true difference were `value`; what more seeds would take off
    is not to be had from items."""
    training = spread**2 - items_only**2
    room = (value / (_Z_ALPHA + _Z_POWER)) ** 2 - training
    if room <= 0:
        return None
    needed = n * items_only**2 / room
    return math.ceil(needed) if needed < _OUT_OF_SIGHT else None


def _rounded(count: int) -> int:
    """Two leading digits, the rest zeros."""
    digits = max(0, len(str(count)) - 2)
    return round(count, -digits)


def paired_stderr(deltas: Floats) -> float:
    """Standard error of the mean of item differences. For right and wrong with half an item added to each kind of
    disagreement (Agresti and Min 2005), so that few disagreements are no certainty; 0 when there are none at all."""
    n = len(deltas)
    if not deltas.any():
        return 0.0
    if not _is_right_or_wrong(deltas):
        return float(np.std(deltas, ddof=1)) / math.sqrt(n) if n > 1 else abs(float(deltas[0]))
    up, down = float((deltas > 0).sum()) + 0.5, float((deltas < 0).sum()) + 0.5
    return math.sqrt(up + down - (up - down) ** 2 / (n + 2)) / (n + 2)


def paired_p(deltas: Floats) -> float:
    """Two-sided p of "no difference": McNemar's exact test for right and wrong, sign flips otherwise."""
    if not deltas.any():
        return 1.0
    if _is_right_or_wrong(deltas):
        return mcnemar(int((deltas > 0).sum()), int((deltas < 0).sum()))
    return sign_flip(deltas)


def _is_right_or_wrong(deltas: Floats) -> bool:
    return bool(np.isin(deltas, (-1.0, 0.0, 1.0)).all())


def mcnemar(up: int, down: int) -> float:
    """Exact two-sided p of `up` and `down` disagreements being a fair coin's (McNemar 1947, exact as in Fay 2010)."""
    n = up + down
    tail = ways = 1
    for k in range(min(up, down)):
        ways = ways * (n - k) // (k + 1)
        tail += ways
    return min(1.0, float(tail / 2 ** (n - 1)))


def sign_flip(deltas: Floats) -> float:
    """Share of sign patterns whose mean lies as far from zero (Fisher's randomisation test). All patterns of up to
    12 items, else `_FLIPS` drawn the same way every time, the observed one counted in."""
    values = np.sort(np.abs(deltas[deltas != 0]))  # the order and the signs must not matter to the draw
    observed = abs(float(deltas.sum()))
    if len(values) <= 12:
        patterns = np.array(np.meshgrid(*[(-1.0, 1.0)] * len(values))).reshape(len(values), -1).T
        return float((np.abs(patterns @ values) >= observed - 1e-9).mean())
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(_FLIPS // 500):
        signs = 2.0 * rng.integers(0, 2, size=(500, len(values)), dtype=np.int8) - 1.0
        found += int((np.abs(signs @ values) >= observed - 1e-9).sum())
    return (found + 1) / (_FLIPS + 1)


def normal_p(z: float) -> float:
    """Two-sided p of a standard normal."""
    return math.erfc(abs(z) / math.sqrt(2))


def student_p(t: float, df: float) -> float:
    """Two-sided p of Student's t, by Simpson's rule on its density after x = sqrt(df) tan(angle)."""
    if not math.isfinite(df) or df > 1e4:
        return normal_p(t)
    edge = math.atan(abs(t) / math.sqrt(df))
    return 1 - _cos_power(edge, df - 1) / _cos_power(math.pi / 2, df - 1)


def _cos_power(edge: float, power: float) -> float:
    x = np.linspace(0, edge, 2001)
    y = np.clip(np.cos(x), 0, 1) ** power
    step = edge / 2000
    return float(step / 3 * (y[0] + y[-1] + 4 * y[1:-1:2].sum() + 2 * y[2:-1:2].sum()))


@lru_cache(maxsize=256)
def student_quantile(df: float) -> float:
    """The t that 95% lie within, by halving."""
    if not math.isfinite(df) or df > 1e4:
        return _Z_ALPHA
    low, high = 0.0, 1e4
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if student_p(middle, df) > ALPHA else (low, middle)
    return high


@lru_cache(maxsize=20_000)
def quick_stderr(one: str, two: str) -> float | None:
    """Paired standard error of two evaluations' packed items, for tables with a row a node; None where they cannot be
    paired."""
    a, b = unpack(one), unpack(two)
    return paired_stderr(b - a) if 0 < len(a) == len(b) else None


def luck(sigma: float, k: int) -> float:
    """By how much the best of `k` equally good scores with error `sigma` is too high on average: sigma times the
    expected maximum of k standard normals, by Blom's approximation (1958): the quantile at (k - 3/8) / (k + 1/4)."""
    return sigma * normal_quantile((k - 0.375) / (k + 0.25)) if k > 1 else 0.0


def normal_quantile(q: float) -> float:
    """The standard normal's quantile, by halving."""
    low, high = -10.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 0.5 * math.erfc(-middle / math.sqrt(2)) < q else (low, middle)
    return high


def pooled_sd(groups: Sequence[Sequence[float]]) -> SeedNoise | None:
    """Standard deviation within groups of at least two; None when there is no such group."""
    useful = [np.asarray(g, dtype=np.float64) for g in groups if len(g) > 1]
    if not useful:
        return None
    df = sum(len(g) - 1 for g in useful)
    return SeedNoise(math.sqrt(sum(float(((g - g.mean()) ** 2).sum()) for g in useful) / df), df)
