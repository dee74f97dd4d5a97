"""A real Ray cluster of several nodes on this machine, in a process of its own, for the tests that need one.

`cluster` is started once in a session. Run as a module, this file is that process: it prints the cluster's address and
obeys the words at its standard input, to whose end it lives.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SMALL = {"object_store_memory": 80 << 20, "include_log_monitor": False}
QUICK = {
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
    "health_check_initial_delay_ms": 500,
    "worker_niceness": 0,
}
"""A node that is gone is missed within seconds, and workers do not step back behind what else this machine does."""


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A head without cores and nodes with some: `address` is "host:port"."""

    address: str
    process: subprocess.Popen[str]

    def add(self, spare: int) -> None:
        """Start a node with a core and `spare` gigabytes more than any other has."""
        self._tell(f"add {spare}")

    def kill(self) -> None:
        """Kill the node that was started last, and all that runs on it."""
        self._tell("kill")

    def end(self) -> None:
        """Shut the cluster down."""
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            self.process.communicate(timeout=60)

    def _tell(self, words: str) -> None:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(words + "\n")
        stdin.flush()
        assert stdout.readline() == "done\n"


def start(folder: Path, cores: tuple[int, ...] = (2, 1)) -> RayCluster:
    """A new cluster whose nodes have so many cores each; `folder` is for its own use."""
    (folder / "rfc3987_syntax.py").write_text("raise ImportError")  # optional to jsonschema; most of Ray's import time
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
    environ = {**os.environ, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"}
    log = folder / "cluster.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.ray_cluster", *map(str, cores)], cwd=Path(__file__).parents[1], env=environ,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address, log.read_text()
    return RayCluster(address, process)


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """The cluster that all tests of a session share."""
    cluster = start(tmp_path_factory.mktemp("ray"))
    yield cluster
    cluster.end()


def main(cores: list[int]) -> None:
    from ray.cluster_utils import Cluster

    address = os.dup(1)
    os.dup2(2, 1)
    answers = os.fdopen(address, "w", buffering=1)
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK}
    cluster: Any = Cluster(initialize_head=True, head_node_args={**head, **SMALL})
    nodes = [cluster.add_node(num_cpus=c, memory=2 << 30, wait=False, **SMALL) for c in cores]
    cluster.wait_for_nodes()
    answers.write(f"{cluster.address}\n")
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "add":
            nodes.append(cluster.add_node(num_cpus=1, memory=(2 + int(rest[0])) << 30, **SMALL))
        else:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        answers.write("done\n")
    cluster.shutdown()


if __name__ == "__main__":
    main([int(c) for c in sys.argv[1:]])
