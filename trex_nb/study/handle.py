"""Commands to events: what a person asks, checked against the tree as it stands. Pure.

Every command is idempotent: asking again for what is already so changes nothing and says so, which makes "Run All"
safe. A command that comes too late, or names something that is not there, is refused with a two-line `CommandError`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from trex_nb.agents.wording import described
from trex_nb.core import commands as cmd
from trex_nb.core import events as ev
from trex_nb.core.ids import ROOT, NodeId
from trex_nb.core.node import Auto, Node, Status
from trex_nb.errors import CommandError
from trex_nb.search.space import space_for
from trex_nb.search.tree import Tree
from trex_nb.study import finalize
from trex_nb.study.decide import is_minutes_spent
from trex_nb.study.edit import edited


class UnknownNodeError(CommandError):
    """The command names a node that is not (or not yet) in the tree."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What a command comes to: events to append (none when all is so already) and a sentence for the person."""

    events: tuple[ev.Event, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What a handler may look at: the tree, the wall clock (epoch seconds) and the default number of jobs."""

    tree: Tree
    now: float
    jobs: int

    def node(self, node: NodeId) -> Node:
        """A node by id, or a two-line error naming what there is."""
        if node not in self.tree.nodes:
            last = list(self.tree.nodes)[-1]
            raise UnknownNodeError(f"There is no node {node} (the last is {last}).", "%trex tree shows them all")
        return self.tree.nodes[node]

    @property
    def next_request(self) -> int:
        """The number of the next proposal request."""
        return 1 + max([0, *self.tree.requests, *self.tree.answers])

    @property
    def waiting(self) -> list[Node]:
        """Proposals that wait for a decision."""
        return [n for n in self.tree.nodes.values() if n.status is Status.PROPOSED and not self.tree.is_pruned(n.id)]

    @property
    def rounds_left(self) -> int:
        """Rounds that may still be approved."""
        return max(0, self.tree.budget.rounds - self.tree.rounds)


def handle(command: cmd.Command, situation: Situation) -> Handled:
    """Events for `command`; raises `CommandError` and changes nothing when it cannot be followed."""
    return _HANDLERS[command.do](command, situation)


def over_budget(tree: Tree) -> CommandError:
    """The refusal when rounds or minutes are spent."""
    budget = tree.budget
    return CommandError(
        f"The budget is spent: {tree.rounds} of {budget.rounds} rounds, {tree.seconds / 60:.1f} of "
        f"{budget.minutes:g} compute minutes.",
        f"%trex budget --rounds {budget.rounds + 4} (or --minutes), then repeat",
    )


def _propose(c: cmd.Propose, s: Situation) -> Handled:
    asked = sum(r.n for r in s.tree.requests.values())
    missing = c.n - len(s.waiting) - asked
    if missing <= 0:
        waiting = _count(len(s.waiting) + asked, "proposal")
        return Handled((), f"{waiting} already waiting for your decision: {_names([n.id for n in s.waiting])}.")
    room = s.rounds_left - len(s.waiting) - asked
    if room <= 0:
        raise over_budget(s.tree)
    parent = c.under or (s.tree.best.id if s.tree.best else ROOT)
    node = s.node(parent)
    if s.tree.is_pruned(parent) or node.status is Status.FAILED:
        raise CommandError(f"{parent} is {node.status}: nothing grows under it.", "%trex plan --under another node")
    n = min(missing, room)
    event = ev.ProposalRequested(request=s.next_request, parent=parent, n=n)
    return Handled((event,), f"Asked for {_count(n, 'proposal')} under {parent}.")


def _approve(c: cmd.Approve, s: Situation) -> Handled:
    new: list[NodeId] = []
    for name in dict.fromkeys(c.nodes):
        node = s.node(name)
        if any(d.what == "approved" for d in node.decisions) and node.status is not Status.PROPOSED:
            continue  # also when it was pruned since: "Run All" says again what was said before that
        if node.status in (Status.PRUNED, Status.REDIRECTED):
            by = node.decisions[-1].actor if node.decisions else "system"
            hint = f"%trex plan --under {node.parent} for another child of its parent"
            raise CommandError(f"{name} was already {node.status} by {by}.", hint)
        if s.tree.is_pruned(name):
            raise CommandError(f"A node above {name} was pruned.", "approve a node that is still in the search")
        if node.status is Status.PROPOSED:
            new.append(name)
    if len(new) > s.rounds_left:
        raise over_budget(s.tree)
    if not new:
        return Handled((), f"{_names(c.nodes)} already approved.")
    starts = " Starts as soon as a job slot is free." if not s.tree.is_paused else " Paused: %trex resume starts it."
    hint = starts if s.tree.jobs else " %trex run starts what is approved."
    return Handled(tuple(ev.NodeApproved(node=n) for n in new), f"Approved {_names(new)}.{hint}")


def _prune(c: cmd.Prune, s: Situation) -> Handled:
    events: dict[NodeId, ev.Event] = {}
    for name in c.nodes:
        if s.node(name).parent is None:
            raise CommandError("The baseline cannot be pruned.", "prune a node below it")
        for node in s.tree.subtree(name):
            is_named = node.id == name
            if node.status is not Status.PRUNED and (is_named or not node.status.is_finished):
                why = c.why if is_named else f"below {name}"
                events[node.id] = ev.NodePruned(node=node.id, why=why)
    if not events:
        return Handled((), f"{_names(c.nodes)} already pruned.")
    return Handled(tuple(events.values()), f"Pruned {_names(list(events))}.")


def _redirect(c: cmd.Redirect, s: Situation) -> Handled:
    node = s.node(c.node)
    if any(d.what == "redirected" and d.why == c.text for d in node.decisions):
        return Handled((), f"{c.node} was already redirected with these words.")
    if s.tree.is_pruned(c.node):
        raise CommandError(f"{c.node} was already pruned.", "redirect a node that is still in the search")
    if s.rounds_left <= 0:
        raise over_budget(s.tree)
    request = s.next_request
    events = (
        ev.NodeRedirected(node=c.node, text=c.text, request=request),
        ev.ProposalRequested(request=request, parent=c.node, n=1, directions=c.text, of=c.node),
    )
    return Handled(events, f"Redirected {c.node}: a child that follows your words is being planned.")


def _edit(c: cmd.Edit, s: Situation) -> Handled:
    node = s.node(c.node)
    if node.parent is None:
        raise CommandError("The baseline cannot be edited.", "edit a proposal below it")
    space = space_for(s.tree.data, s.tree.base)
    plan = edited(node.plan, c.fields, space)
    if plan.hash == node.plan.hash:
        return Handled((), f"{c.node} already is like that.")
    if node.status is not Status.PROPOSED and not (
        node.status is Status.APPROVED and not any(r.is_submitted for r in node.runs)
    ):
        raise CommandError(f"{c.node} is already {node.status}.", f'%trex redirect {c.node} "…" for a new child')
    twin = next((n.id for n in s.tree.nodes.values() if n.plan.hash == plan.hash), None)
    note = f" It now equals {twin}, whose result will serve for it." if twin else ""
    told = described(s.tree, space, s.tree.nodes[node.parent], plan)
    return Handled((ev.NodeEdited(node=c.node, plan=told),), f"Edited {c.node}: {told.title}.{note}")


def _note(c: cmd.Note, s: Situation) -> Handled:
    if c.text in s.node(c.node).notes:
        return Handled((), f"{c.node} already has this note.")
    return Handled((ev.NodeNoted(node=c.node, text=c.text),), f"Noted on {c.node}.")


def _run(c: cmd.Run, s: Situation) -> Handled:
    jobs = c.jobs or s.tree.jobs or s.jobs
    queue = [n.id for n in s.tree.nodes.values() if n.status in (Status.APPROVED, Status.RUNNING)]
    waits = (
        f" {_names([n.id for n in s.waiting])} await{'s' * (len(s.waiting) == 1)} your decision." if s.waiting else ""
    )
    text = (
        f"Running {_names(queue)}: {_count(jobs, 'job')} at a time.{waits}" if queue else f"Nothing is approved.{waits}"
    )
    if any(n.status is Status.APPROVED for n in s.tree.nodes.values()) and is_minutes_spent(s.tree):
        raise over_budget(s.tree)
    if jobs == s.tree.jobs and not s.tree.is_paused:
        return Handled((), text)
    allowed = ev.JobsAllowed(jobs=jobs)
    if s.tree.auto and s.tree.is_paused:  # the pause took the wheel back, and only Auto and Resume hand it over
        return Handled((ev.AutoStopped(why="paused, then run by hand"), allowed), text)
    return Handled((allowed,), text)


def _auto(c: cmd.Auto, s: Situation) -> Handled:
    rounds = min(c.rounds or s.tree.budget.rounds, s.tree.budget.rounds)
    if s.tree.rounds >= rounds:
        if s.tree.rounds >= s.tree.budget.rounds:
            raise over_budget(s.tree)
        return Handled((), f"The study already has {_count(s.tree.rounds, 'round')}.")
    if is_minutes_spent(s.tree):
        raise over_budget(s.tree)
    until = s.now + c.hours * 3600 if c.hours and math.isfinite(c.hours) else None  # counts anew each time
    event = ev.AutoStarted(rounds=rounds, jobs=c.jobs or s.tree.jobs or s.jobs, until=until)
    capped = " (the budget's last)" if c.rounds and c.rounds > rounds else ""
    waits = f" {_names([n.id for n in s.waiting])} will be approved too." if s.waiting else ""
    text = f"The wheel is with trex_nb until round {rounds}{capped}.{waits} %trex pause takes it back."
    is_so = s.tree.auto == Auto(rounds, until) and s.tree.jobs == event.jobs and not s.tree.is_paused
    return Handled(() if is_so else (event,), text)


def _pause(_: cmd.Pause, s: Situation) -> Handled:
    if s.tree.is_paused:
        return Handled((), "Already paused.")
    return Handled((ev.StudyPaused(),), "Paused: no new job starts, running jobs go on. %trex resume goes on.")


def _resume(_: cmd.Resume, s: Situation) -> Handled:
    if not s.tree.is_paused:
        return Handled((), "Not paused.")
    return Handled((ev.StudyResumed(),), "Resumed.")


def _stop(c: cmd.Stop, s: Situation) -> Handled:
    nodes = [s.node(n) for n in c.nodes] or list(s.tree.nodes.values())
    running = [n.id for n in nodes if _can_be_stopped(n)]
    events: list[ev.Event] = [ev.StopRequested(node=n) for n in running]
    if not c.nodes and not s.tree.is_paused:
        events.append(ev.StudyPaused(why="stopped"))
    if not events:
        return Handled((), "Nothing is running.")
    return Handled(tuple(events), f"Stopping {_names(running)}." if running else "Paused; nothing was running.")


def _can_be_stopped(node: Node) -> bool:
    works = node.status is Status.RUNNING or finalize.is_repeating(node)
    return works and not all(r.stop_requested or r.is_over for r in node.runs)


def _repeat(c: cmd.Repeat, s: Situation) -> Handled:
    s.node(c.node)
    events, text = finalize.repeat(c, s.tree, s.jobs)
    return _unless_spent(s, Handled(events, text))


def _finalize(c: cmd.Finalize, s: Situation) -> Handled:
    events, text = finalize.finalize(c, s.tree, s.jobs)
    return _unless_spent(s, Handled(events, text))


def _unless_spent(s: Situation, handled: Handled) -> Handled:
    if handled.events and is_minutes_spent(s.tree):
        raise over_budget(s.tree)
    return handled


def _set_budget(c: cmd.SetBudget, s: Situation) -> Handled:
    if c.minutes is not None and not math.isfinite(c.minutes):
        raise CommandError("A budget is a finite number of minutes.", "%trex budget --minutes 600")
    changed = {n: v for n in ("rounds", "minutes", "samples") if (v := getattr(c, n)) is not None}
    budget = s.tree.budget.model_copy(update=changed)
    used = f"used so far: {_count(s.tree.rounds, 'round')}, {s.tree.seconds / 60:.1f} minutes"
    text = f"Budget: {budget.rounds} rounds, {budget.minutes:g} compute minutes, {budget.samples} samples; {used}."
    return Handled((ev.BudgetChanged(budget=budget),) if budget != s.tree.budget else (), text)


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def _names(nodes: Sequence[str]) -> str:
    return ", ".join(nodes)


_HANDLERS: dict[str, Callable[[Any, Situation], Handled]] = {
    "propose": _propose,
    "approve": _approve,
    "prune": _prune,
    "redirect": _redirect,
    "edit": _edit,
    "note": _note,
    "run": _run,
    "auto": _auto,
    "pause": _pause,
    "resume": _resume,
    "stop": _stop,
    "repeat": _repeat,
    "finalize": _finalize,
    "set_budget": _set_budget,
}
