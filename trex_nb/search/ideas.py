"""Ideas for a node's children: edits of its plan, crossings with the best, fresh drafts under the baseline; and what
each is worth, by the surrogate over all finished runs.

An idea is a point and the share of the data to try it on. Its worth is the improvement over the best full run that
is to be expected of *learning its outcome*, per full run's cost: the expected improvement with the standard deviation
that the run would move the expectation by (the knowledge gradient's), divided by its price. A probe's price includes
the full run that has to confirm it, times the chance that it is needed. So probes are made while they teach more than
they cost, and where they mislead, full runs take over by themselves; an unconfirmed probe is an idea like any other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trex_nb.search.space import Point, Space
from trex_nb.search.surrogate import Prediction, Surrogate, chance_above, expected_improvement

EDITS, CROSSINGS, DRAFTS = 160, 30, 80


@dataclass(frozen=True, slots=True)
class Idea:
    """A point worth trying on a share of the data; `why` begins its hypothesis, `head_start` counts in standard
    deviations of its prediction."""

    point: Point
    fidelity: float = 1.0
    why: str = ""
    head_start: float = 0.0


@dataclass(frozen=True, slots=True)
class Rated:
    """An idea with what is expected of a full run of it, and its worth (expected improvement per full run's cost)."""

    idea: Idea
    prediction: Prediction
    worth: float


def incumbent(surrogate: Surrogate) -> float:
    """What the best full run so far is expected to score again: its measured score is luck in part. Without a full
    run the best expectation of any."""
    means = [p.mean for p in surrogate.predict([o.point for o in surrogate.seen])]
    full = [m for m, o in zip(means, surrogate.seen, strict=True) if o.fidelity == 1]
    return max(full or means)


def rate(surrogate: Surrogate, ideas: Sequence[Idea], best: float) -> list[Rated]:
    """Every idea with its worth against `best`, the most worthwhile first."""
    found: list[Rated] = []
    for share in sorted({i.fidelity for i in ideas}):
        same = [i for i in ideas if i.fidelity == share]
        points = [i.point for i in same]
        moves = surrogate.moves(points, share)
        for idea, p, move in zip(same, surrogate.predict(points), moves, strict=True):
            learnt = Prediction(p.mean, move)
            start = 0.2 * idea.head_start * p.stderr
            worth = (expected_improvement(learnt, best) + start) / _price(learnt, best, share)
            found.append(Rated(idea, p, worth))
    return sorted(found, key=_worth, reverse=True)


def _worth(rated: Rated) -> float:
    return rated.worth


def _price(learnt: Prediction, best: float, share: float) -> float:
    return 1.0 if share == 1 else share + chance_above(learnt, best)


def children(space: Space, start: Point | None, known: Sequence[Point], rng: random.Random) -> Iterator[Point]:
    """Points to try below a plan at `start` (None: the untrained baseline), where `known` were tried already, the best
    first: edits of it; crossings with the best; fresh drafts below the baseline."""
    origin = start or space.default()
    for _ in range(EDITS):
        yield wide_edit(space, origin, rng)
    if known:
        for _ in range(CROSSINGS):
            yield crossing(space, origin if start else known[0], rng.choice(known), rng)
    if start is None:
        for _ in range(DRAFTS):
            yield space.draw(rng)


def wide_edit(space: Space, point: Point, rng: random.Random, frozen: frozenset[str] = frozenset()) -> Point:
    """A neighbour of `point`, half of the time a neighbour's neighbour or two."""
    for _ in range(1 + rng.choice((0, 0, 0, 1, 1, 2))):
        point = space.edit(point, rng, frozen)
    return point


def crossing(space: Space, a: Point, b: Point, rng: random.Random) -> Point:
    """A point with each field from `a` or from `b`."""
    method = rng.choice((a, b))["method"]
    fields = space.active({"method": method})
    return space.completed({f.name: rng.choice((a, b)).get(f.name, f.default) for f in fields} | {"method": method})
