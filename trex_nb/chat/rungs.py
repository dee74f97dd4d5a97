"""The ways to have a shape kept, from the best down, and which of them works at which server.

json_schema   the server lets nothing else be written
tool          one function that the model must call, with the shape as its parameters
json_object   JSON of some kind; the shape is in the prompt
text          the shape is in the prompt, and the JSON is looked for in what comes
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock

from trex_nb.chat.secret import place_of
from trex_nb.settings import Endpoint

Rung = Literal["json_schema", "tool", "json_object", "text"]
RUNGS: tuple[Rung, ...] = get_args(Rung)
DAYS = 30.0
"""After which a server is asked again: it may have learnt better."""

LOCK_SECONDS = 5.0
"""After which what was found out stays in memory: another process holds the file."""

_log = logging.getLogger(__name__)


def below(rung: Rung) -> Rung:
    """The next worse way."""
    return RUNGS[RUNGS.index(rung) + 1]


class RungMemory:
    """Which rung works for a model at a server, kept in a small JSON file; without a `path` in memory alone. What
    cannot be read is found again, what cannot be written is kept in memory. Safe in threads and processes."""

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._own: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def find(self, endpoint: Endpoint) -> Rung | None:
        """The rung that worked last, if that is not too long ago."""
        with self._lock:
            found = {**self._read(), **self._own}.get(_name(endpoint))
        match found:
            case {"rung": rung, "time": int() | float() as when} if rung in RUNGS:
                return RUNGS[RUNGS.index(rung)] if self._clock() - when <= DAYS * 86400 else None
        return None

    def keep(self, endpoint: Endpoint, rung: Rung) -> None:
        """From now on this rung is used."""
        with self._lock:
            self._own[_name(endpoint)] = {"rung": rung, "time": self._clock()}
            if self._path:
                try:
                    self._write(self._path)
                except OSError as error:
                    _log.info("%s cannot be written: %s", self._path, error)

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=LOCK_SECONDS):
            part = path.with_name(f"{path.name}.part{os.getpid()}")
            part.write_text(json.dumps({**self._read(), **self._own}, indent=1), encoding="utf-8")
            part.replace(path)


def _name(endpoint: Endpoint) -> str:
    return f"{place_of(endpoint)} {endpoint.model}"
