"""The rivals of `search.py`, all on one objective: ours as shipped (policy and Researcher on a real tree), and what a
user would pick instead.

A budget counts compute in full runs: a probe on a quarter of the data costs a quarter, a run that fails early three
tenths of its price. Every arm but the flat ones of Optuna starts with the recommended plan. What counts is the true
score of the best full run so far, by measured score, as a user would pick it.
"""

from __future__ import annotations

import asyncio
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.benchmarks.bank import Measured
from trex_nb.agents.offline import OfflineResearcher
from trex_nb.core import events as ev
from trex_nb.core.ids import node_id, run_id
from trex_nb.core.plan import Plan
from trex_nb.core.result import Checkpoint, Cost, Evaluation, Failure, Score
from trex_nb.core.task import Policy, PolicyName
from trex_nb.search.policies import POLICIES
from trex_nb.search.space import Field, Point, Space
from trex_nb.search.tree import Tree
from trex_nb.study.start import baseline_plan
from trex_nb.testing import trees

FAILED_COST = 0.3
_DRAFTS = 5


class Objective(Protocol):
    """Something to search: a space, the facts of its data and base, and one measured run."""

    seed: int
    space: Space
    data: ev.DataFacts
    base: ev.BaseFacts

    def measure(self, point: Point, fidelity: float, rng: random.Random) -> Measured: ...


@dataclass
class Search:
    """One search on one objective: what was spent, and the best full run so far."""

    objective: Objective
    seed: int
    budget: float
    spent: float = 0.0
    best: float | None = None
    curve: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.noise = random.Random(f"{self.seed}-noise")

    @property
    def left(self) -> float:
        """Full runs that can still be paid."""
        return self.budget - self.spent + 1e-9

    def run(self, point: Point, fidelity: float = 1.0) -> Measured:
        """One run, paid for."""
        found = self.objective.measure(point, fidelity, self.noise)
        self.spent += fidelity * (FAILED_COST if found.score is None else 1.0)
        if fidelity == 1 and found.score is not None and (self.best is None or found.score > self.best):
            self.best = found.score
            self.curve.append((self.spent, found.truth))
        return found

    def at(self, budget: float) -> float:
        """The true score of the best full run when `budget` was spent; 0 without one."""
        return max((c for c in self.curve if c[0] <= budget + 1e-9), default=(0.0, 0.0), key=_spent)[1]


def _spent(point: tuple[float, float]) -> float:
    return point[0]


Arm = Callable[[Search], None]


def at_random(search: Search) -> None:
    """The recommended plan, then random configurations."""
    rng = random.Random(search.seed)
    search.run(search.objective.space.default())
    while search.left >= 1:
        search.run(search.objective.space.draw(rng))


def greedy(search: Search) -> None:
    """As AIDE: five drafts, then blind edits of the best."""
    rng = random.Random(search.seed)
    space = search.objective.space
    at, best = space.default(), -1.0
    for number in range(10**6):
        if search.left < 1:
            return
        point = space.default() if not number else space.draw(rng) if number < _DRAFTS else space.edit(at, rng)
        score = search.run(point).score
        if score is not None and score > best:
            at, best = point, score


def optuna_tpe(search: Search) -> None:
    """Optuna's TPE, `multivariate=False`: better here than its default."""
    import optuna

    _optuna(search, optuna.samplers.TPESampler(seed=search.seed, multivariate=False), is_flat=False)


def optuna_gp(search: Search) -> None:
    """Optuna's GPSampler on the flattened space, where it is at its best."""
    import optuna

    _optuna(search, optuna.samplers.GPSampler(seed=search.seed, n_startup_trials=5), is_flat=True)


def _optuna(search: Search, sampler: Any, *, is_flat: bool) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    space = search.objective.space
    study = optuna.create_study(direction="maximize", sampler=sampler)
    first = {**space.completed({"method": "full"}), **space.default()} if is_flat else space.default()
    study.enqueue_trial({n: _place(space.field(n), v) for n, v in first.items()})
    while search.left >= 1:
        trial = study.ask()
        found = search.run(_suggested(trial, space, is_flat=is_flat))
        study.tell(trial, 0.0 if found.score is None else found.score)


def _place(knob: Field, value: Any) -> Any:
    return value if knob.values is None or knob.is_categorical else knob.values.index(value)


def _suggested(trial: Any, space: Space, *, is_flat: bool) -> Point:
    def suggest(knob: Field) -> Any:
        if knob.values is None:
            return trial.suggest_float(knob.name, knob.low, knob.high, log=True)
        if knob.is_categorical:
            return trial.suggest_categorical(knob.name, list(knob.values))
        return knob.values[trial.suggest_int(knob.name, 0, len(knob.values) - 1)]

    if is_flat:
        return space.completed({f.name: suggest(f) for f in space.fields})
    method = {"method": suggest(space.field("method"))}
    return method | {f.name: suggest(f) for f in space.active(method) if f.name != "method"}


def ours(name: PolicyName) -> Arm:
    """A policy of the package with the offline Researcher, on a real tree."""

    def search_it(search: Search) -> None:
        policy = Policy(name=name)
        rule, researcher = POLICIES[name](policy), OfflineResearcher(search.seed)
        tree = _planted(search, policy)
        number = 0
        while search.left >= 1:
            number += 1
            (parent,) = rule.select(tree, 1)
            request = ev.ProposalRequested(request=number, parent=parent, n=1)
            (plan,) = asyncio.run(researcher.propose(tree, request)).plans
            tree = _grown(tree, number, parent, plan, search)

    return search_it


def _planted(search: Search, policy: Policy) -> Tree:
    objective = search.objective
    task = trees.TASK.model_copy(update={"policy": policy})
    created = ev.StudyCreated(
        study="bench", task=task, origin="bench", data=objective.data, base=objective.base, root=baseline_plan()
    )  # fmt: skip
    return Tree.replay(trees.stamp([created, *trees.succeeded(0, 0.02)]))


def _grown(tree: Tree, number: int, parent: Any, plan: Plan, search: Search) -> Tree:
    point = search.objective.space.point(plan)
    assert point is not None
    found = search.run(point, plan.fidelity)
    node = node_id(number)
    run = run_id(node, 1)
    happened: list[ev.Event] = [
        ev.NodeProposed(node=node, parent=parent, plan=plan, request=number),
        ev.NodeApproved(node=node),
        ev.JobSubmitted(run=run, attempt=1, key=f"{number}", folder=f"runs/{run}"),
    ]
    if found.score is None:
        failure = Failure(stage="train", kind="diverged", message="The loss left its range.")
        happened.append(ev.RunFailed(run=run, failure=failure, cost=Cost(seconds=3)))
    else:
        score = Score(metric="accuracy", split="search", value=found.score, n=400, stderr=found.stderr)
        checkpoint = Checkpoint(kind="adapter", path=f"runs/{run}/adapter")
        cost = Cost(seconds=10 * plan.fidelity, train_seconds=8 * plan.fidelity, steps=100, peak_memory_mb=600)
        happened += [
            ev.JobFinished(run=run, checkpoint=checkpoint, cost=cost, line=1),
            ev.RunEvaluated(run=run, evaluation=Evaluation(score=score, evaluator="bench", seconds=0.5)),
        ]
    for stamped in trees.stamp([*happened, ev.NodeDiagnosed(node=node, findings=())], after=tree.seq):
        tree = tree.apply(stamped)
    return tree


ARMS: dict[str, Arm] = {
    "auto": ours("auto"),
    "uct": ours("uct"),
    "gbfs": ours("gbfs"),
    "sequential": ours("sequential"),
    "random": at_random,
    "greedy (AIDE)": greedy,
    "Optuna TPE": optuna_tpe,
    "Optuna GP": optuna_gp,
}
