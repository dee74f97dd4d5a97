"""What a job may not exceed. A person sets it in the task; a launcher holds jobs to it."""

from __future__ import annotations

from pydantic import Field

from trex_nb.core.base import Frozen


class Limits(Frozen):
    """In megabytes; None leaves it to the machine: the memory of all of a job's processes together, the size of one
    file, and the disk its folder takes. A job without `network` reaches no other machine."""

    memory_mb: float | None = Field(None, gt=0)
    file_mb: float | None = Field(None, gt=0)
    disk_mb: float | None = Field(None, gt=0)
    network: bool = False


NO_LIMITS = Limits()
"""None of its own, and no network."""
