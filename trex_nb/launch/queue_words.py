"""What is said of jobs that share a machine: what one waits for, and what runs now. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from trex_nb.launch.fair import Machine, Room, Ticket

_MOST_NAMED = 4


def waits_for(ticket: Ticket, waiting: Sequence[Ticket], holding: Sequence[Ticket], machine: Machine) -> str:
    """What `ticket` waits for and who has it; fit to come after "waits for"."""
    lack = Room.of(machine, holding).lacks(ticket)
    if not lack:
        return _turn(ticket, waiting)
    if lack == "gpus":
        holding = [h for h in holding if h.resources.gpus]
    named, s = names(holding), "s" * (len(holding) == 1)
    if lack == "cores":
        asked = min(ticket.resources.cores, machine.cores)
        held = sum(min(h.resources.cores, machine.cores) for h in holding)
        what = "a free core" if asked == 1 else f"{asked} free cores"
        return f"{what}: {named} hold{s} {f'all {held}' if held >= machine.cores else f'{held} of {machine.cores}'}"
    if lack == "memory":
        held_mb = sum(h.resources.memory_mb for h in holding)
        return (
            f"{_gb(ticket.resources.memory_mb)} of memory: {named} hold{s} {_gb(held_mb)} of {_gb(machine.memory_mb)}"
        )
    asked_gpus = ticket.resources.gpus
    what = {True: f"{asked_gpus:g} of a GPU", False: f"{asked_gpus:g} free GPUs"}[asked_gpus < 1]
    what = "a free GPU" if asked_gpus == 1 else what
    held_gpus = sum(h.resources.gpus for h in holding)
    return f"{what}: {named} hold{s} {held_gpus:g} of {len(ticket.devices)}"


def machine_words(waiting: Sequence[Ticket], holding: Sequence[Ticket], machine: Machine) -> str:
    """What a machine runs now, over all studies, on one line."""
    held = sum(min(h.resources.cores, machine.cores) for h in holding)
    gpus = f", {sum(h.resources.gpus for h in holding):g} of {len(machine.gpus)} GPUs" if machine.gpus else ""
    said = f"{held} of {machine.cores} core{'s' * (machine.cores != 1)}{gpus} taken"
    said += f": {names(holding)}" if holding else ""
    return said + (f"; {names(waiting)} wait{'s' * (len(waiting) == 1)}" if waiting else "")


def names(tickets: Sequence[Ticket]) -> str:
    """The jobs by name, the rest as a number: "n3.1 of qa, n1.1 of qa and 3 more"."""
    named, rest = [str(t) for t in tickets[:_MOST_NAMED]], len(tickets) - _MOST_NAMED
    last = f"{rest} more" if rest > 0 else named.pop() if len(named) > 1 else ""
    return ", ".join(named) + (f" and {last}" if last else "")


def _turn(ticket: Ticket, waiting: Sequence[Ticket]) -> str:
    ahead = [t for t in waiting if t.number != ticket.number and t.priority >= ticket.priority]
    if not ahead:
        return "its turn"
    first = min(ahead, key=lambda t: (-t.priority, t.number))
    return f"its turn: {first} goes first"


def _gb(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB"
