"""What a study's jobs take of the machine they share with those of others. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from trex_nb.core import commands as cmd
from trex_nb.core.job import JobSpec, Resources
from trex_nb.errors import CommandError
from trex_nb.launch.fair import Machine, most
from trex_nb.search.tree import Tree


@dataclass(frozen=True, slots=True)
class Share:
    """What the person said of each job: its GPUs (None: one where there is one), and its priority."""

    gpus: float | None
    priority: int


def share_of(command: cmd.Run | cmd.Auto, tree: Tree, machine: Machine | None) -> Share:
    """The share after `command`; raises `CommandError` for GPUs that cannot be had."""
    gpus = tree.gpus if command.gpus is None else command.gpus
    priority = tree.priority if command.priority is None else command.priority
    if gpus and gpus > 1 and gpus != int(gpus):
        raise CommandError(f"{gpus:g} GPUs cannot be had: a share is of one.", "--gpus 0.5, or a whole number")
    if gpus and machine is not None and gpus > len(machine.gpus):
        there = f"This machine has {len(machine.gpus) or 'no'} GPU{'s' * (len(machine.gpus) != 1)}"
        raise CommandError(f"{there}, not {gpus:g}.", f"%trex {command.do} --gpus {len(machine.gpus)}")
    return Share(gpus, priority)


def gpus_each(gpus: float | None, machine: Machine | None) -> float:
    """How many GPUs a job takes."""
    return gpus if gpus is not None else float(bool(machine and machine.gpus))


def at_once(jobs: int, share: Share, machine: Machine | None) -> str:
    """A sentence where fewer than `jobs` can run at a time; empty otherwise."""
    if machine is None:
        return ""
    each = gpus_each(share.gpus, machine)
    found = most(Resources(gpus=each), machine)
    if jobs <= found:
        return ""
    n, kind = (len(machine.gpus), "GPU") if each and found < machine.cores else (machine.cores, "core")
    return f" This machine has {n} {kind}{'s' * (n != 1)} and runs {found} of them at a time; the others wait."


def shared(spec: JobSpec, tree: Tree, study: str, machine: Machine | None) -> JobSpec:
    """`spec` with the study it is of, its priority and its GPUs, whatever its Executor made of these."""
    resources = spec.resources.model_copy(update={"gpus": gpus_each(tree.gpus, machine)})
    return spec.model_copy(update={"study": study, "priority": tree.priority, "resources": resources})
