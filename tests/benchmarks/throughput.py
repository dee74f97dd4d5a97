"""Jobs per minute on two cores: `python -m tests.benchmarks.throughput [--jobs 24] [--rounds 1] [--arms …]`.

The same runs (one configuration, many seeds), two at a time, trained and scored by the same functions, in turns:

  ours             a warm study: from approving all nodes until all are scored, logged and reflected on
  optuna-workers   Optuna, two long-lived worker processes that train in-process over a shared storage
  optuna-scripts   Optuna, each trial a `python train.py`, two at a time
  ray-tune         Ray Tune, two actors that are used again for each trial; from when the cluster is up
  scripts          no searcher at all: `python train.py`, two at a time

Two rates are told: of the whole, and `working`, from the first trial's beginning, which spares rivals that stay in a
process the start of that. Equal seeds must give equal scores in all arms, or the runs were not the same. Ours keeps an
executed notebook, an event log and a process of its own for each run, and scores in a process that no job can reach;
workers and actors train and score one after the other in one process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from tests.benchmarks.plain_train import Trial, config
from tests.benchmarks.warmed import PYTHON_ENV, folder_of, listed, planned, pool_of, run_of, script, warm_study
from trex_nb.core.ids import NodeId
from trex_nb.launch.files import JobFolder
from trex_nb.study.decide import is_idle
from trex_nb.study.study import Study

_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long some runs took in all, and from the beginning of the first; their scores by seed."""

    seconds: float
    working: float
    scores: dict[int, float]


Arm = Callable[[Study, Sequence[int], Path], Outcome]


def main() -> None:
    """Measure the arms in turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    a = parser.parse_args()
    found: dict[str, list[Outcome]] = {arm: [] for arm in a.arms}
    with tempfile.TemporaryDirectory() as folder, warm_study(Path(folder)) as study:
        for number in range(a.rounds):
            seeds = range(10_000 + 1000 * number, 10_000 + 1000 * number + a.jobs)
            for arm in a.arms[number % len(a.arms) :] + a.arms[: number % len(a.arms)]:
                out = Path(folder) / f"{arm}-{number}"
                out.mkdir()
                found[arm].append(ARMS[arm](study, seeds, out))
                print(f"{arm}: {found[arm][-1].seconds:.1f} s")
    _print(found, a.jobs)


def _print(found: dict[str, list[Outcome]], jobs: int) -> None:
    rates = {arm: [60 * jobs / o.seconds for o in outcomes] for arm, outcomes in found.items()}
    working = {arm: [60 * jobs / o.working for o in outcomes] for arm, outcomes in found.items()}
    expected = {seed: score for o in next(iter(found.values())) for seed, score in o.scores.items()}
    for arm, outcomes in found.items():
        scores = {seed: score for o in outcomes for seed, score in o.scores.items()}
        same = sum(expected.get(seed) == score for seed, score in scores.items())
        print(f"{arm:15} jobs a minute: {listed(rates[arm])}; working: {listed(working[arm])}", end="; ")
        print(f"{sum(o.seconds for o in outcomes):.0f} s; {len(scores)} scored, {same} as in {next(iter(found))}")
    for arm in found:
        if "ours" in found and arm != "ours":
            whole, of_work = (median(r["ours"]) / median(r[arm]) for r in (rates, working))
            print(f"-> {whole:.2f} times the jobs a minute of {arm} ({of_work:.2f} times while that is working)")


def ours(study: Study, seeds: Sequence[int], out: Path) -> Outcome:
    """A warm study."""
    nodes = planned(study, [config(seed) for seed in seeds])
    time.sleep(1.0)
    began = time.perf_counter()
    study.approve(*nodes)
    forked = _watch(study, nodes)
    seconds = time.perf_counter() - began
    print(f"ours: {forked} of {len(nodes)} jobs were forked")
    scores = {seed: study.tree.nodes[node].score for seed, node in zip(seeds, nodes, strict=True)}
    return Outcome(seconds, seconds, {seed: score.value for seed, score in scores.items() if score is not None})


def _watch(study: Study, nodes: Sequence[NodeId]) -> int:
    """Wait for the end; how many of the jobs were children of the pool's server."""
    pool = pool_of(study)
    assert pool is not None
    forked: set[NodeId] = set()
    while not is_idle(study.tree, study.parts.policy, time.time()):
        children = {c.pid for c in psutil.Process(pool.pid).children()} if pool.pid else set()
        for node in set(nodes) - forked:
            run = run_of(study, node)
            if run.is_training and _runner(folder_of(study, run)) in children:
                forked.add(node)
        time.sleep(_LOOK)
    return len(forked)


def _runner(folder: JobFolder) -> int | None:
    return folder.read_runner().get("pid")


def optuna_workers(study: Study, seeds: Sequence[int], out: Path) -> Outcome:
    """Optuna, training in two worker processes."""
    from tests.benchmarks import rival_optuna

    began = time.perf_counter()
    return _outcome(began, rival_optuna.workers(study.folder.path, seeds, out, PYTHON_ENV))


def optuna_scripts(study: Study, seeds: Sequence[int], out: Path) -> Outcome:
    """Optuna, training in scripts."""
    from tests.benchmarks import rival_optuna

    commands = {seed: script(study, config(seed), out / str(seed)) for seed in seeds}
    began = time.perf_counter()
    return _outcome(began, rival_optuna.scripts(seeds, commands, PYTHON_ENV))


def ray_tune(study: Study, seeds: Sequence[int], out: Path) -> Outcome:
    """Ray Tune."""
    command = [sys.executable, "-m", "tests.benchmarks.rival_ray", str(study.folder.path), str(out), *map(str, seeds)]
    done = subprocess.run(command, env=PYTHON_ENV, stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    trials = {t["seed"]: Trial(t["score"], t["began"], t["ended"]) for t in told["trials"]}
    return Outcome(told["seconds"], _working(trials), {seed: t.score for seed, t in trials.items()})


def scripts(study: Study, seeds: Sequence[int], out: Path) -> Outcome:
    """Two scripts at a time."""

    def one(seed: int) -> float:
        command = script(study, config(seed), out / str(seed))
        said = subprocess.run(command, env=PYTHON_ENV, stdout=subprocess.PIPE, text=True, check=True).stdout
        return float(said.splitlines()[-1].removeprefix("score "))

    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        scores = dict(zip(seeds, pool.map(one, seeds), strict=True))
    seconds = time.perf_counter() - began
    return Outcome(seconds, seconds, scores)


def _outcome(began: float, trials: dict[int, Trial]) -> Outcome:
    seconds = time.perf_counter() - began
    return Outcome(seconds, _working(trials), {seed: t.score for seed, t in trials.items()})


def _working(trials: dict[int, Trial]) -> float:
    return max(t.ended for t in trials.values()) - min(t.began for t in trials.values())


ARMS: dict[str, Arm] = {
    "ours": ours,
    "optuna-workers": optuna_workers,
    "optuna-scripts": optuna_scripts,
    "ray-tune": ray_tune,
    "scripts": scripts,
}


if __name__ == "__main__":
    main()
