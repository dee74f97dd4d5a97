"""Who may start now on a machine that several studies share. Pure: tickets and what the machine has in, grants out.

The order: higher priority first, then the study that holds least of the machine (its dominant share, after Ghodsi et
al., "Dominant Resource Fairness", 2011), then who came first. A job that does not fit is passed over, so that nothing
stands idle while smaller ones could run; but once `patience` places were given since it came, it is passed over no
longer: what comes after it in the order waits until it fits. Times are counted in places given, not in seconds, so no
clock matters.

A job that asks for more cores or memory than there are runs alone. One that asks for GPUs that are not there can never
run (`impossible`) and holds up nobody.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trex_nb.core.base import Frozen
from trex_nb.core.ids import RunId
from trex_nb.core.job import Resources

_EXACT = 6
"""Decimals to which shares of a GPU are reckoned: three thirds are one."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to share: CPU cores, GPUs by the names that CUDA_VISIBLE_DEVICES knows them by, and memory."""

    cores: int
    memory_mb: float
    gpus: tuple[str, ...] = ()

    @property
    def patience(self) -> int:
        """How many places may be given while a job waits before it is passed over no longer."""
        return 2 * self.cores


class Ticket(Frozen):
    """A job that waits for a place, or holds one. `number` counts by arrival; `came` is how many places had been given
    by then. `devices` are the GPUs its process can see, `gpus` those it was granted (and a share of one below 1)."""

    number: int
    run: RunId
    study: str = ""
    priority: int = 0
    resources: Resources = Resources()
    came: int = 0
    devices: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = self.study.rstrip("/").rsplit("/", 1)[-1]
        return f"{self.run} of {name}" if name else str(self.run)


def granted(
    waiting: Iterable[Ticket], holding: Sequence[Ticket], machine: Machine, given: int
) -> tuple[Ticket, ...]:  # fmt: skip
    """Those of `waiting` that may start now, with their GPUs, in the order in which they were let in; all of them fit
    beside those that are `holding`. `given` is how many places were ever given."""
    room, shares = Room.of(machine, holding), _shares(holding, machine)
    queues = _queues(waiting)
    found: list[Ticket] = []
    while queues and room.cores > 0:
        study = min(queues, key=lambda s: _rank(queues[s][0], shares.get(s, 0.0)))
        ticket = queues[study].popleft()
        if not queues[study]:
            del queues[study]
        placed = room.placed(ticket)
        if placed is not None:
            found.append(placed)
            room = room.without(placed)
            shares = _shares((*holding, *found), machine)
        elif given + len(found) - ticket.came >= machine.patience and not impossible(ticket):
            break
    return tuple(found)


def impossible(ticket: Ticket) -> str:
    """Why a job can never run where it is, for the person; empty when it can."""
    asked, there = _devices(ticket.resources.gpus), len(ticket.devices)
    if asked <= there:
        return ""
    return f"It asks for {ticket.resources.gpus:g} GPU{'s' * (asked > 1)}, and this machine has {there or 'none'}."


def most(resources: Resources, machine: Machine) -> int:
    """How many jobs of this size run at a time when nobody else is there."""
    limits = [machine.cores // min(resources.cores, machine.cores)]
    if resources.memory_mb:
        limits.append(int(machine.memory_mb // resources.memory_mb))
    if 0 < resources.gpus < 1:
        limits.append(len(machine.gpus) * int(round(1 / resources.gpus, _EXACT)))
    elif resources.gpus:
        limits.append(len(machine.gpus) // _devices(resources.gpus))
    return max(1, min(limits))


@dataclass(frozen=True, slots=True)
class Room:
    """What is free of a machine: cores, memory in MB, and of each GPU a share. `is_empty` when nobody holds
    anything."""

    machine: Machine
    cores: int
    memory_mb: float
    used: Mapping[str, float]
    is_empty: bool

    @classmethod
    def of(cls, machine: Machine, holding: Iterable[Ticket]) -> Room:
        """What `holding` leave."""
        room = cls(machine, machine.cores, machine.memory_mb, {}, is_empty=True)
        for ticket in holding:
            room = room.without(ticket)
        return room

    def without(self, ticket: Ticket) -> Room:
        """What `ticket` leaves of it."""
        share = min(1.0, ticket.resources.gpus)
        used = {**self.used, **{g: round(self.used.get(g, 0.0) + share, _EXACT) for g in ticket.gpus}}
        cores = self.cores - min(ticket.resources.cores, self.machine.cores)
        return Room(self.machine, cores, self.memory_mb - ticket.resources.memory_mb, used, is_empty=False)

    def lacks(self, ticket: Ticket) -> str:
        """What of the room is too little for `ticket`: "cores", "memory", "gpus"; empty when it fits."""
        if min(ticket.resources.cores, self.machine.cores) > self.cores:
            return "cores"
        if not self.is_empty and ticket.resources.memory_mb > self.memory_mb:
            return "memory"
        return "" if len(self._chosen(ticket)) == _devices(ticket.resources.gpus) else "gpus"

    def placed(self, ticket: Ticket) -> Ticket | None:
        """`ticket` with its GPUs; None where it does not fit."""
        return None if self.lacks(ticket) else ticket.model_copy(update={"gpus": self._chosen(ticket)})

    def _chosen(self, ticket: Ticket) -> tuple[str, ...]:
        """The GPUs for `ticket`, as far as there are: the fullest that have room for its share, so that whole ones stay
        free."""
        share = min(1.0, ticket.resources.gpus)
        fits = [g for g in ticket.devices if round(self.used.get(g, 0.0) + share, _EXACT) <= 1]
        fullest = sorted(fits, key=lambda g: -self.used.get(g, 0.0))
        return tuple(fullest[: _devices(ticket.resources.gpus)])


def _devices(gpus: float) -> int:
    """Of how many devices a job has all or a share."""
    return math.ceil(round(gpus, _EXACT))


def _rank(ticket: Ticket, share: float) -> tuple[float, ...]:
    return -ticket.priority, share, ticket.number


def _queues(waiting: Iterable[Ticket]) -> dict[str, deque[Ticket]]:
    queues: dict[str, deque[Ticket]] = {}
    for ticket in sorted(waiting, key=lambda t: (-t.priority, t.number)):
        queues.setdefault(ticket.study, deque()).append(ticket)
    return queues


def _shares(holding: Iterable[Ticket], machine: Machine) -> dict[str, float]:
    """What each study holds of the machine: of that of which it holds most."""
    cores: dict[str, float] = {}
    gpus: dict[str, float] = {}
    for t in holding:
        cores[t.study] = cores.get(t.study, 0.0) + t.resources.cores / machine.cores
        gpus[t.study] = gpus.get(t.study, 0.0) + t.resources.gpus / max(1, len(machine.gpus))
    return {study: max(round(cores[study], _EXACT), round(gpus[study], _EXACT)) for study in cores}
