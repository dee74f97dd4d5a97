"""What looking into a training costs it: `python -m tests.benchmarks.peeking`.

One real training of the tiny model on rows of made-up names. Its steps are timed in turns: with nobody looking, and
with a look (three expressions) five times a second; and how long a look takes. Turns alternate, so that a machine
that grows busy weighs on both. CPU time of the job's own process is told beside wall time: on a full machine the looks
of this very process also take their share of the cores.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from tests.scenarios.test_real_control import N1, begun
from tests.scenarios.verbs import USES, with_verbs
from trex_nb.core.job import JobId
from trex_nb.launch.job import attach

TURN = 4.0
TURNS = 6
EVERY = 0.2


async def _turn(folder: str, *, looks: bool) -> tuple[tuple[float, float], list[float]]:
    """Wall and CPU milliseconds a step over one turn, and how long each look took."""
    job = attach(JobId(folder))
    assert job is not None
    took: list[float] = []
    begin = await job.peek(["step"])
    process = psutil.Process(begin.pid)
    used = sum(process.cpu_times()[:2])
    at = start = time.perf_counter()
    while time.perf_counter() - start < TURN:
        if looks:
            before = time.perf_counter()
            await job.peek(["loss", "step", "learning_rate"])
            took.append(time.perf_counter() - before)
        at += EVERY
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
    seconds = time.perf_counter() - start
    used = sum(process.cpu_times()[:2]) - used
    end = await job.peek(["step"])
    steps = int(end.values[0].text) - int(begin.values[0].text)
    return (1000 * seconds / steps, 1000 * used / steps), took


def main() -> None:
    rows = [(f"{kind}_{i}", use) for kind, use in USES.items() for i in range(100)]
    home = with_verbs(Path(tempfile.mkdtemp()), rows)
    with begun(home, "peeking", epochs=100.0) as study:
        assert study._wait_until(lambda: bool(study.tree.run(N1).curve), 120)
        folder = str(study.folder.path / study.tree.run(N1).folder)
        alone: list[tuple[float, float]] = []
        watched: list[tuple[float, float]] = []
        looks: list[float] = []
        for _ in range(TURNS):
            alone.append(asyncio.run(_turn(folder, looks=False))[0])
            each, took = asyncio.run(_turn(folder, looks=True))
            watched.append(each)
            looks += took
        study.stop("n1", now=True)
        study.wait(60)
    for name, turns in (("alone", alone), ("watched", watched)):
        wall, cpu = (statistics.median(column) for column in zip(*turns, strict=True))
        print(f"a step {name:<8} {wall:.0f} ms, {cpu:.0f} ms of CPU  {[f'{w:.0f}/{c:.0f}' for w, c in turns]}")
    print(
        f"a look          {1000 * statistics.median(looks):.0f} ms, the slowest of {len(looks)} {1000 * max(looks):.0f}"
    )


if __name__ == "__main__":
    main()
