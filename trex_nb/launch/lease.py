"""A job's way to a place on the machine, and the place itself: asked for before its kernel starts, held until the
runner gives it back or dies.

Waiting costs next to nothing (a few microseconds, a few times a second, less often the longer it takes). A ledger that
cannot be used keeps nobody from running: the job starts without a place, and its log says so.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

from trex_nb.core.job import JobSpec
from trex_nb.core.result import Failure
from trex_nb.launch.fair import Machine, impossible
from trex_nb.launch.machine import gpus, this_machine
from trex_nb.launch.queue_words import machine_words, waits_for
from trex_nb.launch.slots import Ledger, LedgerBusyError, LedgerError, Place, ledger_folder

SOONEST, LATEST = 0.02, 0.25
"""Seconds between two looks of a job that waits; the first grows to the second as a share (`_PATIENCE`) of the wait."""
_PATIENCE = 0.02
TELL_EVERY = 3.0
"""Seconds between two words on what a job waits for."""
LOOK_ANYWAY = 2.0
_BUSY = 30.0


def machine_now() -> str:
    """What this machine runs and what waits for it, over all studies of this user, on one line; empty where jobs take
    no places."""
    folder = ledger_folder()
    if folder is None:
        return ""
    standing = Ledger(folder).standing()
    machine = this_machine()
    return machine_words(standing.waiting, standing.holding, Machine(machine.cores, machine.memory_mb, gpus()))


class Lease:
    """One job's place. `environment` is what its kernel must be told of it."""

    def __init__(self, spec: JobSpec) -> None:
        self._spec = spec
        self._place: Place | None = None
        self._began = self._looked = self._told = time.monotonic()
        self._said = ""

    @property
    def environment(self) -> dict[str, str]:
        """Which GPUs the job may use; nothing where the job holds no place."""
        return {"CUDA_VISIBLE_DEVICES": ",".join(self._place.ticket.gpus)} if self._place else {}

    async def take(self, stopped: asyncio.Future[Failure | None], tell: Callable[[str], None]) -> Failure | None:
        """Wait for a place, or until `stopped`; `tell` is told what for, when that is new. A failure is a job that can
        never run here."""
        folder = ledger_folder()
        if folder is None:
            return None
        machine = this_machine()
        if self._spec.resources.gpus:
            machine = Machine(machine.cores, machine.memory_mb, gpus())
        try:
            return await self._wait(Ledger(folder), machine, stopped, tell)
        except (LedgerError, OSError) as error:
            sys.stderr.write(f"This job runs without a place of its own, beside whatever else runs: {error}.\n")
            self.release()
        return None

    def keep(self) -> None:
        """See to it that the others know of this place; called now and then."""
        if self._place is not None and self._place.is_held:
            try:
                self._place.keep()
            except (LedgerError, LedgerBusyError, OSError):
                return  # it is tried again; until then the others may start one job too many

    def release(self) -> None:
        """Give the place back, waiting or held."""
        if self._place is not None:
            self._place.release()
            self._place = None

    async def _wait(
        self, ledger: Ledger, machine: Machine, stopped: asyncio.Future[Failure | None], tell: Callable[[str], None]
    ) -> Failure | None:
        while not stopped.done():
            try:
                self._place = self._place or ledger.enter(self._spec, machine.gpus)
                if never := impossible(self._place.ticket):
                    return Failure(stage="infra", kind="error", message=f"{never} Try: %trex run --gpus 0.")
                self._look(self._place, machine, tell)
                if self._place.is_held:
                    return None
            except LedgerBusyError:
                if self._place is None and time.monotonic() - self._began > _BUSY:
                    raise LedgerError(f"{ledger.folder} is held by somebody who does not let go of it") from None
            await asyncio.wait({stopped}, timeout=self._pause())
        return None

    def _look(self, place: Place, machine: Machine, tell: Callable[[str], None]) -> None:
        now = time.monotonic()
        if not place.is_news() and now - self._looked < LOOK_ANYWAY:
            return
        self._looked = now
        standing = place.look(machine)
        if place.is_held:
            return
        why = waits_for(place.ticket, standing.waiting, standing.holding, machine)
        if why != self._said and (not self._said or now - self._told >= TELL_EVERY):
            self._said, self._told = why, now
            tell(why)

    def _pause(self) -> float:
        if self._place is None:
            return SOONEST / 4
        return min(LATEST, max(SOONEST, _PATIENCE * (time.monotonic() - self._began)))
