"""What insights advise for the next plan: edits of a plan that lead to the better side of a claim.

Insights carried over from another study count less than own evidence: by `trust`, and with an error of the part that
is not trusted. Learning rates are not carried over between base models of which one is more than twice as large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from trex_nb.core.protocols import TreeView
from trex_nb.core.result import Claim, Condition, Insight, Origin, Value
from trex_nb.search.space import Field, Point, Space

_RATES = ("learning_rate", "full_learning_rate")


@dataclass(frozen=True, slots=True)
class Advice:
    """An edit that an insight recommends: `fields` to change, the gain it stands for with its error, and the insight's
    own words, to cite."""

    fields: dict[str, Value]
    gain: float
    stderr: float
    why: str


def trust(tree: TreeView, origin: Origin | None) -> float:
    """How much of an effect found elsewhere is expected here (ours): 1 for own evidence, .7 on the same task and base
    model, .5 where one of them differs, .3 where both do."""
    if origin is None:
        return 1.0
    same = (origin.task == tree.task.name) + (origin.base_model == tree.task.base_model)
    return (0.3, 0.5, 0.7)[same]


def advice(tree: TreeView, space: Space, start: Point) -> tuple[Advice, ...]:
    """Edits of `start` that live insights recommend, the most promising first (gain less one error)."""
    found = [a for i in tree.insights for a in _of_insight(tree, space, start, i)]
    return tuple(sorted(found, key=lambda a: a.stderr - a.gain))


def _of_insight(tree: TreeView, space: Space, start: Point, insight: Insight) -> Iterator[Advice]:
    claim = insight.claim
    if claim is None or not _applies(tree, space, insight) or not _holds(claim.where, start):
        return
    now, knob = start.get(claim.field), space.field(claim.field)
    if now is None or not _is_worse(claim, now):
        return
    gain, stderr = _expected(tree, insight)
    yield Advice({claim.field: _nearest(claim, knob, now)}, gain, stderr, insight.text)


def _applies(tree: TreeView, space: Space, insight: Insight) -> bool:
    """Whether a claim is clear, about a field of this study, and about rates only between like models."""
    claim, origin = insight.claim, insight.origin
    if claim is None or not claim.is_clear or not is_about(space, claim):
        return False
    ratio = origin.parameters / tree.base.parameters if origin else 1.0
    names = {claim.field, claim.where.field if claim.where else ""}
    return 0.5 <= ratio <= 2 or not names & set(_RATES)


def is_about(space: Space, claim: Claim) -> bool:
    """Whether the fields of a claim exist in `space`."""
    return claim.field in space.names and (claim.where is None or claim.where.field in space.names)


def _expected(tree: TreeView, insight: Insight) -> tuple[float, float]:
    assert insight.claim is not None
    share = trust(tree, insight.origin)
    effect = insight.claim.effect
    return share * effect, math.hypot(share * insight.claim.stderr, (1 - share) * effect)


def _holds(where: Condition | None, point: Point) -> bool:
    if where is None:
        return True
    value = point.get(where.field)
    if value is None:
        return False
    return (where.low is None or float(value) >= where.low) and (where.high is None or float(value) < where.high)


def _is_worse(claim: Claim, value: Value) -> bool:
    """Whether a value is on the worse side (numbers beyond it count as well)."""
    better, worse = claim.better, claim.worse
    if isinstance(better.low, (str, bool)):
        return value == worse.low
    if better.low > worse.high:  # type: ignore[operator]
        return float(value) <= float(worse.high)
    return float(value) >= float(worse.low)


def _nearest(claim: Claim, knob: Field, now: Value) -> Value:
    """The value of the better side that is nearest to `now`."""
    low, high = claim.better.low, claim.better.high
    if isinstance(low, (str, bool)) or isinstance(high, (str, bool)):
        return low
    inside = [v for v in knob.values or (low, high) if float(low) <= float(v) <= float(high)] or [low, high]
    return min(inside, key=lambda v: abs(knob.unit(v) - knob.unit(now)))
