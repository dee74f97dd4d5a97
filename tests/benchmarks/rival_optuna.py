"""Optuna as a rival of `throughput`: its trials in long-lived worker processes, or as plain scripts.

This module as a process is one worker, `python -m tests.benchmarks.rival_optuna STORAGE STUDY_FOLDER OUT COUNT`: it has
imported everything once, keeps its scorer's base model loaded, and calls `study.optimize` on the storage that workers
share, which is how Optuna's documentation runs trials in parallel.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

from tests.benchmarks.plain_train import Trial, config, trial

_STUDY = "throughput"


def workers(study: Path, seeds: Sequence[int], out: Path, env: Mapping[str, str], count: int = 2) -> dict[int, Trial]:
    """The trials, by seed, of `count` worker processes."""
    storage = out / "journal.log"
    search = _asked(JournalStorage(JournalFileBackend(str(storage))), seeds)
    arguments = (str(storage), str(study), str(out), str(len(seeds)))
    command = [sys.executable, "-m", "tests.benchmarks.rival_optuna", *arguments]
    for process in [subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) for _ in range(count)]:
        if process.wait():
            raise RuntimeError(f"a worker ended with {process.returncode}")
    return _done(search)


def scripts(seeds: Sequence[int], commands: Mapping[int, Sequence[str]], env: Mapping[str, str]) -> dict[int, Trial]:
    """The trials, by seed, each of which is a script; two at a time."""

    def objective(asked: Any) -> float:
        done = subprocess.run(commands[_seed(asked)], env=env, capture_output=True, text=True, check=True)
        found = re.search(r"^score (\S+)$", done.stdout, re.MULTILINE)
        assert found is not None, done.stdout
        return float(found[1])

    search = _asked(None, seeds)
    search.optimize(objective, n_trials=len(seeds), n_jobs=2)
    return _done(search)


def _asked(storage: Any, seeds: Sequence[int]) -> Any:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = optuna.create_study(storage=storage, study_name=_STUDY, direction="maximize")
    for seed in seeds:
        search.enqueue_trial({"seed": seed})
    return search


def _seed(asked: Any) -> int:
    return int(asked.suggest_int("seed", 0, 1_000_000))


def _done(search: Any) -> dict[int, Trial]:
    return {
        t.params["seed"]: Trial(t.value, t.datetime_start.timestamp(), t.datetime_complete.timestamp())
        for t in search.trials
        if t.state is TrialState.COMPLETE
    }


def work(storage: Path, study: Path, out: Path, count: int) -> None:
    """Take trials until all `count` are done or in somebody's hands."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = optuna.load_study(storage=JournalStorage(JournalFileBackend(str(storage))), study_name=_STUDY)

    def objective(asked: Any) -> float:
        seed = _seed(asked)
        return trial(study, config(seed), out / str(seed)).score

    enough = MaxTrialsCallback(count, states=(TrialState.COMPLETE, TrialState.RUNNING))
    search.optimize(objective, callbacks=[enough])


if __name__ == "__main__":
    work(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
