"""What a job costs beside its training: `python -m tests.benchmarks.overhead [--seconds 60] [--rounds 3]`.

The same training in a job of a warm study and in a plain process, in turns, neither with anything beside it. How many
epochs take `--seconds` is found out by a short plain run. Told are

  training   seconds of training proper, as the training code itself measures them in both
  whole      from approving, or from starting the script, until the weights are on disk
  CPU        seconds of the processors: the runner's and the study's own, which a plain process does not have, and those
             of the process that trains, from its first step to its end

CPU seconds are the least noisy: they do not care who else is on the machine. Goal: below 2 % of the training.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from tests.benchmarks.plain_train import config
from tests.benchmarks.warmed import PYTHON_ENV, listed, planned, script, until, warm_study
from trex_nb.core.ids import RunId
from trex_nb.core.job import Finished, Progressed, Started
from trex_nb.core.training import LoraTraining
from trex_nb.launch.files import JobFolder
from trex_nb.study.study import Study

_LOOK = 0.1
_CALIBRATION = 2.0  # epochs
_MOST = 100.0  # epochs that a config may ask for


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds: of training, in all, of the training process's CPU from the first step on, and of the CPU of what else
    there was."""

    training: float
    whole: float
    cpu: float
    beside: float


class Meter:
    """CPU seconds of a process, as far as it was seen alive; from the first look that says it has begun."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._last = 0.0

    def look(self, pid: int | None, *, has_begun: bool = True) -> None:
        """Read what the process has used until now."""
        if pid is None or not has_begun:
            return
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            return
        self._last = times.user + times.system
        self._first = self._last if self._first is None else self._first

    @property
    def since_first(self) -> float:
        """Between the first look and the last."""
        return self._last - (self._first or 0.0)

    @property
    def in_all(self) -> float:
        """Since the process began."""
        return self._last


def main() -> None:
    """Measure in turns and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    jobs: list[Run] = []
    plain: list[Run] = []
    with tempfile.TemporaryDirectory() as folder, warm_study(Path(folder), jobs=1) as study:
        out = Path(folder) / "scripts"
        short = in_script(study, config(4999, _CALIBRATION), out / "calibration").training
        epochs = min(_MOST, max(0.25, _CALIBRATION * a.seconds / short))
        print(f"{epochs:.2f} epochs take about {epochs / _CALIBRATION * short:.0f} s")
        for number in range(a.rounds):
            wanted = config(5000 + number, epochs)
            for is_job in (True, False)[:: 1 if number % 2 else -1]:
                if is_job:
                    jobs.append(in_job(study, wanted))
                else:
                    plain.append(in_script(study, wanted, out / str(number)))
    _print(jobs, plain)


def _print(jobs: list[Run], plain: list[Run]) -> None:
    for name, runs in (("job", jobs), ("plain process", plain)):
        told = (
            ("training", [r.training for r in runs]),
            ("whole", [r.whole for r in runs]),
            ("CPU", [r.cpu for r in runs]),
        )
        print(f"{name:14}", "; ".join(f"{what} {listed(values)} s" for what, values in told))
    pairs = list(zip(jobs, plain, strict=True))
    print("-> training takes longer by %:", listed([100 * (j.training / p.training - 1) for j, p in pairs]))
    print("-> the whole takes longer by %:", listed([100 * (j.whole / p.whole - 1) for j, p in pairs]))
    print("-> CPU of the training process more by %:", listed([100 * (j.cpu / p.cpu - 1) for j, p in pairs]))
    beside = median(j.beside for j in jobs)
    share = 100 * median(j.beside / j.training for j in jobs)
    print(f"-> CPU of runner and study: {beside:.2f} s beside a job, {share:.2f} % of its training")


def in_job(study: Study, wanted: LoraTraining) -> Run:
    """A job of the study, alone on the machine."""
    (node,) = planned(study, [wanted])
    folder = JobFolder(study.folder.run(RunId(f"{node}.1"), 1))
    time.sleep(1.0)
    kernel, runner = Meter(), Meter()
    watch = _Updates(folder)
    began, study_began = time.perf_counter(), _study_cpu()
    study.approve(node)

    def ended() -> Finished | None:
        watch.look()
        kernel.look(watch.kernel, has_begun=watch.has_stepped)
        runner.look(folder.read_runner().get("pid"))
        return watch.finished

    finished = until(ended, every=_LOOK)
    whole, beside = time.perf_counter() - began, _study_cpu() - study_began + runner.in_all
    study.wait()
    return Run(finished.cost.train_seconds, whole, kernel.since_first, beside)


class _Updates:
    """A job's updates, as they come. Raises `RuntimeError` when it fails."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._offset = 0
        self.kernel: int | None = None
        self.has_stepped = False
        self.finished: Finished | None = None

    def look(self) -> None:
        updates, self._offset = self._folder.read_updates(self._offset)
        for update in updates:
            if isinstance(update, Started):
                self.kernel = update.pid
            elif isinstance(update, Progressed):
                self.has_stepped = True
            elif isinstance(update, Finished):
                self.finished = update
            elif update.kind == "failed":
                raise RuntimeError(str(update))


def _study_cpu() -> float:
    """CPU seconds of this process without those of the thread that measures."""
    return time.process_time() - time.thread_time()


def in_script(study: Study, wanted: LoraTraining, out: Path) -> Run:
    """A plain process, alone on the machine."""
    out.parent.mkdir(exist_ok=True)
    log = out.with_suffix(".log")
    meter = Meter()
    began = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(script(study, wanted, out, "unscored"), env=PYTHON_ENV, stdout=file)

    def trained() -> float | None:
        said = log.read_text()
        meter.look(process.pid, has_begun="step " in said)
        if process.poll() not in (None, 0):
            raise RuntimeError(f"the script ended with {process.returncode}")
        found = re.search(r"^trained (\S+)\n", said, re.MULTILINE)
        return float(found[1]) if found else None

    training = until(trained, every=_LOOK)
    whole = time.perf_counter() - began
    process.wait()
    return Run(training, whole, meter.since_first, 0.0)


if __name__ == "__main__":
    main()
