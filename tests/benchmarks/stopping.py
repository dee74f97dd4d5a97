"""What stopping hopeless runs early saves and costs: `python -m tests.benchmarks.stopping --curves curves.jsonl`.

Real rounds (`curves.py`: tiny-intent, four random configs on one random recipe, trained to their ends) are replayed
under each rule, all runs of a round side by side. Printed: training steps saved, and the round's best final score with
stopping less the one without, with a 95% bootstrap interval over rounds. Rounds missing from the file are trained
first, a minute or so each; `--tune` shows the grid the constants of `search.halving` were chosen from, on `--tuning`
rounds that the report leaves out.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from tests.benchmarks.curves import Lap, Round, collect, read
from trex_nb.core.ids import ROOT, node_id, run_id
from trex_nb.core.job import RUNGS
from trex_nb.core.node import CurvePoint, Node, Run, Status
from trex_nb.core.training import TrainingConfig
from trex_nb.search.halving import RULE, Rule, by_rung, hopeless
from trex_nb.testing.trees import lora_plan

Stops = dict[int, int]
"""Which run was stopped, by its place in the round, and at which step."""

_CONFIG: TypeAdapter[TrainingConfig] = TypeAdapter(TrainingConfig)


def main() -> None:
    """Train what is missing, then replay the rules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=28)
    parser.add_argument("--tuning", type=int, default=8)
    parser.add_argument("--tune", action="store_true")
    a = parser.parse_args()
    collect(a.curves, "random", range(a.rounds), 4)
    rounds = sorted((r for r in read(a.curves) if r.kind == "random" and r.seed < a.rounds), key=lambda r: r.seed)
    tuning, report = [r for r in rounds if r.seed < a.tuning], [r for r in rounds if r.seed >= a.tuning]
    if a.tune:
        for rule in (Rule(margin=m, first_rung=f) for f in (1, 2, 3) for m in (1.0, 1.25, 1.5, 2.0)):
            name = f"margin {rule.margin:g} from rung {rule.first_rung}"
            print(said(name, tuning, partial(ours, rule=rule)))
        return
    print(f"{len(report)} rounds of {len(report[0].laps)} runs, seeds from {a.tuning} on")
    print(said("trex_nb: better half, paired test, margin", report, ours))
    print(said("successive halving, eta 2, no test", report, halved))
    print(said("median rule", report, below_median))


def said(name: str, rounds: Sequence[Round], rule: Callable[[Round], Stops]) -> str:
    """One line on a rule: steps and seconds saved, runs stopped, and what became of the best score."""
    replayed = [(r, rule(r)) for r in rounds]
    cut = [(r.laps[i], 1 - at / r.laps[i].total) for r, out in replayed for i, at in out.items()]
    laps = [lap for r in rounds for lap in r.laps]
    steps = sum(lap.total * rest for lap, rest in cut) / sum(r.planned for r in rounds)
    seconds = sum(lap.seconds * rest for lap, rest in cut) / sum(lap.seconds for lap in laps)
    lost = np.array([_best(r, out) - _best(r, {}) for r, out in replayed])
    low, high = interval(lost)
    return (
        f"{name:42} steps saved {steps:5.1%} (seconds {seconds:5.1%}), {len(cut)} of {len(laps)} runs stopped; "
        f"best score {lost.mean():+.4f} [{low:+.4f}, {high:+.4f}], lower in {int((lost < 0).sum())} rounds"
    )


def interval(values: NDArray[np.float64], draws: int = 10_000) -> tuple[float, float]:
    """95% percentile bootstrap interval of the mean."""
    drawn = np.random.default_rng(0).choice(values, (draws, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def ours(round_: Round, rule: Rule = RULE) -> Stops:
    """`search.halving`, asked after every rung."""
    runs = [_run(i, lap) for i, lap in enumerate(round_.laps)]
    out: Stops = {}
    for rung in range(1, RUNGS):
        seen = tuple(_until(r, out.get(i), rung) for i, r in enumerate(runs))
        marked = tuple(replace(r, called_off="x") if i in out else r for i, r in enumerate(seen))
        node = Node(node_id(1), ROOT, 1, lora_plan(), Status.RUNNING, marked)
        gone = {h.run for h in hopeless(node, rule)}
        out |= {i: r.curve[-1].step for i, r in enumerate(marked) if r.id in gone}
    return out


def halved(round_: Round) -> Stops:
    """Successive halving: after 1/5, 2/5 and 4/5 of the training the better half of the runs goes on."""

    def worse_half(losses: dict[int, float]) -> list[int]:
        return sorted(losses, key=losses.__getitem__)[(len(losses) + 1) // 2 :]

    return _rung_by_rung(round_, (1, 2, 4), worse_half)


def below_median(round_: Round) -> Stops:
    """As Optuna's MedianPruner, for runs side by side: a run worse than the median of those that came as far stops."""
    return _rung_by_rung(round_, range(1, RUNGS), lambda v: [i for i in v if v[i] > np.median(list(v.values()))])


def _rung_by_rung(round_: Round, rungs: Sequence[int], worse: Callable[[dict[int, float]], list[int]]) -> Stops:
    curves = [by_rung(_run(i, lap).curve) for i, lap in enumerate(round_.laps)]
    out: Stops = {}
    for rung in rungs:
        points = {i: c[rung] for i, c in enumerate(curves) if i not in out and rung in c}
        out |= {i: points[i].step for i in worse({i: p.eval_loss or 0.0 for i, p in points.items()})}
    return out


def _run(index: int, lap: Lap) -> Run:
    config = _CONFIG.validate_python(lap.config)
    points = tuple(CurvePoint(p["step"], p["total"], None, p["eval_loss"], tuple(p["eval_losses"])) for p in lap.points)
    return Run(run_id(node_id(1), index + 1), config, attempt=1, curve=points)


def _until(run: Run, stopped_at: int | None, rung: int) -> Run:
    """What is known of a run when all that go on have come to `rung`."""
    seen = [p for p in run.curve if round(RUNGS * p.step / p.total) <= rung]
    return replace(run, curve=tuple(p for p in seen if stopped_at is None or p.step <= stopped_at))


def _best(round_: Round, out: Stops) -> float:
    return max(lap.score for i, lap in enumerate(round_.laps) if i not in out)


if __name__ == "__main__":
    main()
