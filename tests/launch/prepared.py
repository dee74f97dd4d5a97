"""What fork servers in tests prepare: little, so that they are ready soon."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

PREPARED: list[int] = []


def nothing() -> None:
    """No imports beyond a kernel's."""
    PREPARED.append(os.getpid())


def failing() -> None:
    raise ImportError("no such library")


def each(folder: str) -> Callable[[], None]:
    """Every forked kernel leaves its id in `folder`."""

    def leave() -> None:
        (Path(folder) / str(os.getpid())).touch()

    return leave


def seeded() -> None:
    """Libraries whose random numbers were seeded."""
    import numpy as np

    np.random.seed(0)


def endless() -> None:
    """Imports that do not end."""
    while True:
        signal.pause()


def waiting(gate: str) -> None:
    """Not before somebody writes into the pipe `gate`."""
    Path(gate).read_text()
