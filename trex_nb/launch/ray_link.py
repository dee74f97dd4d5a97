"""The link to a bridge: starts the process when it is needed, again when it has died, and asks it things.

One per cluster and storage in a process, used from any thread or event loop; the bridge ends with this process.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import weakref
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

from trex_nb.errors import LaunchError, MissingExtraError

END = 5.0
"""Seconds a bridge has to end by itself."""


class _Connection:
    """A running bridge, and the questions it has not answered yet."""

    def __init__(self, address: str, storage: str | None) -> None:
        self._errors = tempfile.TemporaryFile("w+b")  # noqa: SIM115  closed with the process
        self._process = _start(address, storage, self._errors)
        self._open: dict[int, Future[None]] = {0: _future()}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.is_alive = True
        self.ready = self._open[0]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, question: dict[str, Any]) -> Future[None]:
        """The answer, when it comes: None, or an error."""
        future = _future()
        assert self._process.stdin is not None
        with self._lock:
            number = next(self._numbers)
            self._open[number] = future
            try:
                self._process.stdin.write(json.dumps({"id": number, **question}).encode() + b"\n")
                self._process.stdin.flush()
            except OSError:
                self._open.pop(number)
                future.set_exception(_ended(""))
        return future

    def close(self) -> None:
        """End the bridge."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(END)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            with self._lock:
                future = self._open.pop(answer["id"])
            if "what" in answer:
                future.set_exception(LaunchError(answer["what"], answer["hint"]))
            else:
                future.set_result(None)
        self._process.stdout.close()
        self._process.wait()
        self._give_up()

    def _give_up(self) -> None:
        with self._lock:
            self.is_alive = False
            unanswered, self._open = self._open, {}
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        self._errors.close()
        for future in unanswered.values():
            future.set_exception(_ended(said[-1] if said else ""))


class Link:
    """The way to one cluster. Cheap to make: nothing is started before the first question."""

    def __init__(self, address: str, storage: str | None) -> None:
        self._address = address
        self._storage = storage
        self._lock = threading.Lock()
        self._connection: _Connection | None = None

    async def ask(self, **question: Any) -> None:
        """Have the bridge do something. Raises `LaunchError` when it cannot, `MissingExtraError`."""
        connection = await asyncio.to_thread(self._connected)
        await asyncio.wrap_future(connection.ready)
        await asyncio.wrap_future(connection.ask(question))

    def _connected(self) -> _Connection:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtraError("ray", "ray")
        with self._lock:
            if self._connection is None or not self._connection.is_alive:
                self._connection = _Connection(self._address, self._storage)
                weakref.finalize(self, self._connection.close)
            return self._connection


@functools.cache
def link_to(address: str, storage: str | None) -> Link:
    """This process's link to a cluster and storage."""
    return Link(address, storage)


def _start(address: str, storage: str | None, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    home = Path(__file__).parents[2]
    is_checkout = home.name not in {"site-packages", "dist-packages"}
    command = [sys.executable, "-P", "-m", "trex_nb.launch.ray_bridge", address, *([storage] if storage else [])]
    path = os.pathsep.join(filter(None, [str(home), os.environ.get("PYTHONPATH", "")]))
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(  # noqa: S603  our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
        cwd=home if is_checkout else "/",  # Ray lets the cluster's workers import from there
        env={**os.environ, **quiet, **({"PYTHONPATH": path} if is_checkout else {})},
    )  # fmt: skip


def _future() -> Future[None]:
    """A future that whoever stops waiting for it cannot cancel under the feet of the others."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future


def _ended(said: str) -> LaunchError:
    what = f"The connection to the Ray cluster broke off{': ' + said[:300] if said else ''}."
    return LaunchError(what, "run the same again; it is made anew")
