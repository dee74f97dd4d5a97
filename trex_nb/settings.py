"""Settings: what a person may change about trex_nb itself, from the environment. Injected, never reached for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """`root` is the folder of all studies, `jobs` how many jobs run at a time unless the person says otherwise,
    `patience` how many seconds a command waits for an answer before it returns without one."""

    root: Path
    jobs: int
    patience: float = 5.0

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """`TREX_HOME` (default `.trex` in the working directory) and `TREX_JOBS` (default: one per core, at most 4)."""
        jobs = int(env["TREX_JOBS"]) if env.get("TREX_JOBS", "").isdigit() else min(4, os.cpu_count() or 1)
        return cls(root=Path(env.get("TREX_HOME", ".trex")).absolute(), jobs=max(1, jobs))
