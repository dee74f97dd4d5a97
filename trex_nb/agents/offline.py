"""The offline Researcher: proposes from evidence, without a language model, a key or a network.

It edits the parent's plan. Candidates are the moves that the parent's findings call for and random neighbours in the
typed
space; a surrogate over every finished run of the tree scores them by expected improvement, and moves that answer a
finding get a head start. Before three trained runs are known there is nothing to fit, and it opens with the recommended
plan and contrasts to it. It never proposes a plan that is in the tree, and it follows the person's directions to the
letter, saying which words it did not understand.

Limits: it changes knobs and data operators, it does not invent data or code; it plans one run per node.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from trex_nb.agents.context import memory_context
from trex_nb.agents.diagnosis import diagnose, moves
from trex_nb.agents.directions import UNDERSTOOD, Directions, understand
from trex_nb.agents.estimate import estimate
from trex_nb.agents.wording import title
from trex_nb.core.events import ProposalRequested
from trex_nb.core.ids import NodeId, node_number
from trex_nb.core.node import Node
from trex_nb.core.plan import Expectation, Plan, Proposal
from trex_nb.core.protocols import Reflection, TreeView
from trex_nb.core.result import Insight
from trex_nb.errors import TrexError
from trex_nb.search.space import Point, Space, Value, space_for
from trex_nb.search.surrogate import Observation, Prediction, Surrogate, expected_improvement, fit

_ENOUGH = 3
_NEIGHBOURS = 200


class NothingToProposeError(TrexError):
    """Every plan within reach is in the tree, or the directions ask for nothing new."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A point worth trying; `why` begins its hypothesis, `head_start` counts in standard errors of a prediction."""

    point: Point
    why: str
    head_start: float = 0.0


@dataclass(frozen=True, slots=True)
class _Rated:
    candidate: _Candidate
    prediction: Prediction | None
    worth: float


class OfflineResearcher:
    """A `Researcher` that needs nothing but the tree. Deterministic: equal trees and requests give equal proposals."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    async def propose(self, tree: TreeView, request: ProposalRequested) -> Proposal:
        """See `core.protocols.Researcher.propose`; raises `NothingToProposeError`."""
        space = space_for(tree.data, tree.base)
        about = tree.nodes[request.of or request.parent]
        base = space.point(about.plan)
        heard = understand(request.directions or "", space, base or space.default())
        surrogate = _fitted(tree, space)
        if request.directions:
            candidates = list(self._directed(space, base, heard, request))
        else:
            candidates = list(self._candidates(tree, space, request))
        plans = self._best(tree, space, candidates, surrogate, request)
        if not plans:
            raise NothingToProposeError(*_nothing(heard, request))
        rationale = _rationale(tree, surrogate, len(candidates))
        context = memory_context(tree, request) + f"\n\nHow it was decided: {rationale}"
        return Proposal(
            parent=request.parent, plans=plans, rationale=rationale, context=context, remarks=_remarks(heard)
        )

    async def reflect(self, tree: TreeView, node: NodeId) -> Reflection:
        """See `core.protocols.Researcher.reflect`."""
        here = tree.nodes[node]
        return Reflection(diagnose(tree, here), tuple(_lesson(tree, here)))

    def _directed(
        self, space: Space, base: Point | None, heard: Directions, request: ProposalRequested
    ) -> Iterator[_Candidate]:
        start = dict(base or space.default())
        if heard.sets:
            yield _Candidate(space.completed({**start, **heard.sets}), _asked(heard, request))
        elif heard.frozen:
            rng = random.Random(f"{self.seed}-{request.request}")
            for _ in range(_NEIGHBOURS):
                yield _Candidate(space.edit(start, rng, heard.frozen), _asked(heard, request))

    def _candidates(self, tree: TreeView, space: Space, request: ProposalRequested) -> Iterator[_Candidate]:
        parent = tree.nodes[request.parent]
        start = space.point(parent.plan)
        if start is None or not _has_run(tree):
            yield from _openings(space)
        if start is None:
            start = space.default()
        for finding in parent.findings:
            for edit in moves(finding, space, start):
                yield _Candidate(space.completed({**start, **edit}), finding.message, head_start=0.5)
        rng = random.Random(f"{self.seed}-{request.request}")
        for _ in range(_NEIGHBOURS):
            yield _Candidate(space.edit(start, rng), "")

    def _best(
        self, tree: TreeView, space: Space, candidates: list[_Candidate], surrogate: Surrogate | None,
        request: ProposalRequested,
    ) -> tuple[Plan, ...]:  # fmt: skip
        known = {n.plan.hash for n in tree.nodes.values()}
        rated = _rated(tree, candidates, surrogate)
        plans: list[Plan] = []
        touched: set[frozenset[str]] = set()
        for again in (False, True):  # first plans that change different fields, then any
            for r in rated:
                plan = _plan(tree, space, request, r)
                fields = frozenset(c.field for c in plan.changes)
                if len(plans) < request.n and plan.hash not in known and (again or fields not in touched):
                    plans.append(plan)
                    known.add(plan.hash)
                    touched.add(fields)
        return tuple(plans)


def _openings(space: Space) -> Iterator[_Candidate]:
    default = space.default()
    rate = float(default["learning_rate"])
    ideas: tuple[tuple[str, Mapping[str, Value]], ...] = (
        ("The recommended plan for a base of this size: an honest first measurement.", {}),
        (
            "More capacity and time, at a gentler rate.",
            {"r": 32, "num_train_epochs": 4.0, "learning_rate": float(f"{rate / 2:.1e}")},
        ),
        ("A small rank may be enough, and is harder to overfit.", {"r": 4, "num_train_epochs": 3.0}),
        ("Smaller batches take more steps on the same data.", {"per_device_train_batch_size": 8}),
        ("All weights may need to move.", {"method": "full"}),
    )
    for worth, (why, edit) in enumerate(ideas):
        yield _Candidate(space.completed({**default, **edit}), why, head_start=5.0 - worth)


def _has_run(tree: TreeView) -> bool:
    return any(n.score and n.plan.configs[0].method != "none" for n in tree.nodes.values())


def _fitted(tree: TreeView, space: Space) -> Surrogate | None:
    seen = list(_observations(tree, space))
    return fit(space, seen) if len(seen) >= _ENOUGH else None


def _observations(tree: TreeView, space: Space) -> Iterator[Observation]:
    """Finished full runs; a diverged or broken one counts as the study's worst score."""
    worst = min((n.score.value for n in tree.nodes.values() if n.score), default=0.0)
    for node in tree.nodes.values():
        point = space.point(node.plan)
        if point is None or node.is_probe:
            continue
        if node.score:
            yield Observation(point, node.score.value, node.score.stderr)
        elif node.failure and node.failure.stage in ("data", "train"):
            yield Observation(point, worst, 0.05)


def _rated(tree: TreeView, candidates: list[_Candidate], surrogate: Surrogate | None) -> list[_Rated]:
    if surrogate is None or not candidates:
        rated = [_Rated(c, None, c.head_start) for c in candidates]
    else:
        points = [*(o.point for o in surrogate.seen), *(c.point for c in candidates)]
        predictions = surrogate.predict(points)
        best = max(p.mean for p in predictions[: len(surrogate.seen)])  # the best measured score is luck in part
        predictions = predictions[len(surrogate.seen) :]
        rated = [
            _Rated(c, p, expected_improvement(p, best) + (0.2 * c.head_start * p.stderr if tree.best else 0))
            for c, p in zip(candidates, predictions, strict=True)
        ]
    return sorted(rated, key=lambda r: r.worth, reverse=True)


def _plan(tree: TreeView, space: Space, request: ProposalRequested, rated: _Rated) -> Plan:
    parent = tree.nodes[request.parent]
    recipe, config = space.child(parent.plan, rated.candidate.point, tree.task.seed)
    changed = space.changes(space.point(parent.plan), rated.candidate.point)
    cost = estimate(tree, recipe, config, 1.0)
    above = next((n for n in reversed(tree.path(parent.id)) if n.score), None)
    predicted = rated.prediction
    gain = predicted.mean - above.score.value if predicted and above and above.score else None
    expected = Expectation(
        score=predicted.mean if predicted else None, stderr=predicted.stderr if predicted else None, gain=gain,
        minutes=cost.minutes, memory_mb=cost.memory_mb, risk=_risk(space, rated),
    )  # fmt: skip
    return Plan(
        title=title(changed), hypothesis=_hypothesis(rated, gain), recipe=recipe,
        configs=(config,), changes=changed, expected=expected,
    )  # fmt: skip


def _hypothesis(rated: _Rated, gain: float | None) -> str:
    said = rated.candidate.why or "The runs so far leave this neighbour of the parent open."
    if gain is None or rated.prediction is None:
        return said
    word = f"{gain:+.3f} ± {rated.prediction.stderr:.3f}"
    return f"{said} All finished runs together predict {word} against the parent."


def _risk(space: Space, rated: _Rated) -> str:
    rate = "learning_rate" if rated.candidate.point["method"] == "lora" else "full_learning_rate"
    field = space.field(rate)
    if field.unit(rated.candidate.point[rate]) > 0.9:
        return "the learning rate is near the top of its range and may diverge"
    return "little is known this far from what was tried" if rated.prediction is None else ""


def _asked(heard: Directions, request: ProposalRequested) -> str:
    missed = f" Not understood, and not followed: {'; '.join(heard.unknown)}." if heard.unknown else ""
    return f"The person asked: {request.directions}.{missed}"


def _rationale(tree: TreeView, surrogate: Surrogate | None, candidates: int) -> str:
    if surrogate is None:
        return "Fewer than three trained runs are known: the recommended plan and contrasts to it come first."
    best = tree.best
    said = f"best so far {best.id} at {best.score}" if best else "nothing has a score yet"
    return f"{candidates} edits were rated by a Gaussian process over {len(surrogate.seen)} finished runs; {said}."


def _remarks(heard: Directions) -> tuple[str, ...]:
    if not heard.unknown:
        return ()
    words = "; ".join(f'"{u}"' for u in heard.unknown)
    return (f"Not understood, and not followed: {words}. Understood are {UNDERSTOOD}.",)


def _nothing(heard: Directions, request: ProposalRequested) -> tuple[str, str]:
    if heard.unknown and not heard.sets and not heard.frozen:
        words = "; ".join(f'"{u}"' for u in heard.unknown)
        return f"The offline Researcher did not understand {words}.", UNDERSTOOD
    if request.directions:
        missed = f" Not understood: {', '.join(heard.unknown)}." if heard.unknown else ""
        return f"What you ask for is in the tree already.{missed}", "change a value, or approve the node that has it"
    return f"Every plan within reach of {request.parent} is in the tree already.", "plan under another node"


def _lesson(tree: TreeView, node: Node) -> Iterable[Insight]:
    """One sentence when a child differs from its scored ancestor by more than noise and by few enough changes to
    blame."""
    above = tree.scored_ancestor(node.id)
    if not node.score or not above or not above.score or above.parent is None or len(node.plan.changes) > 2:
        return
    gain = node.score.value - above.score.value
    error = (node.score.stderr**2 + above.score.stderr**2) ** 0.5
    if abs(gain) > 2 * error:
        what = ", ".join(str(c) for c in node.plan.changes)
        verb = "raised" if gain > 0 else "lowered"
        text = f"{what} {verb} {node.score.metric} by {abs(gain):.3f} ± {error:.3f}."
        yield Insight(text=text, evidence=tuple(sorted((above.id, node.id), key=node_number)))
