"""Ray Tune as a rival of `throughput`: `python -m tests.benchmarks.rival_ray STUDY_FOLDER OUT SEED …`, a cluster of two
cores on this machine, one core and one actor for a trial.

Actors are used again for the next trial, so imports are paid once per actor; loggers, checkpoints, the dashboard and
usage reports are off. The last line on stdout is JSON: seconds from the start of the tuner (the cluster was up before)
and the trials.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0", "RAY_DEDUP_LOGS": "0",
}  # fmt: skip
"""What must be in the environment before Ray is imported."""


def run(settings: dict[str, Any]) -> None:
    """One trial, in an actor of Ray's."""
    from ray import tune

    from tests.benchmarks.plain_train import config, trial

    study, out, seed = Path(settings["study"]), Path(settings["out"]), settings["seed"]
    done = trial(study, config(seed), out / str(seed))
    tune.report({"seed": seed, **done._asdict()})


def main(study: str, out: str, seeds: list[int]) -> None:
    """Start a cluster, tune, print."""
    import ray
    from ray import tune

    with TemporaryDirectory(prefix="ray") as folder:
        ray.init(
            address="local", num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False,
            logging_level="ERROR", _temp_dir=folder,
        )  # fmt: skip
        began = time.perf_counter()
        tuner = tune.Tuner(
            tune.with_resources(run, {"cpu": 1}),
            param_space={"seed": tune.grid_search(seeds), "study": study, "out": out},
            tune_config=tune.TuneConfig(max_concurrent_trials=2, reuse_actors=True),
            run_config=tune.RunConfig(storage_path=f"{out}/ray", verbose=0),
        )
        found = [dict(result.metrics or {}) for result in tuner.fit()]
        seconds = time.perf_counter() - began
        ray.shutdown()
    trials = [{k: f[k] for k in ("seed", "score", "began", "ended")} for f in found if "score" in f]
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "trials": trials}) + "\n")


if __name__ == "__main__":
    os.environ.update(QUIET)
    main(sys.argv[1], sys.argv[2], [int(seed) for seed in sys.argv[3:]])
