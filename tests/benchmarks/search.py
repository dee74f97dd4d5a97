"""Policies and their rivals with equal compute: `python -m tests.benchmarks.search [--on bank] [--seeds 52] [--budget
32]`.

`--on bank` is the bank of synthetic objectives (`bank.py`), `--on tiny-intent` and `--on unicode-category` are real
fine-tuning (`real.py`). Every arm (`arms.py`) searches every objective once; results are kept in `--out`, so an
interrupted benchmark goes on, and `--report` prints what is there. For each arm: the mean true score of the best full
run at 8, 16 and 32 full runs' worth of compute, and the difference to `auto` on the same objectives, with a 95 %
bootstrap interval over them. A budget counts compute: a quarter-data probe costs a quarter of a job.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.arms import ARMS, Objective, Search
from tests.benchmarks.bank import bank

BUDGETS = (4, 8, 12, 16, 24, 32)
_TOLD = (8, 16, 32)
Results = dict[tuple[str, int], dict[int, float]]  # (arm, budget) -> seed -> true score of the best


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", default="bank", choices=("bank", "tiny-intent", "unicode-category"))
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    parser.add_argument("--seeds", type=int, default=52)
    parser.add_argument("--budget", type=float, default=32)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--report", action="store_true", help="run nothing")
    a = parser.parse_args()
    out = a.out or Path(f"reports/search-{a.on}.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    if not a.report:
        _run(out, _objectives(a.on, range(a.first, a.first + a.seeds), out), a.arms.split(","), a.budget)
    _print(read(out), a.on)


def _objectives(on: str, seeds: Iterable[int], out: Path) -> Iterator[Objective]:
    if on == "bank":
        yield from bank(list(seeds))
        return
    from tests.benchmarks.real import RealTask, base_models

    models = base_models()
    for seed in seeds:
        yield RealTask(on, seed, out.with_suffix(".runs.jsonl"), models)


def _run(out: Path, objectives: Iterable[Objective], arms: Sequence[str], budget: float) -> None:
    known = {(d["arm"], d["seed"]) for d in _lines(out) if d["budget"] >= budget}
    for objective in objectives:
        for arm in arms:
            if (arm, objective.seed) in known:
                continue
            began = time.perf_counter()
            search = Search(objective, objective.seed, budget)
            ARMS[arm](search)
            kept = {
                "arm": arm, "seed": objective.seed, "budget": budget, "seconds": round(time.perf_counter() - began, 1),
                "at": {b: round(search.at(b), 4) for b in BUDGETS if b <= budget},
            }  # fmt: skip
            with out.open("a") as file:
                file.write(json.dumps(kept) + "\n")
            print(f"{objective.seed} {arm}: {kept['at']} in {kept['seconds']} s", file=sys.stderr, flush=True)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def read(path: Path) -> Results:
    """What is kept in a results file."""
    found: Results = defaultdict(dict)
    for kept in _lines(path):
        for budget, value in kept["at"].items():
            found[kept["arm"], int(budget)][kept["seed"]] = value
    return found


def paired(a: dict[int, float], b: dict[int, float]) -> tuple[float, float, float, int]:
    """Mean of a minus b over the seeds that both have, its 95 % bootstrap interval, and their number."""
    both = sorted(a.keys() & b.keys())
    difference = np.array([a[s] - b[s] for s in both])
    draws = np.random.default_rng(0).integers(0, len(both), (4000, len(both)))
    low, high = np.quantile(difference[draws].mean(axis=1), [0.025, 0.975])
    return float(difference.mean()), float(low), float(high), len(both)


def _print(found: Results, on: str) -> None:
    arms = [a for a in ARMS if any(arm == a for arm, _ in found)]
    print(f"\n{on}: mean true score of the best full run (auto minus the arm on the same objectives, 95 % interval)")
    for arm in arms:
        cells = []
        for budget in _TOLD:
            mine, ours = found.get((arm, budget)), found.get(("auto", budget))
            if not mine:
                continue
            said = f"@{budget} {np.mean(list(mine.values())):.3f}"
            if ours and arm != "auto" and ours.keys() & mine.keys():
                mean, low, high, n = paired(ours, mine)
                said += f" ({mean:+.3f} [{low:+.3f}, {high:+.3f}], n={n})"
            cells.append(said)
        print(f"  {arm:<14} " + "   ".join(cells))
    _print_reach(found)


def _print_reach(found: Results) -> None:
    """Whether `auto` at 8 reaches what random has at 24."""
    ours, theirs = found.get(("auto", 8)), found.get(("random", 24))
    if ours and theirs:
        mean, low, high, n = paired(ours, theirs)
        print(f"-> auto at 8 minus random at 24: {mean:+.3f} [{low:+.3f}, {high:+.3f}], n={n}")


if __name__ == "__main__":
    main()
