"""The demo's search beside random configurations: `python -m tests.benchmarks.quality [--rounds 6] [--random 8]`.

On both embedded tasks: the best node of `auto` with the offline Researcher, against the base model (in standard
errors) and
against the median and best of random configurations from the same space, trained and scored in the same way.
"""

import argparse
import math
import random
import tempfile
from pathlib import Path
from statistics import median

import trex_nb
from trex_nb.core.commands import Edit
from trex_nb.core.ids import NodeId
from trex_nb.search.space import space_for
from trex_nb.settings import Settings
from trex_nb.study.study import Study

_TASKS = ("tiny-intent", "unicode-category")


def main() -> None:
    """Run the searches and print one line per task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--random", type=int, default=8)
    a = parser.parse_args()
    for task in _TASKS:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(root=Path(folder), jobs=2)
            best, base = _searched(task, a.rounds, settings)
            scores = _random(task, a.random, settings)
        error = math.hypot(best[1], base[1])
        print(f"{task}: auto, {a.rounds} rounds {best[0]:.3f} ± {best[1]:.3f}; base {base[0]:.3f}", end="; ")
        print(f"{(best[0] - base[0]) / error:.0f} standard errors above it")
        listed = ", ".join(f"{s:.3f}" for s in sorted(scores))
        print(f"-> random configurations ({listed}): median {median(scores):.3f}, best {max(scores):.3f}")


def _searched(task: str, rounds: int, settings: Settings) -> tuple[tuple[float, float], tuple[float, float]]:
    with trex_nb.start(task, name=f"{task}-auto", settings=settings) as study:
        study.auto(rounds=rounds, jobs=2)
        study.wait(3600)
        best, root = study.best, study.tree.root
        assert best is not None
        assert best.score is not None
        assert root.score is not None
        return (best.score.value, best.score.stderr), (root.score.value, root.score.stderr)


def _random(task: str, n: int, settings: Settings) -> list[float]:
    with trex_nb.start(task, name=f"{task}-random", settings=settings) as study:
        study.budget(rounds=n, minutes=600)
        study.run(jobs=2)
        nodes = study.plan(n=n).nodes
        rng = random.Random(1)
        for node in nodes:
            _make_random(study, node, rng)
        study.approve(*nodes)
        study.wait(3600)
        found = [study.tree.nodes[node].score for node in nodes]
        return [s.value if s else 0.0 for s in found]


def _make_random(study: Study, node: NodeId, rng: random.Random) -> None:
    space = space_for(study.tree.data, study.tree.base)
    point = space.draw(rng)
    recipe, config = space.build(point, 0)
    fields = {k: v for k, v in config.model_dump().items() if k != "target_modules"}
    data = {k: v for k, v in point.items() if k in ("share", "dedup", "balance") or k.startswith("weight[")}
    study.do(Edit(node=node, fields=fields | data))
    assert study.tree.nodes[node].plan.recipe == recipe


if __name__ == "__main__":
    main()
