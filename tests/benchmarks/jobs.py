"""Jobs beside plain scripts: `python -m tests.benchmarks.jobs [--jobs 6] [--rounds 3]`.

1. From approving a node to its first training step, against `python train.py` to its first step, alternating.
2. Jobs per minute, two at a time on two cores, against the same jobs as plain subprocesses, two at a time.

The rival (`plain_train.py`) trains and scores with the same functions, so what is compared is kernels, runners, the
event log
and the shared evaluator process against a bare interpreter. Absolute seconds depend on the machine; read the ratios.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import trex_nb
from trex_nb.core.ids import NodeId
from trex_nb.core.training import LoraTraining
from trex_nb.settings import Settings
from trex_nb.study.study import Study

_ENV = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}


def main() -> None:
    """Run both comparisons and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = trex_nb.start("tiny-intent", settings=Settings(root=Path(folder), jobs=2))
        with study:
            study.budget(rounds=100, minutes=600)
            study.run(jobs=2)
            study.wait(300)  # the baseline; the evaluator is warm from here on
            _first_steps(study, a.rounds, Path(folder))
            _throughput(study, a.jobs, Path(folder))


def _first_steps(study: Study, rounds: int, folder: Path) -> None:
    ours, plain = [], []
    for number in range(rounds):
        ours.append(_approve_to_first_step(study, number))
        plain.append(_script_to_first_step(study, _config(1000 + number), folder / f"first-{number}"))
    ratio = median(plain) / median(ours)
    print("approve to first step:", _listed(ours), "| python train.py to first step:", _listed(plain))
    print(f"-> median {median(ours):.2f} s against {median(plain):.2f} s: {ratio:.2f} times as fast")


def _approve_to_first_step(study: Study, seed: int) -> float:
    (node,) = _planned(study, [_config(seed)])
    began = time.perf_counter()
    study.approve(node)
    while not any(r.curve for r in study.tree.nodes[node].runs):
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    study.wait(300)
    return seconds


def _script_to_first_step(study: Study, config: LoraTraining, out: Path) -> float:
    began = time.perf_counter()
    process = subprocess.Popen(_command(study, config, out), env=_ENV, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step "):
            seconds = time.perf_counter() - began
            break
    else:
        raise RuntimeError("the script never took a step")
    process.communicate()
    return seconds


def _throughput(study: Study, jobs: int, folder: Path) -> None:
    nodes = _planned(study, [_config(2000 + i) for i in range(jobs)])
    began = time.perf_counter()
    study.approve(*nodes)
    study.wait(1200)
    ours = time.perf_counter() - began
    failed = [n for n in nodes if study.tree.nodes[n].score is None]
    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        commands = [_command(study, _config(3000 + i), folder / f"job-{i}") for i in range(jobs)]
        done = list(pool.map(_run, commands))
    plain = time.perf_counter() - began
    print(f"{jobs} jobs, two at a time: {60 * jobs / ours:.2f} jobs a minute ({len(failed)} failed)", end=" ")
    print(f"| plain subprocesses: {60 * jobs / plain:.2f} ({sum(code != 0 for code in done)} failed)")
    print(f"-> {plain / ours:.2f} times the jobs per minute of plain subprocesses")


def _run(command: list[str]) -> int:
    return subprocess.run(
        command, env=_ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    ).returncode


def _command(study: Study, config: LoraTraining, out: Path) -> list[str]:
    text = json.dumps(config.model_dump(mode="json"))
    return [sys.executable, "-u", "-m", "tests.benchmarks.plain_train", str(study.folder.path), text, str(out)]


def _config(seed: int) -> LoraTraining:
    return LoraTraining(learning_rate=3e-3, r=16, lora_alpha=32, num_train_epochs=2, max_length=128, seed=seed)


def _planned(study: Study, configs: list[LoraTraining]) -> tuple[NodeId, ...]:
    """Proposals whose plans are exactly `configs` (they differ by seed, so none is served from history)."""
    reply = study.plan(n=len(configs))
    for node, config in zip(reply.nodes, configs, strict=True):
        study.edit(node, **{k: v for k, v in config.model_dump().items() if k != "target_modules"})
    return reply.nodes


def _listed(values: list[float]) -> str:
    return ", ".join(f"{v:.2f}" for v in values)


if __name__ == "__main__":
    main()
