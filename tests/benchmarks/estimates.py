"""Estimates against measured jobs: `python -m tests.benchmarks.estimates [--jobs 16] [--seed 0] [--log FILE]`.

Real fine-tuning jobs on tiny-intent through the kernel launcher, two at a time, plans drawn at random from the search
space. Then the log is walked through: what would each estimator have said of a job just before it was submitted, given
what was known by then? Printed is the share of jobs within a factor of 1.5 of what they took (job and evaluation), once
three runs are known, for

- ours: `trex_nb.agents.estimate`;
- rate: the estimator before it, a median start-up and a median rate of arithmetic (`estimate_by_rate`);
- mean: the mean of the jobs so far, which is what a progress bar over trials says.

`--log` keeps the event log; with `--replay` a kept log is walked through and nothing is run.
"""

import argparse
import math
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median

import trex_nb
from tests.benchmarks.estimate_by_rate import estimate_by_rate
from trex_nb.agents.estimate import estimate
from trex_nb.core.events import JobSubmitted, ProposalRequested, Stamped, StudyCreated
from trex_nb.core.ids import node_of, run_index
from trex_nb.core.node import Run
from trex_nb.core.plan import Expectation, Plan, Proposal
from trex_nb.core.protocols import Reflection, TreeView
from trex_nb.core.training import Untrained
from trex_nb.search.space import space_for
from trex_nb.search.tree import Tree
from trex_nb.settings import Settings
from trex_nb.store.artifacts import StudyFolder
from trex_nb.study.parts import Parts, default_parts
from trex_nb.study.study import Study

KNOWN = 3
FACTOR = 1.5


class RandomResearcher:
    """Plans drawn uniformly from the space."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    async def propose(self, tree: TreeView, request: ProposalRequested) -> Proposal:
        """See `core.protocols.Researcher.propose`."""
        space = space_for(tree.data, tree.base)
        rng = random.Random(f"{self._seed}-{request.request}")
        plans = []
        for _ in range(request.n):
            recipe, config = space.build(space.draw(rng), rng.randrange(10_000))
            said = estimate(tree, recipe, config, 1.0)
            expected = Expectation.model_validate(said.said)
            plans.append(Plan(title="random", hypothesis="?", recipe=recipe, configs=(config,), expected=expected))
        return Proposal(parent=request.parent, plans=tuple(plans), rationale="random", context="random")

    async def reflect(self, _tree: TreeView, _node: str) -> Reflection:
        """Nothing is learnt."""
        return Reflection()


@dataclass(frozen=True, slots=True)
class Said:
    """One job: seconds it took, seconds each estimator would have said, and how many trained runs were known."""

    run: Run
    known: int
    took: float
    ours: float
    low: float
    high: float
    rate: float
    mean: float


def main() -> None:
    """Run the jobs, or read a kept log, and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--at-a-time", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--replay", type=Path, nargs="*")
    a = parser.parse_args()
    logs = [_read(p) for p in a.replay] if a.replay else [_run(a.jobs, a.at_a_time, a.seed)]
    if a.log and not a.replay:
        a.log.write_text("\n".join(s.model_dump_json() for s in logs[0]))
    said = [s for log in logs for s in walk(log)]
    for s in said:
        print(_line(s))
    _print_shares([s for s in said if s.known >= KNOWN])


def _read(path: Path) -> list[Stamped]:
    return [Stamped.model_validate_json(line) for line in path.read_text().splitlines()]


def _run(jobs: int, at_a_time: int, seed: int) -> list[Stamped]:
    def parts(folder: StudyFolder, created: StudyCreated, settings: Settings) -> Parts:
        return replace(default_parts(folder, created, settings), researcher=RandomResearcher(seed))

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(root=Path(folder), jobs=at_a_time)
        with trex_nb.start("tiny-intent", settings=settings, make_parts=parts) as study:
            study.budget(rounds=1000, minutes=6000)
            study.auto(rounds=jobs, jobs=at_a_time)
            study.wait(3600)
            return _log_of(study)


def _log_of(study: Study) -> list[Stamped]:
    return list(study.parts.store.read(study.name))


def walk(log: Sequence[Stamped]) -> list[Said]:
    """Every scored job of a log with what would have been said just before it was submitted."""
    final, tree = Tree.replay(log), Tree()
    found = []
    for stamped in log:
        e = stamped.event
        if isinstance(e, JobSubmitted) and not isinstance(tree.run(e.run).config, Untrained):
            run = final.run(e.run)
            if run.evaluation:
                found.append(_said(tree, run))
        tree = tree.apply(stamped)
    return found


def _said(tree: Tree, run: Run) -> Said:
    plan = tree.nodes[node_of(run.id)].plan
    config = plan.configs[run_index(run.id)]
    ours = estimate(tree, plan.recipe, config, plan.fidelity)
    before = [r.seconds for n in tree.nodes.values() for r in n.runs if r.evaluation and r.cost.steps]
    return Said(
        run, len(before), run.seconds, 60 * ours.minutes, 60 * ours.low, 60 * ours.high,
        60 * estimate_by_rate(tree, plan.recipe, config, plan.fidelity), mean(before) if before else math.nan,
    )  # fmt: skip


def _line(s: Said) -> str:
    c = s.run.cost
    told = f"{s.run.id:6} {s.run.config.method:4} {c.steps:4} steps, {s.took:6.1f} s"
    return (
        f"{told} (training {c.train_seconds:5.1f})  ours {s.ours:6.1f} [{s.low:5.1f}, {s.high:5.1f}] "
        f"x{s.took / s.ours:.2f}  rate {s.rate:6.1f} x{s.took / s.rate:.2f}  mean {s.mean:6.1f} x{s.took / s.mean:.2f}"
    )


def _print_shares(said: Sequence[Said]) -> None:
    ways: dict[str, Callable[[Said], float]] = {
        "ours": lambda s: s.ours, "rate": lambda s: s.rate, "mean": lambda s: s.mean,
    }  # fmt: skip
    for name, way in ways.items():
        ratios = [s.took / way(s) for s in said]
        hits = sum(1 / FACTOR <= r <= FACTOR for r in ratios)
        spread = math.exp(mean(abs(math.log(r)) for r in ratios))
        print(f"{name}: within x{FACTOR} for {hits} of {len(said)} jobs ({hits / len(said):.0%});", end=" ")
        print(f"median ratio {median(ratios):.2f}, typical error x{spread:.2f}")
    inside = sum(s.low <= s.took <= s.high for s in said)
    print(f"ours: {inside} of {len(said)} jobs inside the stated 10-90% interval ({inside / len(said):.0%})")


if __name__ == "__main__":
    main()
