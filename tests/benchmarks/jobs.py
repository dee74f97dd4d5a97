"""How soon a job trains: `python -m tests.benchmarks.jobs [--rounds 7]`.

From approving a node of a warm study (`study.approve`, which is what a click calls) to its first training step, against
`python train.py` to its first step, in turns. The step counts when the job has written it down (its `events.jsonl`),
and when the study's tree shows it; the script's when its line is printed. The rival (`plain_train`) calls the functions
that the job calls and finds its files in the disk cache. Absolute seconds depend on the machine; read the ratios.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.plain_train import config
from tests.benchmarks.warmed import PYTHON_ENV, begun, listed, planned, script, started, until, warm_study
from trex_nb.core.ids import RunId
from trex_nb.core.training import LoraTraining
from trex_nb.study.study import Study


def main() -> None:
    """Measure in turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, warm_study(Path(folder)) as study:
        first_steps(study, rounds, Path(folder))


def first_steps(study: Study, rounds: int, folder: Path) -> None:
    """The comparison."""
    ours: list[tuple[float, float, str]] = []
    cold: list[float] = []
    for number in range(rounds):
        for is_ours in (True, False)[:: 1 if number % 2 else -1]:
            if is_ours:
                ours.append(approve_to_first_step(study, config(1000 + number)))
            else:
                cold.append(script_to_first_step(study, config(1000 + number), folder / "scripts" / str(number)))
    written, shown = [o[0] for o in ours], [o[1] for o in ours]
    print("approve to first step, written by the job: ", listed(written), "s")
    print("approve to first step, shown by the tree:  ", listed(shown), "s; jobs:", *(o[2] for o in ours))
    print("python train.py to its first step:         ", listed(cold), "s")
    print(
        f"-> {median(cold) / median(written):.1f} times as fast, {median(cold) / median(shown):.1f} until it is shown"
    )


def approve_to_first_step(study: Study, wanted: LoraTraining) -> tuple[float, float, str]:
    """Seconds until the job has written its first step, and until the tree shows it; and how the job was started."""
    (node,) = planned(study, [wanted])
    events = study.folder.run(RunId(f"{node}.1"), 1) / "events.jsonl"
    time.sleep(1.0)  # a person takes longer to read a proposal: the study has settled
    began = time.perf_counter()
    study.approve(node)
    until(lambda: has_stepped(events) or None, every=0.005)
    written = time.perf_counter() - began
    run = until(lambda: begun(study, node), every=0.005)
    shown = time.perf_counter() - began
    how = started(study, run)
    study.wait()
    return written, shown, how


def has_stepped(events: Path) -> bool:
    """Whether a job has written down a point of its curve."""
    try:
        return b'"progressed"' in events.read_bytes()
    except FileNotFoundError:
        return False


def script_to_first_step(study: Study, wanted: LoraTraining, out: Path) -> float:
    """Seconds until a fresh process says that it has taken its first step; it then runs to its end."""
    command = script(study, wanted, out)
    began = time.perf_counter()
    with subprocess.Popen(command, env=PYTHON_ENV, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seconds = next(time.perf_counter() - began for line in process.stdout if line.startswith("step "))
        process.communicate()
    if process.returncode:
        raise RuntimeError(f"the script ended with {process.returncode}")
    return seconds


if __name__ == "__main__":
    main()
